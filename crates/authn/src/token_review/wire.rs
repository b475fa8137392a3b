//! `TokenReview` of `authentication.k8s.io/v1` and `v1beta1`, as it is on the wire. Both versions have the same members.
//!
//! 1. Members that are not known are passed over, and null is nothing, as Kubernetes has it; a member twice, anything
//!    after the end, and a wrong type are errors.
//! 2. `kind` and `apiVersion` are compared exactly: what they do not name is not read as a review.
//! 3. A question has a token. An answer does not say it again.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::UserInfo;
use crate::user_info::{Object, or_empty};

/// The version of the API that is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReviewVersion {
    /// `authentication.k8s.io/v1`
    V1,
    /// `authentication.k8s.io/v1beta1`: what kube-apiserver sends unless it is told otherwise.
    V1Beta1,
}

impl ReviewVersion {
    /// As `apiVersion` has it.
    pub const fn api_version(self) -> &'static str {
        match self {
            ReviewVersion::V1 => "authentication.k8s.io/v1",
            ReviewVersion::V1Beta1 => "authentication.k8s.io/v1beta1",
        }
    }

    fn named(api_version: &str) -> Option<Self> {
        [ReviewVersion::V1, ReviewVersion::V1Beta1].into_iter().find(|version| version.api_version() == api_version)
    }
}

/// The question: whose token is this, and is it for one of these audiences?
pub struct TokenReviewRequest {
    /// The version it is asked in, and to be answered in.
    pub version: ReviewVersion,
    /// The token, not empty.
    pub token: SecretString,
    /// For whom the token should be; empty if the caller does not say.
    pub audiences: Vec<String>,
}

/// Why something is no question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAReview {
    /// No JSON, or members of wrong types.
    #[error("the body is no JSON object with the members of a TokenReview")]
    Malformed,
    /// Another kind, or another version.
    #[error("kind and apiVersion must be TokenReview of authentication.k8s.io/v1 or v1beta1")]
    OtherKind,
    /// `spec.token` is absent or empty.
    #[error("spec.token is empty")]
    NoToken,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Question {
    #[serde(default, deserialize_with = "or_empty")]
    api_version: String,
    #[serde(default, deserialize_with = "or_empty")]
    kind: String,
    spec: Option<Object<Spec>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Spec {
    #[serde(deserialize_with = "or_empty")]
    token: Zeroizing<String>,
    #[serde(deserialize_with = "or_empty")]
    audiences: Vec<String>,
}

impl TokenReviewRequest {
    /// Reads a question.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(json: &[u8]) -> Result<Self, NotAReview> {
        // What serde says may quote the token.
        let Object(question): Object<Question> = serde_json::from_slice(json).map_err(|_| NotAReview::Malformed)?;
        let version = ReviewVersion::named(&question.api_version).filter(|_| question.kind == KIND);
        let version = version.ok_or(NotAReview::OtherKind)?;
        let Some(Object(spec)) = question.spec.filter(|Object(spec)| !spec.token.is_empty()) else {
            return Err(NotAReview::NoToken);
        };
        let token = SecretString::from(spec.token.as_str());
        Ok(TokenReviewRequest { version, token, audiences: spec.audiences })
    }

    /// The question as it is sent.
    pub fn to_json(&self) -> Zeroizing<Vec<u8>> {
        #[derive(Serialize)]
        struct Spec<'q> {
            token: &'q str,
            #[serde(skip_serializing_if = "<[String]>::is_empty")]
            audiences: &'q [String],
        }
        let spec = Spec { token: self.token.expose_secret(), audiences: &self.audiences };
        Zeroizing::new(envelope(self.version, Some(&spec), None))
    }
}

/// Never the token.
impl fmt::Debug for TokenReviewRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenReviewRequest")
            .field("version", &self.version)
            .field("audiences", &self.audiences)
            .finish_non_exhaustive()
    }
}

/// The answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TokenReviewStatus {
    /// Whether the token is good, and for one of the audiences.
    #[serde(deserialize_with = "or_empty")]
    pub authenticated: bool,
    /// Whose it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<UserInfo>,
    /// Which of the audiences it is for. Empty means "for the API server", so whoever knows about audiences says some.
    #[serde(deserialize_with = "or_empty", skip_serializing_if = "Vec::is_empty")]
    pub audiences: Vec<String>,
    /// What is said about a token that is not good. kube-apiserver logs it, and remembers only answers without it.
    #[serde(deserialize_with = "or_empty", skip_serializing_if = "String::is_empty")]
    pub error: String,
}

impl TokenReviewStatus {
    /// Reads an answer to a question in `version`. `None` if it is none.
    pub fn parse(json: &[u8], version: ReviewVersion) -> Option<Self> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Answer {
            api_version: String,
            kind: String,
            status: Object<TokenReviewStatus>,
        }
        let Object(answer): Object<Answer> = serde_json::from_slice(json).ok()?;
        (answer.kind == KIND && answer.api_version == version.api_version()).then_some(answer.status.0)
    }

    /// The answer as it is sent.
    pub fn to_json(&self, version: ReviewVersion) -> Vec<u8> {
        #[derive(Serialize)]
        struct Empty {}
        envelope(version, Some(&Empty {}), Some(self))
    }
}

const KIND: &str = "TokenReview";

fn envelope<S: Serialize>(version: ReviewVersion, spec: Option<&S>, status: Option<&TokenReviewStatus>) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Envelope<'e, S> {
        api_version: &'static str,
        kind: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        spec: Option<&'e S>,
        #[serde(skip_serializing_if = "Option::is_none")]
        status: Option<&'e TokenReviewStatus>,
    }
    // Strings and lists of strings: there is nothing that could not be written.
    serde_json::to_vec(&Envelope { api_version: version.api_version(), kind: KIND, spec, status }).unwrap_or_default()
}

#[cfg(test)]
mod tests;
