//! Continuous queries and subscriptions: what is kept of them, and the statements that change that.

use super::{CatalogError, State};
use influxql::ast::{CreateSubscription, DestinationMode};

/// A continuous query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ContinuousQuery {
    pub(crate) name: String,
    /// The statement that made it, all names in full.
    pub(crate) query: String,
}

/// A subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subscription {
    pub(crate) policy: String,
    pub(crate) name: String,
    pub(crate) mode: DestinationMode,
    pub(crate) destinations: Vec<String>,
}

impl State {
    /// CREATE CONTINUOUS QUERY; nothing happens if that very one is there.
    pub(crate) fn create_continuous_query(
        &mut self,
        database: &str,
        name: &str,
        query: &str,
    ) -> Result<(), CatalogError> {
        let database = self.database_mut(database)?;
        match database.continuous_queries.iter().find(|one| one.name == name) {
            Some(one) if one.query.eq_ignore_ascii_case(query) => Ok(()),
            Some(_) => Err(CatalogError::ContinuousQueryExists),
            None => {
                let one = ContinuousQuery { name: name.to_owned(), query: query.to_owned() };
                database.continuous_queries.push(one);
                Ok(())
            }
        }
    }

    /// DROP CONTINUOUS QUERY; no error if there is none.
    pub(crate) fn drop_continuous_query(&mut self, database: &str, name: &str) {
        if let Ok(database) = self.database_mut(database) {
            database.continuous_queries.retain(|one| one.name != name);
        }
    }

    /// CREATE SUBSCRIPTION.
    pub(crate) fn create_subscription(&mut self, create: &CreateSubscription) -> Result<(), CatalogError> {
        if let Some(bad) = create.destinations.iter().find(|destination| !is_destination(destination)) {
            return Err(CatalogError::SubscriptionUrl(bad.clone()));
        }
        let (database, policy) = (&create.database, &create.retention_policy);
        self.policy(database, Some(policy))?;
        let database = self.database_mut(database)?;
        if database.subscriptions.iter().any(|one| one.policy == *policy && one.name == create.name) {
            return Err(CatalogError::SubscriptionExists);
        }
        database.subscriptions.push(Subscription {
            policy: policy.clone(),
            name: create.name.clone(),
            mode: create.mode,
            destinations: create.destinations.clone(),
        });
        Ok(())
    }

    /// DROP SUBSCRIPTION.
    pub(crate) fn drop_subscription(&mut self, database: &str, policy: &str, name: &str) -> Result<(), CatalogError> {
        self.policy(database, Some(policy))?;
        let database = self.database_mut(database)?;
        let before = database.subscriptions.len();
        database.subscriptions.retain(|one| one.policy != policy || one.name != name);
        if database.subscriptions.len() == before { Err(CatalogError::SubscriptionNotFound) } else { Ok(()) }
    }
}

/// Whether it is a URL that something can be sent to: a scheme that is known, and a port.
fn is_destination(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let known = ["http", "https", "udp"].iter().any(|one| scheme.eq_ignore_ascii_case(one));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let port = match host.strip_prefix('[') {
        Some(address) => address.split_once("]:").map(|(_, port)| port),
        None => host.rsplit_once(':').map(|(_, port)| port),
    };
    let is_port = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    known && port.is_some_and(is_port)
}

#[cfg(test)]
mod tests {
    use super::is_destination;

    #[test]
    fn destinations_are_urls_with_a_port() {
        for good in
            ["http://h:1", "HTTP://h:99", "udp://h2.example.com:9090", "https://u:pw@h:1/x?y=z", "http://[::1]:9"]
        {
            assert!(is_destination(good), "{good}");
        }
        for bad in
            ["", "bad", "h:99", "ftp://h:1", "http://h", "http://h:", "http://h:abc", "http://[::1]", "http://u:1@h"]
        {
            assert!(!is_destination(bad), "{bad}");
        }
    }
}
