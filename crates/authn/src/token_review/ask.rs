//! One question to a cluster, and what its answer means.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gangplank_jose::{UnixTime, Unverified};
use gangplank_oauth::{Budget, Transport};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{Request, Response, StatusCode};
use secrecy::SecretString;

use super::cluster::{ClusterSettings, Verdict};
use super::credential::OwnCredential;
use super::refusal::ClusterRefusal;
use super::wire::{ReviewVersion, TokenReviewRequest, TokenReviewStatus};
use crate::refusal::fact;
use crate::{Authenticated, Method, UserInfo, mapping};

/// How long past its `exp` Kubernetes takes a token.
const LEEWAY: Duration = Duration::from_secs(60);
const RESERVED: &str = "system:";
const NOBODY: [&str; 2] = ["system:anonymous", "system:unauthenticated"];

/// A cluster and how it is asked.
pub(super) struct Asking {
    pub(super) settings: ClusterSettings,
    pub(super) credential: OwnCredential,
    pub(super) transport: Arc<dyn Transport>,
}

impl Asking {
    /// Asks.
    pub(super) async fn ask(&self, token: &str, now: UnixTime) -> Verdict {
        let request = match self.request(token) {
            Ok(request) => request,
            Err(refusal) => return Verdict::Undecided(refusal),
        };
        match self.transport.send(request, Budget::DEFAULT).await {
            Ok(response) => self.read(&response, token, now),
            Err(error) => Verdict::Undecided(self.unreachable(&error.to_string())),
        }
    }

    fn request(&self, token: &str) -> Result<Request<Bytes>, ClusterRefusal> {
        let cluster = self.name();
        let own = self.credential.authorization();
        let own = own.map_err(|cause| ClusterRefusal::CredentialsUnreadable { cluster: cluster.clone(), cause })?;
        let question = TokenReviewRequest {
            version: ReviewVersion::V1,
            token: SecretString::from(token),
            audiences: self.settings.audiences.clone(),
        };
        let server = self.settings.server.as_str().trim_end_matches('/');
        let mut request = Request::post(format!("{server}/apis/authentication.k8s.io/v1/tokenreviews"))
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "application/json");
        if let Some(own) = own {
            request = request.header(AUTHORIZATION, own);
        }
        let body = Bytes::copy_from_slice(&question.to_json());
        request.body(body).map_err(|_| ClusterRefusal::AnswerUnusable {
            cluster,
            problem: "its server is no address that can be asked".to_owned(),
        })
    }

    fn read(&self, response: &Response<Bytes>, token: &str, now: UnixTime) -> Verdict {
        let cluster = self.name();
        match response.status() {
            StatusCode::OK | StatusCode::CREATED => {}
            StatusCode::UNAUTHORIZED => return Verdict::Undecided(ClusterRefusal::CredentialsRefused { cluster }),
            StatusCode::FORBIDDEN => {
                return Verdict::Undecided(ClusterRefusal::Forbidden { cluster, cause: message(response) });
            }
            status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                return Verdict::Undecided(self.unreachable(&format!("HTTP {}", status.as_u16())));
            }
            status => {
                let problem = format!("HTTP {} {}", status.as_u16(), message(response));
                return Verdict::Undecided(ClusterRefusal::AnswerUnusable { cluster, problem });
            }
        }
        let Some(status) = TokenReviewStatus::parse(response.body(), ReviewVersion::V1) else {
            let problem = "the answer is no TokenReview of authentication.k8s.io/v1".to_owned();
            return Verdict::Undecided(ClusterRefusal::AnswerUnusable { cluster, problem });
        };
        match self.judge(status, token, now) {
            Ok(good) => Verdict::Good(good),
            Err(refusal) => Verdict::Bad(refusal),
        }
    }

    fn judge(&self, status: TokenReviewStatus, token: &str, now: UnixTime) -> Result<Authenticated, ClusterRefusal> {
        let cluster = self.name();
        let wanted = &self.settings.audiences;
        if !status.authenticated {
            let cause = if status.error.is_empty() { "it does not say why".to_owned() } else { fact(&status.error) };
            return Err(ClusterRefusal::NotAuthenticated { cluster, cause });
        }
        if !wanted.is_empty() && !status.audiences.iter().any(|audience| wanted.contains(audience)) {
            let found = status.audiences.iter().take(8).map(|audience| fact(audience)).collect();
            return Err(ClusterRefusal::AudienceMismatch { cluster, wanted: wanted.clone(), found });
        }
        let user = self.named(status.user.unwrap_or_default())?;
        let mut identity = user.into_identity(&self.settings.name, status.audiences);
        identity.issuer_url = self.settings.server.to_string();
        let ends = Unverified::parse(token).ok().and_then(|parsed| parsed.claims_unverified().expires());
        let ask_again = now + self.settings.remember;
        Ok(Authenticated::vouched_until(ask_again, identity, Method::TokenReview, ends.map(|exp| exp + LEEWAY)))
    }

    /// Somebody, under a name that the cluster may give, and that is one for headers, logs and people, too.
    fn named(&self, user: UserInfo) -> Result<UserInfo, ClusterRefusal> {
        let names = user.groups.iter().chain([&user.username]).chain(Some(&user.uid).filter(|uid| !uid.is_empty()));
        let unfit = |name: &&String| !name.is_empty() && mapping::usable(name).is_err();
        let many = user.groups.len() > mapping::max_groups();
        if many || user.username.trim() != user.username || names.into_iter().any(|name| unfit(&name)) {
            let problem = "it names a user or a group in a way that can't be a name: with control or invisible \
                           characters, blanks around it, longer than 1 KiB, or more than 10,000 of them"
                .to_owned();
            return Err(ClusterRefusal::AnswerUnusable { cluster: self.name(), problem });
        }
        let reserved = |name: &str| {
            name.is_empty()
                || NOBODY.contains(&name)
                || (name.starts_with(RESERVED) && !self.settings.allow_reserved && name != "system:authenticated")
        };
        let name = |what, value: &str| ClusterRefusal::NameReserved { cluster: self.name(), what, value: fact(value) };
        if reserved(&user.username) {
            return Err(name("user name", &user.username));
        }
        match user.groups.iter().find(|group| reserved(group)) {
            Some(group) => Err(name("group", group)),
            None => Ok(user),
        }
    }

    /// There was no turn for a question, or it was cut off.
    pub(super) fn busy(&self) -> ClusterRefusal {
        ClusterRefusal::Busy { cluster: self.name() }
    }

    fn unreachable(&self, cause: &str) -> ClusterRefusal {
        ClusterRefusal::Unreachable { cluster: self.name(), cause: fact(cause) }
    }

    fn name(&self) -> String {
        self.settings.name.clone()
    }
}

/// What a `Status` of an API server says.
fn message(response: &Response<Bytes>) -> String {
    #[derive(serde::Deserialize)]
    struct Status {
        message: String,
    }
    serde_json::from_slice::<Status>(response.body()).map(|status| fact(&status.message)).unwrap_or_default()
}
