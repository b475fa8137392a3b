//! Faults on demand: what a real provider does on a bad day, when a test wants it.
//!
//! A fault holds until it is cleared, or for the next `times` requests that it applies to. A fault limited to an
//! endpoint or a face leaves the others alone; one without a limit applies wherever its kind makes sense.

use serde_json::{Map, Value, json};

use serde::{Deserialize, Serialize};

/// Which part of the tenant a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// The metadata documents.
    Discovery,
    /// The key set.
    Jwks,
    /// The authorization endpoint and its sign-in page.
    Authorize,
    /// The sign-in page's form.
    Login,
    /// The token endpoint.
    Token,
    /// The registration endpoint.
    Register,
    /// The device authorization endpoint.
    DeviceCode,
    /// The page where a device's code is entered.
    DeviceLogin,
    /// The end-session endpoint.
    Logout,
    /// The userinfo endpoint.
    Userinfo,
    /// Graph.
    Graph,
    /// The tenant's own pages and everything unknown.
    Other,
}

/// Which of the two servers in one a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Face {
    /// The one that looks like Entra ID.
    Entra,
    /// The one that does what the RFCs say.
    Standard,
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum FaultKind {
    /// The answer comes late.
    Slow {
        /// By so many milliseconds.
        millis: u64,
    },
    /// 503 with `Retry-After`.
    Down,
    /// 500 with a page.
    Broken,
    /// The connection is closed without an answer.
    HangUp,
    /// 404. Without an endpoint: the key set is gone.
    Gone,
    /// A body of so many bytes.
    Huge {
        /// The size.
        bytes: usize,
    },
    /// 200 with a body that is no JSON.
    Garbage,
    /// 302 to somebody else.
    Redirected,
    /// The key set lacks the key that signs.
    ShrunkKeys,
    /// Tokens are issued by a clock that is wrong by so many seconds.
    ClockSkew {
        /// Positive: the tenant is ahead.
        seconds: i64,
    },
    /// The metadata names another issuer.
    WrongIssuerInDiscovery,
    /// Tokens name another issuer.
    WrongIssuerInTokens,
    /// The token endpoint answers with this OAuth error; `server_error` with status 500.
    TokenError {
        /// The error.
        error: String,
    },
    /// The token endpoint demands a second factor, with a claims challenge, whatever was asked for.
    StepUp,
    /// Refreshing gives no new refresh token, and the old one stays good.
    WithholdRotation,
    /// The token endpoint answers 200 without an access token.
    NoToken,
    /// The token endpoint says that its token is of this type.
    TokenType {
        /// The type.
        token_type: String,
    },
    /// Access tokens are for somebody else.
    WrongAudience,
    /// The token endpoint gives lifetimes as text, at whichever generation of it.
    TextExpiresIn,
    /// The token endpoint does not say how long its token lives.
    NoExpiresIn,
    /// A token exchange is answered without `issued_token_type`, as some servers do.
    NoIssuedTokenType,
}

/// A fault and where and how often it happens.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Fault {
    /// What goes wrong.
    #[serde(flatten)]
    pub kind: FaultKind,
    /// Only here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<Endpoint>,
    /// Only at this face.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub face: Option<Face>,
    /// Only so many more times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
}

impl Fault {
    /// Until cleared, wherever it makes sense.
    pub fn new(kind: FaultKind) -> Fault {
        Fault { kind, on: None, face: None, times: None }
    }

    /// Only at one endpoint.
    #[must_use]
    pub fn on(self, endpoint: Endpoint) -> Fault {
        Fault { on: Some(endpoint), ..self }
    }

    /// Only at one face.
    #[must_use]
    pub fn at(self, face: Face) -> Fault {
        Fault { face: Some(face), ..self }
    }

    /// Only for the next so many requests.
    #[must_use]
    pub fn times(self, times: u32) -> Fault {
        Fault { times: Some(times), ..self }
    }

    fn applies(&self, face: Face, at: Endpoint) -> bool {
        let here = self.on.unwrap_or(match self.kind {
            FaultKind::Gone | FaultKind::ShrunkKeys => Endpoint::Jwks,
            FaultKind::WrongIssuerInDiscovery => Endpoint::Discovery,
            FaultKind::ClockSkew { .. }
            | FaultKind::WrongIssuerInTokens
            | FaultKind::TokenError { .. }
            | FaultKind::StepUp
            | FaultKind::WithholdRotation
            | FaultKind::NoToken
            | FaultKind::TokenType { .. }
            | FaultKind::WrongAudience
            | FaultKind::TextExpiresIn
            | FaultKind::NoExpiresIn
            | FaultKind::NoIssuedTokenType => Endpoint::Token,
            _ => at,
        });
        here == at && self.face.is_none_or(|only| only == face)
    }
}

/// How many faults can be set at once.
const BOUND: usize = 64;

/// The faults in force.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<Fault>);

