//! The pages people see: sign-in chooser, no access, error, sign-out.
//!
//! 1. No JavaScript, no inline style; everything comes from below the gate's own prefix.
//! 2. Every page has a strict content security policy, may not be framed, is not stored, and tells other sites nothing
//!    of where the person was. `Referrer-Policy` is `same-origin` and not `no-referrer`, because the latter makes
//!    browsers send `Origin: null` with our own form.
//! 3. Whatever comes from outside is escaped by the template engine; nothing is marked safe.
//! 4. Chromium applies `form-action` to the redirects after a form too, so the page whose form ends at the provider
//!    names the provider's origin.

mod brand;
mod colour;

use askama::Template;
use gangplank_oauth::ClaimsChallenge;
use gangplank_oauth::config::ConfigError;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderValue, Response, StatusCode};

use crate::body::Body;
use crate::config::PagesConfig;
use brand::Brand;

/// All pages, with their branding.
#[derive(Debug)]
pub(crate) struct Pages {
    brand: Brand,
    prefix: String,
}

/// The question whether a client may act for somebody.
pub(crate) struct ConsentPage<'a> {
    /// What it calls itself.
    pub(crate) client: &'a str,
    /// The host that vouches for that.
    pub(crate) client_host: Option<&'a str>,
    /// Where its codes go.
    pub(crate) redirect: &'a str,
    /// Whether that is a program beside the browser.
    pub(crate) on_this_computer: bool,
    /// Where the person signs in.
    pub(crate) provider: &'a str,
    /// What it gets access to.
    pub(crate) resources: &'a [String],
    /// With which permissions.
    pub(crate) scopes: &'a [String],
    /// The question, sealed.
    pub(crate) request: &'a str,
    /// Where the answer goes.
    pub(crate) action: &'a str,
    /// Where the answer to the form leads: origins, or schemes with their colon.
    pub(crate) leads_to: &'a [String],
}

/// A link that looks like a button.
#[derive(Clone, Debug)]
pub(crate) struct Action {
    /// Where it leads.
    pub(crate) href: String,
    /// What it says.
    pub(crate) label: String,
}

impl Pages {
    /// Reads `[pages]`. `prefix` is the path of the gate's endpoints, without a slash at its end.
    pub(crate) fn new(config: &PagesConfig, prefix: &str) -> Result<Pages, Vec<ConfigError>> {
        Ok(Pages { brand: Brand::read(config, prefix)?, prefix: prefix.to_owned() })
    }

    /// The stylesheet or the logo, if `path` (whole, as requested) is one of them.
    pub(crate) fn asset(&self, path: &str) -> Option<Response<Body>> {
        self.brand.asset(path)
    }

    /// Something went wrong. `text` says what the person can do; the reason is for the log.
    pub(crate) fn error(
        &self,
        status: StatusCode,
        heading: &str,
        text: &str,
        request_id: &str,
        action: Option<Action>,
    ) -> Response<Body> {
        #[derive(Template)]
        #[template(path = "error.html")]
        struct Page<'a> {
            brand: &'a Brand,
            status: u16,
            heading: &'a str,
            text: &'a str,
            request_id: &'a str,
            action: Option<Action>,
        }
        page(status, &Page { brand: &self.brand, status: status.as_u16(), heading, text, request_id, action }, None)
    }

    /// Signed in, but not allowed here. `target` is the page they wanted, as a path or URL that was judged.
    pub(crate) fn forbidden(
        &self,
        username: &str,
        client: Option<&str>,
        target: &str,
        request_id: &str,
    ) -> Response<Body> {
        #[derive(Template)]
        #[template(path = "forbidden.html")]
        struct Page<'a> {
            brand: &'a Brand,
            username: &'a str,
            other_account: String,
            sign_out: String,
            request_id: &'a str,
        }
        let other_account = self.start_link(client, target, true);
        let sign_out = format!("{}/sign_out", self.prefix);
        page(StatusCode::FORBIDDEN, &Page { brand: &self.brand, username, other_account, sign_out, request_id }, None)
    }

    /// Which provider? `choices` are (client name, display name). `claims` is what it will want to see.
    pub(crate) fn chooser<'a>(
        &self,
        choices: impl IntoIterator<Item = (&'a str, &'a str)>,
        target: &str,
        claims: Option<&ClaimsChallenge>,
    ) -> Response<Body> {
        #[derive(Template)]
        #[template(path = "chooser.html")]
        struct Page<'a> {
            brand: &'a Brand,
            choices: Vec<Action>,
        }
        let choices = choices
            .into_iter()
            .map(|(client, name)| Action {
                href: self.start_link(Some(client), target, false) + &claims_parameter(claims),
                label: name.to_owned(),
            })
            .collect();
        page(StatusCode::OK, &Page { brand: &self.brand, choices }, None)
    }

    /// Really? `provider` is the origin that the form's answer redirects to.
    pub(crate) fn confirm_sign_out(&self, username: &str, token: &str, provider: Option<&str>) -> Response<Body> {
        #[derive(Template)]
        #[template(path = "confirm_sign_out.html")]
        struct Page<'a> {
            brand: &'a Brand,
            username: &'a str,
            token: &'a str,
            action: String,
        }
        let action = format!("{}/sign_out", self.prefix);
        page(StatusCode::OK, &Page { brand: &self.brand, username, token, action }, provider)
    }

    /// May this client act for you? A provider may send people on to where their organisation signs in, by redirects that
    /// nobody here knows beforehand: so the form may lead to any https address.
    pub(crate) fn consent(&self, page: &ConsentPage<'_>) -> Response<Body> {
        #[derive(Template)]
        #[template(path = "consent.html")]
        struct Page<'a> {
            brand: &'a Brand,
            page: &'a ConsentPage<'a>,
        }
        let mut targets = vec!["https:"];
        targets.extend(page.leads_to.iter().map(String::as_str).filter(|target| is_source(target)));
        self::page(StatusCode::OK, &Page { brand: &self.brand, page }, Some(&targets.join(" ")))
    }

    /// Done.
    pub(crate) fn signed_out(&self) -> Response<Body> {
        #[derive(Template)]
        #[template(path = "signed_out.html")]
        struct Page<'a> {
            brand: &'a Brand,
            again: String,
        }
        page(StatusCode::OK, &Page { brand: &self.brand, again: format!("{}/sign_in", self.prefix) }, None)
    }

    /// A link that begins a sign-in.
    pub(crate) fn start_link(&self, client: Option<&str>, target: &str, other_account: bool) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        if let Some(client) = client {
            query.append_pair("client", client);
        }
        query.append_pair("rd", target);
        if other_account {
            query.append_pair("prompt", "select_account");
        }
        format!("{}/start?{}", self.prefix, query.finish())
    }
}

