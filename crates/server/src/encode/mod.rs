//! Items to bytes: an answer is written straight from column vectors, without a tree of values between.
//!
//! `json` and `msgpack` write whole answers and chunked ones, `csv` tables; `cells` walks the columns for all; `number`, `text` and
//! `pack` print values exactly as InfluxDB (Go) does.

mod cells;
mod csv;
mod json;
mod msgpack;
mod number;
mod pack;
mod pretty;
mod text;

use cells::Take;
use csv::Csv;
use json::Json;
use model::{Item, Zone};
use msgpack::Msgpack;
pub use text::push_string;

/// What an answer is written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// `application/json`.
    #[default]
    Json,
    /// CSV under the name `application/csv`.
    ApplicationCsv,
    /// CSV under the name `text/csv`.
    TextCsv,
    /// `application/x-msgpack`.
    Msgpack,
}

impl Layout {
    /// The media type.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::ApplicationCsv => "application/csv",
            Self::TextCsv => "text/csv",
            Self::Msgpack => "application/x-msgpack",
        }
    }

    /// The body of an answer that is an error alone.
    #[must_use]
    pub fn error(self, text: &str) -> Vec<u8> {
        let mut body = Vec::new();
        match self {
            Self::Json => json::push_whole_error(text, &mut body),
            Self::ApplicationCsv | Self::TextCsv => csv::push_error(text, &mut body),
            Self::Msgpack => msgpack::push_error(text, &mut body),
        }
        body
    }
}

/// How an answer is laid out.
#[derive(Clone, Copy, Debug, Default)]
pub struct Form {
    /// What it is written in.
    pub layout: Layout,
    /// Number of statements that are answered.
    pub statements: usize,
    /// How instants are printed.
    pub times: TimeForm,
    /// The clocks that the statement under way is printed by.
    pub zone: Option<&'static Zone>,
    /// Whether JSON is indented.
    pub pretty: bool,
    /// Rows of one series in a document, or `None` for one document in all.
    pub chunk_rows: Option<usize>,
    /// Rows in the whole answer, where it is not chunked; 0: no bound.
    pub max_rows: usize,
}

/// An answer under way: it is fed statement by statement, and its bytes are taken away whenever its owner likes.
#[derive(Debug)]
pub enum Answer {
    /// As JSON.
    Json(Json),
    /// As CSV.
    Csv(Csv),
    /// As MessagePack.
    Msgpack(Msgpack),
}

impl Answer {
    /// An answer without a statement.
    #[must_use]
    pub fn new(form: Form) -> Self {
        match form.layout {
            Layout::Json => Self::Json(Json::new(form)),
            Layout::ApplicationCsv | Layout::TextCsv => Self::Csv(Csv::new(form)),
            Layout::Msgpack => Self::Msgpack(Msgpack::new(form)),
        }
    }

    /// Bytes that may be sent now: none before the end where the form is pretty, whole statements or chunks of MessagePack.
    pub fn take(&mut self) -> Vec<u8> {
        match self {
            Self::Json(json) => json.take(),
            Self::Csv(csv) => csv.take(),
            Self::Msgpack(msgpack) => msgpack.take(),
        }
    }

    /// Number of bytes that wait to be sent.
    #[must_use]
    pub fn waiting(&self) -> usize {
        match self {
            Self::Json(json) => json.waiting(),
            Self::Csv(csv) => csv.waiting(),
            Self::Msgpack(msgpack) => msgpack.waiting(),
        }
    }

    /// Memory of what cannot be sent yet because its head tells what comes later (bytes).
    #[must_use]
    pub fn held(&self) -> usize {
        match self {
            Self::Json(json) => json.held(),
            Self::Csv(_) => 0,
            Self::Msgpack(msgpack) => msgpack.held(),
        }
    }

    /// Begins the answer to statement `id`, whose times are printed by the clocks of `zone`, or in UTC. In a chunked answer
    /// its rows are split over documents if it `splits`; else each series is whole, and stands for itself.
    pub fn begin(&mut self, id: usize, splits: bool, zone: Option<&'static Zone>) {
        match self {
            Self::Json(json) => json.begin(id, splits, zone),
            Self::Csv(csv) => csv.begin(id, zone),
            Self::Msgpack(msgpack) => msgpack.begin(id, splits, zone),
        }
    }

    /// Takes a part of the answer. Returns whether more is wanted.
    pub fn item(&mut self, item: &Item) -> bool {
        match self {
            Self::Json(json) => json.item(item),
            Self::Csv(csv) => csv.item(item),
            Self::Msgpack(msgpack) => msgpack.item(item),
        }
    }

    /// Ends the answer to the statement that began last. CSV has no place for messages, and MessagePack none for rows beside an
    /// error.
    pub fn end(&mut self, messages: &[String], error: Option<&str>) {
        match self {
            Self::Json(json) => json.end(messages, error),
            Self::Csv(csv) => csv.end(error),
            Self::Msgpack(msgpack) => msgpack.end(messages, error),
        }
    }

    /// Ends the answer; the bytes that are left.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        match self {
            Self::Json(json) => json.finish(),
            Self::Csv(csv) => csv.finish(),
            Self::Msgpack(msgpack) => msgpack.finish(),
        }
    }
}

impl Default for Answer {
    /// As JSON, without a statement.
    fn default() -> Self {
        Self::new(Form::default())
    }
}

impl Form {
    /// How instants of the statement under way are printed.
    fn clock(&self) -> Clock {
        Clock { form: self.times, zone: self.zone }
    }
}

/// How instants are printed, and by which clocks.
#[derive(Clone, Copy, Debug)]
struct Clock {
    form: TimeForm,
    zone: Option<&'static Zone>,
}

impl Clock {
    /// Appends an instant (ns) as RFC 3339.
    #[inline]
    fn push(&self, time: i64, out: &mut Vec<u8>) {
        match self.zone {
            None => model::time::push_rfc3339(time, out),
            Some(zone) => model::time::push_rfc3339_of(time, zone.offset(time), out),
        }
    }
}

/// How instants are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimeForm {
    /// As the layout has them: RFC 3339 in JSON, nanoseconds in CSV, an extension in MessagePack.
    #[default]
    Native,
    /// RFC 3339 with nanoseconds, as text.
    Rfc3339,
    /// An integer: nanoseconds divided by this, towards zero.
    Epoch(i64),
}

impl TimeForm {
    /// The form that the parameters `epoch` and `time_format` ask for.
    ///
    /// # Errors
    /// The text of InfluxDB's 400 for an unknown `time_format`.
    pub fn from_parameters(epoch: &str, time_format: &str) -> Result<Self, &'static str> {
        match time_format {
            "" | "epoch" => {}
            "rfc3339" => return Ok(Self::Rfc3339),
            _ => return Err("Time format must be one of the following: rfc3339,epoch"),
        }
        Ok(match epoch {
            "" => Self::Native,
            "u" => Self::Epoch(1_000),
            "ms" => Self::Epoch(1_000_000),
            "s" => Self::Epoch(1_000_000_000),
            "m" => Self::Epoch(60_000_000_000),
            "h" => Self::Epoch(3_600_000_000_000),
            _ => Self::Epoch(1),
        })
    }
}