impl Faults {
    /// Adds a fault; the oldest gives way when there are too many.
    pub(crate) fn add(&mut self, fault: Fault) {
        if self.0.len() >= BOUND {
            self.0.remove(0);
        }
        self.0.push(fault);
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn list(&self) -> &[Fault] {
        &self.0
    }

    /// The faults that hit a request to `at`, each used once.
    pub(crate) fn hit(&mut self, face: Face, at: Endpoint) -> Vec<FaultKind> {
        let mut hits = Vec::new();
        self.0.retain_mut(|fault| {
            if fault.times == Some(0) {
                return false;
            }
            if !fault.applies(face, at) {
                return true;
            }
            hits.push(fault.kind.clone());
            fault.times = fault.times.map(|n| n - 1);
            fault.times != Some(0)
        });
        hits
    }
}

/// What faults make of a good answer of the token endpoint.
pub(crate) fn disturb(faults: &[FaultKind], body: &mut Map<String, Value>) {
    for fault in faults {
        match fault {
            FaultKind::NoToken => drop(body.remove("access_token")),
            FaultKind::NoExpiresIn => drop(body.remove("expires_in")),
            FaultKind::NoIssuedTokenType => drop(body.remove("issued_token_type")),
            FaultKind::TokenType { token_type } => drop(body.insert("token_type".to_owned(), json!(token_type))),
            FaultKind::TextExpiresIn => {
                for name in ["expires_in", "ext_expires_in", "refresh_expires_in"] {
                    if let Some(number) = body.get(name).and_then(Value::as_u64) {
                        body.insert(name.to_owned(), json!(number.to_string()));
                    }
                }
            }
            _ => {}
        }
    }
}

/// How often each part of the tenant was asked, faulty answers included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Metadata documents.
    pub discovery: u64,
    /// Key sets.
    pub jwks: u64,
    /// The authorization endpoint.
    pub authorize: u64,
    /// The sign-in form.
    pub login: u64,
    /// The token endpoint, whatever the grant.
    pub token: u64,
    /// The token endpoint with `grant_type=authorization_code`.
    pub code_grants: u64,
    /// The token endpoint with `grant_type=refresh_token`.
    pub refresh_grants: u64,
    /// The token endpoint with `grant_type=client_credentials`.
    pub client_credentials_grants: u64,
    /// The token endpoint with the JWT bearer grant: on-behalf-of.
    pub on_behalf_of_grants: u64,
    /// The token endpoint with the token exchange grant: RFC 8693.
    pub token_exchange_grants: u64,
    /// The token endpoint with a device code, pending ones included.
    pub device_code_grants: u64,
    /// The token endpoint with `grant_type=password`.
    pub password_grants: u64,
    /// The registration endpoint.
    pub register: u64,
    /// The device authorization endpoint.
    pub device_code: u64,
    /// The page where a device's code is entered.
    pub device_login: u64,
    /// The end-session endpoint.
    pub logout: u64,
    /// The userinfo endpoint.
    pub userinfo: u64,
    /// Graph.
    pub graph: u64,
}

impl Counts {
    pub(crate) fn add(&mut self, at: Endpoint) {
        let count = match at {
            Endpoint::Discovery => &mut self.discovery,
            Endpoint::Jwks => &mut self.jwks,
            Endpoint::Authorize => &mut self.authorize,
            Endpoint::Login => &mut self.login,
            Endpoint::Token => &mut self.token,
            Endpoint::Register => &mut self.register,
            Endpoint::DeviceCode => &mut self.device_code,
            Endpoint::DeviceLogin => &mut self.device_login,
            Endpoint::Logout => &mut self.logout,
            Endpoint::Userinfo => &mut self.userinfo,
            Endpoint::Graph => &mut self.graph,
            Endpoint::Other => return,
        };
        *count += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_limited_by_place_and_number() {
        let mut faults = Faults::default();
        faults.add(Fault::new(FaultKind::Down).on(Endpoint::Token).times(2));
        faults.add(Fault::new(FaultKind::Gone));
        assert!(faults.hit(Face::Entra, Endpoint::Discovery).is_empty());
        assert_eq!(faults.hit(Face::Entra, Endpoint::Jwks), [FaultKind::Gone]);
        assert_eq!([1, 2, 3].map(|_| faults.hit(Face::Entra, Endpoint::Token).len()), [1, 1, 0]);
        faults.add(Fault::new(FaultKind::NoToken).at(Face::Standard));
        assert!(faults.hit(Face::Entra, Endpoint::Token).is_empty());
        assert_eq!(faults.hit(Face::Standard, Endpoint::Token), [FaultKind::NoToken]);
    }

    #[test]
    fn a_fault_is_written_as_flat_json() {
        let fault: Fault = serde_json::from_str(r#"{"fault":"slow","millis":20,"on":"jwks","times":1}"#).unwrap();
        assert_eq!(fault, Fault::new(FaultKind::Slow { millis: 20 }).on(Endpoint::Jwks).times(1));
        assert!(serde_json::from_str::<Fault>(r#"{"fault":"typo"}"#).is_err());
    }
}
