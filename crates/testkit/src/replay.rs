//! Runs scripts: against Alluvium beside the recording, against both servers, or to record.

use crate::known::known;
use crate::{Answer, Client, Script, Step, StepKind};
use std::collections::BTreeMap;
use std::fmt;

/// A step that was not answered as it should be.
#[derive(Debug)]
pub struct Failure {
    step: Step,
    what: String,
    wanted: Answer,
    found: Answer,
}

impl Failure {
    /// A script that shows it: the writes since the database was emptied, and the step with both answers.
    #[must_use]
    pub fn script(&self, of: &Script) -> Script {
        let before = of.steps.iter().take_while(|step| step.line != self.step.line);
        let mut steps: Vec<Step> = Vec::new();
        for step in before {
            if step.text.starts_with("DROP DATABASE") {
                steps.clear();
            } else if step.kind == StepKind::Write || step.text.starts_with("CREATE") || step.text.contains(" INTO ") {
                steps.push(step.clone());
            }
        }
        steps.push(Step {
            reason: Some(self.what.clone()),
            answer: Some(self.wanted.clone()),
            ours: Some(self.found.clone()),
            ..self.step.clone()
        });
        Script::new(steps)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { step, what, wanted, found } = self;
        let cut = |text: &str| {
            let short: String = text.chars().take(1_500).collect();
            if short.len() < text.len() { short + ".." } else { short }
        };
        writeln!(out, "line {}: [{}] {}", step.line, step.parameters, cut(&step.text))?;
        writeln!(out, "  {what}")?;
        writeln!(out, "  wanted {} {}", wanted.status, cut(&wanted.body))?;
        writeln!(out, "  found  {} {}", found.status, cut(&found.body))
    }
}

/// Makes the server as empty as a script expects it: no database but `d`, which is new.
///
/// # Panics
/// It does not answer as a server does.
pub fn reset(client: &Client) {
    let shown = client.query("", "SHOW DATABASES").text();
    let shown = crate::Json::read(&shown).unwrap_or_else(|error| panic!("SHOW DATABASES: {error}: {shown}"));
    for row in shown.rows() {
        let name = row.at(0).text().replace('\\', "\\\\").replace('"', "\\\"");
        client.query("", &format!("DROP DATABASE \"{name}\""));
    }
    let made = client.query("", "CREATE DATABASE d");
    assert_eq!(made.status, 200, "CREATE DATABASE d: {}", made.text());
}

/// Runs the script through `send` and compares with what is written in it.
///
/// `send` gets each step, and whether it is the first query after a write.
pub fn replay(script: &Script, send: &mut dyn FnMut(&Step, bool) -> Answer, as_peer: bool) -> Vec<Failure> {
    let mut failures = Vec::new();
    let mut wrote = false;
    for step in &script.steps {
        let found = send(step, wrote && step.kind == StepKind::Query);
        wrote = step.kind == StepKind::Write;
        let wanted = if as_peer { step.answer.as_ref() } else { step.wanted() };
        let wanted = wanted.cloned().unwrap_or_default();
        let what = match (&step.reason, &step.ours, as_peer) {
            (Some(_), None, false) => None,
            _ => wanted.difference(&found, step.tolerance()),
        };
        if let Some(what) = what {
            failures.push(Failure { step: step.clone(), what, wanted, found });
        }
    }
    failures
}

/// What a comparison of two servers found.
#[derive(Debug, Default)]
pub struct Compared {
    /// Queries that were asked.
    pub queries: usize,
    /// How many of them were answered otherwise for a reason that is known.
    pub known: BTreeMap<&'static str, usize>,
    /// Steps that were answered otherwise without one.
    pub failures: Vec<Failure>,
}

/// Runs the script against both and compares their answers.
pub fn compare_live(script: &Script, ours: &Client, peer: &Client) -> Compared {
    let mut out = Compared::default();
    for step in &script.steps {
        let (wanted, found) = (step.send(peer), step.send(ours));
        out.queries += usize::from(step.kind == StepKind::Query);
        if let Some(what) = wanted.difference(&found, step.tolerance()) {
            match known(step, &wanted, &found) {
                Some(kind) => *out.known.entry(kind).or_default() += 1,
                None => out.failures.push(Failure { step: step.clone(), what, wanted, found }),
            }
        }
    }
    out
}

/// Writes the answers of a real InfluxDB into the script.
pub fn record(script: &mut Script, peer: &Client) {
    reset(peer);
    for step in &mut script.steps {
        step.answer = Some(step.send(peer));
    }
}

/// Writes the answers of Alluvium into the steps that have a reason to differ.
pub fn record_ours(script: &mut Script, ours: &Client) {
    reset(ours);
    for step in &mut script.steps {
        let found = step.send(ours);
        if step.reason.is_some() && step.ours.is_some() {
            step.ours = Some(found);
        }
    }
}
