//! Names of databases and policies that a SELECT leaves out, put in as InfluxDB does before it runs or stores one.

use crate::catalog::State;
use influxql::Statement;
use influxql::ast::{Select, Source};
use query::QueryError;

/// What is meant where a name stands alone, and what there is.
#[derive(Clone, Copy)]
pub(super) struct Names<'a> {
    /// The databases that there are.
    pub(super) state: &'a State,
    /// The database of the request.
    pub(super) database: Option<&'a str>,
    /// The policy of the request; else each database's default one is meant.
    pub(super) policy: Option<&'a str>,
}

impl Names<'_> {
    /// The SELECT with a database and a policy before each of its names.
    ///
    /// # Errors
    /// No database is given, or none of that name is there. Policies are not looked for.
    pub(super) fn qualify(self, select: &Select) -> Result<Select, QueryError> {
        let mut select = select.clone();
        self.fill_in(&mut select)?;
        Ok(select)
    }

    /// A statement as messages tell it: a SELECT with its names in full, if that can be.
    pub(super) fn in_full(self, statement: &Statement) -> String {
        match statement {
            Statement::Select(select) => {
                self.qualify(select).map_or_else(|_| select.to_string(), |full| full.to_string())
            }
            Statement::CreateContinuousQuery(create) => {
                let mut create = create.clone();
                let database = self.database.unwrap_or(&create.database).to_owned();
                let names = Names { database: Some(&database), ..self };
                // What cannot be found stays as it is.
                let _ = names.fill_in(&mut create.select);
                create.to_string()
            }
            other => other.to_string(),
        }
    }

    fn fill_in(self, select: &mut Select) -> Result<(), QueryError> {
        if let Some(target) = &mut select.target {
            self.name(&mut target.database, &mut target.retention_policy)?;
        }
        for source in &mut select.sources {
            match source {
                Source::Measurement(one) => self.name(&mut one.database, &mut one.retention_policy)?,
                Source::SubQuery(inner) => self.fill_in(inner)?,
            }
        }
        Ok(())
    }

    fn name(self, database: &mut Option<String>, policy: &mut Option<String>) -> Result<(), QueryError> {
        let given = |name: &&str| !name.is_empty();
        if database.is_none() {
            let own = self.database.filter(given).ok_or(QueryError::DatabaseRequired)?;
            *database = Some(own.to_owned());
        }
        let name = database.as_deref().unwrap_or_default();
        let found = self.state.database(name).ok_or_else(|| QueryError::DatabaseNotFound(name.to_owned()))?;
        if policy.is_none() {
            let default = Some(found.default_policy.as_str()).filter(given);
            *policy = self.policy.filter(given).or(default).map(str::to_owned);
        }
        if policy.is_none() {
            return Err(QueryError::Invalid(format!("default retention policy not set for: {name}")));
        }
        Ok(())
    }
}
