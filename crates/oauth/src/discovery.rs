//! A provider's metadata (OpenID Connect Discovery 1.0 §4).
//!
//! 1. Asked with GET at `{issuer}/.well-known/openid-configuration`; any path of the issuer stays in front.
//! 2. Only status 200 counts, and at most [`Budget`] bytes of it.
//! 3. One JSON object, no member twice.
//! 4. `issuer` is the configured issuer, byte for byte (§4.3).
//! 5. Endpoints are absolute `http(s)` URLs without userinfo and fragment. An `https` issuer has only `https` ones; an
//!    `http` one may have `http` only on this machine.
//! 6. Endpoints that sign-in cannot do without must be there; the others may be absent, but not wrong.

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use serde_json::{Map, Value};
use url::Url;

use crate::answer::{content_type, object, retry_after, take_string};
use crate::escape::escaped;
use crate::issuer_url::{has_userinfo, is_protected};
use crate::{Budget, Endpoint, ExchangeError, IssuerUrl, TransportError};

/// What a provider says of itself, as far as it is used here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// The issuer, as its tokens spell it.
    pub issuer: String,
    /// Where browsers are sent to sign in.
    pub authorization_endpoint: Url,
    /// Where codes and refresh tokens are redeemed.
    pub token_endpoint: Url,
    /// The same for clients that show a certificate (RFC 8705 §5), if it is another place.
    pub mtls_token_endpoint: Option<Url>,
    /// Where its keys are.
    pub jwks_uri: Url,
    /// Where browsers are sent to sign out.
    pub end_session_endpoint: Option<Url>,
    /// UserInfo.
    pub userinfo_endpoint: Option<Url>,
    /// How clients may authenticate. Empty: not said.
    pub token_endpoint_auth_methods_supported: Vec<String>,
    /// PKCE methods. Empty: not said, as at Entra ID, which knows S256 all the same.
    pub code_challenge_methods_supported: Vec<String>,
    /// How ID tokens may be signed. Empty: not said.
    pub id_token_signing_alg_values_supported: Vec<String>,
    /// Whether every authorization response carries `iss` (RFC 9207).
    pub authorization_response_iss_parameter_supported: bool,
}

/// The request for an issuer's metadata.
pub fn request(issuer: &IssuerUrl) -> Result<Request<Bytes>, ExchangeError> {
    Request::get(issuer.discovery_url())
        .header(header::ACCEPT, "application/json")
        .body(Bytes::new())
        .map_err(|_| malformed("the issuer cannot be put into a request"))
}

/// Reads the answer by the rules above.
pub fn parse(issuer: &IssuerUrl, response: &Response<Bytes>, budget: Budget) -> Result<Metadata, ExchangeError> {
    let (found, members) = document(issuer, response, budget)?;
    read(issuer, found, &members).map_err(malformed)
}

/// Where the keys of an issuer are that nobody signs in at, such as a cluster's own: rules 2 to 5, and of rule 6 only
/// `jwks_uri`.
pub fn parse_jwks_uri(issuer: &IssuerUrl, response: &Response<Bytes>, budget: Budget) -> Result<Url, ExchangeError> {
    let (_, members) = document(issuer, response, budget)?;
    required(issuer, &members, "jwks_uri").map_err(malformed)
}

/// Rules 2 to 4: the issuer as the document spells it, and its other members.
pub(crate) fn document(
    issuer: &IssuerUrl,
    response: &Response<Bytes>,
    budget: Budget,
) -> Result<(String, Map<String, Value>), ExchangeError> {
    if response.status() != StatusCode::OK {
        let (status, retry_after) = (response.status().as_u16(), retry_after(response));
        return Err(ExchangeError::Status { endpoint: Endpoint::Discovery, status, retry_after });
    }
    if response.body().len() > budget.body {
        let host = Url::parse(issuer.as_str()).map(|url| url.authority().to_owned()).unwrap_or_default();
        return Err(TransportError::TooLarge { host, limit: budget.body }.into());
    }
    let mut members = object(response.body())
        .map_err(|problem| malformed(format!("{problem}; it says it is {}", escaped(content_type(response), 64))))?;
    let found = take_string(&mut members, "issuer").map_err(malformed)?.ok_or_else(|| malformed("no `issuer`"))?;
    if !is_issuer(issuer, &found) {
        return Err(ExchangeError::IssuerMismatch {
            expected: issuer.as_str().to_owned(),
            found: escaped(&found, 256),
        });
    }
    Ok((found, members))
}

/// Rule 4. The metadata of many tenants (Entra ID's `common` and `organizations`) have `{tenantid}` in the issuer, and so
/// does the name that such a provider is configured with: it is compared like any other.
fn is_issuer(expected: &IssuerUrl, found: &str) -> bool {
    expected.as_str() == found
}

