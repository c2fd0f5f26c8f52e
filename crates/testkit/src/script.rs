//! A script: writes and queries, each with the answer of a real InfluxDB, as plain text. The same file runs against
//! Alluvium and against the real one.
//!
//! ```text
//! # Comments stand before a step and stay with it.
//! @peer influxdb-uint                  who answered; `influxdb` unless said
//! WRITE precision=s                    a write into database d, lines behind bars
//! | m,h=a v=1 10
//! < 204                                the status, then the body; `200` is left out before `{`
//! ? SELECT v FROM m                    a statement (or several), asked of database d by POST
//! < {"results":[..]}
//! <| ..                                further lines of the body
//! ?epoch=s&chunked=true SELECT v FROM m
//! ~ why Alluvium answers otherwise     a known difference, with its reason
//! < {"error":".."}                     what InfluxDB says
//! > {"results":[..]}                   what Alluvium says
//! ```
//!
//! Parameters go into the URL. Those in capitals steer the step instead: `GET` asks by GET, `NODB` names no database, `CSV` asks for
//! CSV, `MSGPACK` for MessagePack, which is shown in hexadecimal digits, `TOLERANCE=1e-12` allows floats that relative difference, `MASK` hides times in the answer before it is compared, `ERRORS` lets
//! rows differ where two servers are asked, but not errors.

use crate::{Client, Tolerance, difference, encode};
use std::fmt::Write as _;

/// What a server said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The body, without the line feed at its end.
    pub body: String,
}

impl Answer {
    /// The first difference to what was found, as text.
    #[must_use]
    pub fn difference(&self, found: &Self, tolerance: Tolerance) -> Option<String> {
        if self.status != found.status {
            return Some(format!("status {}, not {}", found.status, self.status));
        }
        difference(&self.body, &found.body, tolerance)
    }

    fn print(&self, mark: char, out: &mut String) {
        let mut lines = self.body.split('\n');
        let first = lines.next().unwrap_or("");
        let status =
            if self.status == 200 && first.starts_with('{') { String::new() } else { format!("{} ", self.status) };
        let _ = writeln!(out, "{}", format!("{mark} {status}{first}").trim_end_matches(' '));
        for line in lines {
            let _ = writeln!(out, "{mark}| {line}");
        }
    }

    fn read_first(text: &str) -> Result<Self, String> {
        if text.starts_with('{') {
            return Ok(Self { status: 200, body: text.to_owned() });
        }
        let (status, body) = text.split_once(' ').unwrap_or((text, ""));
        let status = status.parse().map_err(|_| format!("no status in {text:?}"))?;
        Ok(Self { status, body: body.to_owned() })
    }
}

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepKind {
    /// Writes lines.
    Write,
    /// Runs statements.
    Query,
}

/// One request of a script.
#[derive(Clone, Debug)]
pub struct Step {
    /// What it does.
    pub kind: StepKind,
    /// Parameters as written, the ones in capitals too.
    pub parameters: String,
    /// Lines to write, or statements.
    pub text: String,
    /// What a real InfluxDB answers; none if not recorded yet.
    pub answer: Option<Answer>,
    /// Why Alluvium answers otherwise, if it does.
    pub reason: Option<String>,
    /// What Alluvium answers, where it differs.
    pub ours: Option<Answer>,
    /// Comments and empty lines before it.
    pub comments: Vec<String>,
    /// Its line in the file, from 1; 0 if it is from no file.
    pub line: usize,
}

impl Step {
    /// A step that is not in a file.
    #[must_use]
    pub fn new(kind: StepKind, parameters: &str, text: String) -> Self {
        Self {
            kind,
            parameters: parameters.to_owned(),
            text,
            answer: None,
            reason: None,
            ours: None,
            comments: Vec::new(),
            line: 0,
        }
    }

    fn steering(&self, name: &str) -> Option<&str> {
        self.parameters.split('&').find_map(|part| match part.split_once('=') {
            Some((found, value)) => (found == name).then_some(value),
            None => (part == name).then_some(""),
        })
    }

