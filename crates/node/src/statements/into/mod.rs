//! SELECT .. INTO: the rows of an answer become points of a measurement.
//!
//! The rows come as frames ([`Writer`] is the sink of the query) and gather in [`Points`], a batch like that of a write request; a
//! full one takes the way of any write and is waited for, so memory is that of one batch and the answer comes when all points are
//! durable. Tags of the output series stay tags, columns become fields; nulls and NaN are left out, and a row with an infinite value is
//! left out whole, as InfluxDB does. The query reads a picture of the data, so it never reads what it writes.

mod points;

use super::fate::Fate;
use super::qualify::Names;
use super::{NodeNames, context};
use crate::node::Inner;
use crate::read::{ExecuteError, QueryRequest};
use crate::write::{self, Undecoded, Write, WriteError, WriteTarget};
use influxql::ast::{Expr, Field, Select, Target};
use model::{Column, FieldType, Frame, FrameColumn, Header, Item, KeyError, KeyText, Many, Value};
use points::{Points, Took};
use query::{Context, QueryError, Sink};
use std::ops::{ControlFlow, Range};

/// Points of one batch; InfluxDB has as many.
const ROWS: usize = 10_000;
/// Bytes of one batch.
const BYTES: usize = 4 << 20;
/// Memory is taken so many bytes at a time.
const STEP: u64 = 64 << 10;

/// Runs a SELECT that has a target, and answers with the number of points written.
pub(super) fn run(
    inner: &Inner,
    select: &Select,
    request: &QueryRequest,
    sink: &mut dyn Sink,
) -> Result<(), ExecuteError> {
    let state = inner.catalog.state();
    let names = Names { state: &state, database: request.database.as_deref(), policy: request.policy.as_deref() };
    let select = names.qualify(select)?;
    let Some(target) = select.target.clone() else { return Ok(()) };
    let context = context(inner, request);
    let mut writer = Writer::new(inner, &target, &select.fields, &context)?;
    query::select(&select, &NodeNames::new(inner, request), &context, &mut writer)?;
    let written = writer.finish()?;
    // A sink that wants no more ends the statement without an error.
    let _ = tell(written, sink);
    Ok(())
}

fn tell(written: u64, sink: &mut dyn Sink) -> ControlFlow<()> {
    let names: [&[u8]; 2] = [b"time", b"written"];
    let columns = names.into_iter().map(Into::into).collect();
    sink.item(Item::Series(Header { name: b"result".as_slice().into(), tags: None, columns }))?;
    let mut count = Column::new(FieldType::Integer);
    count.push(0, Value::Integer(i64::try_from(written).unwrap_or(i64::MAX)));
    let columns = vec![FrameColumn::Times(vec![0]), FrameColumn::Values(count)];
    sink.item(Item::Rows(Frame { rows: 1, columns }))
}

/// Takes the rows of the query and writes them.
struct Writer<'a> {
    inner: &'a Inner,
    target: &'a Target,
    fields: &'a [Field],
    header: Header,
    points: Points,
    /// Memory for the points that gather.
    grant: platform::budget::Grant,
    written: u64,
    /// Why the query was stopped, if it was from here.
    failed: Option<ExecuteError>,
}

impl<'a> Writer<'a> {
    fn new(inner: &'a Inner, target: &'a Target, fields: &'a [Field], context: &Context) -> Result<Self, ExecuteError> {
        let grant = context.budget.try_take(0).map_err(short)?;
        let (header, points) = (Header::default(), Points::default());
        Ok(Self { inner, target, fields, header, points, grant, written: 0, failed: None })
    }