fn read(of: &IssuerUrl, issuer: String, members: &Map<String, Value>) -> Result<Metadata, String> {
    Ok(Metadata {
        authorization_endpoint: required(of, members, "authorization_endpoint")?,
        token_endpoint: required(of, members, "token_endpoint")?,
        mtls_token_endpoint: mtls_alias(of, members, "token_endpoint")?,
        jwks_uri: required(of, members, "jwks_uri")?,
        end_session_endpoint: endpoint(of, members, "end_session_endpoint")?,
        userinfo_endpoint: endpoint(of, members, "userinfo_endpoint")?,
        token_endpoint_auth_methods_supported: strings(members, "token_endpoint_auth_methods_supported")?,
        code_challenge_methods_supported: strings(members, "code_challenge_methods_supported")?,
        id_token_signing_alg_values_supported: strings(members, "id_token_signing_alg_values_supported")?,
        authorization_response_iss_parameter_supported: flag(
            members,
            "authorization_response_iss_parameter_supported",
        )?,
        issuer,
    })
}

fn required(of: &IssuerUrl, members: &Map<String, Value>, name: &str) -> Result<Url, String> {
    endpoint(of, members, name)?.ok_or_else(|| format!("no `{name}`"))
}

fn endpoint(of: &IssuerUrl, members: &Map<String, Value>, name: &str) -> Result<Option<Url>, String> {
    let text = match members.get(name) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) => text,
        Some(_) => return Err(format!("`{name}` is not a string")),
    };
    let url = Url::parse(text).map_err(|_| format!("`{name}` is not an absolute URL"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(format!("`{name}` is not an http(s) URL"));
    }
    if has_userinfo(&url) || url.fragment().is_some() {
        return Err(format!("`{name}` has a user name or a fragment"));
    }
    if !is_protected(&url) || (of.is_https() && url.scheme() != "https") {
        return Err(format!("`{name}` is not https"));
    }
    if url.as_str().parse::<http::Uri>().is_err() {
        return Err(format!("`{name}` cannot be put into a request"));
    }
    Ok(Some(url))
}

/// Of `mtls_endpoint_aliases`, by rule 5.
fn mtls_alias(of: &IssuerUrl, members: &Map<String, Value>, name: &str) -> Result<Option<Url>, String> {
    match members.get("mtls_endpoint_aliases") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(aliases)) => endpoint(of, aliases, name).map_err(|e| format!("mtls_endpoint_aliases: {e}")),
        Some(_) => Err("`mtls_endpoint_aliases` is not an object".to_owned()),
    }
}

fn strings(members: &Map<String, Value>, name: &str) -> Result<Vec<String>, String> {
    let of_string = |value: &Value| value.as_str().map(str::to_owned);
    match members.get(name) {
        None | Some(Value::Null) => Some(Vec::new()),
        Some(Value::Array(values)) => values.iter().map(of_string).collect::<Option<_>>(),
        Some(_) => None,
    }
    .ok_or_else(|| format!("`{name}` is not an array of strings"))
}

fn flag(members: &Map<String, Value>, name: &str) -> Result<bool, String> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err(format!("`{name}` is neither true nor false")),
    }
}