/// What a link to a sign-in ends with if the provider said what it wants to see there.
pub(crate) fn claims_parameter(claims: Option<&ClaimsChallenge>) -> String {
    let encoded = |text: String| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    claims.map(|claims| format!("&claims={}", encoded(claims.to_base64()))).unwrap_or_default()
}

/// Renders a page with the headers that all of them have.
fn page(status: StatusCode, template: &impl Template, form_target: Option<&str>) -> Response<Body> {
    // Writing to a string does not fail; if a template ever did, an empty page with the right status is still right.
    let text = template.render().unwrap_or_default();
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(CONTENT_SECURITY_POLICY, content_security_policy(form_target));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    response
}

fn content_security_policy(form_target: Option<&str>) -> HeaderValue {
    const STRICT: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; \
                          frame-ancestors 'none'; base-uri 'none'";
    let strict = HeaderValue::from_static(STRICT);
    let Some(origin) = form_target.filter(|o| o.split(' ').all(is_source)) else {
        return strict;
    };
    let widened = STRICT.replace("form-action 'self'", &format!("form-action 'self' {origin}"));
    HeaderValue::from_str(&widened).unwrap_or(strict)
}

/// Whether it can stand in a policy without being more than one source.
fn is_source(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() && b != b';' && b != b',')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages() -> Pages {
        Pages::new(&PagesConfig::default(), "/oauth2").unwrap()
    }

    fn text(mut response: Response<Body>) -> String {
        match response.body_mut() {
            Body::Full(bytes) => String::from_utf8(bytes.take().unwrap().to_vec()).unwrap(),
            Body::Stream(_) => panic!("a page is not a stream"),
        }
    }

    fn every_page(hostile: &str) -> Vec<Response<Body>> {
        let pages = pages();
        let action = Some(Action { href: pages.start_link(Some(hostile), hostile, true), label: hostile.to_owned() });
        vec![
            pages.error(StatusCode::BAD_GATEWAY, hostile, hostile, hostile, action),
            pages.forbidden(hostile, Some(hostile), hostile, hostile),
            pages.chooser([(hostile, hostile)], hostile, None),
            pages.confirm_sign_out(hostile, hostile, None),
            pages.signed_out(),
            pages.consent(&ConsentPage {
                client: hostile,
                client_host: Some(hostile),
                redirect: hostile,
                on_this_computer: true,
                provider: hostile,
                resources: &[hostile.to_owned()],
                scopes: &[hostile.to_owned()],
                request: hostile,
                action: hostile,
                leads_to: &[hostile.to_owned()],
            }),
        ]
    }

    #[test]
    fn nothing_from_outside_becomes_markup() {
        for page in every_page("\"'><script>alert(1)</script><a href=javascript:x onmouseover=y>&") {
            let text = text(page);
            assert!(!text.contains("<script"), "{text}");
            assert!(!text.contains("<a href=javascript"), "{text}");
            assert!(!text.contains("\"'>"), "{text}");
        }
    }

    #[test]
    fn every_page_has_the_headers_and_the_marks_of_a_good_one() {
        for page in every_page("x") {
            let headers = page.headers().clone();
            let policy = headers[CONTENT_SECURITY_POLICY].to_str().unwrap();
            for part in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"] {
                assert!(policy.contains(part), "{policy}");
            }
            assert!(!policy.contains("unsafe"));
            assert_eq!(headers[CACHE_CONTROL], "no-store");
            assert_eq!(headers[X_FRAME_OPTIONS], "DENY");
            assert_eq!(headers[REFERRER_POLICY], "same-origin");
            let text = text(page);
            for part in ["<html lang=\"en\">", "<main>", "<h1>", "name=\"viewport\"", "<title>"] {
                assert!(text.contains(part), "{part} in {text}");
            }
            assert!(!text.contains("<script") && !text.contains("style=") && !text.contains("<style"));
        }
    }

    #[test]
    fn the_sign_out_form_may_go_on_to_the_provider_and_nowhere_else() {
        let page = pages().confirm_sign_out("mia", "t", Some("https://login.test"));
        let policy = page.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("form-action 'self' https://login.test;"), "{policy}");
        let page = pages().confirm_sign_out("mia", "t", Some("https://login.test; script-src *"));
        assert!(!page.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap().contains("script-src"));
    }

    #[test]
    fn links_carry_their_values_encoded() {
        assert_eq!(
            pages().start_link(Some("a b"), "/x?y=1&z=2", true),
            "/oauth2/start?client=a+b&rd=%2Fx%3Fy%3D1%26z%3D2&prompt=select_account"
        );
    }
}