    fn add(&mut self, header: &Header, frame: &Frame, rows: Range<usize>) -> Result<(), ExecuteError> {
        let Some(FrameColumn::Times(times)) = frame.columns.first() else { return Err(no_time()) };
        if header.columns.first().is_none_or(|name| **name != *b"time") {
            return Err(no_time());
        }
        if header.columns.iter().skip(1).any(|name| **name == *b"time") {
            return Err(ExecuteError::Invalid("a field cannot be written as \"time\"".to_owned()));
        }
        let name = self.target.name.as_ref().map_or(&*header.name, |name| name.as_bytes());
        if name.ends_with(b"\\") {
            // In a series key it would hide the comma that follows.
            return Err(ExecuteError::Invalid(
                "the name of a measurement that is written must not end in a backslash".to_owned(),
            ));
        }
        let tags = tag_columns(self.fields, header.columns.len());
        let series = self.points.series(name, header, tags);
        for row in rows {
            loop {
                match self.points.take(&series, frame, times[row], row) {
                    Took::Point | Took::Nothing => break,
                    Took::OtherType => self.flush()?,
                    Took::KeyTooLong(length) => {
                        return Err(ExecuteError::Invalid(format!("max key length exceeded: {length} > 65535")));
                    }
                }
            }
            self.charge()?;
            if self.points.rows() >= ROWS || self.points.bytes() >= BYTES {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// Takes memory for the points that gather, some at a time; storage has a budget of its own for what it is given.
    fn charge(&mut self) -> Result<(), ExecuteError> {
        let bytes = self.points.bytes() as u64;
        if bytes > self.grant.bytes() {
            self.grant.grow(bytes - self.grant.bytes() + STEP).map_err(short)?;
        }
        Ok(())
    }

    /// Writes what has gathered and waits until it is durable.
    fn flush(&mut self) -> Result<(), ExecuteError> {
        let rows = self.points.rows();
        if rows == 0 {
            return Ok(());
        }
        let batch = std::mem::take(&mut self.points).into_batch();
        let database = self.target.database.as_deref().unwrap_or_default();
        let target = WriteTarget { database, policy: self.target.retention_policy.as_deref() };
        let fate = Fate::new();
        let write = Write::new(batch, &AsWritten, Undecoded::nothing(), fate.teller());
        let partial = write::write(self.inner, &target, write, true).unwrap_or(Err(WriteError::Closed));
        let partial = partial.map_err(failure)?;
        fate.wait().map_err(failure)?;
        if let Some(text) = partial {
            return Err(ExecuteError::Invalid(text));
        }
        self.written += u64::try_from(rows).unwrap_or(u64::MAX);
        Ok(())
    }

    fn finish(mut self) -> Result<u64, ExecuteError> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        self.flush()?;
        Ok(self.written)
    }

    fn take(&mut self, item: Item) -> Result<(), ExecuteError> {
        match item {
            Item::Series(header) => self.header = header,
            Item::Rows(frame) => {
                let header = std::mem::take(&mut self.header);
                self.add(&header, &frame, 0..frame.rows)?;
                self.header = header;
            }
            Item::Many(Many { series, frame }) => {
                let mut begin = 0;
                for (header, rows) in series {
                    self.add(&header, &frame, begin..begin + rows)?;
                    begin += rows;
                }
            }
        }
        Ok(())
    }
}

impl Sink for Writer<'_> {
    fn item(&mut self, item: Item) -> ControlFlow<()> {
        match self.take(item) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                self.failed = Some(error);
                ControlFlow::Break(())
            }
        }
    }
}

fn short(error: platform::budget::Exhausted) -> ExecuteError {
    QueryError::Memory(error.to_string()).into()
}

fn no_time() -> ExecuteError {
    ExecuteError::Invalid("error finding time index in result".to_owned())
}

fn failure(error: WriteError) -> ExecuteError {
    match error {
        WriteError::DatabaseNotFound(name) => QueryError::DatabaseNotFound(name).into(),
        other => ExecuteError::Invalid(other.to_string()),
    }
}

/// The columns that `top` and `bottom` add for their tags: INTO makes tags of them. Where a wildcard stands before the call they
/// are found from the end, as only one such call may stand in a SELECT.
fn tag_columns(fields: &[Field], columns: usize) -> Range<usize> {
    let is_time = |field: &&Field| matches!(&field.expr, Expr::VarRef { name, .. } if name == "time");
    let fields: Vec<&Field> = fields.iter().filter(|field| !is_time(field)).collect();
    let beside = |field: &Field| match &field.expr {
        Expr::Call { name, args } if matches!(name.as_str(), "top" | "bottom") => args.len().saturating_sub(2),
        _ => 0,
    };
    let Some((at, count)) = fields.iter().enumerate().map(|(at, field)| (at, beside(field))).find(|found| found.1 > 0)
    else {
        return 0..0;
    };
    let is_plain = |field: &&Field| !matches!(field.expr, Expr::Wildcard(_) | Expr::Regex(_));
    let begin = match fields[..at].iter().all(is_plain) {
        true => at + 2,
        false => columns.saturating_sub(fields.len() - at - 1 + count),
    };
    begin..(begin + count).min(columns)
}

/// Keys that are canonical already.
struct AsWritten;

impl KeyText for AsWritten {
    fn canonical(&self, raw: &[u8], key: &mut Vec<u8>) -> Result<(), KeyError> {
        key.extend_from_slice(raw);
        Ok(())
    }
}
