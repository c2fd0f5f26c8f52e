//! The syntax tree. The parser makes it, the printer and the query compiler read it; nothing here asks whether a name exists.
//!
//! Chains of `AND` and of `OR` are flat lists and every other nesting is limited by the parser ([`crate::MAX_TREE_DEPTH`]),
//! so a reader may recurse freely: dropping, cloning, comparing and printing a tree needs a bounded stack.

mod admin;
mod data;
mod expr;
mod select;
mod show;

pub use admin::{CreateUser, Grantee, Privilege};
pub use data::{
    AlterRetentionPolicy, CreateContinuousQuery, CreateDatabase, CreateRetentionPolicy, CreateSubscription, Deletion,
    DestinationMode,
};
pub use expr::{BinaryOp, DataType, Expr, WildcardKind};
pub use select::{Explain, Field, Fill, Measurement, Select, SortOrder, Source, Target};
pub use show::{KeyFilter, NameOrAll, ShowCardinality, ShowMeasurements, ShowTagKeys, ShowTagValues, ShowTail};

/// One statement of the language.
#[derive(Debug, Clone, PartialEq)]
pub enum Statement {
    /// `SELECT .. FROM ..`
    Select(Box<Select>),
    /// `EXPLAIN [ANALYZE] [VERBOSE] SELECT ..`
    Explain(Explain),
    /// `DELETE [FROM ..] [WHERE ..]`
    Delete(Deletion),
    /// `DROP SERIES [FROM ..] [WHERE ..]`
    DropSeries(Deletion),
    /// `DROP MEASUREMENT name`
    DropMeasurement(String),
    /// `DROP SHARD id`
    DropShard(u64),
    /// `CREATE DATABASE ..`
    CreateDatabase(Box<CreateDatabase>),
    /// `DROP DATABASE name`
    DropDatabase(String),
    /// `CREATE RETENTION POLICY ..`
    CreateRetentionPolicy(Box<CreateRetentionPolicy>),
    /// `ALTER RETENTION POLICY ..`
    AlterRetentionPolicy(Box<AlterRetentionPolicy>),
    /// `DROP RETENTION POLICY name ON database`
    DropRetentionPolicy {
        /// The policy.
        name: String,
        /// Its database.
        database: String,
    },
    /// `CREATE CONTINUOUS QUERY ..`
    CreateContinuousQuery(Box<CreateContinuousQuery>),
    /// `DROP CONTINUOUS QUERY name ON database`
    DropContinuousQuery {
        /// The continuous query.
        name: String,
        /// Its database.
        database: String,
    },
    /// `CREATE SUBSCRIPTION ..`
    CreateSubscription(Box<CreateSubscription>),
    /// `DROP SUBSCRIPTION name ON database.policy`
    DropSubscription {
        /// The subscription.
        name: String,
        /// Its database.
        database: String,
        /// Its retention policy.
        retention_policy: String,
    },
    /// `CREATE USER ..`
    CreateUser(CreateUser),
    /// `DROP USER name`
    DropUser(String),
    /// `SET PASSWORD FOR name = 'password'`
    SetPassword {
        /// The user.
        name: String,
        /// The new password in clear.
        password: String,
    },
    /// `GRANT privilege ON database TO user`
    Grant(Grantee),
    /// `GRANT ALL PRIVILEGES TO user`
    GrantAdmin(String),
    /// `REVOKE privilege ON database FROM user`
    Revoke(Grantee),
    /// `REVOKE ALL PRIVILEGES FROM user`
    RevokeAdmin(String),
    /// `KILL QUERY id [ON host]`
    KillQuery {
        /// The query's number in SHOW QUERIES.
        id: u64,
        /// The host named, if any.
        host: Option<String>,
    },
    /// `SHOW DATABASES`
    ShowDatabases,
    /// `SHOW RETENTION POLICIES [ON database]`
    ShowRetentionPolicies {
        /// The database, if named.
        database: Option<String>,
    },
    /// `SHOW MEASUREMENTS ..`
    ShowMeasurements(Box<ShowMeasurements>),
    /// `SHOW SERIES ..`
    ShowSeries(Box<ShowTail>),
    /// `SHOW TAG KEYS ..`
    ShowTagKeys(Box<ShowTagKeys>),
    /// `SHOW TAG VALUES .. WITH KEY ..`
    ShowTagValues(Box<ShowTagValues>),
    /// `SHOW FIELD KEYS ..` (its condition is always absent)
    ShowFieldKeys(Box<ShowTail>),
    /// `SHOW SERIES [EXACT] CARDINALITY ..`
    ShowSeriesCardinality(Box<ShowCardinality>),
    /// `SHOW MEASUREMENT [EXACT] CARDINALITY ..`
    ShowMeasurementCardinality(Box<ShowCardinality>),
    /// `SHOW TAG KEY [EXACT] CARDINALITY ..`
    ShowTagKeyCardinality(Box<ShowCardinality>),
    /// `SHOW TAG VALUES [EXACT] CARDINALITY .. WITH KEY ..`
    ShowTagValuesCardinality(Box<ShowCardinality>, KeyFilter),
    /// `SHOW FIELD KEY [EXACT] CARDINALITY ..`
    ShowFieldKeyCardinality(Box<ShowCardinality>),
    /// `SHOW CONTINUOUS QUERIES`
    ShowContinuousQueries,
    /// `SHOW QUERIES`
    ShowQueries,
    /// `SHOW USERS`
    ShowUsers,
    /// `SHOW GRANTS FOR user`
    ShowGrants(String),
    /// `SHOW SHARDS`
    ShowShards,
    /// `SHOW SHARD GROUPS`
    ShowShardGroups,
    /// `SHOW SUBSCRIPTIONS`
    ShowSubscriptions,
    /// `SHOW STATS [FOR 'module']`
    ShowStats {
        /// The module, if named.
        module: Option<String>,
    },
    /// `SHOW DIAGNOSTICS [FOR 'module']`
    ShowDiagnostics {
        /// The module, if named.
        module: Option<String>,
    },
}

