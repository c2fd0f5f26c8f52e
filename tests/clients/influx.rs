//! The shell of InfluxDB 1.x: creates, inserts, selects in all its formats, imports.

use super::{influx, skipped};
use std::io::Write;
use testkit::Json;

fn filled() -> Option<testkit::Alluvium> {
    if skipped() {
        return None;
    }
    let server = crate::start(&[]);
    influx(&server, &["-execute", "CREATE DATABASE d"]);
    influx(
        &server,
        &[
            "-database",
            "d",
            "-execute",
            "INSERT cpu,host=a,dc=x usage=1.5,n=3i,name=\"a b\",ok=true 1577836800000000000",
        ],
    );
    influx(&server, &["-database", "d", "-execute", "INSERT cpu,host=b usage=2.5 1577836860000000000"]);
    Some(server)
}

#[test]
fn formats() {
    let Some(server) = filled() else { return };
    let select = |arguments: &[&str]| {
        let mut all = vec!["-database", "d", "-execute", "SELECT * FROM cpu"];
        all.extend_from_slice(arguments);
        influx(&server, &all)
    };
    let wanted = "name,time,dc,host,n,name,ok,usage\ncpu,1577836800000000000,x,a,3,a b,true,1.5\ncpu,1577836860000000000,,b,,,,2.5\n";
    assert_eq!(select(&["-format", "csv"]), wanted);
    let wanted = "name: cpu\ntime                dc host n name ok   usage\n----                -- ---- - ---- --   -----\n\
                  1577836800000000000 x  a    3 a b  true 1.5\n1577836860000000000    b                2.5\n";
    assert_eq!(select(&["-format", "column"]), wanted);
    let json = Json::read(&select(&["-format", "json"])).unwrap();
    assert_eq!(json.rows()[0].to_string(), "[1577836800000000000,\"x\",\"a\",3,\"a b\",true,1.5]");
    let pretty = select(&["-format", "json", "-pretty"]);
    assert!(pretty.contains("\n    \"results\": [\n"), "{pretty}");
    assert_eq!(Json::read(&pretty).unwrap(), json);
}

#[test]
fn precisions() {
    let Some(server) = filled() else { return };
    for (precision, time) in [
        ("rfc3339", "2020-01-01T00:01:00Z"),
        ("h", "438288"),
        ("m", "26297281"),
        ("s", "1577836860"),
        ("ms", "1577836860000"),
        ("u", "1577836860000000"),
        ("ns", "1577836860000000000"),
    ] {
        let select = "SELECT usage FROM cpu WHERE host = 'b'";
        let arguments = ["-database", "d", "-format", "csv", "-precision", precision, "-execute", select];
        assert_eq!(influx(&server, &arguments), format!("name,time,usage\ncpu,{time},2.5\n"), "{precision}");
    }
}

#[test]
fn groups_and_shows() {
    let Some(server) = filled() else { return };
    let run = |statement: &str| influx(&server, &["-database", "d", "-execute", statement]);
    let grouped = run("SELECT mean(usage) FROM cpu GROUP BY host");
    let wanted = "name: cpu\ntags: host=a\ntime mean\n---- ----\n0    1.5\n\nname: cpu\ntags: host=b\ntime mean\n---- ----\n0    2.5\n";
    assert_eq!(grouped, wanted);
    assert_eq!(run("SHOW DATABASES"), "name: databases\nname\n----\nd\n");
    assert_eq!(run("SHOW TAG KEYS"), "name: cpu\ntagKey\n------\ndc\nhost\n");
    assert_eq!(run("SELECT usage FROM nosuch"), "");
}

#[test]
fn import() {
    if skipped() {
        return;
    }
    let server = crate::start(&[]);
    let folder = testkit::Folder::new("import");
    let path = folder.path().join("import.txt");
    let mut file = std::fs::File::create(&path).unwrap();
    writeln!(
        file,
        "# DDL\nCREATE DATABASE imported\nCREATE RETENTION POLICY oneday ON imported DURATION 0s REPLICATION 1"
    )
    .unwrap();
    writeln!(file, "# DML\n# CONTEXT-DATABASE: imported\n# CONTEXT-RETENTION-POLICY: oneday").unwrap();
    for at in 0..12_000 {
        writeln!(file, "temperature,city=c{} value={at} {}", at % 10, 1_577_836_800 + at).unwrap();
    }
    drop(file);
    influx(&server, &["-import", "-path", path.to_str().unwrap(), "-precision", "s"]);
    let arguments = [
        "-database",
        "imported",
        "-format",
        "csv",
        "-execute",
        "SELECT count(value), sum(value) FROM oneday.temperature",
    ];
    assert_eq!(influx(&server, &arguments), "name,time,count,sum\ntemperature,0,12000,71994000\n");
}
