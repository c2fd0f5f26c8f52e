//! `/api/v2/buckets`: retention policies as buckets.

use super::{Refusal, authorize, body, find, parts_of, run};
use crate::encode::push_string;
use crate::http::body::{ReadBody, read};
use crate::http::parameters::Parameters;
use crate::http::router::body_error;
use crate::http::{Reply, Shared, reply};
use hyper::body::Incoming;
use hyper::http::request::Parts;
use hyper::{Method, Request, StatusCode};
use node::{AlterRetentionPolicy, CreateDatabase, CreateRetentionPolicy, PolicyInfo, Statement};
use percent_encoding::percent_decode_str;
use serde_json::Value;
use std::sync::Arc;

/// Buckets in a list, where nothing else is asked, and at most.
const LISTED: (i64, i64) = (20, 100);
const SECOND: i64 = 1_000_000_000;

fn bad(text: impl Into<String>) -> Refusal {
    (StatusCode::BAD_REQUEST, text.into())
}

fn missing(text: impl Into<String>) -> Refusal {
    (StatusCode::NOT_FOUND, text.into())
}

fn answer(status: StatusCode, outcome: Result<String, Refusal>) -> Reply {
    match outcome {
        Ok(text) if text.is_empty() => reply::json(status, text),
        Ok(text) => reply::json(status, text + "\n"),
        Err((status, text)) => reply::error(status, &text),
    }
}

/// Serves the list of all: `GET` gives it, `POST` adds one.
pub(crate) async fn all(shared: &Arc<Shared>, user: Option<String>, request: Request<Incoming>) -> Reply {
    let (parts, incoming) = request.into_parts();
    if parts.method != Method::POST {
        return answer(StatusCode::OK, list(shared, user.as_deref(), &Parameters::from_url(parts.uri.query())));
    }
    match members(shared, &parts, incoming, "buckets").await {
        Ok(members) => answer(StatusCode::CREATED, create(shared, user, &members).await),
        Err(reply) => reply,
    }
}

/// Serves one bucket; `id` is its name as it stands in the path.
pub(crate) async fn one(shared: &Arc<Shared>, user: Option<String>, id: &str, request: Request<Incoming>) -> Reply {
    let (parts, incoming) = request.into_parts();
    let id = percent_decode_str(id).decode_utf8_lossy().into_owned();
    let (database, policy) = match parts_of(&id) {
        Ok((database, Some(policy))) => (database, policy),
        Ok((_, None)) => {
            let text = format!("bucket \"{id}\": illegal bucket id, empty retention policy");
            return reply::error(StatusCode::BAD_REQUEST, &text);
        }
        Err(text) => return reply::error(StatusCode::BAD_REQUEST, &format!("bucket \"{id}\": {text}")),
    };
    match parts.method {
        Method::PATCH => match members(shared, &parts, incoming, "update bucket").await {
            Ok(members) => answer(StatusCode::OK, update(shared, user, (database, policy), &members).await),
            Err(reply) => reply,
        },
        Method::DELETE => answer(StatusCode::OK, remove(shared, user, (database, policy)).await),
        _ => {
            let found = find(shared, database, policy).filter(|found| is_shown(shared, user.as_deref(), found));
            let found = found.map(|found| shown(&found));
            answer(StatusCode::OK, found.ok_or_else(|| missing(format!("bucket not found: \"{id}\""))))
        }
    }
}

/// The members of a body's object.
async fn members(
    shared: &Arc<Shared>,
    parts: &Parts,
    incoming: Incoming,
    what: &str,
) -> Result<serde_json::Map<String, Value>, Reply> {
    let ReadBody { bytes, grant: _grant } =
        read(shared, &parts.headers, incoming).await.map_err(|error| body_error(&error))?;
    let type_name = if parts.method == Method::POST { "BucketsBody" } else { "BucketUpdate" };
    let refuse = |text| reply::error(StatusCode::BAD_REQUEST, &format!("{what} - cannot parse request body: {text}"));
    body::object(&bytes, type_name).map_err(refuse)
}