    /// The difference that it allows.
    #[must_use]
    pub fn tolerance(&self) -> Tolerance {
        Tolerance(self.steering("TOLERANCE").and_then(|text| text.parse().ok()).unwrap_or(0.0))
    }

    /// Whether the answer is asked for as CSV.
    #[must_use]
    pub fn wants_csv(&self) -> bool {
        self.steering("CSV").is_some()
    }

    /// Whether only errors are compared when both servers are asked.
    #[must_use]
    pub fn asks_for_errors(&self) -> bool {
        self.steering("ERRORS").is_some()
    }

    /// What Alluvium should answer.
    #[must_use]
    pub fn wanted(&self) -> Option<&Answer> {
        self.ours.as_ref().or(self.answer.as_ref())
    }

    fn target(&self) -> String {
        let is_sent = |part: &&str| !part.is_empty() && !part.starts_with(|first: char| first.is_ascii_uppercase());
        let escaped = |part: &str| match part.split_once('=') {
            Some((name, value)) => format!("{name}={}", encode(value)),
            None => part.to_owned(),
        };
        let mut sent: Vec<String> = self.parameters.split('&').filter(is_sent).map(escaped).collect();
        if self.steering("NODB").is_none() && !sent.iter().any(|part| part.starts_with("db=")) {
            sent.insert(0, "db=d".to_owned());
        }
        sent.join("&")
    }

    /// Sends it and takes the answer; a connection that fails is an answer with status 0.
    #[must_use]
    pub fn send(&self, client: &Client) -> Answer {
        let target = self.target();
        let is_packed = self.steering("MSGPACK").is_some();
        let accept: &[(&str, &str)] = match self.steering("CSV") {
            Some(_) => &[("Accept", "application/csv")],
            None if is_packed => &[("Accept", "application/x-msgpack")],
            None => &[],
        };
        let by_get = self.steering("GET").is_some();
        let reply = match self.kind {
            StepKind::Write => client.request("POST", &format!("/write?{target}"), &[], self.text.as_bytes()),
            StepKind::Query if by_get || !accept.is_empty() => {
                let target = format!("/query?{target}&q={}", encode(&self.text));
                client.request(if by_get { "GET" } else { "POST" }, &target, accept, b"")
            }
            StepKind::Query => client.try_query(&target, &self.text),
        };
        match reply {
            Ok(reply) if is_packed => {
                let body = reply.body.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
                Answer { status: reply.status, body }
            }
            Ok(reply) => {
                let mut body = reply.text();
                if body.ends_with('\n') {
                    body.pop();
                }
                let body = if self.steering("MASK").is_some() { mask_times(&body) } else { body };
                Answer { status: reply.status, body }
            }
            Err(error) => Answer { status: 0, body: format!("no answer: {error}") },
        }
    }
}

