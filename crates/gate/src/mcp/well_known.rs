//! What clients look for below `/.well-known/` before they sign in.
//!
//! 1. Three names, with or without a path behind, on hosts that have an MCP route; everything else below `/.well-known/` is the
//!    routes' own affair. A path that is one of them in one reading only is refused.
//! 2. They are read by GET and HEAD, without a token, by any page; a preflight is answered. So are errors.
//! 3. `oauth-protected-resource`: the path behind is that of a route, or of the identifier of its resource. Without one it is the
//!    host's only resource. All others are 404: nothing is made up for a path that somebody asks for.
//! 4. `oauth-authorization-server` and `openid-configuration`: clients of the revision of 2025-03-26 look for them here, not
//!    at the provider. They get what the resource's first authorization server publishes: ours, or the provider as it is, out
//!    of a cache: however many ask, the provider is asked once in five minutes ([`published`](gangplank_oauth::Provider::published)). If it can't
//!    be had, that is 502.

use std::sync::Arc;

use bytes::Bytes;
use gangplank_oauth::{Form, Provider};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use http::{Method, Response};

use super::origin::{Cors, allowing};
use super::{McpRefusal, Resource, resource};
use crate::context::RequestContext;
use crate::forwarded::host_of;
use crate::request_path::RequestPath;
use crate::route::{RouteId, shown};
use crate::stack::{Gate, Trace};
use crate::{Body, Refusal};

const AUTHORIZATION_SERVER: &str = "/.well-known/oauth-authorization-server";
const OPENID: &str = "/.well-known/openid-configuration";

/// Who publishes what a client has to know of an authorization server.
#[derive(Clone, Debug)]
pub(crate) enum Publisher {
    /// The provider itself, under its name in the configuration.
    Provider(String, Arc<Provider>),
    /// We, as the authorization server of this name.
    Ours(String),
    /// Nobody: tokens are not got by OAuth, or nobody says where.
    Nobody,
}

/// A resource, and where it is.
#[derive(Debug)]
pub(crate) struct Place {
    /// Its route.
    pub(crate) route: RouteId,
    /// The path of the route, as it is written.
    pub(crate) path: String,
    /// What is published.
    pub(crate) resource: Arc<Resource>,
    /// Where its clients get tokens.
    pub(crate) publisher: Publisher,
}

impl Place {
    /// Whether `suffix` (decoded, without a slash at its end) is its own.
    fn is_at(&self, suffix: &str) -> bool {
        let paths = [self.path.as_str(), self.resource.identifier().path()];
        paths.iter().filter_map(|path| RequestPath::parse(path).ok()).any(|path| bare(path.as_str()) == suffix)
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Document {
    Resource,
    Published(Form),
}

impl Document {
    /// The document, and the path behind.
    fn read(path: &str) -> Option<(Document, &str)> {
        let names = [
            (resource::WELL_KNOWN, Document::Resource),
            (AUTHORIZATION_SERVER, Document::Published(Form::AuthorizationServer)),
            (OPENID, Document::Published(Form::OpenId)),
        ];
        let behind = |name: &str| path.strip_prefix(name).filter(|rest| rest.is_empty() || rest.starts_with('/'));
        names.into_iter().find_map(|(name, document)| Some((document, bare(behind(name)?))))
    }
}

fn bare(path: &str) -> &str {
    path.strip_suffix('/').unwrap_or(path)
}

/// Whether it may be one of them, in some reading.
pub(crate) fn is_well_known(path: &RequestPath<'_>) -> bool {
    [Some(path.as_str()), path.lenient()].into_iter().flatten().any(|path| path.starts_with("/.well-known/o"))
}

impl Gate {
    /// Answers what is rule 1's; `None` if it is not. The host is known.
    pub(crate) async fn well_known(
        &self,
        path: &RequestPath<'_>,
        context: &RequestContext,
        trace: &mut Trace,
    ) -> Result<Option<Response<Body>>, Refusal> {
        let plain = Document::read(path.as_str());
        let lenient = path.lenient().map(|path| Document::read(path).map(|(document, _)| document));
        if lenient.is_some_and(|lenient| lenient != plain.map(|(document, _)| document)) && !self.places.is_empty() {
            return Err(Refusal::PathAmbiguous("is metadata in one reading and not in another"));
        }
        let Some((document, suffix)) = plain else { return Ok(None) };
        let here = self.places_on(host_of(&context.authority));
        if here.is_empty() {
            return Ok(None);
        }
        trace.cors = Some(Cors::Public);
        match context.method {
            Method::GET | Method::HEAD => {}
            Method::OPTIONS => return Ok(Some(allowing(HeaderValue::from_static("GET, HEAD")))),
            _ => {
                let method = shown(&context.method);
                return Err(Refusal::EndpointMethod { method, allow: "GET, HEAD, OPTIONS" });
            }
        }
        let place = find(&here, suffix).ok_or_else(|| unknown(suffix))?;
        let document = match (document, &place.publisher) {
            (Document::Resource, _) => place.resource.document(),
            (Document::Published(form), Publisher::Provider(name, provider)) => {
                let published = provider.published(form, context.now).await;
                published.map_err(|error| McpRefusal::MetadataUnavailable {
                    issuer: name.clone(),
                    cause: error.to_string(),
                })?
            }
            (Document::Published(_), Publisher::Ours(name)) => {
                let ours = self.authorization_servers.iter().find(|server| server.name() == name);
                ours.ok_or(Refusal::Defect("an authorization server that only routes know"))?.metadata()
            }
            (Document::Published(_), Publisher::Nobody) => return Err(unknown(suffix).into()),
        };
        Ok(Some(answer(document)))
    }

    /// The resources that a request on this host can reach. Looks at every one there is, which is for this path only.
    fn places_on(&self, host: &str) -> Vec<&Place> {
        let reached = |place: &&Place| {
            let path = RequestPath::parse(&place.path);
            path.is_ok_and(|path| self.table.find(host, &path, Some(&Method::POST)).is_ok_and(|id| id == place.route))
        };
        self.places.iter().filter(reached).collect()
    }
}

/// Rule 3.
fn find<'p>(here: &[&'p Place], suffix: &str) -> Option<&'p Place> {
    let at = here.iter().find(|place| place.is_at(suffix));
    at.or_else(|| here.first().filter(|_| suffix.is_empty() && here.len() == 1)).copied()
}

