//! The question whether a client may act for the person, and the answer.
//!
//! 1. The page names the client as it calls itself, and says that nobody verified that; where its codes go; which resource, and
//!    which scopes. It can't be framed, and has no script.
//! 2. The question is sealed into the form and bound to the browser, whose cookie comes with it. An answer counts if it opens,
//!    is of this browser, is not older than a quarter of an hour, and no header says that another site sent it. A GET is none.
//! 3. Yes is remembered by the rules of [`browser`](super::browser), and leads to the provider. No leads back to the client.
//! 4. The resource is looked for once more, and the redirect URI judged by its form and scheme: the configuration may have changed
//!    meanwhile. Its host was judged when it was sealed.

use http::header::{ORIGIN, SET_COOKIE};
use http::{HeaderMap, HeaderName, Response};

use super::authorize::Judged;
use super::browser::Browser;
use super::client::Client;
use super::params::Params;
use super::redirect_uri::{Kind, RedirectUri};
use super::refusal::{AuthorizationServerRefusal, Refused};
use super::sealed::{Asked, PATIENCE, Question, Sealed, over};
use super::{AuthorizationServer, Counted, resource};
use crate::Body;
use crate::audit::{self, Granted};
use crate::context::RequestContext;
use crate::pages::ConsentPage;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

impl AuthorizationServer {
    /// Rule 1. A provider that can't be asked is found before the person is.
    pub(super) async fn ask(
        &self,
        client: &Client,
        redirect_uri: &RedirectUri,
        judged: Judged,
        browser: &Browser,
        context: &RequestContext,
    ) -> Result<Response<Body>, AuthorizationServerRefusal> {
        let question = Question {
            asked: judged.asked,
            passed_on: judged.passed_on,
            memorable: redirect_uri.kind() == Kind::Https,
            browser: browser.id().to_owned(),
            made: context.now.as_secs(),
        };
        let sealed = question.seal(self.ring(), &self.name).map_err(AuthorizationServerRefusal::Sealing)?;
        if sealed.len() > gangplank_authn::seal::MAX_SEALED {
            return Err(AuthorizationServerRefusal::TooLong(sealed.len()));
        }
        let metadata = self.client.client.provider().known(context.now).await;
        let metadata = metadata.map_err(AuthorizationServerRefusal::Exchange)?;
        let mut response = self.common.pages.consent(&ConsentPage {
            client: &client.name,
            client_host: client.host.as_deref(),
            redirect: &redirect_uri.shown(),
            on_this_computer: redirect_uri.kind() != Kind::Https,
            provider: &self.client.display_name,
            resources: &question.asked.resources,
            scopes: &question.asked.scopes,
            request: &sealed,
            action: &format!("{}/consent", self.path),
            leads_to: &[metadata.authorization_endpoint.origin().ascii_serialization(), redirect_uri.policy_source()],
        });
        let cookie = self.common.cookie.set(browser, self.ring()).map_err(AuthorizationServerRefusal::Sealing)?;
        response.headers_mut().insert(SET_COOKIE, cookie);
        self.count("consent-asked");
        Ok(response)
    }

    /// Rules 2 to 4.
    pub(super) async fn consent(
        &self,
        context: &RequestContext,
        headers: &HeaderMap,
        form: &[u8],
    ) -> Result<Response<Body>, Refused> {
        let (question, mut browser, redirect_uri, allowed) =
            self.answered(context, headers, form).map_err(AuthorizationServerRefusal::page)?;
        let Question { asked, passed_on, memorable, .. } = question;
        let state = asked.state.clone();
        let back = |refusal| self.back(refusal, &redirect_uri, state.as_deref());
        self.still_there(&asked).map_err(back)?;
        let what = if allowed { "consent" } else { "consent-declined" };
        self.count(what);
        audit::granted(context, what, &self.granted(&asked));
        if !allowed {
            return Err(back(AuthorizationServerRefusal::ConsentDeclined));
        }
        if memorable && redirect_uri.kind() == Kind::Https {
            browser.remember(&self.name, &asked, context.now);
        }
        self.to_provider(Judged::consented(asked, passed_on), &browser, context).await.map_err(back)
    }

    /// Rule 2.
    fn answered(
        &self,
        context: &RequestContext,
        headers: &HeaderMap,
        form: &[u8],
    ) -> Result<(Question, Browser, RedirectUri, bool), AuthorizationServerRefusal> {
        let forged = |evidence| AuthorizationServerRefusal::ConsentForged(evidence);
        self.limit(Counted::Authorize, context)?;
        self.check_same_origin(headers)?;
        let params = Params::read(form)?;
        let question = Question::open(self.ring(), &self.name, params.required("request")?)
            .map_err(|_| forged("the question is not ours"))?;
        let browser = self.common.cookie.presented(headers, self.ring());
        let browser = browser.ok_or_else(|| forged("it came without the browser's cookie"))?;
        if !browser.is(&question.browser) {
            return Err(forged("it came from another browser than was asked"));
        }
        if over(question.made, PATIENCE, context.now) {
            return Err(AuthorizationServerRefusal::Late);
        }
        let redirect_uri = self.redirect_again(&question.asked)?;
        match params.required("decision")? {
            "allow" => Ok((question, browser, redirect_uri, true)),
            "deny" => Ok((question, browser, redirect_uri, false)),
            _ => Err(forged("it is neither yes nor no")),
        }
    }

    /// What browsers say of where a form comes from. The sealed question, bound to the cookie, would do without.
    fn check_same_origin(&self, headers: &HeaderMap) -> Result<(), AuthorizationServerRefusal> {
        let site = headers.get(SEC_FETCH_SITE).is_none_or(|site| site == "same-origin");
        let origin = headers.get(ORIGIN).is_none_or(|origin| origin.as_bytes() == self.common.origin.as_bytes());
        if site && origin {
            Ok(())
        } else {
            Err(AuthorizationServerRefusal::ConsentForged("a page of another site sent it"))
        }
    }

    /// The redirect URI that was judged when the request came, and was sealed then.
    pub(super) fn redirect_again(&self, asked: &Asked) -> Result<RedirectUri, AuthorizationServerRefusal> {
        RedirectUri::unsealed(&asked.redirect_uri, &self.clients.rules).map_err(|problem| {
            AuthorizationServerRefusal::RedirectUri { uri: gangplank_jose::Excerpt::of(&asked.redirect_uri), problem }
        })
    }

    /// Rule 4.
    pub(super) fn still_there(&self, asked: &Asked) -> Result<(), AuthorizationServerRefusal> {
        let gone = || AuthorizationServerRefusal::Resource(gangplank_jose::Excerpt::of(&asked.resources.join(" ")));
        resource::sealed(&asked.resources, &self.resources).map(|_| ()).ok_or_else(gone)
    }

    /// For the audit.
    pub(super) fn granted<'a>(&'a self, asked: &'a Asked) -> Granted<'a> {
        Granted {
            server: &self.name,
            client: &asked.name,
            redirect_uri: &asked.redirect_uri,
            resources: &asked.resources,
            scopes: &asked.scopes,
            user: "",
        }
    }
}
