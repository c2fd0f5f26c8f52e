//! How a query sees the catalog and the engine.

use super::query_error;
use crate::catalog::{CatalogError, State};
use crate::node::Inner;
use crate::read::QueryRequest;
use influxql::ast::Privilege;
use model::{Text, TimeRange};
use query::{Names, QueryError};
use std::sync::Arc;
use storage::{ShardId, View};

/// The names of one state of the catalog: a statement sees the same throughout.
pub(super) struct NodeNames<'a> {
    inner: &'a Inner,
    state: Arc<State>,
    /// Who asks, if anybody has to say so.
    user: Option<&'a str>,
}

impl<'a> NodeNames<'a> {
    pub(super) fn new(inner: &'a Inner, request: &'a QueryRequest) -> Self {
        Self { inner, state: inner.catalog.state(), user: request.user.as_deref() }
    }

    fn shards(&self, database: &str, policy: &str, range: TimeRange) -> Result<Vec<ShardId>, QueryError> {
        let (_, policy) = self.state.policy(database, Some(policy)).map_err(query_error)?;
        Ok(policy.spans_in(range).iter().map(|span| span.id).collect())
    }
}

impl Names for NodeNames<'_> {
    fn view(&self, database: &str, policy: Option<&str>, range: TimeRange) -> Result<View, QueryError> {
        let (_, policy) = self.state.policy(database, policy).map_err(query_error)?;
        Ok(self.inner.engine.view(&policy.spans_in(range))?)
    }

    fn databases(&self) -> Vec<String> {
        let names = self.state.databases.iter().map(|database| database.name.clone());
        names.filter(|name| self.state.may(self.user, Privilege::Read, name)).collect()
    }

    fn policies(&self, database: &str) -> Result<Vec<String>, QueryError> {
        let missing = || query_error(CatalogError::DatabaseNotFound(database.to_owned()));
        let database = self.state.database(database).ok_or_else(missing)?;
        Ok(database.policies.iter().map(|policy| policy.name.clone()).collect())
    }

    fn known_measurements(&self, database: &str, policy: &str, range: TimeRange) -> Result<Vec<Text>, QueryError> {
        Ok(self.inner.engine.known_measurements(&self.shards(database, policy, range)?))
    }

    fn may_have_field(
        &self,
        database: &str,
        policy: &str,
        range: TimeRange,
        measurements: Option<&[Text]>,
        field: &str,
    ) -> Result<bool, QueryError> {
        let shards = self.shards(database, policy, range)?;
        Ok(self.inner.engine.may_have_field(&shards, measurements, field.as_bytes()))
    }

    fn most_deletion_bytes(&self) -> u64 {
        self.inner.engine.most_deletion_bytes()
    }
}
