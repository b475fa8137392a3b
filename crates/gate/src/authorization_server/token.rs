//! The token endpoint (RFC 6749 §3.2): a code or a refresh token of ours becomes what the provider gives for its own.
//!
//! 1. Clients are public: whoever brings a credential believes in a registration that there is not, and is told so.
//! 2. A code is redeemed by the client that it was made for, with the redirect URI and the verifier of its request, for the
//!    resource of its request, within a minute, and once as far as this process can know. Nothing is spent before all of that
//!    holds. The verifier goes on to the provider, which judges it by itself.
//! 3. A refresh token is redeemed by its client, for its resource, for its scopes or fewer.
//! 4. The provider is asked with our client authentication. Its access token is passed on unchanged, if an issuer that the
//!    resource believes accepts it: audience, tenant and signature are checked as they would be there. If not, there is no
//!    token, and the log says which scope leads astray.
//! 5. Its refresh token, rotated or not, is sealed to the client; one that does not fit is left out. No ID token is passed on.
//! 6. Errors are those of RFC 6749 §5.2; of the provider's, `invalid_grant` stays what it is.

use gangplank_authn::{Authenticated, Outcome};
use gangplank_jose::{Excerpt, UnixTime};
use gangplank_oauth::{Pkce, TokenResponse};
use http::header::{AUTHORIZATION, PRAGMA};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;

use super::params::Params;
use super::refusal::AuthorizationServerRefusal;
use super::resource::{self, Resource};
use super::scopes::Scopes;
use super::sealed::{Asked, CODE, ClientDigest, Code, Refresh, Sealed, over, same};
use super::{AuthorizationServer, Counted, metadata};
use crate::Body;
use crate::audit::{self, Granted};
use crate::context::RequestContext;

/// RFC 7636 §4.1.
const VERIFIER: std::ops::RangeInclusive<usize> = 43..=128;

/// What a client gets.
#[derive(Serialize)]
struct Answer<'a> {
    access_token: &'a str,
    token_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in: Option<u64>,
    scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
}

/// Whose token it is, and for what.
struct For<'r> {
    client: ClientDigest,
    name: String,
    resources: Vec<&'r Resource>,
    /// All that were granted at first: those of a refresh token.
    had: Scopes,
    /// Those of this access token.
    scopes: Scopes,
}

impl AuthorizationServer {
    /// Answers at `token`.
    pub(super) async fn token(
        &self,
        context: &RequestContext,
        headers: &HeaderMap,
        form: &[u8],
    ) -> Result<Response<Body>, AuthorizationServerRefusal> {
        self.limit(Counted::Token, context)?;
        let params = Params::read(form)?;
        let client_id = params.required("client_id")?;
        if headers.contains_key(AUTHORIZATION) || params.one("client_assertion")?.is_some() {
            let problem = "came with a credential, and clients have none here".to_owned();
            return Err(AuthorizationServerRefusal::ClientUnknown { id: Excerpt::of(client_id), problem });
        }
        self.clients.admits(client_id, self.ring())?;
        match params.required("grant_type")? {
            "authorization_code" => self.redeem(&params, client_id, context).await,
            "refresh_token" => self.refresh(&params, client_id, context).await,
            other => Err(AuthorizationServerRefusal::NotOffered { what: "grant_type", found: Excerpt::of(other) }),
        }
    }

    /// Rule 2.
    async fn redeem(
        &self,
        params: &Params<'_>,
        client_id: &str,
        context: &RequestContext,
    ) -> Result<Response<Body>, AuthorizationServerRefusal> {
        let refuse = |problem: &str| AuthorizationServerRefusal::Grant { what: "code", problem: problem.to_owned() };
        let code = Code::open(self.ring(), &self.name, params.required("code")?)
            .map_err(|refusal| refuse(&format!("is not ours: {refusal}")))?;
        let asked = &code.asked;
        if !asked.client.is(client_id) {
            return Err(refuse("is another client's"));
        }
        if over(code.made, CODE, context.now) {
            return Err(refuse("is older than a minute"));
        }
        if params.required("redirect_uri")? != asked.redirect_uri {
            return Err(refuse("was sent to another redirect URI"));
        }
        let verifier = verifier(params, asked).ok_or_else(|| refuse("comes with another verifier"))?;
        let resources = self.resources_of(params, &asked.resources, "code")?;
        if !self.first_use(&code.id, context.now) {
            return Err(refuse("comes a second time"));
        }
        let scopes = Scopes::unsealed(asked.scopes.clone());
        let whose =
            For { client: asked.client.clone(), name: asked.name.clone(), resources, had: scopes.clone(), scopes };
        let client = &self.client.client;
        let answer = client.redeem_code(&code.code, verifier.expose_secret(), &self.callback_uri(), context.now).await;
        self.pass_on(answer.map_err(AuthorizationServerRefusal::Exchange)?, None, whose, "token", context).await
    }