impl Statement {
    /// Whether it is a SELECT, or one that InfluxDB executes as such: the answer's rows may be split.
    #[must_use]
    pub fn is_selection(&self) -> bool {
        matches!(
            self,
            Statement::Select(_)
                | Statement::ShowSeries(_)
                | Statement::ShowFieldKeys(_)
                | Statement::ShowSeriesCardinality(_)
                | Statement::ShowMeasurementCardinality(_)
                | Statement::ShowTagKeyCardinality(_)
                | Statement::ShowTagValuesCardinality(..)
                | Statement::ShowFieldKeyCardinality(_)
        )
    }

    /// The statement's kind in words of the language, such as `SHOW QUERIES`.
    pub fn name(&self) -> &'static str {
        match self {
            Statement::Select(_) => "SELECT",
            Statement::Explain(_) => "EXPLAIN",
            Statement::Delete(_) => "DELETE",
            Statement::DropSeries(_) => "DROP SERIES",
            Statement::DropMeasurement(_) => "DROP MEASUREMENT",
            Statement::DropShard(_) => "DROP SHARD",
            Statement::CreateDatabase(_) => "CREATE DATABASE",
            Statement::DropDatabase(_) => "DROP DATABASE",
            Statement::CreateRetentionPolicy(_) => "CREATE RETENTION POLICY",
            Statement::AlterRetentionPolicy(_) => "ALTER RETENTION POLICY",
            Statement::DropRetentionPolicy { .. } => "DROP RETENTION POLICY",
            Statement::CreateContinuousQuery(_) => "CREATE CONTINUOUS QUERY",
            Statement::DropContinuousQuery { .. } => "DROP CONTINUOUS QUERY",
            Statement::CreateSubscription(_) => "CREATE SUBSCRIPTION",
            Statement::DropSubscription { .. } => "DROP SUBSCRIPTION",
            Statement::CreateUser(_) => "CREATE USER",
            Statement::DropUser(_) => "DROP USER",
            Statement::SetPassword { .. } => "SET PASSWORD",
            Statement::Grant(_) | Statement::GrantAdmin(_) => "GRANT",
            Statement::Revoke(_) | Statement::RevokeAdmin(_) => "REVOKE",
            Statement::KillQuery { .. } => "KILL QUERY",
            other => other.show_name(),
        }
    }

    fn show_name(&self) -> &'static str {
        match self {
            Statement::ShowDatabases => "SHOW DATABASES",
            Statement::ShowRetentionPolicies { .. } => "SHOW RETENTION POLICIES",
            Statement::ShowMeasurements(_) => "SHOW MEASUREMENTS",
            Statement::ShowSeries(_) => "SHOW SERIES",
            Statement::ShowTagKeys(_) => "SHOW TAG KEYS",
            Statement::ShowTagValues(_) => "SHOW TAG VALUES",
            Statement::ShowFieldKeys(_) => "SHOW FIELD KEYS",
            Statement::ShowSeriesCardinality(_) => "SHOW SERIES CARDINALITY",
            Statement::ShowMeasurementCardinality(_) => "SHOW MEASUREMENT CARDINALITY",
            Statement::ShowTagKeyCardinality(_) => "SHOW TAG KEY CARDINALITY",
            Statement::ShowTagValuesCardinality(..) => "SHOW TAG VALUES CARDINALITY",
            Statement::ShowFieldKeyCardinality(_) => "SHOW FIELD KEY CARDINALITY",
            Statement::ShowContinuousQueries => "SHOW CONTINUOUS QUERIES",
            Statement::ShowQueries => "SHOW QUERIES",
            Statement::ShowUsers => "SHOW USERS",
            Statement::ShowGrants(_) => "SHOW GRANTS",
            Statement::ShowShards => "SHOW SHARDS",
            Statement::ShowShardGroups => "SHOW SHARD GROUPS",
            Statement::ShowSubscriptions => "SHOW SUBSCRIPTIONS",
            Statement::ShowStats { .. } => "SHOW STATS",
            Statement::ShowDiagnostics { .. } => "SHOW DIAGNOSTICS",
            _ => "statement",
        }
    }

    /// Whether running the statement changes nothing: SHOW, EXPLAIN and a SELECT without INTO.
    pub fn is_read_only(&self) -> bool {
        match self {
            Statement::Select(select) => select.target.is_none(),
            Statement::Explain(_) => true,
            other => other.name().starts_with("SHOW"),
        }
    }
}
