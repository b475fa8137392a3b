//! Several authenticators, asked in order.
//!
//! 1. The first that recognises a credential has the last word: only [`NotMine`] leads on to the next. A bad credential
//!    is never tried elsewhere, and one that can't be judged now is not handed on either. Whoever takes every token
//!    (a TokenReview) therefore belongs behind those who know their own.
//! 2. What was presented and is known to nobody is a bad credential, and never becomes anonymous, also
//!    if [`Anonymous`] is a link. What stands in
//!    `Authorization` and was known to nobody does not become the holder of a certificate either: who sends a token speaks
//!    for its bearer. A certificate that nobody knows is no obstacle to a good token: it is the connection's.
//! 3. Nothing was presented: nobody's, or anonymous where the chain was told to end so.

use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256, digest};
use gangplank_jose::UnixTime;
use gangplank_oauth::BoxFuture;
use http::header::{AUTHORIZATION, HeaderName};

use crate::{Anonymous, Authenticator, Challenge, Credentials, Method, NotMine, Outcome, Refusal, SourceHealth};

/// See the module. An empty one knows nobody.
pub struct Chain {
    name: String,
    links: Vec<Arc<dyn Authenticator>>,
    reads: Vec<HeaderName>,
    reads_certificates: bool,
    anonymous: bool,
}

/// The SHA-256 of all that a chain's answer depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Its octets.
    pub fn octets(&self) -> &[u8; 32] {
        &self.0
    }
}

impl Chain {
    /// A chain called `name` in logs.
    pub fn new(name: impl Into<String>, links: Vec<Arc<dyn Authenticator>>) -> Self {
        let mut reads: Vec<HeaderName> = links.iter().flat_map(|link| link.reads().to_vec()).collect();
        reads.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
        reads.dedup();
        let reads_certificates = links.iter().any(|link| link.reads_certificates());
        Chain { name: name.into(), links, reads, reads_certificates, anonymous: false }
    }

    /// The same, letting in as [`Anonymous`] whoever presents nothing.
    #[must_use]
    pub fn or_anonymous(mut self) -> Self {
        self.anonymous = true;
        self
    }

    /// Its authenticators, in the order in which they are asked.
    pub fn links(&self) -> &[Arc<dyn Authenticator>] {
        &self.links
    }

    /// What tells these credentials from all others, for whoever remembers answers; `None` if nothing is presented
    /// that any of the links looks at.
    pub fn fingerprint(&self, credentials: &Credentials<'_>) -> Option<Fingerprint> {
        if let ([AUTHORIZATION], false) = (&*self.reads, self.reads_certificates) {
            let mut values = credentials.headers.get_all(AUTHORIZATION).iter();
            if let (Some(value), None) = (values.next(), values.next()) {
                return Some(finish(digest(&SHA256, value.as_bytes()).as_ref()));
            }
        }
        self.fingerprint_of_parts(credentials)
    }

    /// Every part with its kind and length before it. It begins with a NUL, which no header does.
    fn fingerprint_of_parts(&self, credentials: &Credentials<'_>) -> Option<Fingerprint> {
        let certificates = if self.reads_certificates { credentials.certificates } else { &[] };
        if certificates.is_empty() && !self.reads.iter().any(|name| credentials.headers.contains_key(name)) {
            return None;
        }
        let mut context = Context::new(&SHA256);
        context.update(&[0, u8::from(credentials.trusted_proxy)]);
        let mut part = |kind: u8, octets: &[u8]| {
            context.update(&[kind]);
            context.update(&(octets.len() as u64).to_be_bytes());
            context.update(octets);
        };
        for (i, name) in self.reads.iter().enumerate() {
            for value in credentials.headers.get_all(name) {
                part(u8::try_from(i).unwrap_or(u8::MAX - 1), value.as_bytes());
            }
        }
        for certificate in certificates {
            part(u8::MAX, certificate);
        }
        Some(finish(context.finish().as_ref()))
    }

    /// What every link says by itself, whatever the others do: to tell people why.
    pub async fn explain(&self, credentials: Credentials<'_>, now: UnixTime) -> Vec<(String, Outcome)> {
        let mut answers = Vec::with_capacity(self.links.len());
        for link in &self.links {
            answers.push((link.name().to_owned(), link.authenticate(credentials, now).await));
        }
        answers
    }

    async fn ask(&self, credentials: Credentials<'_>, now: UnixTime) -> Outcome {
        let mut unknown: Vec<(&str, Refusal)> = Vec::new();
        let mut token_unknown = false;
        for link in &self.links {
            let reads_tokens = link.reads().contains(&AUTHORIZATION);
            match link.authenticate(credentials, now).await {
                Outcome::NotMine(NotMine::Absent) => {}
                Outcome::NotMine(NotMine::Unknown(why)) => {
                    token_unknown |= reads_tokens;
                    unknown.push((link.name(), why));
                }
                Outcome::Authenticated(_) if token_unknown && !reads_tokens => {}
                Outcome::Authenticated(who) if who.method() == Method::Anonymous && !unknown.is_empty() => {}
                decided => return decided,
            }
        }
        match unknown.len() {
            0 if self.anonymous => Outcome::Authenticated(Anonymous::authenticated()),
            0 => Outcome::ABSENT,
            1 => unknown.pop().map_or(Outcome::ABSENT, |(_, why)| Outcome::Rejected(why)),
            _ => Outcome::Rejected(Refusal::CredentialUnknown {
                tried: unknown.iter().map(|(link, why)| format!("{link}: {why}")).collect::<Vec<_>>().join("; "),
            }),
        }
    }
}

fn finish(octets: &[u8]) -> Fingerprint {
    let mut fingerprint = [0; 32];
    fingerprint.copy_from_slice(octets);
    Fingerprint(fingerprint)
}

impl Authenticator for Chain {
    fn name(&self) -> &str {
        &self.name
    }

    fn authenticate<'a>(&'a self, credentials: Credentials<'a>, now: UnixTime) -> BoxFuture<'a, Outcome> {
        Box::pin(self.ask(credentials, now))
    }

    fn reads(&self) -> &[HeaderName] {
        &self.reads
    }

    fn reads_certificates(&self) -> bool {
        self.reads_certificates
    }

    fn challenges(&self) -> Vec<Challenge> {
        let mut challenges: Vec<Challenge> = Vec::new();
        for challenge in self.links.iter().flat_map(|link| link.challenges()) {
            if !challenges.contains(&challenge) {
                challenges.push(challenge);
            }
        }
        challenges
    }

    fn health(&self) -> Vec<SourceHealth> {
        self.links.iter().flat_map(|link| link.health()).collect()
    }

    fn keep_fresh(self: Arc<Self>) -> Option<BoxFuture<'static, ()>> {
        let work: Vec<_> = self.links.iter().filter_map(|link| link.clone().keep_fresh()).collect();
        together(work)
    }
}

/// All of it at once, cut off when it is dropped.
pub(crate) fn together(work: Vec<BoxFuture<'static, ()>>) -> Option<BoxFuture<'static, ()>> {
    if work.is_empty() {
        return None;
    }
    Some(Box::pin(async move {
        let mut tasks: tokio::task::JoinSet<()> = tokio::task::JoinSet::new();
        for one in work {
            tasks.spawn(one);
        }
        while tasks.join_next().await.is_some() {}
    }))
}

#[cfg(test)]
mod tests;
