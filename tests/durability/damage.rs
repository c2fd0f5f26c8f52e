//! Files of a stopped server are cut or changed. Afterwards a row that is shown is right, and a row that is missing was reported:
//! by a start that fails, by an error in the answer, or in the log.

use super::server;
use std::path::{Path, PathBuf};
use testkit::{Alluvium, Json, Random};

const ROWS: usize = 4_000;

fn line(at: usize) -> String {
    format!("m,h=h{} i={at}i,f={}.5,s=\"text {at}\",b={} {}", at % 5, at, at.is_multiple_of(3), at * 1_000)
}

/// Rows written, some flushed to segments and some only in the log; then killed.
fn filled() -> Alluvium {
    let mut server = server();
    for from in (0..ROWS).step_by(500) {
        let lines: Vec<String> = (from..from + 500).map(line).collect();
        assert_eq!(server.client().write("db=d", lines.join("\n").as_bytes()).status, 204);
        if from == ROWS / 2 {
            assert!(server.stop().success());
            server.launch();
        }
    }
    server.kill();
    server
}

/// Starts it and compares what it shows.
fn judge(server: &mut Alluvium, what: &str) {
    let logged = server.log().len();
    if server.try_launch().is_err() {
        let said = server.log()[logged..].to_owned();
        assert!(said.contains("alluvium: "), "{what}: a start that fails says why, not {said:?}");
        assert!(!said.contains("panicked"), "{what}: {said}");
        return;
    }
    let reply = server.client().query("db=d&epoch=ns", "SELECT b, f, i, s FROM m");
    let said = server.log()[logged..].to_owned();
    assert!(!said.contains("panicked"), "{what}: {said}");
    let reported = ["damage", "torn", "corrupt", "checksum", "no writes are taken"]
        .iter()
        .any(|word| said.to_lowercase().contains(word));
    let Ok(document) = Json::read(&reply.text()) else {
        assert!(reply.status >= 500 || reported, "{what}: {} {}", reply.status, reply.text());
        return;
    };
    let failed = reply.text().contains("\"error\"");
    let rows = document.rows();
    for row in rows {
        let at: usize = row.at(3).text().parse().unwrap_or(usize::MAX);
        let wanted = format!("[{},{},{at}.5,{at},\"text {at}\"]", at.wrapping_mul(1_000), at.is_multiple_of(3));
        assert_eq!(row.to_string(), wanted, "{what}: a wrong row");
    }
    assert!(
        rows.len() == ROWS || failed || reported,
        "{what}: {} of {ROWS} rows and nobody says why: {said}",
        rows.len()
    );
    let ping = server.client().get("/ping");
    assert_eq!(ping.status, 204, "{what}");
    server.kill();
}

fn restore(files: &[(PathBuf, Vec<u8>)], folder: &Path) {
    let _ = std::fs::remove_dir_all(folder);
    for (path, bytes) in files {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

#[test]
fn damage_is_never_served() {
    // A fixed seed: a bit of the four that mark the last record of all can be changed without a trace.
    let seed = crate::number("ALLUVIUM_DAMAGE_SEED", 1) as u64;
    eprintln!("ALLUVIUM_DAMAGE_SEED={seed}");
    let mut random = Random::new(seed);
    let mut server = filled();
    let files: Vec<(PathBuf, Vec<u8>)> =
        server.files().into_iter().map(|path| (path.clone(), std::fs::read(&path).unwrap())).collect();
    let folder = server.data();
    judge(&mut server, "nothing changed");
    let damaged: Vec<&(PathBuf, Vec<u8>)> = files.iter().filter(|(_, bytes)| !bytes.is_empty()).collect();
    for (path, bytes) in damaged {
        let used = bytes.iter().rposition(|byte| *byte != 0).map_or(1, |last| last + 1); // files may be filled ahead with zeros
        for turn in 0..4 {
            restore(&files, &folder);
            let mut changed = bytes.clone();
            let at = random.below(used);
            let what = if turn == 3 {
                changed.truncate(at);
                format!("{} cut at {at} of {}", path.display(), bytes.len())
            } else {
                changed[at] ^= 1 << random.below(8);
                format!("{} changed at {at} of {used}", path.display())
            };
            std::fs::write(path, &changed).unwrap();
            judge(&mut server, &what);
        }
    }
}

#[test]
fn a_missing_file_is_told() {
    let mut server = filled();
    let files: Vec<(PathBuf, Vec<u8>)> =
        server.files().into_iter().map(|path| (path.clone(), std::fs::read(&path).unwrap())).collect();
    let folder = server.data();
    for (path, bytes) in &files {
        // The newest version of the log's state cannot be missed: what is left is whole.
        if bytes.len() > 16 && !path.to_string_lossy().contains("/log/state-") {
            restore(&files, &folder);
            std::fs::remove_file(path).unwrap();
            judge_missing(&mut server, path);
        }
    }
}

fn judge_missing(server: &mut Alluvium, path: &Path) {
    let logged = server.log().len();
    if server.try_launch().is_err() {
        assert!(server.log()[logged..].contains("alluvium: "), "{}: a start that fails says why", path.display());
        return;
    }
    if path.to_string_lossy().contains("/segments/") {
        let said = &server.log()[logged..];
        assert!(said.contains("a file of segments is missing"), "{} is gone, before a query: {said}", path.display());
    }
    let reply = server.client().query("db=d", "SELECT count(i) FROM m");
    let whole = reply.text().contains(&format!(",{ROWS}]]"));
    let said = server.log()[logged..].to_lowercase();
    let reported = ["missing", "damage", "not found", "no such file", "lost", "no writes are taken"]
        .iter()
        .any(|word| said.contains(word));
    assert!(
        whole || reply.text().contains("\"error\"") || reported,
        "{} is gone: {} {said}",
        path.display(),
        reply.text()
    );
    server.kill();
}
