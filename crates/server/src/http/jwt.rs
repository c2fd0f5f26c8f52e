//! Signed tokens (JWT) that name a user: HMAC with SHA-2 under a secret that the operator shares with whoever signs. A token without
//! `exp` is refused, and so is any other method of signing, `none` first of all. Texts are those of InfluxDB's library.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use serde_json::Value;
use sha2::{Sha256, Sha384, Sha512};

/// The user that a token names, at an instant (seconds since 1970).
///
/// # Errors
/// Why it is not believed.
pub(super) fn user(token: &str, secret: &[u8], now: i64) -> Result<String, String> {
    let parts: Vec<&str> = token.split('.').collect();
    let [header, claims, signature] = parts[..] else {
        return Err("token contains an invalid number of segments".to_owned());
    };
    let method = method(&object(header)?)?;
    let claims_read = object(claims)?;
    let signed = &token[..header.len() + 1 + claims.len()];
    let is_signed = method(secret, signed.as_bytes(), &decode(signature)?);
    if !is_signed {
        return Err("signature is invalid".to_owned());
    }
    check_times(&claims_read, now)?;
    match claims_read.get("exp").and_then(Value::as_f64) {
        Some(exp) if exp > 0.0 => {}
        _ => return Err("token expiration required".to_owned()),
    }
    match claims_read.get("username") {
        Some(Value::String(name)) if name.is_empty() => Err("token must contain a username".to_owned()),
        Some(Value::String(name)) => Ok(name.clone()),
        _ => Err("username in token must be a string".to_owned()),
    }
}

/// Whether a text has that signature under a key.
type Method = fn(&[u8], &[u8], &[u8]) -> bool;

fn method(header: &Value) -> Result<Method, String> {
    match header.get("alg") {
        Some(Value::String(name)) => match name.as_str() {
            "HS256" => Ok(|key, text, signature| {
                Hmac::<Sha256>::new_from_slice(key)
                    .is_ok_and(|mac| mac.chain_update(text).verify_slice(signature).is_ok())
            }),
            "HS384" => Ok(|key, text, signature| {
                Hmac::<Sha384>::new_from_slice(key)
                    .is_ok_and(|mac| mac.chain_update(text).verify_slice(signature).is_ok())
            }),
            "HS512" => Ok(|key, text, signature| {
                Hmac::<Sha512>::new_from_slice(key)
                    .is_ok_and(|mac| mac.chain_update(text).verify_slice(signature).is_ok())
            }),
            other => Err(format!("unexpected signing method: {other}")),
        },
        _ => Err("signing method (alg) is unspecified.".to_owned()),
    }
}

/// `nbf`, `iat` and `exp`, where they stand: of several that are wrong the first one of these is told.
fn check_times(claims: &Value, now: i64) -> Result<(), String> {
    let now = now as f64;
    // One that is no number fits no time; 0 is none.
    let fits = |name: &str, fits: fn(f64, f64) -> bool| match claims.get(name) {
        Some(value) => value.as_f64().is_some_and(|time| time == 0.0 || fits(time, now)),
        None => true,
    };
    if !fits("nbf", |from, now| from <= now) {
        return Err("Token is not valid yet".to_owned());
    }
    if !fits("iat", |made, now| made <= now) {
        return Err("Token used before issued".to_owned());
    }
    if !fits("exp", |until, now| now <= until) {
        return Err("Token is expired".to_owned());
    }
    Ok(())
}

fn object(part: &str) -> Result<Value, String> {
    match serde_json::from_slice(&decode(part)?) {
        Ok(value @ Value::Object(_)) => Ok(value),
        _ => Err("token is malformed".to_owned()),
    }
}

fn decode(part: &str) -> Result<Vec<u8>, String> {
    URL_SAFE_NO_PAD.decode(part).map_err(|error| {
        let at = match error {
            base64::DecodeError::InvalidByte(at, _) | base64::DecodeError::InvalidLastSymbol(at, _) => at,
            _ => part.len().saturating_sub(1),
        };
        format!("illegal base64 data at input byte {at}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

    fn signed(header: &str, claims: &str, secret: &[u8]) -> String {
        let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let mac = Hmac::<Sha256>::new_from_slice(secret).unwrap().chain_update(&text).finalize();
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(mac.into_bytes()))
    }

    fn told(claims: &str) -> String {
        user(&signed(r#"{"alg":"HS256"}"#, claims, SECRET), SECRET, 1_000).unwrap_or_else(|error| error)
    }

    #[test]
    fn a_token_names_a_user_until_it_expires() {
        assert_eq!(told(r#"{"username":"u","exp":1000}"#), "u");
        assert_eq!(told(r#"{"username":"u","exp":1060.5,"nbf":1000,"iat":0}"#), "u");
        for (claims, error) in [
            (r#"{"username":"u","exp":999}"#, "Token is expired"),
            (r#"{"username":"u","exp":"x"}"#, "Token is expired"),
            (r#"{"username":"u"}"#, "token expiration required"),
            (r#"{"username":"u","exp":0}"#, "token expiration required"),
            (r#"{"username":"u","exp":1060,"nbf":1050}"#, "Token is not valid yet"),
            (r#"{"username":"u","exp":1060,"iat":1050}"#, "Token used before issued"),
            (r#"{"username":5,"exp":1060}"#, "username in token must be a string"),
            (r#"{"username":"","exp":1060}"#, "token must contain a username"),
            (r#"{"exp":1060}"#, "username in token must be a string"),
            ("[]", "token is malformed"),
        ] {
            assert_eq!(told(claims), error, "{claims}");
        }
    }

    #[test]
    fn only_what_the_secret_signed_is_believed() {
        let good = r#"{"username":"u","exp":1060}"#;
        let refused = |token: &str| user(token, SECRET, 1_000).unwrap_err();
        assert_eq!(refused(&signed(r#"{"alg":"HS256"}"#, good, b"other")), "signature is invalid");
        assert_eq!(refused(&signed(r#"{"alg":"none"}"#, good, SECRET)), "unexpected signing method: none");
        assert_eq!(refused(&signed(r#"{"alg":"RS256"}"#, good, SECRET)), "unexpected signing method: RS256");
        assert_eq!(refused(&signed(r#"{"alg":"HS384"}"#, good, SECRET)), "signature is invalid");
        assert_eq!(refused(&signed(r#"{"typ":"JWT"}"#, good, SECRET)), "signing method (alg) is unspecified.");
        assert_eq!(refused("x"), "token contains an invalid number of segments");
        assert_eq!(refused("a.b.c"), "illegal base64 data at input byte 0");
        let whole = signed(r#"{"alg":"HS256"}"#, good, SECRET);
        let unsigned = whole.rsplit_once('.').unwrap().0;
        assert_eq!(refused(&format!("{unsigned}.")), "signature is invalid");
    }
}