fn unknown(suffix: &str) -> McpRefusal {
    McpRefusal::MetadataUnknown(suffix.chars().take(128).collect())
}

fn answer(document: Bytes) -> Response<Body> {
    let mut answer = Response::new(Body::from(document));
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mcp::resource::About;

    #[test]
    fn only_three_names_are_documents_by_whole_segments() {
        use Document::{Published, Resource};
        for (path, expected) in [
            ("/.well-known/oauth-protected-resource", Some((Resource, ""))),
            ("/.well-known/oauth-protected-resource/", Some((Resource, ""))),
            ("/.well-known/oauth-protected-resource/mcp", Some((Resource, "/mcp"))),
            ("/.well-known/oauth-protected-resource/a/b/", Some((Resource, "/a/b"))),
            ("/.well-known/oauth-protected-resource//", Some((Resource, "/"))),
            ("/.well-known/oauth-authorization-server/mcp", Some((Published(Form::AuthorizationServer), "/mcp"))),
            ("/.well-known/openid-configuration", Some((Published(Form::OpenId), ""))),
            ("/.well-known/oauth-protected-resources", None),
            ("/.well-known/oauth-protected-resource.json", None),
            ("/.well-known/", None),
            ("/.well-known/security.txt", None),
            ("/x/.well-known/openid-configuration", None),
            ("/", None),
        ] {
            assert_eq!(Document::read(path), expected, "{path}");
        }
    }

    #[test]
    fn a_resource_is_found_by_its_own_paths_and_alone_without_one() {
        let place = |route, path: &str, identifier: &str| Place {
            route,
            path: path.to_owned(),
            resource: Arc::new(Resource::new(identifier.parse().unwrap(), &About::default())),
            publisher: Publisher::Nobody,
        };
        let (mcp, pods) = (place(0, "/mcp", "https://h/mcp"), place(1, "/pods/", "https://h/public/pods"));
        let found = |here: &[&Place], suffix| find(here, suffix).map(|place| place.route);
        for (suffix, expected) in [
            ("/mcp", Some(0)),
            ("/pods", Some(1)),
            ("/public/pods", Some(1)),
            ("", None),
            ("/MCP", None),
            ("/mcp/x", None),
            ("/", None),
            ("/public", None),
        ] {
            assert_eq!(found(&[&mcp, &pods], suffix), expected, "{suffix}");
        }
        assert_eq!(found(&[&pods], ""), Some(1));
        let root = place(2, "/", "https://h/");
        assert_eq!(found(&[&mcp, &root], ""), Some(2), "a resource at the root has no path");
        assert_eq!(found(&[], ""), None);
    }
}
