//! SHOW statements behind their first words.

use super::{Parsed, Parser};
use crate::{
    ast::{KeyFilter, NameOrAll, ShowCardinality, ShowMeasurements, ShowTagKeys, ShowTagValues, ShowTail, Statement},
    token::Tok,
};

impl Parser<'_> {
    pub(super) fn show(&mut self) -> Parsed<Statement> {
        const WORDS: &str = "CONTINUOUS, DATABASES, DIAGNOSTICS, FIELD, GRANTS, MEASUREMENT, MEASUREMENTS, QUERIES, \
            RETENTION, SERIES, SHARD, SHARDS, STATS, SUBSCRIPTIONS, TAG, USERS";
        let token = self.scan();
        match token.tok {
            Tok::Continuous => self.rest(&[Tok::Queries], Statement::ShowContinuousQueries),
            Tok::Databases => Ok(Statement::ShowDatabases),
            Tok::Diagnostics => Ok(Statement::ShowDiagnostics { module: self.module()? }),
            Tok::Field => self.show_field(),
            Tok::Grants => {
                self.expect(&[Tok::For])?;
                Ok(Statement::ShowGrants(self.ident()?))
            }
            Tok::Measurement => self.show_measurement_cardinality(),
            Tok::Measurements => Ok(Statement::ShowMeasurements(Box::new(self.show_measurements()?))),
            Tok::Queries => Ok(Statement::ShowQueries),
            Tok::Retention => {
                self.expect(&[Tok::Policies])?;
                Ok(Statement::ShowRetentionPolicies { database: self.on()? })
            }
            Tok::Series => self.show_series(),
            Tok::Shard => self.rest(&[Tok::Groups], Statement::ShowShardGroups),
            Tok::Shards => Ok(Statement::ShowShards),
            Tok::Stats => Ok(Statement::ShowStats { module: self.module()? }),
            Tok::Subscriptions => Ok(Statement::ShowSubscriptions),
            Tok::Tag => self.show_tag(),
            Tok::Users => Ok(Statement::ShowUsers),
            _ => Err(self.expected(&token, WORDS)),
        }
    }

    fn rest(&mut self, tokens: &[Tok], statement: Statement) -> Parsed<Statement> {
        self.expect(tokens)?;
        Ok(statement)
    }

    fn module(&mut self) -> Parsed<Option<String>> {
        if self.accept(Tok::For) { self.string().map(Some) } else { Ok(None) }
    }

    fn on(&mut self) -> Parsed<Option<String>> {
        if self.accept(Tok::On) { self.ident().map(Some) } else { Ok(None) }
    }

    fn from(&mut self) -> Parsed<Vec<crate::ast::Source>> {
        if self.accept(Tok::From) { self.sources(false) } else { Ok(Vec::new()) }
    }

    fn show_field(&mut self) -> Parsed<Statement> {
        let token = self.scan();
        match token.tok {
            Tok::Key => {
                let exact = self.cardinality_words("EXACT, CARDINALITY")?;
                Ok(Statement::ShowFieldKeyCardinality(Box::new(self.cardinality(exact)?)))
            }
            Tok::Keys => {
                let mut tail = ShowTail { database: self.on()?, sources: self.from()?, ..ShowTail::default() };
                self.order_and_limits(&mut tail)?;
                Ok(Statement::ShowFieldKeys(Box::new(tail)))
            }
            _ => Err(self.expected(&token, "KEY, KEYS")),
        }
    }

    /// `[EXACT] CARDINALITY`; `expected` names what the first word may be.
    fn cardinality_words(&mut self, expected: &str) -> Parsed<bool> {
        let token = self.scan();
        match token.tok {
            Tok::Cardinality => Ok(false),
            Tok::Exact => self.expect(&[Tok::Cardinality]).map(|()| true),
            _ => Err(self.expected(&token, expected)),
        }
    }

    fn show_measurement_cardinality(&mut self) -> Parsed<Statement> {
        let exact = self.cardinality_words("EXACT, CARDINALITY")?;
        Ok(Statement::ShowMeasurementCardinality(Box::new(self.cardinality(exact)?)))
    }

    fn show_series(&mut self) -> Parsed<Statement> {
        let exact = self.accept(Tok::Exact);
        if self.accept(Tok::Cardinality) {
            return Ok(Statement::ShowSeriesCardinality(Box::new(self.cardinality(exact)?)));
        }
        let mut tail = ShowTail { database: self.on()?, sources: self.from()?, ..ShowTail::default() };
        tail.condition = self.condition()?;
        self.order_and_limits(&mut tail)?;
        Ok(Statement::ShowSeries(Box::new(tail)))
    }

    fn show_tag(&mut self) -> Parsed<Statement> {
        let token = self.scan();
        match token.tok {
            Tok::Key => {
                let exact = self.cardinality_words("EXACT, CARDINALITY")?;
                Ok(Statement::ShowTagKeyCardinality(Box::new(self.cardinality(exact)?)))
            }
            Tok::Keys => Ok(Statement::ShowTagKeys(Box::new(self.show_tag_keys()?))),
            Tok::Values => self.show_tag_values(),
            _ => Err(self.expected(&token, "KEY, KEYS, VALUES")),
        }
    }

    fn show_tag_keys(&mut self) -> Parsed<ShowTagKeys> {
        let mut show = ShowTagKeys::default();
        show.tail.database = self.on()?;
        show.tail.sources = self.from()?;
        if self.accept(Tok::With) {
            self.unscan();
            show.key = Some(self.with_key()?);
        }
        show.tail.condition = self.condition()?;
        self.order_and_limits(&mut show.tail)?;
        show.slimit = self.optional_count(Tok::Slimit)?;
        show.soffset = self.optional_count(Tok::Soffset)?;
        Ok(show)
    }

    fn show_tag_values(&mut self) -> Parsed<Statement> {
        let token = self.scan();
        if matches!(token.tok, Tok::Exact | Tok::Cardinality) {
            let exact = token.tok == Tok::Exact;
            if exact {
                self.expect(&[Tok::Cardinality])?;
            }
            return self.show_tag_values_cardinality(exact);
        }
        self.unscan();
        let (database, sources, key) = (self.on()?, self.from()?, self.with_key()?);
        let mut tail = ShowTail { database, sources, condition: self.condition()?, ..ShowTail::default() };
        self.order_and_limits(&mut tail)?;
        Ok(Statement::ShowTagValues(Box::new(ShowTagValues { tail, key })))
    }

    fn show_tag_values_cardinality(&mut self, exact: bool) -> Parsed<Statement> {
        let mut show = ShowCardinality { exact, ..ShowCardinality::default() };
        show.tail.database = self.on()?;
        show.tail.sources = self.from()?;
        let key = self.with_key()?;
        self.cardinality_end(&mut show)?;
        Ok(Statement::ShowTagValuesCardinality(Box::new(show), key))
    }

    fn cardinality(&mut self, exact: bool) -> Parsed<ShowCardinality> {
        let mut show = ShowCardinality { exact, ..ShowCardinality::default() };
        show.tail.database = self.on()?;
        show.tail.sources = self.from()?;
        self.cardinality_end(&mut show)?;
        Ok(show)
    }

    fn cardinality_end(&mut self, show: &mut ShowCardinality) -> Parsed<()> {
        show.tail.condition = self.condition()?;
        show.dimensions = self.dimensions()?;
        show.tail.limit = self.optional_count(Tok::Limit)?;
        show.tail.offset = self.optional_count(Tok::Offset)?;
        Ok(())
    }

    fn order_and_limits(&mut self, tail: &mut ShowTail) -> Parsed<()> {
        tail.order = self.order_by()?;
        tail.limit = self.optional_count(Tok::Limit)?;
        tail.offset = self.optional_count(Tok::Offset)?;
        Ok(())
    }

    fn show_measurements(&mut self) -> Parsed<ShowMeasurements> {
        let mut show = ShowMeasurements::default();
        if self.accept(Tok::On) {
            show.database = Some(self.name_or_all()?);
            if self.accept(Tok::Dot) {
                show.retention_policy = Some(self.name_or_all()?);
            }
        }
        if self.accept(Tok::With) {
            self.expect(&[Tok::Measurement])?;
            let token = self.scan();
            if !matches!(token.tok, Tok::Eq | Tok::EqRegex) {
                return Err(self.expected(&token, "=, =~"));
            }
            show.measurement = Some(self.measurement()?);
        }
        show.condition = self.condition()?;
        show.order = self.order_by()?;
        show.limit = self.optional_count(Tok::Limit)?;
        show.offset = self.optional_count(Tok::Offset)?;
        Ok(show)
    }

    fn name_or_all(&mut self) -> Parsed<NameOrAll> {
        let token = self.scan();
        match token.tok {
            Tok::Ident => Ok(NameOrAll::Name(token.lit.into_owned())),
            Tok::Mul => Ok(NameOrAll::All),
            _ => Err(self.expected(&token, "identifier or *")),
        }
    }

    fn with_key(&mut self) -> Parsed<KeyFilter> {
        self.expect(&[Tok::With, Tok::Key])?;
        let token = self.scan();
        match token.tok {
            Tok::In => {
                self.expect(&[Tok::LParen])?;
                let keys = self.list(Self::ident)?;
                self.expect(&[Tok::RParen])?;
                Ok(KeyFilter::In(keys))
            }
            Tok::Eq => self.ident().map(KeyFilter::Eq),
            Tok::Ne => self.ident().map(KeyFilter::Ne),
            Tok::EqRegex => self.required_regex().map(KeyFilter::Matches),
            Tok::NeRegex => self.required_regex().map(KeyFilter::NotMatches),
            _ => Err(self.expected(&token, "IN, =, =~")),
        }
    }
}
