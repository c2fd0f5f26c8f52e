//! Databases, policies, continuous queries, subscriptions and deletion.

use super::{Parsed, Parser};
use crate::{
    ParseError,
    ast::{
        AlterRetentionPolicy, CreateContinuousQuery, CreateDatabase, CreateRetentionPolicy, CreateSubscription,
        Deletion, DestinationMode, Select, Source, Statement,
    },
    duration::format_duration,
    token::Tok,
};

impl Parser<'_> {
    pub(super) fn create_database(&mut self) -> Parsed<Statement> {
        let mut create = CreateDatabase { name: self.ident()?, ..CreateDatabase::default() };
        if self.accept(Tok::With) {
            self.database_options(&mut create)?;
        }
        Ok(Statement::CreateDatabase(Box::new(create)))
    }

    fn database_options(&mut self, create: &mut CreateDatabase) -> Parsed<()> {
        let token = self.scan();
        if !matches!(token.tok, Tok::Duration | Tok::Name | Tok::Replication | Tok::Shard | Tok::Future | Tok::Past) {
            return Err(self.expected(&token, "DURATION, NAME, REPLICATION, SHARD, FUTURE, PAST"));
        }
        self.unscan();
        create.with_policy = true;
        if self.accept(Tok::Duration) {
            create.duration = Some(self.duration()?);
        }
        if self.accept(Tok::Replication) {
            create.replication = Some(self.replication()?);
        }
        if self.accept(Tok::Shard) {
            self.expect(&[Tok::Duration])?;
            create.shard_duration = Some(self.duration()?);
        }
        create.future_limit = self.write_limit(Tok::Future)?;
        create.past_limit = self.write_limit(Tok::Past)?;
        if self.accept(Tok::Name) {
            create.policy_name = Some(self.ident()?);
        }
        Ok(())
    }

    /// `FUTURE LIMIT d` or `PAST LIMIT d`, if it is there.
    fn write_limit(&mut self, keyword: Tok) -> Parsed<Option<i64>> {
        if self.accept(keyword) { self.limit_duration().map(Some) } else { Ok(None) }
    }

    fn limit_duration(&mut self) -> Parsed<i64> {
        self.expect(&[Tok::Limit])?;
        self.duration()
    }

    /// The rest of SHARD DURATION, which must not be infinite.
    fn shard_duration(&mut self) -> Parsed<i64> {
        self.expect(&[Tok::Duration])?;
        let token = self.scan();
        if token.tok == Tok::Inf {
            return Err(self.error_at(token.at, "invalid duration INF for shard duration"));
        }
        self.unscan();
        self.duration()
    }

    pub(super) fn create_retention_policy(&mut self) -> Parsed<Statement> {
        let (name, database) = self.name_on()?;
        self.expect(&[Tok::Duration])?;
        let duration = self.duration()?;
        self.expect(&[Tok::Replication])?;
        let replication = self.replication()?;
        let shard_duration = if self.accept(Tok::Shard) { Some(self.shard_duration()?) } else { None };
        let default = self.accept(Tok::Default);
        let (future_limit, past_limit) = (self.write_limit(Tok::Future)?, self.write_limit(Tok::Past)?);
        Ok(Statement::CreateRetentionPolicy(Box::new(CreateRetentionPolicy {
            name,
            database,
            duration,
            replication,
            shard_duration,
            default,
            future_limit,
            past_limit,
        })))
    }

    pub(super) fn alter_retention_policy(&mut self) -> Parsed<Statement> {
        let token = self.scan();
        let name = match token.tok {
            Tok::Default => "default".to_owned(),
            Tok::Ident => token.lit.into_owned(),
            _ => return Err(self.expected(&token, "identifier")),
        };
        self.expect(&[Tok::On])?;
        let mut alter = AlterRetentionPolicy { name, database: self.ident()?, ..AlterRetentionPolicy::default() };
        let mut found: Vec<Tok> = Vec::new();
        loop {
            let token = self.scan();
            if found.contains(&token.tok) {
                return Err(self.error_at(token.at, format!("found duplicate {} option", token.tok.name())));
            }
            match token.tok {
                Tok::Duration => alter.duration = Some(self.duration()?),
                Tok::Replication => alter.replication = Some(self.replication()?),
                Tok::Shard => alter.shard_duration = Some(self.shard_duration()?),
                Tok::Default => alter.default = true,
                Tok::Future => alter.future_limit = Some(self.limit_duration()?),
                Tok::Past => alter.past_limit = Some(self.limit_duration()?),
                _ if found.is_empty() => {
                    return Err(self.expected(&token, "DURATION, REPLICATION, SHARD, DEFAULT, FUTURE, PAST"));
                }
                _ => {
                    self.unscan();
                    return Ok(Statement::AlterRetentionPolicy(Box::new(alter)));
                }
            }
            found.push(token.tok);
        }
    }

    pub(super) fn create_subscription(&mut self) -> Parsed<Statement> {
        let (name, database) = self.name_on()?;
        let retention_policy = self.dot_name()?;
        self.expect(&[Tok::Destinations])?;
        let token = self.scan();
        let mode = match token.tok {
            Tok::All => DestinationMode::All,
            Tok::Any => DestinationMode::Any,
            _ => return Err(self.expected(&token, "ALL, ANY")),
        };
        let destinations = self.list(Self::string)?;
        let create = CreateSubscription { name, database, retention_policy, mode, destinations };
        Ok(Statement::CreateSubscription(Box::new(create)))
    }

    pub(super) fn create_continuous_query(&mut self) -> Parsed<Statement> {
        let (name, database) = self.name_on()?;
        let (resample_every, resample_for) = if self.accept(Tok::Resample) { self.resample()? } else { (0, 0) };
        self.expect(&[Tok::Begin, Tok::Select])?;
        let select = self.select(true)?;
        self.check_grouped(&select)?;
        self.expect(&[Tok::End])?;
        let create = CreateContinuousQuery { name, database, resample_every, resample_for, select };
        check_resample(&create)?;
        Ok(Statement::CreateContinuousQuery(Box::new(create)))
    }

    /// A continuous query that aggregates needs an interval.
    fn check_grouped(&mut self, select: &Select) -> Parsed<()> {
        if select.is_raw() {
            return Ok(());
        }
        let interval = select.group_by_interval();
        if interval.is_ok_and(|interval| interval != 0) {
            return Ok(());
        }
        // InfluxDB goes two tokens back to have one for its message.
        self.unscan();
        self.unscan();
        let token = self.scan();
        let mut expected = "GROUP BY time(...)".to_owned();
        if let Err(reason) = interval {
            expected.push_str(", ");
            expected.push_str(reason);
        }
        Err(self.expected(&token, expected))
    }

    /// `[EVERY d] [FOR d]`, at least one of them.
    fn resample(&mut self) -> Parsed<(i64, i64)> {
        let every = if self.accept(Tok::Every) { self.finite_duration()? } else { 0 };
        let span = if self.accept(Tok::For) { self.finite_duration()? } else { 0 };
        if every == 0 && span == 0 {
            let token = self.scan();
            return Err(self.expected(&token, "EVERY, FOR"));
        }
        Ok((every, span))
    }

    fn finite_duration(&mut self) -> Parsed<i64> {
        let token = self.scan();
        if token.tok != Tok::DurationVal {
            return Err(self.expected(&token, "duration"));
        }
        self.duration_of(&token)
    }

    pub(super) fn delete(&mut self) -> Parsed<Statement> {
        self.deletion(true).map(Statement::Delete)
    }

    pub(super) fn drop_series(&mut self) -> Parsed<Statement> {
        self.deletion(false).map(Statement::DropSeries)
    }

    fn deletion(&mut self, policies: bool) -> Parsed<Deletion> {
        let token = self.scan();
        let mut sources = Vec::new();
        if token.tok == Tok::From {
            sources = self.sources(false)?;
            check_sources(&sources, policies)?;
        } else {
            self.unscan();
        }
        let condition = self.condition()?;
        if sources.is_empty() && condition.is_none() {
            return Err(self.expected(&token, "FROM, WHERE"));
        }
        Ok(Deletion { sources, condition })
    }
}

/// Deletion works on the current database, DROP SERIES also on all its policies. The last offence is the one told.
fn check_sources(sources: &[Source], policies: bool) -> Parsed<()> {
    let mut result = Ok(());
    for source in sources {
        let Source::Measurement(measurement) = source else { continue };
        if measurement.database.is_some() {
            result = Err(Parser::error_at_start("database not supported"));
        }
        if measurement.retention_policy.is_some() && !policies {
            result = Err(Parser::error_at_start("retention policy not supported"));
        }
    }
    result
}

/// RESAMPLE FOR must span at least one interval.
fn check_resample(create: &CreateContinuousQuery) -> Parsed<()> {
    let interval = create.select.group_by_interval().map_err(|reason| ParseError::Plain(reason.to_owned()))?;
    let least = interval.max(create.resample_every);
    if create.resample_for == 0 || least <= create.resample_for {
        return Ok(());
    }
    Err(ParseError::Plain(format!(
        "FOR duration must be >= GROUP BY time duration: must be a minimum of {}, got {}",
        format_duration(least),
        format_duration(create.resample_for)
    )))
}
