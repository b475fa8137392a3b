//! The token endpoint's answer (RFC 6749 §5).
//!
//! 1. Status 200 and one JSON object, no member twice: else rule 6.
//! 2. An object with `error` is a refusal, whatever its status.
//! 3. `access_token` is there: visible ASCII, not empty. A 200 without it is no success.
//! 4. `token_type` is there and says Bearer, in any case: we can use no other.
//! 5. `id_token` and `refresh_token` are visible ASCII; `null` and empty count as absent. `expires_in` is a whole number
//!    of seconds, or a string of digits, as Entra ID's v1 endpoints write it.
//! 6. Another status with an OAuth error body is that refusal; without one it is only a status. A refusal with a claims
//!    challenge is [`ExchangeError::StepUp`].
//! 7. Of a token exchange (RFC 8693 §2.2.1), `issued_token_type` is there and is the type that was wanted, or, if none was,
//!    an access token or JWT. `token_type` may then say `N_A`, but only of an ID token that was wanted.

use std::time::Duration;

use bytes::Bytes;
use http::{Response, StatusCode};
use secrecy::SecretString;
use serde_json::{Map, Value};

use crate::answer::{content_type, object, retry_after, take_string};
use crate::escape::escaped;
pub use crate::form::Secrets;
use crate::{Budget, ClaimsChallenge, Endpoint, ExchangeError, ProviderError, TokenType, TransportError, aadsts};

/// What a good answer holds. Its `Debug` shows no token.
#[derive(Clone, Debug)]
pub struct TokenResponse {
    /// For the resource that was asked for.
    pub access_token: SecretString,
    /// Who signed in; to be verified before anything in it is believed.
    pub id_token: Option<SecretString>,
    /// For the next time. It may replace the one that was sent.
    pub refresh_token: Option<SecretString>,
    /// How long the access token lasts from now.
    pub expires_in: Option<Duration>,
    /// The scopes that were granted, if they are not those that were asked for.
    pub scope: Option<String>,
    /// What `access_token` is, if it came of a token exchange.
    pub issued_token_type: Option<TokenType>,
}

/// What the answer has to hold.
#[derive(Clone, Debug)]
pub(crate) enum Wanted {
    /// An access token: rule 4.
    AccessToken,
    /// What a token exchange gives: rule 7.
    Issued {
        /// Of which type.
        kind: Option<TokenType>,
        /// Whether the answer must say so.
        said: bool,
    },
}

/// Reads the answer of `host` by rules 1 to 6. `secrets` are those of the request.
pub fn parse(
    response: Response<Bytes>,
    host: &str,
    secrets: &Secrets,
    budget: Budget,
) -> Result<TokenResponse, ExchangeError> {
    parse_as(&Wanted::AccessToken, response, host, secrets, budget)
}

/// Reads the answer of `host` to a token exchange, of which `requested` was asked for, by all rules.
pub fn parse_exchange(
    response: Response<Bytes>,
    host: &str,
    secrets: &Secrets,
    budget: Budget,
    requested: Option<&TokenType>,
) -> Result<TokenResponse, ExchangeError> {
    parse_as(&Wanted::Issued { kind: requested.cloned(), said: true }, response, host, secrets, budget)
}

pub(crate) fn parse_as(
    wanted: &Wanted,
    response: Response<Bytes>,
    host: &str,
    secrets: &Secrets,
    budget: Budget,
) -> Result<TokenResponse, ExchangeError> {
    if response.body().len() > budget.body {
        return Err(TransportError::TooLarge { host: host.to_owned(), limit: budget.body }.into());
    }
    let status = response.status();
    let members = object(response.body());
    if let Ok(members) = &members
        && let Some(Value::String(error)) = members.get("error")
    {
        let refusal = refusal(status, error, members, secrets);
        return Err(ProviderError { retry_after: retry_after(&response), ..refusal }.into());
    }
    if status != StatusCode::OK {
        let retry_after = retry_after(&response);
        return Err(ExchangeError::Status { endpoint: Endpoint::Token, status: status.as_u16(), retry_after });
    }
    let said = || escaped(content_type(&response), 64);
    members
        .map_err(|problem| format!("{problem}; it says it is {}", said()))
        .and_then(|members| success(members, wanted))
        .map_err(|problem| ExchangeError::Malformed { endpoint: Endpoint::Token, problem })
}

fn success(mut members: Map<String, Value>, wanted: &Wanted) -> Result<TokenResponse, String> {
    let access_token = take_token(&mut members, "access_token")?.ok_or("no `access_token` in a success")?;
    let issued_token_type = match wanted {
        Wanted::AccessToken => None,
        Wanted::Issued { kind, said } => issued(&mut members, kind.as_ref(), *said)?,
    };
    match take_string(&mut members, "token_type")? {
        Some(kind) if kind.eq_ignore_ascii_case("bearer") => {}
        Some(kind) if kind.eq_ignore_ascii_case("n_a") && issued_token_type == Some(TokenType::id_token()) => {}
        Some(kind) => return Err(format!("`token_type` is {}, not Bearer", escaped(&kind, 32))),
        None => return Err("no `token_type`".into()),
    }
    Ok(TokenResponse {
        access_token,
        id_token: take_token(&mut members, "id_token")?,
        refresh_token: take_token(&mut members, "refresh_token")?,
        expires_in: seconds(members.get("expires_in"))?,
        scope: take_string(&mut members, "scope")?,
        issued_token_type,
    })
}

