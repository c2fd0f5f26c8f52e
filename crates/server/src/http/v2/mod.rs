//! Version 2 of the API, as far as InfluxDB 1.x has it: a bucket is a database with a policy, `database/policy`.
//!
//! `buckets` lists, makes and changes policies, `delete` deletes rows by a predicate; writes are in [`super::write`]. What a request asks
//! becomes a statement, which is executed as one of InfluxQL is; `body` reads its JSON.

mod body;
mod buckets;
mod delete;

pub(super) use buckets::{all as buckets, one as bucket};
pub(super) use delete::serve as delete;

use super::Shared;
use hyper::StatusCode;
use node::{ExecuteError, PolicyInfo, QueryRequest, Sink, Statement};
use std::ops::ControlFlow;
use std::sync::Arc;

/// Database and policy (`None`: the default one) of a bucket's name.
///
/// # Errors
/// InfluxDB's text.
pub(super) fn parts_of(bucket: &str) -> Result<(&str, Option<&str>), String> {
    match bucket.split_once('/') {
        Some(("", _)) => Err(format!("bucket name \"{bucket}\" is in db/rp form but has an empty database")),
        Some((database, policy)) => Ok((database, Some(policy).filter(|policy| !policy.is_empty()))),
        None if bucket.is_empty() => {
            Err("bucket name \"\" is missing a slash; not in \"database/retention-policy\" format".to_owned())
        }
        None => Ok((bucket, None)),
    }
}

/// Takes no rows: statements that change something have none.
struct Nothing;

impl Sink for Nothing {
    fn item(&mut self, _: model::Item) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

/// The policy that a bucket is, if it is there.
fn find(shared: &Shared, database: &str, policy: &str) -> Option<PolicyInfo> {
    shared.node.policies().into_iter().find(|found| found.database == database && found.name == policy)
}

/// Status and text of a request that is refused.
type Refusal = (StatusCode, String);

/// Whether a user, if anybody has to say who they are, may run a statement.
fn authorize(shared: &Shared, user: Option<&str>, statement: &Statement, database: &str) -> Result<(), Refusal> {
    if !shared.settings.auth_enabled {
        return Ok(());
    }
    let allowed = shared.node.authorize(user, std::slice::from_ref(statement), database);
    allowed.map_err(|text| (StatusCode::FORBIDDEN, text))
}

/// Runs a statement that changes something for a user, on a thread that may block. Errors of the statement are 400.
async fn run(shared: &Arc<Shared>, user: Option<String>, statement: Statement, database: &str) -> Result<(), Refusal> {
    authorize(shared, user.as_deref(), &statement, database)?;
    let (shared, database) = (Arc::clone(shared), database.to_owned());
    let work = move || {
        let request = QueryRequest { database: Some(database), user, ..QueryRequest::default() };
        shared.node.execute(&statement, &request, &mut Nothing)
    };
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome.map(drop).map_err(|error: ExecuteError| (StatusCode::BAD_REQUEST, error.to_string())),
        Err(_) => Err((StatusCode::INTERNAL_SERVER_ERROR, "internal error: the statement panicked".to_owned())),
    }
}