fn malformed(problem: impl Into<String>) -> ExchangeError {
    ExchangeError::Malformed { endpoint: Endpoint::Discovery, problem: problem.into() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::metadata_document;

    const ISSUER: &str = "https://login.example.com/t/v2.0";

    fn parse_from(issuer: &str, document: &Value) -> Result<Metadata, ExchangeError> {
        let response = Response::new(Bytes::from(document.to_string()));
        parse(&IssuerUrl::parse(issuer).unwrap(), &response, Budget::DEFAULT)
    }

    fn with(name: &str, value: Value) -> Result<Metadata, ExchangeError> {
        let mut document = metadata_document(ISSUER);
        document[name] = value;
        parse_from(ISSUER, &document)
    }

    fn problem(result: Result<Metadata, ExchangeError>) -> String {
        match result.unwrap_err() {
            ExchangeError::Malformed { endpoint: Endpoint::Discovery, problem } => problem,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_request_keeps_the_issuers_path() {
        let request = request(&IssuerUrl::parse(ISSUER).unwrap()).unwrap();
        assert_eq!(request.method(), http::Method::GET);
        assert_eq!(request.uri(), "https://login.example.com/t/v2.0/.well-known/openid-configuration");
    }

    #[test]
    fn a_whole_document_is_read() {
        let metadata = parse_from(ISSUER, &metadata_document(ISSUER)).unwrap();
        assert_eq!(metadata.issuer, ISSUER);
        assert_eq!(metadata.token_endpoint.as_str(), "https://login.example.com/t/v2.0/token");
        assert_eq!(metadata.token_endpoint_auth_methods_supported, ["client_secret_post", "private_key_jwt"]);
        assert!(metadata.end_session_endpoint.is_some());
        assert!(!metadata.authorization_response_iss_parameter_supported);
        let said = with("authorization_response_iss_parameter_supported", json!(true)).unwrap();
        assert!(said.authorization_response_iss_parameter_supported);
    }

    #[test]
    fn the_keys_of_an_issuer_without_sign_in_are_found_by_the_same_rules() {
        let issuer = IssuerUrl::parse(ISSUER).unwrap();
        let uri = |document: Value| {
            let response = Response::new(Bytes::from(document.to_string()));
            parse_jwks_uri(&issuer, &response, Budget::DEFAULT).map(String::from)
        };
        let keys = "https://login.example.com/openid/v1/jwks";
        assert_eq!(uri(json!({"issuer": ISSUER, "jwks_uri": keys})).as_deref(), Ok(keys));
        for bad in [
            json!({"issuer": "https://other.example.com", "jwks_uri": keys}),
            json!({"issuer": ISSUER, "jwks_uri": "http://login.example.com/jwks"}),
            json!({"issuer": ISSUER, "jwks_uri": "/jwks"}),
            json!({"issuer": ISSUER}),
        ] {
            assert!(uri(bad.clone()).is_err(), "{bad}");
        }
        let response = Response::builder().status(302).body(Bytes::new()).unwrap();
        assert!(parse_jwks_uri(&issuer, &response, Budget::DEFAULT).is_err());
    }

    #[test]
    fn the_issuer_is_compared_byte_for_byte_and_both_are_named() {
        for found in [
            "https://login.example.com/t/v2.0/",
            "https://LOGIN.example.com/t/v2.0",
            "https://login.example.com:443/t/v2.0",
            "https://evil.example.com/t/v2.0",
            "https://login.example.com/{tenantid}/v2.0",
        ] {
            let error = with("issuer", json!(found)).unwrap_err();
            assert_eq!(error, ExchangeError::IssuerMismatch { expected: ISSUER.into(), found: found.into() });
            assert!(error.to_string().contains(ISSUER) && error.to_string().contains(found));
        }
        assert_eq!(problem(with("issuer", Value::Null)), "no `issuer`");
        assert_eq!(problem(with("issuer", json!(1))), "`issuer` is not a string");
    }

    #[test]
    fn endpoints_are_absolute_and_as_well_protected_as_the_issuer() {
        for name in ["authorization_endpoint", "token_endpoint", "jwks_uri"] {
            assert_eq!(problem(with(name, Value::Null)), format!("no `{name}`"));
        }
        for name in ["token_endpoint", "jwks_uri", "end_session_endpoint", "userinfo_endpoint"] {
            for bad in ["/token", "token", "ftp://h/t", "http://login.example.com/t", "http://127.0.0.1/t", "data:,x"] {
                assert!(problem(with(name, json!(bad))).contains(name), "{name} {bad}");
            }
            for bad in ["https://u:p@login.example.com/t", "https://login.example.com/t#f", "javascript:alert(1)"] {
                assert!(problem(with(name, json!(bad))).contains(name), "{name} {bad}");
            }
            assert!(problem(with(name, json!(["https://login.example.com/t"]))).contains("not a string"));
        }
        assert_eq!(with("end_session_endpoint", Value::Null).unwrap().end_session_endpoint, None);
    }

    #[test]
    fn an_issuer_on_this_machine_may_use_plain_http_here_and_nowhere_else() {
        let own = "http://127.0.0.1:8080/t/v2.0";
        let mut document = metadata_document(own);
        assert!(parse_from(own, &document).is_ok());
        document["token_endpoint"] = json!("http://idp.example.com/token");
        assert!(problem(parse_from(own, &document)).contains("token_endpoint"));
    }

    #[test]
    fn only_200_and_only_an_object_within_the_budget_counts() {
        let issuer = IssuerUrl::parse(ISSUER).unwrap();
        for status in [201, 204, 302, 404, 503] {
            let body = Bytes::from(metadata_document(ISSUER).to_string());
            let response = Response::builder().status(status).body(body).unwrap();
            let error = parse(&issuer, &response, Budget::DEFAULT).unwrap_err();
            assert_eq!(error, ExchangeError::Status { endpoint: Endpoint::Discovery, status, retry_after: None });
        }
        let body = Bytes::from(metadata_document(ISSUER).to_string());
        let small = Budget { body: body.len() - 1, ..Budget::DEFAULT };
        let error = parse(&issuer, &Response::new(body), small).unwrap_err();
        assert!(
            matches!(&error, ExchangeError::Transport(TransportError::TooLarge { host, .. }) if host == "login.example.com")
        );
        for body in ["<html>", "[]", "", r#"{"issuer":"a","issuer":"a"}"#] {
            problem(parse(&issuer, &Response::new(Bytes::from(body)), Budget::DEFAULT));
        }
        assert!(problem(with("id_token_signing_alg_values_supported", json!("RS256"))).contains("array of strings"));
        assert!(problem(with("code_challenge_methods_supported", json!([1]))).contains("array of strings"));
        let flag = "authorization_response_iss_parameter_supported";
        assert!(problem(with(flag, json!("true"))).contains(flag));
    }
}
