//! Statements that change something.

use std::fmt::{self, Display, Formatter};

use super::{clause, list, list_clause};
use crate::{
    ast::{
        AlterRetentionPolicy, CreateContinuousQuery, CreateDatabase, CreateRetentionPolicy, CreateSubscription,
        Deletion, Statement,
    },
    duration::{format_clock, format_duration},
    quote,
};

/// What stands for a password.
const REDACTED: &str = "[REDACTED]";

/// Prints any statement but SELECT, EXPLAIN and SHOW.
pub(super) fn write_statement(f: &mut Formatter<'_>, statement: &Statement) -> fmt::Result {
    match statement {
        Statement::Delete(deletion) => write!(f, "DELETE{deletion}"),
        Statement::DropSeries(deletion) => write!(f, "DROP SERIES{deletion}"),
        Statement::DropMeasurement(name) | Statement::DropDatabase(name) | Statement::DropUser(name) => {
            write!(f, "{} {}", statement.name(), quote::ident(name))
        }
        Statement::DropShard(id) => write!(f, "DROP SHARD {id}"),
        Statement::CreateDatabase(create) => create.fmt(f),
        Statement::CreateRetentionPolicy(create) => create.fmt(f),
        Statement::AlterRetentionPolicy(alter) => alter.fmt(f),
        Statement::DropRetentionPolicy { name, database } | Statement::DropContinuousQuery { name, database } => {
            write!(f, "{} {} ON {}", statement.name(), quote::ident(name), quote::ident(database))
        }
        Statement::CreateContinuousQuery(create) => create.fmt(f),
        Statement::CreateSubscription(create) => create.fmt(f),
        Statement::DropSubscription { name, database, retention_policy } => {
            let (name, database) = (quote::ident(name), quote::ident(database));
            write!(f, "DROP SUBSCRIPTION {name} ON {database}.{}", quote::ident(retention_policy))
        }
        other => write_user_statement(f, other),
    }
}

fn write_user_statement(f: &mut Formatter<'_>, statement: &Statement) -> fmt::Result {
    match statement {
        Statement::CreateUser(create) => {
            let admin = if create.admin { " WITH ALL PRIVILEGES" } else { "" };
            write!(f, "CREATE USER {} WITH PASSWORD {REDACTED}{admin}", quote::ident(&create.name))
        }
        Statement::SetPassword { name, .. } => write!(f, "SET PASSWORD FOR {} = {REDACTED}", quote::ident(name)),
        Statement::Grant(grant) => {
            let (database, user) = (quote::ident(&grant.database), quote::ident(&grant.user));
            write!(f, "GRANT {} ON {database} TO {user}", grant.privilege.word())
        }
        Statement::Revoke(revoke) => {
            let (database, user) = (quote::ident(&revoke.database), quote::ident(&revoke.user));
            write!(f, "REVOKE {} ON {database} FROM {user}", revoke.privilege.word())
        }
        Statement::GrantAdmin(user) => write!(f, "GRANT ALL PRIVILEGES TO {}", quote::ident(user)),
        Statement::RevokeAdmin(user) => write!(f, "REVOKE ALL PRIVILEGES FROM {}", quote::ident(user)),
        Statement::KillQuery { id, host } => {
            write!(f, "KILL QUERY {id}")?;
            clause(f, "ON", host.as_deref().map(quote::ident))
        }
        other => f.write_str(other.name()),
    }
}

impl Display for Deletion {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        list_clause(f, "FROM", &self.sources)?;
        clause(f, "WHERE", self.condition.as_ref())
    }
}

/// A duration other than 0 as a clause.
fn limit(f: &mut Formatter<'_>, keyword: &str, nanos: Option<i64>) -> fmt::Result {
    clause(f, keyword, nanos.filter(|nanos| *nanos != 0).map(format_duration))
}

impl Display for CreateDatabase {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "CREATE DATABASE {}", quote::ident(&self.name))?;
        if !self.with_policy {
            return Ok(());
        }
        f.write_str(" WITH")?;
        clause(f, "DURATION", self.duration.map(format_clock))?;
        clause(f, "REPLICATION", self.replication)?;
        clause(f, "SHARD DURATION", self.shard_duration.filter(|nanos| *nanos > 0).map(format_clock))?;
        limit(f, "FUTURE LIMIT", self.future_limit)?;
        limit(f, "PAST LIMIT", self.past_limit)?;
        clause(f, "NAME", self.policy_name.as_deref().map(quote::ident))
    }
}

impl Display for CreateRetentionPolicy {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "CREATE RETENTION POLICY {} ON {}", quote::ident(&self.name), quote::ident(&self.database))?;
        write!(f, " DURATION {} REPLICATION {}", format_duration(self.duration), self.replication)?;
        limit(f, "SHARD DURATION", self.shard_duration)?;
        f.write_str(if self.default { " DEFAULT" } else { "" })?;
        limit(f, "FUTURE LIMIT", self.future_limit)?;
        limit(f, "PAST LIMIT", self.past_limit)
    }
}

impl Display for AlterRetentionPolicy {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "ALTER RETENTION POLICY {} ON {}", quote::ident(&self.name), quote::ident(&self.database))?;
        clause(f, "DURATION", self.duration.map(format_duration))?;
        clause(f, "REPLICATION", self.replication)?;
        clause(f, "SHARD DURATION", self.shard_duration.map(format_duration))?;
        f.write_str(if self.default { " DEFAULT" } else { "" })?;
        limit(f, "FUTURE LIMIT", self.future_limit)?;
        limit(f, "PAST LIMIT", self.past_limit)
    }
}

impl Display for CreateContinuousQuery {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "CREATE CONTINUOUS QUERY {} ON {}", quote::ident(&self.name), quote::ident(&self.database))?;
        if self.resample_every > 0 || self.resample_for > 0 {
            f.write_str(" RESAMPLE")?;
            limit(f, "EVERY", Some(self.resample_every))?;
            limit(f, "FOR", Some(self.resample_for))?;
        }
        write!(f, " BEGIN {} END", self.select)
    }
}

impl Display for CreateSubscription {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (name, database) = (quote::ident(&self.name), quote::ident(&self.database));
        let policy = quote::ident(&self.retention_policy);
        write!(f, "CREATE SUBSCRIPTION {name} ON {database}.{policy} DESTINATIONS {} ", self.mode.word())?;
        list(f, self.destinations.iter().map(|destination| quote::string(destination)))
    }
}