    /// Rule 3.
    async fn refresh(
        &self,
        params: &Params<'_>,
        client_id: &str,
        context: &RequestContext,
    ) -> Result<Response<Body>, AuthorizationServerRefusal> {
        const WHAT: &str = "refresh token";
        let refuse = |problem: String| AuthorizationServerRefusal::Grant { what: WHAT, problem };
        let refresh = Refresh::open(self.ring(), &self.name, params.required("refresh_token")?)
            .map_err(|refusal| refuse(format!("is not ours: {refusal}")))?;
        if !refresh.client.is(client_id) {
            return Err(refuse("is another client's".to_owned()));
        }
        let resources = self.resources_of(params, &refresh.resources, WHAT)?;
        let had = Scopes::unsealed(refresh.scopes);
        let scopes = match params.one("scope")? {
            None => had.clone(),
            Some(fewer) => {
                had.narrowed(fewer).map_err(|found| AuthorizationServerRefusal::Scope(Excerpt::of(&found)))?
            }
        };
        let whose = For { client: refresh.client, name: refresh.name, resources, had, scopes };
        let token = SecretString::from(refresh.token);
        let asked = self.scopes.to_provider(&whose.scopes);
        let answer = self.client.client.refresh_for(&token, &asked, context.now).await;
        let answer = answer.map_err(AuthorizationServerRefusal::Exchange)?;
        self.pass_on(answer, Some(&token), whose, "refresh", context).await
    }

    /// What the code or refresh token was made for: still there, and nothing else asked for.
    fn resources_of(
        &self,
        params: &Params<'_>,
        made_for: &[String],
        what: &'static str,
    ) -> Result<Vec<&Resource>, AuthorizationServerRefusal> {
        let gone = || AuthorizationServerRefusal::Grant {
            what,
            problem: "is for a resource that does not send its clients here any more".to_owned(),
        };
        let resources = resource::sealed(made_for, &self.resources).ok_or_else(gone)?;
        let asked = params.all("resource")?;
        if !resource::within(&asked, &resources) {
            return Err(AuthorizationServerRefusal::Resource(Excerpt::of(&asked.join(" "))));
        }
        Ok(resources)
    }

    /// Rules 4 and 5. `before` is the refresh token that was redeemed: it stays good where the provider gives no other.
    async fn pass_on(
        &self,
        answer: TokenResponse,
        before: Option<&SecretString>,
        whose: For<'_>,
        what: &'static str,
        context: &RequestContext,
    ) -> Result<Response<Body>, AuthorizationServerRefusal> {
        let access_token = answer.access_token.expose_secret();
        let mut caller = None;
        for resource in &whose.resources {
            caller = Some(accepted(resource, access_token, context.now).await?);
        }
        let resources: Vec<String> = whose.resources.iter().map(|resource| resource.url.clone()).collect();
        let granted = Granted {
            server: &self.name,
            client: &whose.name,
            redirect_uri: "",
            resources: &resources,
            scopes: whose.scopes.names(),
            user: caller.as_ref().map_or("", |caller| &caller.identity().username),
        };
        audit::granted(context, what, &granted);
        self.count(what);
        let refresh_token = self.sealed_refresh(answer.refresh_token.as_ref().or(before), &whose, &resources);
        let body = serde_json::to_vec(&Answer {
            access_token,
            token_type: "Bearer",
            expires_in: answer.expires_in.map(|time| time.as_secs()),
            scope: self.scopes.granted(&whose.scopes, answer.scope.as_deref(), refresh_token.is_some()),
            refresh_token,
        });
        let mut response = metadata::json(StatusCode::OK, body.unwrap_or_default().into());
        response.headers_mut().insert(PRAGMA, HeaderValue::from_static("no-cache"));
        Ok(response)
    }

    /// Rule 5. A provider may give one that nobody asked for; then it is nobody's.
    fn sealed_refresh(&self, token: Option<&SecretString>, whose: &For<'_>, resources: &[String]) -> Option<String> {
        if !whose.had.names().iter().any(|name| name == super::scopes::OFFLINE) {
            return None;
        }
        let refresh = Refresh {
            token: token?.expose_secret().to_owned(),
            client: whose.client.clone(),
            name: whose.name.clone(),
            resources: resources.to_vec(),
            scopes: whose.had.names().to_vec(),
        };
        let sealed = refresh.seal(self.ring(), &self.name).ok()?;
        if sealed.len() > gangplank_authn::seal::MAX_SEALED {
            tracing::warn!(
                server = self.name,
                length = sealed.len(),
                "the provider's refresh token is too long to be sealed, so the client gets none"
            );
            return None;
        }
        Some(sealed)
    }
}

/// The verifier, if it is the one of the challenge.
fn verifier(params: &Params<'_>, asked: &Asked) -> Option<SecretString> {
    let verifier = params.one("code_verifier").ok()??;
    let fit = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    if !VERIFIER.contains(&verifier.len()) || !verifier.bytes().all(fit) {
        return None;
    }
    let pkce = Pkce::from_verifier(SecretString::from(verifier));
    same(&pkce.challenge, &asked.challenge).then_some(pkce.verifier)
}

/// Rule 4: the caller that the resource would see.
async fn accepted(
    resource: &Resource,
    token: &str,
    now: UnixTime,
) -> Result<Authenticated, AuthorizationServerRefusal> {
    let mut refused = None;
    for issuer in &resource.issuers {
        match issuer.verify_access_token(token, now).await {
            Outcome::Authenticated(caller) => return Ok(caller),
            Outcome::Unavailable(cause) => {
                return Err(AuthorizationServerRefusal::TokenUndecided { resource: resource.url.clone(), cause });
            }
            Outcome::Rejected(cause) => refused = Some(cause),
            Outcome::NotMine(gangplank_authn::NotMine::Unknown(cause)) => refused = refused.or(Some(cause)),
            Outcome::NotMine(gangplank_authn::NotMine::Absent) => {}
        }
    }
    let cause =
        refused.unwrap_or(gangplank_authn::Refusal::CryptoFailed { what: "no issuer that the resource believes" });
    Err(AuthorizationServerRefusal::TokenUnfit { resource: resource.url.clone(), cause })
}
