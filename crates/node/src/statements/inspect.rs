//! Statements that look inside the running node: queries, counters, diagnostics.

use super::rows::Rows;
use crate::node::{Configured, Inner, Setting};
use crate::read::ExecuteError;
use model::duration;
use model::time::rfc3339;
use query::Sink;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

const QUERY: [&str; 7] = ["host", "qid", "query", "database", "duration", "status", "user"];

pub(super) fn queries(inner: &Inner, sink: &mut dyn Sink) -> ControlFlow<()> {
    let now = inner.world.clock.monotonic_ns();
    let mut rows = Rows::new("", &QUERY);
    for (id, query) in inner.queries.list() {
        let status = if query.killed { "killed" } else { "running" };
        rows.rows.push(vec![
            query.client.into(),
            id.into(),
            query.text.into(),
            query.database.into(),
            duration::go(coarse(now.saturating_sub(query.started))).into(),
            status.into(),
            query.user.into(),
        ]);
    }
    rows.send(sink)
}

/// A span in whole units of its size, as InfluxDB shows them: `14µs`, `201ms`, `3s`.
fn coarse(ns: u64) -> i64 {
    let unit = match ns {
        1_000_000_000.. => 1_000_000_000,
        1_000_000.. => 1_000_000,
        1_000.. => 1_000,
        _ => 1,
    };
    i64::try_from(ns - ns % unit).unwrap_or(i64::MAX)
}

pub(super) fn kill(inner: &Inner, id: u64) -> Result<(), ExecuteError> {
    match inner.queries.kill(id) {
        true => Ok(()),
        false => Err(ExecuteError::Invalid(format!("no such query id: {id}"))),
    }
}

pub(super) fn stats(inner: &Inner, module: Option<&str>, sink: &mut dyn Sink) -> ControlFlow<()> {
    let wanted = |name: &str| module.is_none_or(|module| module == name);
    let mut modules: BTreeMap<&'static str, Rows> = BTreeMap::new();
    // The snapshot is sorted, so the columns are.
    for sample in inner.options.stats.snapshot() {
        let rows = modules.entry(sample.module).or_insert_with(|| Rows { rows: vec![Vec::new()], ..Rows::default() });
        rows.columns.push(sample.name);
        rows.rows[0].push(sample.value.into());
    }
    for (name, rows) in modules {
        if wanted(name) {
            rows.send_as(name, None, sink)?;
        }
    }
    if wanted("database") {
        for figures in inner.database_figures() {
            let mut rows = Rows::new("", &["numMeasurements", "numSeries"]);
            rows.rows.push(vec![figures.measurements.into(), figures.series.into()]);
            rows.send_as("database", Some(&[("database", &figures.name)]), sink)?;
        }
    }
    if wanted("shard") {
        for figures in inner.shard_figures() {
            let mut rows = Rows::new("", &["diskBytes", "runBytes", "segments"]);
            rows.rows.push(vec![figures.disk_bytes.into(), figures.run_bytes.into(), figures.segments.into()]);
            let id = figures.id.to_string();
            let tags = [("database", &*figures.database), ("id", &*id), ("retentionPolicy", &*figures.policy)];
            rows.send_as("shard", Some(&tags), sink)?;
        }
    }
    ControlFlow::Continue(())
}

fn configured(of: &Configured) -> Rows {
    let names: Vec<&'static str> = of.settings.iter().map(|(name, _)| *name).collect();
    let mut rows = Rows::new(of.module, &names);
    let cell = |setting: &Setting| match setting {
        Setting::Text(text) => text.clone().into(),
        Setting::Number(number) => (*number).into(),
        Setting::Flag(is_on) => (*is_on).into(),
    };
    rows.rows.push(of.settings.iter().map(|(_, setting)| cell(setting)).collect());
    rows
}

pub(super) fn diagnostics(inner: &Inner, module: Option<&str>, sink: &mut dyn Sink) -> ControlFlow<()> {
    let build = &inner.options.build;
    let mut list = Vec::new();
    let mut rows = Rows::new("build", &["Branch", "Build Time", "Commit", "Version"]);
    let texts = [&build.branch, &build.time, &build.commit, &build.version];
    rows.rows.push(texts.map(|text| text.clone().into()).to_vec());
    list.push(rows);
    list.extend(inner.options.configured.iter().map(configured));
    let mut rows = Rows::new("runtime", &["arch", "cpus", "os"]);
    let cpus = u64::try_from(platform::process::cpus()).unwrap_or(u64::MAX);
    rows.rows.push(vec![std::env::consts::ARCH.into(), cpus.into(), std::env::consts::OS.into()]);
    list.push(rows);
    let mut rows = Rows::new("system", &["PID", "currentTime", "started", "uptime"]);
    let uptime = u64::try_from(inner.uptime().as_nanos()).unwrap_or(u64::MAX);
    rows.rows.push(vec![
        u64::from(std::process::id()).into(),
        rfc3339(inner.world.clock.wall_ns()).into(),
        rfc3339(inner.started.0).into(),
        duration::go(i64::try_from(uptime).unwrap_or(i64::MAX)).into(),
    ]);
    list.push(rows);
    for rows in list {
        if module.is_none_or(|module| module == rows.name) {
            rows.send(sink)?;
        }
    }
    ControlFlow::Continue(())
}
