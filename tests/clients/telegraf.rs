//! Telegraf with its usual inputs and its InfluxDB output: it makes its database, writes gzipped chunks and finds us to be what it
//! expects; what it wrote is there, for the shell and for Python.

use super::{exists, influx, prepared, skipped};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use testkit::{Folder, Json};

fn configuration(url: &str) -> String {
    format!(
        "[agent]\n  interval = \"1s\"\n  flush_interval = \"1s\"\n  collection_jitter = \"0s\"\n  flush_jitter = \"0s\"\n  omit_hostname = false\n  \
         hostname = \"test host\"\n\
         [[outputs.influxdb]]\n  urls = [\"http://{url}\"]\n  database = \"telegraf\"\n  content_encoding = \"gzip\"\n\
         [[inputs.cpu]]\n  percpu = true\n  totalcpu = true\n[[inputs.mem]]\n[[inputs.disk]]\n[[inputs.net]]\n  ignore_protocol_stats = true\n\
         [[inputs.system]]\n[[inputs.influxdb]]\n  urls = [\"http://{url}/debug/vars\"]\n"
    )
}

#[test]
fn telegraf() {
    if skipped() {
        return;
    }
    if !exists("go") {
        eprintln!("left out: Go is missing, which builds Telegraf");
        return;
    }
    let binary = prepared("telegraf");
    let server = crate::start(&[]);
    let folder = Folder::new("telegraf");
    let path = folder.path().join("telegraf.conf");
    std::fs::write(&path, configuration(server.client().address())).unwrap();
    let log = std::fs::File::create(folder.path().join("log")).unwrap();
    let mut child = Command::new(binary)
        .args(["--config"])
        .arg(&path)
        .env("HOME", folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap();
    let until = Instant::now() + Duration::from_secs(6);
    while Instant::now() < until {
        std::thread::sleep(Duration::from_millis(100));
    }
    let _ = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
    std::thread::sleep(Duration::from_millis(500));
    let _ = child.kill(); // it should have ended
    let _ = child.wait();
    let said = std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
    // It also warns where a slow machine delays it.
    let is_complaint = |line: &&str| {
        line.contains(" E! ")
            || (line.contains(" W! ") && line.contains("influxdb") && !line.contains("flush interval"))
    };
    let complaints: Vec<&str> = said.lines().filter(is_complaint).collect();
    assert!(complaints.is_empty(), "{said}");

    let text = server
        .client()
        .query(
            "db=telegraf",
            "SHOW MEASUREMENTS; SELECT count(usage_idle) FROM cpu GROUP BY cpu; SELECT last(total), host FROM mem",
        )
        .text();
    let answer = Json::read(&text).unwrap();
    let names = answer.rows().iter().map(|row| row.at(0).text().to_owned()).collect::<Vec<_>>().join(" ");
    for wanted in ["cpu", "mem", "net", "system", "influxdb"] {
        assert!(names.split(' ').any(|name| name == wanted), "{wanted} is not among {names}\n{said}");
    }
    let rows = answer.get("results").at(1).get("series").list();
    assert!(
        rows.len() >= 2 && rows.iter().all(|one| one.get("values").at(0).at(1).text().parse::<u32>().unwrap() >= 2),
        "{text}"
    );
    assert_eq!(answer.get("results").at(2).get("series").at(0).get("values").at(0).at(2).text(), "test host", "{text}");

    let counted =
        ["-database", "telegraf", "-format", "csv", "-execute", "SELECT count(used) FROM mem WHERE host = 'test host'"];
    let shown = influx(&server, &counted);
    let count: u32 = shown.trim().rsplit(',').next().unwrap().parse().unwrap_or(0);
    assert!(count >= 3, "{shown}");
    let program = "import sys\nfrom influxdb import InfluxDBClient\nhost, port = sys.argv[1].split(':')\n\
                   client = InfluxDBClient(host, int(port), database='telegraf')\n\
                   print(len(list(client.query('SELECT used FROM mem').get_points())))";
    let mut command = Command::new(prepared("python-client"));
    command.args(["-c", program, server.client().address()]);
    let (status, out, err) = testkit::run_to_end(&mut command, Duration::from_secs(60)).unwrap();
    assert!(status.success() && out.trim() == count.to_string(), "{out}{err}");
}
