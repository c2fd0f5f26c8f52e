//! Who asks: credentials of a request, checked by the node or, if they are a signed token, here (`jwt`).
//!
//! Nobody is asked while authentication is off or no administrator exists; then requests have no user, and `node` says what these may
//! do. Texts and order are InfluxDB's: `u` and `p` of the URL go before the header.

use super::jwt;
use super::{Reply, Shared, reply};
use crate::encode::Layout;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::StatusCode;
use hyper::header::{AUTHORIZATION, HeaderMap};
use node::LoginError;
use std::sync::Arc;

use super::Parameters;

/// What a request brings.
#[derive(Debug, PartialEq, Eq)]
enum Credentials {
    Password { name: String, password: String },
    Token(String),
}

/// Why a request is not let in.
enum Refused {
    Unknown(String),
    Busy(String),
}

/// The user of a request, if anybody has to say who they are.
///
/// # Errors
/// The reply: 401, or 503 while too many passwords are checked.
pub(super) async fn user(
    shared: &Arc<Shared>,
    query: Option<&str>,
    headers: &HeaderMap,
    layout: Layout,
) -> Result<Option<String>, Reply> {
    if !shared.settings.auth_enabled || !shared.node.has_admin() {
        return Ok(None);
    }
    let parameters = Parameters::from_url(query);
    let found = match credentials(&parameters, headers) {
        None => Err(Refused::Unknown("unable to parse authentication credentials".to_owned())),
        Some(Credentials::Token(token)) => by_token(shared, &token),
        Some(Credentials::Password { name, password }) => by_password(shared, name, password).await,
    };
    found.map(Some).map_err(|refused| match refused {
        Refused::Unknown(text) => {
            shared.counters.auth_failures.inc();
            reply::unauthorized(layout, &text)
        }
        Refused::Busy(text) => reply::error_in(layout, StatusCode::SERVICE_UNAVAILABLE, &text),
    })
}

async fn by_password(shared: &Arc<Shared>, name: String, password: String) -> Result<String, Refused> {
    if shared.node.remembers_login(&name, &password) {
        return Ok(name);
    }
    let node = Arc::clone(&shared.node);
    let checked = tokio::task::spawn_blocking(move || node.login(&name, &password).map(|()| name)).await;
    match checked {
        Ok(Ok(name)) => Ok(name),
        Ok(Err(error @ LoginError::Busy)) => Err(Refused::Busy(error.to_string())),
        Ok(Err(error)) => Err(Refused::Unknown(error.to_string())),
        Err(_) => Err(Refused::Busy("internal error: the password could not be checked".to_owned())),
    }
}

fn by_token(shared: &Shared, token: &str) -> Result<String, Refused> {
    if shared.settings.shared_secret.0.is_empty() {
        return Err(Refused::Unknown("bearer auth disabled".to_owned()));
    }
    let seconds = shared.node.now().div_euclid(1_000_000_000);
    let name = jwt::user(token, shared.settings.shared_secret.0.as_bytes(), seconds).map_err(Refused::Unknown)?;
    if shared.node.has_user(&name) { Ok(name) } else { Err(Refused::Unknown("user not found".to_owned())) }
}

fn credentials(parameters: &Parameters, headers: &HeaderMap) -> Option<Credentials> {
    let pair =
        |(name, password): (&str, &str)| Credentials::Password { name: name.to_owned(), password: password.to_owned() };
    let (name, password) = (parameters.in_url("u"), parameters.in_url("p"));
    if !name.is_empty() && !password.is_empty() {
        return Some(pair((name, password)));
    }
    let header = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, rest) = header.split_once(' ')?;
    match scheme {
        "Bearer" if !rest.contains(' ') => return Some(Credentials::Token(rest.to_owned())),
        "Token" if !rest.contains(' ') => return rest.split_once(':').map(pair),
        _ => {}
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(rest).ok()?).ok()?;
    text.split_once(':').map(pair)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    fn read(query: &str, header: &'static str) -> Option<Credentials> {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_static(header));
        credentials(&Parameters::from_url(Some(query)), &headers)
    }

    fn password(name: &str, password: &str) -> Option<Credentials> {
        Some(Credentials::Password { name: name.to_owned(), password: password.to_owned() })
    }

    #[test]
    fn credentials_are_found_as_influxdb_finds_them() {
        assert_eq!(read("", "Basic cm9vdDpwOnE="), password("root", "p:q"));
        assert_eq!(read("", "basic cm9vdDpw"), password("root", "p"));
        assert_eq!(read("", "Token root:p:q"), password("root", "p:q"));
        assert_eq!(read("", "Token :p"), password("", "p"));
        assert_eq!(read("", "Bearer a.b.c"), Some(Credentials::Token("a.b.c".to_owned())));
        assert_eq!(read("u=r&p=x%20y", "Token root:p"), password("r", "x y"));
        assert_eq!(read("u=r&p=", "Token root:p"), password("root", "p"));
        for header in [
            "",
            "Basic",
            "Basic xx",
            "Basic cm9vdA==",
            "Token",
            "Token ",
            "Token root",
            "token root:p",
            "bearer x",
            "Foo bar",
        ] {
            assert_eq!(read("u=r", header), None, "{header}");
        }
    }
}