/// A bucket as it is shown, its members in InfluxDB's order. Policies have no description, no organisation and no instants of their own.
fn shown(policy: &PolicyInfo) -> String {
    const NEVER: &str = "0001-01-01T00:00:00Z";
    let text = |text: &str| {
        let mut out = Vec::new();
        push_string(text.as_bytes(), &mut out);
        String::from_utf8_lossy(&out).into_owned()
    };
    let name = text(&format!("{}/{}", policy.database, policy.name));
    let (every, shards) = (policy.duration / SECOND, policy.shard_duration / SECOND);
    let rule = format!("{{\"type\":\"\",\"everySeconds\":{every},\"shardGroupDurationSeconds\":{shards}}}");
    format!(
        "{{\"description\":\"\",\"name\":{name},\"retentionRules\":[{rule}],\"orgId\":\"\",\"schemaType\":\"implicit\",\"id\":{name},\
         \"type\":\"\",\"rp\":{},\"createdAt\":\"{NEVER}\",\"updatedAt\":\"{NEVER}\"}}",
        text(&policy.name)
    )
}

/// Whether a user may see a bucket.
fn is_shown(shared: &Shared, user: Option<&str>, policy: &PolicyInfo) -> bool {
    let statement = Statement::ShowRetentionPolicies { database: Some(policy.database.clone()) };
    authorize(shared, user, &statement, &policy.database).is_ok()
}

fn list(shared: &Shared, user: Option<&str>, parameters: &Parameters) -> Result<String, Refusal> {
    let whole = |name: &str| match parameters.get(name) {
        "" => Ok(0),
        text => text.parse::<i64>().map_err(|_| {
            let number = format!("strconv.ParseInt: parsing \"{text}\": invalid syntax");
            bad(format!("list buckets parameter is not an integer - {name}=\"{text}\": {number}"))
        }),
    };
    let (limit, offset) = (whole("limit")?, whole("offset")?);
    let limit = if limit <= 0 { LISTED.0 } else { limit.min(LISTED.1) };
    let (name, id, after) = (parameters.get("name"), parameters.get("id"), parameters.get("after"));
    if !name.is_empty() && !id.is_empty() && name != id {
        return Err(bad(format!("list buckets: name: \"{name}\" and id: \"{id}\" do not match")));
    }
    let wanted = if name.is_empty() { id } else { name };
    let path = |policy: &PolicyInfo| format!("{}/{}", policy.database, policy.name);
    let mut found = shared.node.policies();
    found.retain(|one| is_shown(shared, user, one));
    if !wanted.is_empty() {
        let (database, policy) = parts_of(wanted).map_err(|text| bad(format!("list buckets: {text}")))?;
        found.retain(|one| one.database == database && policy.is_none_or(|policy| one.name == policy));
        if found.is_empty() {
            return Err(missing(format!("bucket not found: \"{wanted}\"")));
        }
    }
    if !after.is_empty() {
        let Some(at) = found.iter().position(|one| path(one) == after) else {
            return Err(missing(format!("list buckets \"after\" parameter not found: \"{after}\"")));
        };
        found.drain(..=at);
    }
    let rows = |count: i64| usize::try_from(count).unwrap_or(0);
    let shown: Vec<String> = found.iter().skip(rows(offset)).take(rows(limit)).map(shown).collect();
    Ok(format!("{{\"buckets\":[{}]}}", shown.join(",")))
}

/// The first rule of a body: how long rows are kept, and how long shards are (ns), as far as it says.
fn rule(members: &serde_json::Map<String, Value>, type_name: &str) -> Result<(Option<i64>, Option<i64>), String> {
    let rules = match members.get("retentionRules") {
        None | Some(Value::Null) => return Ok((None, None)),
        Some(Value::Array(rules)) => rules,
        Some(other) => return Err(body::unfit(other, &format!("{type_name}.retentionRules"), "[]httpd.RetentionRule")),
    };
    let Some(first) = rules.first() else { return Ok((None, None)) };
    let Value::Object(first) = first else {
        return Err(body::unfit(first, &format!("{type_name}.retentionRules"), "httpd.RetentionRule"));
    };
    let seconds = |name: &str| {
        let seconds = body::whole(first, name, &format!("RetentionRule.retentionRules.{name}"))?;
        Ok::<_, String>(seconds.map(|seconds| seconds.saturating_mul(SECOND)))
    };
    Ok((seconds("everySeconds")?, seconds("shardGroupDurationSeconds")?))
}