/// Rule 7.
fn issued(
    members: &mut Map<String, Value>,
    wanted: Option<&TokenType>,
    said: bool,
) -> Result<Option<TokenType>, String> {
    let Some(text) = take_string(members, "issued_token_type")? else {
        return if said { Err("no `issued_token_type` in the answer to a token exchange".into()) } else { Ok(None) };
    };
    let found: TokenType = text.parse().map_err(|_| "`issued_token_type` names no type of token".to_owned())?;
    let fits = match wanted {
        Some(wanted) => found == *wanted,
        None => found == TokenType::access_token() || found == TokenType::jwt(),
    };
    if fits {
        Ok(Some(found))
    } else {
        Err(format!("`issued_token_type` is {}, not what was asked for", escaped(&text, 64)))
    }
}

/// RFC 6749 appendix A.12, A.17: `1*VSCHAR`. Anything else could break out of a header.
fn take_token(members: &mut Map<String, Value>, name: &str) -> Result<Option<SecretString>, String> {
    let token = take_string(members, name)?.map(SecretString::from);
    match &token {
        Some(text) if !is_visible(secrecy::ExposeSecret::expose_secret(text)) => {
            Err(format!("`{name}` has characters that no token has"))
        }
        Some(text) if secrecy::ExposeSecret::expose_secret(text).is_empty() => Ok(None),
        _ => Ok(token),
    }
}

fn is_visible(text: &str) -> bool {
    text.bytes().all(|b| matches!(b, 0x20..=0x7e))
}

fn seconds(value: Option<&Value>) -> Result<Option<Duration>, String> {
    let seconds = match value {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Number(number)) => number.as_u64(),
        Some(Value::String(text)) if text.bytes().all(|b| b.is_ascii_digit()) => text.parse().ok(),
        Some(_) => None,
    };
    seconds.map(|n| Some(Duration::from_secs(n))).ok_or_else(|| "`expires_in` is not a number of seconds".into())
}

