//! `alluvium inspect`: what it says of a data folder, beside a running server and after it, whole and damaged.

use std::path::Path;
use std::process::{Command, ExitStatus};
use std::time::Duration;
use testkit::{Alluvium, Json};

const ROWS: usize = 3_000;

fn inspect(folder: &Path, flags: &[&str]) -> (ExitStatus, String, String) {
    let mut command = Command::new(crate::BINARY);
    command.arg("inspect").arg(folder).args(flags);
    testkit::run_to_end(&mut command, Duration::from_secs(60)).unwrap()
}

fn filled() -> Alluvium {
    let mut server = crate::start(&[]);
    assert_eq!(server.client().query("", "CREATE DATABASE d").status, 200);
    let line = |at: usize| {
        format!(
            "m,host=h{},zone=z i={}i,f={}.25,s=\"state {}\",b={} {}",
            at % 4,
            at % 9,
            at % 7,
            at % 2,
            at.is_multiple_of(3),
            at * 1_000
        )
    };
    let lines: Vec<String> = (0..ROWS).map(line).collect();
    assert_eq!(server.client().write("db=d", lines.join("\n").as_bytes()).status, 204);
    assert!(server.stop().success());
    server
}

fn segment_of(server: &Alluvium) -> std::path::PathBuf {
    let folder = server.data().join("segments");
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).next().unwrap()
}

#[test]
fn a_folder_is_described_and_verified() {
    let mut server = filled();
    let (status, text, said) = inspect(&server.data(), &["--verify"]);
    assert!(status.success(), "{text}{said}");
    for word in
        ["\"m\": 4 series, 3000 rows", "host (4), zone (1)", "\"s\" string: 3000 values", "dictionary: ", "no damage"]
    {
        assert!(text.contains(word), "{word} is not in {text}");
    }
    server.launch();
    let (status, text, said) = inspect(&server.data(), &["--json"]);
    assert!(status.success(), "beside a server: {text}{said}");
    let json = Json::read(&text).unwrap();
    let segment = json.get("shards").at(0).get("segments").at(0);
    assert_eq!(segment.get("rows").to_string(), ROWS.to_string());
    assert_eq!(segment.get("measurements").at(0).get("tag_values").get("host").to_string(), "4");
    assert_eq!(json.get("damage").to_string(), "[]");
    assert!(server.stop().success());
}

#[test]
fn damage_is_told_with_file_and_offset() {
    let server = filled();
    let path = segment_of(&server);
    let whole = std::fs::read(&path).unwrap();
    for at in [3, 60, whole.len() / 2, whole.len() - 5] {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        std::fs::write(&path, &bytes).unwrap();
        let (status, text, said) = inspect(&server.data(), &["--verify"]);
        assert_eq!(status.code(), Some(1), "byte {at}: {text}{said}");
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(text.contains(&format!("DAMAGED: segments/{name} at offset ")), "byte {at}: {text}");
    }
    std::fs::write(&path, &whole[..whole.len() - 40]).unwrap();
    let (status, text, _) = inspect(&server.data(), &[]);
    assert_eq!(status.code(), Some(1), "cut: {text}");
    std::fs::write(&path, &whole).unwrap();
    assert!(inspect(&server.data(), &["--verify"]).0.success());
}

#[test]
fn what_is_no_data_folder_is_refused_and_left_alone() {
    let server = filled();
    let other = server.data().join("segments");
    let (status, text, said) = inspect(&other, &[]);
    assert_eq!((status.code(), text.as_str()), (Some(1), ""));
    assert!(said.contains("not a data folder"), "{said}");
    assert_eq!(std::fs::read_dir(other).unwrap().count(), 1);
}
