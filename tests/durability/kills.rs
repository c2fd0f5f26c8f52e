//! Several clients write while the server is killed at random moments.
//!
//! A client writes requests into slots. All rows of a request have the request's number as their value, and every request to a slot
//! writes the same rows, over several series and shards. So after a restart each slot must hold all of its rows with one and
//! the same number: the last acknowledged one, or one that was under way when the server died. Now and then a client deletes
//! all rows of a slot instead: then there must be none, until the next write.

use super::server;
use crate::number;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use testkit::{Alluvium, Client, Json, Random, seed};

const CLIENTS: usize = 4;
const SLOTS: usize = 60;
const WEEK: i64 = 7 * 86_400 * 1_000_000_000;

/// What a client knows of its slots.
#[derive(Debug, Default)]
struct Knowledge {
    acknowledged: BTreeMap<usize, u64>,
    /// The number that is written to a slot; `None`: its rows are being deleted.
    under_way: Option<(usize, Option<u64>)>,
    next: u64,
}

/// Rows of a slot: a few over several series and weeks, or many of one series.
fn rows(slot: usize) -> Vec<(String, i64)> {
    let base = 1_000_000_000 * i64::try_from(slot).unwrap();
    if slot.is_multiple_of(10) {
        (0..800).map(|row| (format!("r=bulk{}", slot / 10), base + row)).collect()
    } else {
        (0..6).map(|row| (format!("r=r{}", row % 3), base + row * WEEK)).collect()
    }
}

fn write(client: &Client, own: usize, known: &mut Knowledge, random: &mut Random, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        let (slot, request) = (random.below(SLOTS), known.next);
        known.next += 1;
        if slot.is_multiple_of(10) && random.once_in(3) {
            if !delete(client, own, known, slot) {
                return;
            }
            continue;
        }
        let lines: Vec<String> = rows(slot)
            .iter()
            .map(|(tag, time)| format!("w,c=c{own},{tag} slot={slot}i,v={request}i,t=\"{request}\" {time}"))
            .collect();
        known.under_way = Some((slot, Some(request)));
        match client.request("POST", "/write?db=d", &[], lines.join("\n").as_bytes()) {
            Ok(reply) if reply.status == 204 => {
                known.acknowledged.insert(slot, request);
                known.under_way = None;
            }
            Ok(reply) if matches!(reply.status, 503 | 507) => known.under_way = None, // refused as a whole
            Ok(reply) => panic!("a write was refused: {} {}", reply.status, reply.text()),
            Err(_) => return, // killed: this request may be there or not
        }
    }
}

/// Deletes the rows of a slot that has many; false if the server was killed meanwhile.
fn delete(client: &Client, own: usize, known: &mut Knowledge, slot: usize) -> bool {
    let (first, last) = (rows(slot)[0].1, rows(slot)[799].1);
    known.under_way = Some((slot, None));
    let statement = format!("DELETE FROM w WHERE c = 'c{own}' AND time >= {first} AND time <= {last}");
    let Ok(reply) = client.try_query("db=d", &statement) else { return false };
    let text = reply.text();
    let done = reply.status == 200 && !text.contains("error");
    assert!(done || text.contains("try again later"), "a delete was refused: {} {text}", reply.status);
    if done {
        known.acknowledged.remove(&slot);
    }
    known.under_way = None;
    true
}

/// Reads all rows of a client and settles what was under way.
fn check(client: &Client, own: usize, known: &mut Knowledge) {
    let reply = client.query("db=d&epoch=ns", &format!("SELECT slot, v, t FROM w WHERE c = 'c{own}'"));
    let document = Json::read(&reply.text()).unwrap_or_else(|error| panic!("{error}: {}", reply.text()));
    assert_eq!(document.get("results").at(0).get("error"), &Json::Null, "{}", reply.text());
    let mut found: BTreeMap<usize, (u64, usize)> = BTreeMap::new();
    let mut last = i64::MIN;
    for row in document.rows() {
        let time: i64 = row.at(0).text().parse().unwrap();
        assert!(time >= last, "client {own}: rows out of order at {row}");
        last = time;
        let (slot, value): (usize, u64) = (row.at(1).text().parse().unwrap(), row.at(2).text().parse().unwrap());
        assert_eq!(row.at(2).text(), row.at(3).text(), "client {own}: fields of two requests in one row: {row}");
        let entry = found.entry(slot).or_insert((value, 0));
        assert_eq!(entry.0, value, "client {own}, slot {slot}: rows of two requests, {row}");
        entry.1 += 1;
    }
    for slot in 0..SLOTS {
        let acknowledged = known.acknowledged.get(&slot).copied();
        let maybe = known.under_way.filter(|(under_way, _)| *under_way == slot).map(|(_, request)| request);
        let Some(&(value, count)) = found.get(&slot) else {
            assert!(acknowledged.is_none() || maybe == Some(None), "client {own}: slot {slot} is lost");
            known.acknowledged.remove(&slot);
            continue;
        };
        assert_eq!(count, rows(slot).len(), "client {own}, slot {slot}: not all rows of request {value}");
        assert!(
            Some(value) == acknowledged || Some(Some(value)) == maybe,
            "client {own}, slot {slot}: {value}, not {acknowledged:?} (or {maybe:?})"
        );
        known.acknowledged.insert(slot, value);
    }
    known.under_way = None;
}

fn cycle(server: &mut Alluvium, known: &mut [Knowledge], random: &mut Random, life: Duration) {
    let address = server.client().address().to_owned();
    let stop = AtomicBool::new(false);
    let seeds: Vec<u64> = known.iter().map(|_| random.bits()).collect();
    std::thread::scope(|scope| {
        for ((own, known), seed) in known.iter_mut().enumerate().zip(seeds) {
            let (client, stop) = (Client::new(&address), &stop);
            scope.spawn(move || write(&client, own, known, &mut Random::new(seed), stop));
        }
        std::thread::sleep(life);
        server.kill();
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn acknowledged_writes_survive_kills() {
    let seed = seed("ALLUVIUM_SEED");
    let kills = number("ALLUVIUM_KILLS", 50);
    eprintln!("ALLUVIUM_SEED={seed} ALLUVIUM_KILLS={kills}");
    let mut random = Random::new(seed);
    let mut server = server();
    let mut known: Vec<Knowledge> = (0..CLIENTS).map(|_| Knowledge::default()).collect();
    for kill in 0..kills {
        let life = Duration::from_millis(20 + random.below(500) as u64);
        cycle(&mut server, &mut known, &mut random, life);
        if random.once_in(4) {
            // killed again while it recovers
            server.launch();
            server.kill();
        }
        server.launch();
        for (own, known) in known.iter_mut().enumerate() {
            check(server.client(), own, known);
        }
        let written: u64 = known.iter().map(|known| known.next).sum();
        eprintln!("kill {kill} after {life:?}: {written} requests so far, {} files", server.files().len());
    }
    assert!(known.iter().all(|known| known.next > kills as u64), "too little was written to mean anything");
}