async fn create(
    shared: &Arc<Shared>,
    user: Option<String>,
    members: &serde_json::Map<String, Value>,
) -> Result<String, Refusal> {
    let parse = |text: String| bad(format!("buckets - cannot parse request body: {text}"));
    let name = body::text(members, "name", "BucketsBody.BucketUpdate.name").map_err(parse)?.unwrap_or_default();
    let other = body::text(members, "rp", "BucketsBody.rp").map_err(parse)?.unwrap_or_default();
    let (duration, shard_duration) = rule(members, "BucketsBody").map_err(parse)?;
    let (database, policy) = match parts_of(name) {
        Ok((database, Some(policy))) => (database, policy),
        Ok((_, None)) => return Err(bad(format!("buckets - illegal bucket name: \"{name}\""))),
        Err(text) => return Err(bad(format!("buckets - illegal bucket name: {text}"))),
    };
    if !other.is_empty() && other != policy {
        return Err(bad(format!("buckets - two retention policies specified: \"{policy}\" differs from \"{other}\"")));
    }
    let shard_duration = shard_duration.filter(|&duration| duration != 0);
    let statement = if shared.node.databases().iter().any(|name| name == database) {
        Statement::CreateRetentionPolicy(Box::new(CreateRetentionPolicy {
            name: policy.to_owned(),
            database: database.to_owned(),
            duration: duration.unwrap_or(0),
            replication: 1,
            shard_duration,
            ..CreateRetentionPolicy::default()
        }))
    } else {
        Statement::CreateDatabase(Box::new(CreateDatabase {
            name: database.to_owned(),
            with_policy: true,
            duration,
            shard_duration,
            policy_name: Some(policy.to_owned()),
            ..CreateDatabase::default()
        }))
    };
    let refuse = |(status, text)| (status, format!("buckets - cannot create bucket \"{name}\": {text}"));
    run(shared, user, statement, database).await.map_err(refuse)?;
    Ok(find(shared, database, policy).map_or(String::new(), |found| shown(&found)))
}

async fn update(
    shared: &Arc<Shared>,
    user: Option<String>,
    (database, policy): (&str, &str),
    members: &serde_json::Map<String, Value>,
) -> Result<String, Refusal> {
    let parse = |text: String| bad(format!("update bucket - cannot parse request body: {text}"));
    let (duration, shard_duration) = rule(members, "BucketUpdate").map_err(parse)?;
    let alter = AlterRetentionPolicy {
        name: policy.to_owned(),
        database: database.to_owned(),
        duration,
        shard_duration,
        ..AlterRetentionPolicy::default()
    };
    let refuse = |(status, text)| (status, format!("update bucket \"{database}/{policy}\": {text}"));
    run(shared, user, Statement::AlterRetentionPolicy(Box::new(alter)), database).await.map_err(refuse)?;
    let gone = || missing(format!("bucket not found: \"{database}/{policy}\""));
    find(shared, database, policy).map(|found| shown(&found)).ok_or_else(gone)
}

async fn remove(
    shared: &Arc<Shared>,
    user: Option<String>,
    (database, policy): (&str, &str),
) -> Result<String, Refusal> {
    if find(shared, database, policy).is_none() {
        return Err(missing(format!("delete bucket - not found: \"{database}/{policy}\"")));
    }
    let statement = Statement::DropRetentionPolicy { name: policy.to_owned(), database: database.to_owned() };
    let refuse = |(status, text)| (status, format!("delete bucket \"{database}/{policy}\": {text}"));
    run(shared, user, statement, database).await.map_err(refuse)?;
    Ok(String::new())
}