/// Replaces each RFC 3339 time by a word.
fn mask_times(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('T') {
        let date = at.checked_sub(10).and_then(|from| rest.get(from..at));
        let is_date = date.is_some_and(|date| date.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-'));
        let length = rest[at + 1..].bytes().take_while(|byte| byte.is_ascii_digit() || b":.".contains(byte)).count();
        let end = at + 1 + length;
        if is_date && rest[end..].starts_with('Z') {
            out += &rest[..at - 10];
            out += "TIME";
            rest = &rest[end + 1..];
        } else {
            out += &rest[..=at];
            rest = &rest[at + 1..];
        }
    }
    out + rest
}

/// A list of steps.
#[derive(Clone, Debug)]
pub struct Script {
    /// The system whose answers it holds.
    pub peer: String,
    /// What is done, in order, from an empty database `d` on.
    pub steps: Vec<Step>,
    tail: Vec<String>,
}

impl Script {
    /// A script of these steps.
    #[must_use]
    pub fn new(steps: Vec<Step>) -> Self {
        Self { peer: "influxdb".to_owned(), steps, tail: Vec::new() }
    }

    /// Reads a file's text.
    ///
    /// # Errors
    /// A line is none of those in the head of this module.
    pub fn read(text: &str) -> Result<Self, String> {
        let mut script = Self::new(Vec::new());
        for (at, line) in text.lines().enumerate() {
            script.line(line, at + 1).map_err(|error| format!("line {}: {error}", at + 1))?;
        }
        Ok(script)
    }

    fn line(&mut self, line: &str, number: usize) -> Result<(), String> {
        let rest = |from: usize| line.get(from..).unwrap_or("");
        match line.get(..2).unwrap_or(line) {
            "" | "#" | "# " => self.tail.push(line.to_owned()),
            "@p" => self.peer = line.trim_start_matches("@peer ").to_owned(),
            "WR" => self.push(StepKind::Write, line.trim_start_matches("WRITE").trim(), "", number),
            "| " | "|" => {
                let step = self.last()?;
                if !step.text.is_empty() {
                    step.text.push('\n');
                }
                step.text.push_str(rest(2));
            }
            "< " => self.last()?.answer = Some(Answer::read_first(rest(2))?),
            "> " => self.last()?.ours = Some(Answer::read_first(rest(2))?),
            "~ " => self.last()?.reason = Some(rest(2).to_owned()),
            "<|" => append(self.last()?.answer.as_mut(), rest(3))?,
            ">|" => append(self.last()?.ours.as_mut(), rest(3))?,
            other if other.starts_with('?') => {
                let (parameters, text) = rest(1).split_once(' ').unwrap_or((rest(1), ""));
                self.push(StepKind::Query, parameters, text, number);
            }
            _ => return Err(format!("not understood: {line:?}")),
        }
        Ok(())
    }

    fn push(&mut self, kind: StepKind, parameters: &str, text: &str, line: usize) {
        let comments = std::mem::take(&mut self.tail);
        self.steps.push(Step { comments, line, ..Step::new(kind, parameters, text.to_owned()) });
    }

    fn last(&mut self) -> Result<&mut Step, String> {
        self.steps.last_mut().ok_or_else(|| "before the first step".to_owned())
    }

    /// The file's text.
    #[must_use]
    pub fn print(&self) -> String {
        let mut out = String::new();
        if self.peer != "influxdb" {
            let _ = writeln!(out, "@peer {}", self.peer);
        }
        for step in &self.steps {
            for comment in &step.comments {
                let _ = writeln!(out, "{comment}");
            }
            match step.kind {
                StepKind::Write => {
                    let _ = writeln!(out, "{}", format!("WRITE {}", step.parameters).trim_end());
                    for line in step.text.split('\n') {
                        let _ = writeln!(out, "| {line}");
                    }
                }
                StepKind::Query => {
                    let _ = writeln!(out, "?{} {}", step.parameters, step.text);
                }
            }
            if let Some(reason) = &step.reason {
                let _ = writeln!(out, "~ {reason}");
            }
            if let Some(answer) = &step.answer {
                answer.print('<', &mut out);
            }
            if let Some(ours) = &step.ours {
                ours.print('>', &mut out);
            }
        }
        for comment in &self.tail {
            let _ = writeln!(out, "{comment}");
        }
        out
    }
}

fn append(answer: Option<&mut Answer>, line: &str) -> Result<(), String> {
    let answer = answer.ok_or("a further line without a first one")?;
    answer.body.push('\n');
    answer.body.push_str(line);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_what_it_reads() {
        let text = "@peer influxdb-uint\n# words\n\nWRITE precision=s\n| m v=1 10\n| m v=2 20\n< 204\n? SELECT v FROM m\n< {\"results\":[]}\n\
                    ?epoch=s&GET SHOW x\n~ because\n< 400 {\"a\":1}\n> {\"a\":\n>|  2}\n# end\n";
        let script = Script::read(text).unwrap();
        assert_eq!(script.print(), text);
        assert_eq!(script.steps[0].target(), "db=d&precision=s");
        assert_eq!(script.steps[2].target(), "db=d&epoch=s");
        assert_eq!(script.steps[2].wanted().unwrap().body, "{\"a\":\n 2}");
        assert!(Script::read("nonsense").is_err() && Script::read("< 204").is_err());
    }

    #[test]
    fn times_are_masked() {
        assert_eq!(mask_times("a at 2020-01-02T03:04:05.6Z Tea b"), "a at TIME Tea b");
    }
}
