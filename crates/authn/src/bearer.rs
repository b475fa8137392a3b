//! Bearer tokens that are JWTs of configured issuers.
//!
//! 1. No bearer token is presented: none of ours.
//! 2. What is no JWT, and a JWT that is no issuer's, is known to nobody here. Whose it is says `iss`, byte for byte; an
//!    Entra `iss` with any tenant's id in it, for an issuer of any tenant; or else the trust domain of a SPIFFE ID in `sub`.
//!    All of it is believed only to choose the judge. Of several issuers with the same `iss`, the first that has one of the
//!    token's audiences judges.
//! 3. The issuer's verdict is the last word.
//!
//! Any number of issuers costs one look-up, or three for a token that is of none by its `iss`.

use std::collections::HashMap;
use std::sync::Arc;

use gangplank_jose::{Claims, SpiffeId, UnixTime, Unverified};
use gangplank_oauth::BoxFuture;

use crate::chain::together;
use crate::entra;
use crate::refusal::fact;
use crate::{Authenticator, BearerToken, Credentials, GroupsResolver, Issuer, Outcome, Refusal, SourceHealth};

/// Accepts access tokens of its issuers.
pub struct BearerAuthenticator {
    name: String,
    issuers: Vec<Arc<Issuer>>,
    by_iss: HashMap<String, Vec<Judge>>,
    /// The first few `iss`, for the refusal of another: made once, since anybody can present any number of them.
    accepted: String,
}

/// An issuer, and who asks for the groups that its tokens have no room for.
#[derive(Clone)]
struct Judge {
    issuer: Arc<Issuer>,
    groups: Option<Arc<GroupsResolver>>,
}

impl BearerAuthenticator {
    /// For these issuers, which tokens name by `iss`.
    pub fn new(issuers: Vec<Arc<Issuer>>) -> Self {
        Self::resolving(issuers.into_iter().map(|issuer| (issuer, None)).collect())
    }

    /// The same, where somebody asks for groups that a token has no room for. Without, such a caller has none, and is
    /// marked so.
    pub fn resolving(judges: Vec<(Arc<Issuer>, Option<Arc<GroupsResolver>>)>) -> Self {
        let mut by_iss: HashMap<String, Vec<Judge>> = HashMap::new();
        for (issuer, groups) in &judges {
            for iss in issuer.accepted_issuers() {
                let judge = Judge { issuer: Arc::clone(issuer), groups: groups.clone() };
                by_iss.entry(iss.clone()).or_default().push(judge);
            }
        }
        let issuers: Vec<Arc<Issuer>> = judges.into_iter().map(|(issuer, _)| issuer).collect();
        let name = issuers.iter().map(|issuer| issuer.name()).collect::<Vec<_>>().join(" ");
        let mut accepted: Vec<&str> = by_iss.keys().map(String::as_str).collect();
        accepted.sort_unstable();
        accepted.truncate(8);
        BearerAuthenticator { name, issuers, accepted: accepted.join(", "), by_iss }
    }

    /// Judges a token.
    pub async fn verify(&self, token: &str, now: UnixTime) -> Outcome {
        let parsed = match Unverified::parse(token) {
            Ok(parsed) => parsed,
            Err(refusal) => return Outcome::unknown(refusal),
        };
        match self.judge_of(parsed.claims_unverified()) {
            Ok(Judge { issuer, groups }) => {
                match issuer.judge_access_token(token, parsed, groups.as_deref(), now).await {
                    Ok(authenticated) => Outcome::Authenticated(authenticated),
                    Err(denial) => denial.into(),
                }
            }
            Err(refusal) => Outcome::unknown(refusal),
        }
    }

    fn judge_of(&self, claims: &Claims) -> Result<&Judge, Refusal> {
        let by_iss = claims.issuer().and_then(|iss| self.by_iss.get(iss));
        let candidates = by_iss.or_else(|| self.by_other_names(claims)).map_or(&[][..], Vec::as_slice);
        let fits = |judge: &&Judge| claims.audiences().iter().any(|aud| judge.issuer.audiences().contains(aud));
        candidates.iter().find(fits).or(candidates.first()).ok_or_else(|| self.unknown(claims.issuer()))
    }

    /// A tenant's of any, or a workload's.
    fn by_other_names(&self, claims: &Claims) -> Option<&Vec<Judge>> {
        let of_any_tenant = claims.issuer().and_then(entra::template).and_then(|template| self.by_iss.get(&template));
        of_any_tenant.or_else(|| {
            let id = claims.subject().and_then(SpiffeId::parse)?;
            self.by_iss.get(id.trust_domain_id())
        })
    }

    fn unknown(&self, iss: Option<&str>) -> Refusal {
        Refusal::IssuerUnknown { found: iss.map(fact), accepted: self.accepted.clone() }
    }
}

impl Authenticator for BearerAuthenticator {
    fn name(&self) -> &str {
        &self.name
    }

    fn authenticate<'a>(&'a self, credentials: Credentials<'a>, now: UnixTime) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            match BearerToken::presented(credentials.headers) {
                Ok(None) => Outcome::ABSENT,
                Ok(Some(token)) => self.verify(token.as_str(), now).await,
                Err(refusal) => Outcome::Rejected(refusal),
            }
        })
    }

    fn health(&self) -> Vec<SourceHealth> {
        self.issuers.iter().map(|issuer| issuer.source_health()).collect()
    }

    fn keep_fresh(self: Arc<Self>) -> Option<BoxFuture<'static, ()>> {
        let work =
            self.issuers.iter().cloned().map(|issuer| -> BoxFuture<'static, ()> { Box::pin(issuer.keep_fresh()) });
        together(work.collect())
    }
}

#[cfg(test)]
mod tests;
