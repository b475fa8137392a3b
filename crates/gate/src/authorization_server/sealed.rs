//! What travels sealed, since nothing is kept here: a client's registration is its id, a question of consent is in its form,
//! a sign-in under way is in `state`, a code and a refresh token hold the provider's own.
//!
//! 1. Each has a purpose of its own, with the name of the authorization server in it: none opens as another, or elsewhere.
//! 2. A client is named in them by the SHA-256 of its id, compared in constant time.
//! 3. What has an end has it inside.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gangplank_authn::seal::KeyRing;
use gangplank_jose::UnixTime;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// How long a person may think about the question, and how long they may take at the provider.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15 * 60);
/// How long a code is good. RFC 6749 §4.1.2 allows ten minutes; a client redeems it at once.
pub(crate) const CODE: Duration = Duration::from_secs(60);

/// What can be sealed.
pub(crate) trait Sealed: Serialize + DeserializeOwned {
    /// The purpose, to which the name of the authorization server is added.
    const PURPOSE: &'static str;

    /// As text.
    fn seal(&self, ring: &KeyRing, server: &str) -> Result<String, gangplank_authn::Refusal> {
        ring.seal_value(&format!("{}:{server}", Self::PURPOSE), self)
    }

    /// From text.
    fn open(ring: &KeyRing, server: &str, text: &str) -> Result<Self, gangplank_authn::Refusal> {
        ring.open_value(&format!("{}:{server}", Self::PURPOSE), text)
    }
}

/// A registration: the client id of who registered.
#[derive(Serialize, Deserialize)]
pub(crate) struct Registered {
    #[serde(rename = "r")]
    pub(crate) redirect_uris: Vec<String>,
    #[serde(rename = "n")]
    pub(crate) name: String,
    #[serde(rename = "t")]
    pub(crate) issued: u64,
    /// Whether `refresh_token` is among its grants.
    #[serde(rename = "g", default)]
    pub(crate) refreshes: bool,
}

impl Sealed for Registered {
    const PURPOSE: &'static str = "as-client";
}

/// A client's id as it stands in what is sealed for the client.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ClientDigest(String);

impl ClientDigest {
    pub(crate) fn of(client_id: &str) -> Self {
        ClientDigest(URL_SAFE_NO_PAD.encode(digest(&SHA256, client_id.as_bytes())))
    }

    /// Whether this is the client.
    pub(crate) fn is(&self, client_id: &str) -> bool {
        same(&self.0, &ClientDigest::of(client_id).0)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// In constant time.
pub(crate) fn same(one: &str, other: &str) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(one.as_bytes(), other.as_bytes()).is_ok()
}

/// An authorization request that was judged, and what is needed again at its end.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Asked {
    #[serde(rename = "c")]
    pub(crate) client: ClientDigest,
    /// What it calls itself, and where it is from, for the audit.
    #[serde(rename = "n")]
    pub(crate) name: String,
    #[serde(rename = "r")]
    pub(crate) redirect_uri: String,
    #[serde(rename = "s")]
    pub(crate) state: Option<String>,
    #[serde(rename = "p")]
    pub(crate) challenge: String,
    #[serde(rename = "u")]
    pub(crate) resources: Vec<String>,
    #[serde(rename = "o")]
    pub(crate) scopes: Vec<String>,
}

/// What goes on to the provider besides.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct PassedOn {
    #[serde(rename = "p", skip_serializing_if = "Option::is_none", default)]
    pub(crate) prompt: Option<String>,
    #[serde(rename = "h", skip_serializing_if = "Option::is_none", default)]
    pub(crate) login_hint: Option<String>,
    #[serde(rename = "m", skip_serializing_if = "Option::is_none", default)]
    pub(crate) max_age: Option<String>,
    #[serde(rename = "c", skip_serializing_if = "Option::is_none", default)]
    pub(crate) claims: Option<String>,
}

/// The question of consent, in the form that answers it.
#[derive(Serialize, Deserialize)]
pub(crate) struct Question {
    #[serde(rename = "a")]
    pub(crate) asked: Asked,
    #[serde(rename = "f")]
    pub(crate) passed_on: PassedOn,
    /// Whether the answer may be remembered.
    #[serde(rename = "k")]
    pub(crate) memorable: bool,
    #[serde(rename = "b")]
    pub(crate) browser: String,
    #[serde(rename = "t")]
    pub(crate) made: u64,
}

impl Sealed for Question {
    const PURPOSE: &'static str = "as-consent";
}

/// A sign-in under way at the provider: `state`.
#[derive(Serialize, Deserialize)]
pub(crate) struct Pending {
    #[serde(rename = "a")]
    pub(crate) asked: Asked,
    #[serde(rename = "b")]
    pub(crate) browser: String,
    #[serde(rename = "t")]
    pub(crate) started: u64,
    /// The name of this attempt.
    #[serde(rename = "i")]
    pub(crate) id: String,
}

impl Sealed for Pending {
    const PURPOSE: &'static str = "as-state";
}

/// A code of ours, with the provider's in it.
#[derive(Serialize, Deserialize)]
pub(crate) struct Code {
    #[serde(rename = "c")]
    pub(crate) code: String,
    #[serde(rename = "a")]
    pub(crate) asked: Asked,
    #[serde(rename = "t")]
    pub(crate) made: u64,
    #[serde(rename = "i")]
    pub(crate) id: String,
}

impl Sealed for Code {
    const PURPOSE: &'static str = "as-code";
}

/// A refresh token of ours, with the provider's in it.
#[derive(Serialize, Deserialize)]
pub(crate) struct Refresh {
    #[serde(rename = "r")]
    pub(crate) token: String,
    #[serde(rename = "c")]
    pub(crate) client: ClientDigest,
    #[serde(rename = "n")]
    pub(crate) name: String,
    #[serde(rename = "u")]
    pub(crate) resources: Vec<String>,
    #[serde(rename = "o")]
    pub(crate) scopes: Vec<String>,
}

impl Sealed for Refresh {
    const PURPOSE: &'static str = "as-refresh";
}

/// Whether something made then has ended.
pub(crate) fn over(made: u64, lifetime: Duration, now: UnixTime) -> bool {
    now > UnixTime::from_secs(made) + lifetime
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_opens_as_something_else_or_elsewhere() {
        let ring = KeyRing::generate().unwrap();
        let refresh = Refresh {
            token: "t".into(),
            client: ClientDigest::of("a"),
            name: "n".into(),
            resources: vec![],
            scopes: vec![],
        };
        let sealed = refresh.seal(&ring, "entra").unwrap();
        assert!(Refresh::open(&ring, "entra", &sealed).is_ok_and(|r| r.client.is("a") && !r.client.is("b")));
        assert!(Refresh::open(&ring, "other", &sealed).is_err());
        assert!(Code::open(&ring, "entra", &sealed).is_err());
        assert!(ring.open("as-refresh", &sealed).is_err());
        assert!(Refresh::open(&KeyRing::generate().unwrap(), "entra", &sealed).is_err());
    }

    #[test]
    fn an_end_is_an_end() {
        assert!(!over(1_000, CODE, UnixTime::from_secs(1_060)));
        assert!(over(1_000, CODE, UnixTime::from_secs(1_061)));
    }
}