fn refusal(status: StatusCode, error: &str, members: &Map<String, Value>, secrets: &Secrets) -> ProviderError {
    let text = |name: &str| members.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let shown = |text: &str, max| escaped(&secrets.redact(text.to_owned()), max);
    let description = text("error_description");
    ProviderError {
        status: status.as_u16(),
        error: shown(error, 128),
        codes: aadsts::codes(members.get("error_codes"), description.unwrap_or_default()),
        description: description.map(|text| shown(text, 1024)),
        claims: text("claims").and_then(|text| ClaimsChallenge::parse(&secrets.redact(text.to_owned()))).or_else(
            || {
                let levels = text("acr_values").filter(|_| error == "insufficient_user_authentication")?;
                ClaimsChallenge::of_acr_values(&secrets.redact(levels.to_owned()))
            },
        ),
        suberror: text("suberror").map(|text| shown(text, 128)),
        retry_after: None,
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;
    use serde_json::json;

    use super::*;

    fn read(status: u16, body: &str) -> Result<TokenResponse, ExchangeError> {
        let response = Response::builder().status(status).body(Bytes::from(body.to_owned())).unwrap();
        parse(response, "idp", &Secrets::default(), Budget::DEFAULT)
    }

    fn problem(body: &Value) -> String {
        match read(200, &body.to_string()).unwrap_err() {
            ExchangeError::Malformed { endpoint: Endpoint::Token, problem } => problem,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_good_answer_is_read_and_not_shown() {
        let body = json!({"access_token": "s3cret.a", "token_type": "bEARER", "id_token": "s3cret.i", "scope": "openid",
            "refresh_token": "s3cret.r", "expires_in": 3599, "ext_expires_in": 3599});
        let response = read(200, &body.to_string()).unwrap();
        assert_eq!(response.access_token.expose_secret(), "s3cret.a");
        assert_eq!(response.refresh_token.as_ref().unwrap().expose_secret(), "s3cret.r");
        assert_eq!(response.expires_in, Some(Duration::from_secs(3599)));
        assert_eq!(response.scope.as_deref(), Some("openid"));
        assert!(!format!("{response:?}").contains("s3cret"));
    }

    #[test]
    fn expires_in_may_be_a_string_but_nothing_odd() {
        let with = |value: Value| json!({"access_token": "a", "token_type": "Bearer", "expires_in": value});
        let of = |value: Value| read(200, &with(value).to_string()).unwrap().expires_in;
        assert_eq!(of(json!("3599")), Some(Duration::from_secs(3599)));
        assert_eq!(of(Value::Null), None);
        for odd in
            [json!(-1), json!(1.5), json!("-1"), json!("+1"), json!("1h"), json!(""), json!([1]), json!("9".repeat(30))]
        {
            assert!(problem(&with(odd)).contains("expires_in"));
        }
    }

    #[test]
    fn a_success_that_is_none_is_refused() {
        assert!(problem(&json!({"token_type": "Bearer"})).contains("access_token"));
        assert!(problem(&json!({"token_type": "Bearer", "access_token": ""})).contains("access_token"));
        assert!(problem(&json!({"token_type": "Bearer", "access_token": null})).contains("access_token"));
        assert!(problem(&json!({"token_type": "Bearer", "access_token": 1})).contains("access_token"));
        assert!(problem(&json!({"token_type": "Bearer", "access_token": "a\r\nX: y"})).contains("access_token"));
        assert!(problem(&json!({"access_token": "a"})).contains("token_type"));
        assert!(problem(&json!({"access_token": "a", "token_type": "DPoP"})).contains("DPoP"));
        assert!(problem(&json!({"access_token": "a", "token_type": "Bearer", "id_token": 1})).contains("id_token"));
        assert!(problem(&json!([])).contains("object"));
        for body in ["", "<html>", "access_token=a&token_type=bearer"] {
            let error = read(200, body).unwrap_err();
            assert!(matches!(error, ExchangeError::Malformed { .. }) && error.is_unavailable(), "{error}");
        }
        let twice = r#"{"access_token":"s3cret","access_token":"s3cret","token_type":"Bearer"}"#;
        assert!(!read(200, twice).unwrap_err().to_string().contains("s3cret"));
        for status in [201, 204, 302] {
            let error = read(status, r#"{"access_token":"a","token_type":"Bearer"}"#).unwrap_err();
            assert_eq!(error, ExchangeError::Status { endpoint: Endpoint::Token, status, retry_after: None });
        }
    }

    #[test]
    fn empty_optional_tokens_count_as_absent() {
        let body = json!({"access_token": "a", "token_type": "Bearer", "id_token": null, "refresh_token": ""});
        let response = read(200, &body.to_string()).unwrap();
        assert!(response.id_token.is_none() && response.refresh_token.is_none());
    }

    #[test]
    fn an_oauth_error_is_kept_bounded_and_rid_of_secrets() {
        let body = json!({"error": "invalid_grant", "error_codes": [50076], "suberror": "basic_action",
            "error_description": format!("AADSTS50076: use MFA.\r\nTrace of t0k3nt0k3n {}", "x".repeat(5000)),
            "claims": "{\"access_token\":{\"capolids\":{\"essential\":true}}}"});
        let response = Response::builder().status(400).body(Bytes::from(body.to_string())).unwrap();
        let (_, secrets) = crate::form::Form::default()
            .secret("refresh_token", SecretString::from("t0k3nt0k3n"))
            .into_request(&url::Url::parse("https://idp/").unwrap())
            .unwrap();
        let error = parse(response, "idp", &secrets, Budget::DEFAULT).unwrap_err();
        assert!(error.is_invalid_grant());
        assert_eq!(error.reason().name, "mfa-required");
        let refusal = error.provider().unwrap();
        let description = refusal.description.as_deref().unwrap();
        assert!(description.starts_with("AADSTS50076: use MFA.\\u{d}\\u{a}Trace of [redacted] xxx"), "{description}");
        assert!(description.chars().count() <= 1100);
        assert_eq!((refusal.status, refusal.suberror.as_deref()), (400, Some("basic_action")));
        assert!(error.challenge().unwrap().as_str().contains("capolids"));
    }

    #[test]
    fn an_error_in_a_200_is_an_error_and_an_unreadable_failure_a_status() {
        let both = json!({"error": "invalid_request", "access_token": "a", "token_type": "Bearer"});
        assert_eq!(read(200, &both.to_string()).unwrap_err().provider().unwrap().status, 200);
        for (status, unavailable) in [(400, false), (404, false), (429, true), (500, true), (502, true)] {
            let error = read(status, "<html>Bad gateway</html>").unwrap_err();
            assert_eq!(error, ExchangeError::Status { endpoint: Endpoint::Token, status, retry_after: None });
            assert_eq!(error.is_unavailable(), unavailable);
        }
        let long = json!({"error": "e".repeat(10_000), "claims": "c".repeat(10_000), "error_description": 1});
        let error = read(400, &long.to_string()).unwrap_err();
        let refusal = error.provider().unwrap();
        assert!(refusal.error.len() < 200 && refusal.claims.is_none() && refusal.description.is_none());
    }

    #[test]
    fn an_answer_over_budget_is_not_read() {
        let small = Budget { body: 10, ..Budget::DEFAULT };
        let error = parse(Response::new(Bytes::from(vec![b' '; 11])), "idp", &Secrets::default(), small).unwrap_err();
        assert_eq!(error.reason().name, "provider-answer-too-large");
    }
}
