//! SELECTs without calls over shapes of data that no single stretch of rows fits: all rows come, in little memory and in time.

use super::*;

const MIB: u64 = 1 << 20;

#[test]
fn thousands_of_fields_come_in_stretches_that_fit() {
    let names = Stored(engine());
    let line = |row: usize| format!("m,h={} f{}={row}i,g{}={row} {}\n", row % 5, row % 400, row * 7 % 399, row * 10);
    write(&names.0, (0..2_000).map(line).collect());
    // From memory, from a segment, and from one beside rows in memory.
    for _ in 0..3 {
        for query in ["SELECT * FROM m", "SELECT * FROM m ORDER BY time DESC"] {
            assert_eq!(count(&names, query, 2 * MIB).unwrap(), 2_000, "{query}");
        }
        assert_eq!(count(&names, "SELECT * FROM m GROUP BY h LIMIT 7", 2 * MIB).unwrap(), 35);
        assert_eq!(ask(&names, "SELECT f7, g49 FROM m WHERE time < 1000"), "[] 70 7 7; 640 None 64;");
        names.0.flush().unwrap();
        write(&names.0, (1_000..2_000).map(line).collect());
    }
}

#[test]
fn more_series_overlap_than_a_stretch_has_rows() {
    let names = Stored(engine());
    let line = |row: i64| format!("m,h={} v={row}i {}\n", row / 2, row % 2 * 1_000_000_000 + row);
    write(&names.0, (0..140_000).map(line).collect());
    names.0.flush().unwrap();
    for query in ["SELECT v FROM m", "SELECT v FROM m ORDER BY time DESC"] {
        assert_eq!(count(&names, query, 64 * MIB).unwrap(), 140_000, "{query}");
    }
    assert_eq!(ask(&names, "SELECT v FROM m LIMIT 2"), "[] 0 0; 2 2;");
}

#[test]
fn rows_that_lie_unevenly_come_in_shorter_stretches() {
    let names = Stored(engine());
    let fields = |row: i64| (0..100).map(|field| format!("f{field}={}i", row + field)).collect::<Vec<_>>().join(",");
    let line = |row: i64| format!("m {} {}\n", fields(row), if row < 4_000 { row } else { 1_000_000_000_000_000_000 });
    write(&names.0, (0..=4_000).map(line).collect());
    for _ in 0..2 {
        for query in ["SELECT * FROM m", "SELECT * FROM m ORDER BY time DESC"] {
            assert_eq!(count(&names, query, 4 * MIB).unwrap(), 4_001, "{query}");
        }
        names.0.flush().unwrap();
    }
}

#[test]
fn a_query_whose_pieces_do_not_fit_is_refused() {
    let names = Stored(engine());
    write(&names.0, (0..10_000).map(|row| format!("m,h={row} v=1i {row}\n")).collect());
    names.0.flush().unwrap();
    assert!(matches!(count(&names, "SELECT v FROM m", MIB), Err(QueryError::Memory(_))));
    // No pieces of all series are needed for some rows.
    assert_eq!(count(&names, "SELECT v FROM m LIMIT 10", MIB).unwrap(), 10);
    assert_eq!(count(&names, "SELECT * FROM m ORDER BY time DESC LIMIT 10", MIB).unwrap(), 10);
    assert_eq!(count(&names, "SELECT v FROM m WHERE time > 5000 AND v > 0 LIMIT 10 OFFSET 20", MIB).unwrap(), 10);
}

#[test]
fn long_strings_in_memory_are_read_a_few_at_a_time() {
    let names = Stored(engine());
    let text = "x".repeat(60_000);
    let line = |row: usize| match row % 3 {
        0 => format!("m v={row}i {row}\n"),
        _ => format!("m s=\"{row}{text}\",v={row}i {row}\n"),
    };
    write(&names.0, (0..120).map(line).collect());
    let view = names.0.view(&SHARDS).unwrap();
    let set = view.series(b"m", &storage::TagCondition::True).unwrap();
    let cuts = |fields: &[(&str, model::FieldType)]| {
        let fields: Vec<_> = fields.iter().map(|(name, kind)| (name.as_bytes().into(), *kind)).collect();
        view.scan(&set, &fields, TimeRange::ALL).unwrap().cuts(0, 0).unwrap()
    };
    let texts = cuts(&[("s", model::FieldType::String)]);
    assert!(texts.len() >= 5 && texts.iter().all(|cut| cut.rows_max() <= 30), "{} cuts", texts.len());
    assert_eq!(cuts(&[("v", model::FieldType::Integer)]).len(), 1);
    assert_eq!(count(&names, "SELECT s, v FROM m", 16 * MIB).unwrap(), 120);
    assert_eq!(count(&names, "SELECT s FROM m WHERE v > 100", 16 * MIB).unwrap(), 13);
}

#[test]
fn a_field_that_is_shown_often_is_charged_as_often() {
    let names = Stored(engine());
    write(&names.0, (0..20_000).map(|row| format!("m v={row}i {row}\n")).collect());
    let shown: Vec<String> = (0..1_000).map(|at| format!("v AS v{at}")).collect();
    let query = format!("SELECT {} FROM m LIMIT 2000", shown.join(", "));
    // A row is 32 kB, so that a MiB holds some of them at a time, and 16 KiB not one.
    assert_eq!(count(&names, &query, 2 * MIB).unwrap(), 2_000);
    assert!(matches!(count(&names, &query, 20 << 10), Err(QueryError::Memory(_))));
    // A text beside many tags is in memory once for all of them.
    let tags: Vec<String> = (0..50).map(|at| format!("t{at}=x")).collect();
    let (tags, text) = (tags.join(","), "x".repeat(50_000));
    write(&names.0, (0..20).map(|row| format!("l,r={row},{tags} s=\"{text}\" 1\n")).collect());
    assert_eq!(count(&names, "SELECT * FROM l", 8 * MIB).unwrap(), 20);
}

#[test]
fn long_tags_are_shown_in_pieces_that_fit() {
    let names = Stored(engine());
    let tag = |series: usize| format!("{series:04}").repeat(1_000);
    write(&names.0, (0..300).map(|series| format!("m,h=h{series},t={} v={series}i {series}\n", tag(series))).collect());
    for _ in 0..2 {
        for query in
            ["SELECT v, t FROM m", "SELECT v, t FROM m LIMIT 300", "SELECT v, t FROM m ORDER BY time DESC LIMIT 300"]
        {
            assert_eq!(count(&names, query, MIB / 2).unwrap(), 300, "{query}");
        }
        assert_eq!(count(&names, "SELECT v, t FROM m GROUP BY h LIMIT 1", MIB / 2).unwrap(), 300);
        let filled = "SELECT v, t FROM m fill(previous)";
        assert_eq!(within(&names, filled, 2 * MIB), ask(&names, filled));
        names.0.flush().unwrap();
    }
}
