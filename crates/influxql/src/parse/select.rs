//! SELECT and its clauses.

use super::{Parsed, Parser};
use crate::{
    ParseError,
    ast::{Explain, Expr, Field, Fill, Measurement, Select, SortOrder, Source, Target},
    token::Tok,
};

const ONLY_TIME: &str = "only ORDER BY time supported at this time";

impl Parser<'_> {
    /// A SELECT whose first word has been read.
    pub(super) fn select(&mut self, needs_target: bool) -> Parsed<Box<Select>> {
        let fields = self.fields()?;
        let target = self.target(needs_target)?;
        self.expect(&[Tok::From])?;
        let mut select = Box::new(Select {
            fields,
            target,
            sources: self.sources(true)?,
            condition: self.condition()?,
            dimensions: self.dimensions()?,
            fill: self.fill()?,
            order: self.order_by()?,
            limit: 0,
            offset: 0,
            slimit: 0,
            soffset: 0,
            location: None,
        });
        select.limit = self.optional_count(Tok::Limit)?;
        select.offset = self.optional_count(Tok::Offset)?;
        select.slimit = self.optional_count(Tok::Slimit)?;
        select.soffset = self.optional_count(Tok::Soffset)?;
        select.location = self.location()?;
        Ok(select)
    }

    pub(super) fn explain(&mut self) -> Parsed<Explain> {
        let analyze = self.accept(Tok::Analyze);
        let verbose = self.accept(Tok::Verbose);
        self.expect(&[Tok::Select])?;
        Ok(Explain { analyze, verbose, select: self.select(false)? })
    }

    fn fields(&mut self) -> Parsed<Vec<Field>> {
        let mut fields = Vec::new();
        loop {
            fields.push(self.field()?);
            if !self.accept_here(Tok::Comma) {
                return Ok(fields);
            }
        }
    }

    fn field(&mut self) -> Parsed<Field> {
        let expr = match self.regex()? {
            Some(regex) => Expr::Regex(regex),
            None => {
                let start = self.scan().at;
                self.unscan();
                let expr = self.expr()?;
                self.check_field(&expr, start)?;
                expr
            }
        };
        let alias = if self.accept(Tok::As) { named(self.ident()?) } else { None };
        self.skip_space();
        Ok(Field { expr, alias })
    }

    /// Truth values are for WHERE.
    fn check_field(&self, expr: &Expr, start: usize) -> Parsed<()> {
        let Some(operator) = truth_operator(expr) else { return Ok(()) };
        let (line, column) = crate::lexer::place(self.text, start);
        Err(ParseError::Plain(format!(
            "invalid operator {operator} in SELECT clause at line {line}, char {column}; operator is intended for WHERE clause"
        )))
    }

    fn target(&mut self, required: bool) -> Parsed<Option<Target>> {
        let token = self.scan();
        if token.tok != Tok::Into {
            if required {
                return Err(self.expected(&token, "INTO"));
            }
            self.unscan();
            return Ok(None);
        }
        let mut names = self.segments()?;
        if names.len() < 3 && self.lexer.peek() == Some(':') {
            self.expect(&[Tok::Colon, Tok::Measurement])?;
            names.push(String::new());
        }
        let mut names = names.into_iter().rev().map(named);
        let mut next = || names.next().flatten();
        Ok(Some(Target { name: next(), retention_policy: next(), database: next() }))
    }

    /// One or more sources behind FROM.
    pub(super) fn sources(&mut self, subqueries: bool) -> Parsed<Vec<Source>> {
        self.list(|parser| parser.source(subqueries))
    }

    fn source(&mut self, subqueries: bool) -> Parsed<Source> {
        if let Some(regex) = self.regex()? {
            return Ok(Source::Measurement(Measurement { regex: Some(regex), ..Measurement::default() }));
        }
        if subqueries && self.accept(Tok::LParen) {
            return self.nested(|parser| {
                parser.expect(&[Tok::Select])?;
                let select = parser.select(false)?;
                parser.expect(&[Tok::RParen])?;
                Ok(Source::SubQuery(select))
            });
        }
        self.measurement_path().map(Source::Measurement)
    }

    /// A measurement by name or regex, as FROM without subqueries and WITH MEASUREMENT take it.
    pub(super) fn measurement(&mut self) -> Parsed<Measurement> {
        match self.regex()? {
            Some(regex) => Ok(Measurement { regex: Some(regex), ..Measurement::default() }),
            None => self.measurement_path(),
        }
    }

    fn measurement_path(&mut self) -> Parsed<Measurement> {
        let mut names = self.segments()?;
        let regex = if names.len() < 3 { self.regex()? } else { None };
        let name = if regex.is_none() { names.pop().unwrap_or_default() } else { String::new() };
        let retention_policy = names.pop().and_then(named);
        Ok(Measurement { database: names.pop().and_then(named), retention_policy, name, regex })
    }

    /// WHERE, if it is there.
    pub(super) fn condition(&mut self) -> Parsed<Option<Expr>> {
        if self.accept(Tok::Where) { self.expr().map(Some) } else { Ok(None) }
    }

    /// GROUP BY, if it is there.
    pub(super) fn dimensions(&mut self) -> Parsed<Vec<Expr>> {
        let mut dimensions = Vec::new();
        if !self.accept(Tok::Group) {
            return Ok(dimensions);
        }
        self.expect(&[Tok::By])?;
        loop {
            match self.regex()? {
                Some(regex) => dimensions.push(Expr::Regex(regex)),
                None => {
                    dimensions.push(self.expr()?);
                    self.skip_space();
                }
            }
            if !self.accept_here(Tok::Comma) {
                return Ok(dimensions);
            }
        }
    }

    /// Arguments of the clause that looks like a call of `name`, if it is there.
    fn clause(&mut self, name: &str) -> Parsed<Option<Vec<Expr>>> {
        let token = self.scan();
        self.unscan();
        if token.tok != Tok::Ident || !token.lit.eq_ignore_ascii_case(name) {
            return Ok(None);
        }
        match self.expr()? {
            Expr::Call { args, .. } => Ok(Some(args)),
            _ => Err(ParseError::Plain(format!("{name} must be a function call"))),
        }
    }

    fn fill(&mut self) -> Parsed<Fill> {
        let Some(args) = self.clause("fill")? else { return Ok(Fill::Null) };
        let [arg] = args.as_slice() else {
            let message = "fill requires an argument, e.g.: 0, null, none, previous, linear";
            return Err(ParseError::Plain(message.to_owned()));
        };
        match arg {
            Expr::Integer(value) => return Ok(Fill::Integer(*value)),
            Expr::Number(value) => return Ok(Fill::Number(*value)),
            Expr::VarRef { name, cast: None } => match name.as_str() {
                "null" => return Ok(Fill::Null),
                "none" => return Ok(Fill::None),
                "previous" => return Ok(Fill::Previous),
                "linear" => return Ok(Fill::Linear),
                _ => {}
            },
            _ => {}
        }
        Err(ParseError::Plain("expected number argument in fill()".to_owned()))
    }

    fn location(&mut self) -> Parsed<Option<String>> {
        let Some(args) = self.clause("tz")? else { return Ok(None) };
        let message = match args.as_slice() {
            [Expr::String(name)] if name.is_empty() => return Ok(Some("UTC".to_owned())),
            [Expr::String(name)] if (self.zone_known)(name) => return Ok(Some(name.clone())),
            [Expr::String(name)] => format!("unable to find time zone {name}"),
            [_] => "expected string argument in tz()".to_owned(),
            _ => "tz requires exactly one argument".to_owned(),
        };
        Err(ParseError::Plain(message))
    }

    /// ORDER BY, if it is there.
    pub(super) fn order_by(&mut self) -> Parsed<Option<SortOrder>> {
        if !self.accept(Tok::Order) {
            return Ok(None);
        }
        self.expect(&[Tok::By])?;
        let token = self.scan();
        let order = match token.tok {
            Tok::Asc | Tok::Desc => SortOrder { named: false, ascending: token.tok == Tok::Asc },
            Tok::Ident => {
                let ascending = self.direction();
                if token.lit != "time" {
                    return Err(ParseError::Plain(ONLY_TIME.to_owned()));
                }
                SortOrder { named: true, ascending }
            }
            _ => return Err(self.expected(&token, "identifier, ASC, DESC")),
        };
        let mut more = false;
        while self.accept(Tok::Comma) {
            self.ident()?;
            self.direction();
            more = true;
        }
        if more { Err(ParseError::Plain(ONLY_TIME.to_owned())) } else { Ok(Some(order)) }
    }

    /// Reads ASC or DESC, if there is one, and tells whether the order is ascending.
    fn direction(&mut self) -> bool {
        if self.accept(Tok::Desc) {
            return false;
        }
        self.accept(Tok::Asc);
        true
    }
}

/// An empty name is none.
fn named(name: String) -> Option<String> {
    if name.is_empty() { None } else { Some(name) }
}

/// The operator of the last outermost part that is a truth value.
fn truth_operator(expr: &Expr) -> Option<&'static str> {
    match expr {
        Expr::And(_) => Some("AND"),
        Expr::Or(_) => Some("OR"),
        Expr::Binary { op, .. } if op.is_comparison() => Some(op.symbol()),
        _ => expr.children().into_iter().rev().find_map(truth_operator),
    }
}
