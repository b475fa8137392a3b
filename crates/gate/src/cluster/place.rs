//! Where a cluster's own paths begin: below a path of the gate, and perhaps below one of the API server's.
//!
//! 1. Of what was asked, as many segments are taken off as the route's path has, and the rest goes on as it was sent. The
//!    route was found by the decoded path, whose separators are those of the path as sent: encoded ones were refused.
//! 2. What remains begins with one slash. Two would begin a host's name for whoever reads it as a reference.
//! 3. A redirect of the API server to a path of its own, or to itself, leads to the same place through the gate. Every
//!    other one is left as it is.

use http::header::{HeaderMap, HeaderValue, LOCATION};
use http::uri::{Authority, PathAndQuery};

use crate::Refusal;

/// See the module.
#[derive(Debug)]
pub(crate) struct Place {
    /// As the configuration spells it, without a slash at its end: `/clusters/prod`, or empty.
    prefix: String,
    segments: usize,
    /// Of the API server, without a slash at its end: mostly empty.
    base: String,
    server: Authority,
}

impl Place {
    /// Of a route's path and an API server's authority and path.
    pub(crate) fn new(route: &str, server: Authority, base: &str) -> Self {
        let prefix = route.trim_end_matches('/').to_owned();
        let segments = prefix.matches('/').count();
        Place { prefix, segments, base: base.trim_end_matches('/').to_owned(), server }
    }

    /// Rules 1 and 2: what the API server is asked for.
    pub(super) fn inside(&self, asked: Option<&PathAndQuery>) -> Result<PathAndQuery, Refusal> {
        let path = asked.map_or("/", PathAndQuery::path);
        let rest = match path.match_indices('/').nth(self.segments) {
            Some((at, _)) => &path[at..],
            None => "/",
        };
        if rest.starts_with("//") {
            return Err(Refusal::PathAmbiguous("has an empty segment where the cluster's own path begins"));
        }
        let query = asked.and_then(PathAndQuery::query).map(|query| format!("?{query}")).unwrap_or_default();
        let inside = format!("{}{rest}{query}", self.base);
        PathAndQuery::try_from(inside).map_err(|_| Refusal::Defect("a cluster's path does not come together"))
    }

    /// Rule 3.
    pub(super) fn outside(&self, headers: &mut HeaderMap) {
        let led = headers.get(LOCATION).and_then(|location| location.to_str().ok());
        let outside = led.and_then(|location| self.lead_back(location));
        if let Some(location) = outside.and_then(|location| HeaderValue::from_str(&location).ok()) {
            headers.insert(LOCATION, location);
        }
    }

    fn lead_back(&self, location: &str) -> Option<String> {
        let own = match location.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => {
                let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
                self.is_server(&rest[..end]).then(|| &rest[end..])?
            }
            _ if location.starts_with('/') && !location.starts_with("//") => location,
            _ => return None,
        };
        let inside = own.strip_prefix(self.base.as_str())?;
        let fits = inside.is_empty() || inside.starts_with(['/', '?', '#']);
        let slash = if inside.starts_with('/') || (inside.is_empty() && !self.prefix.is_empty()) { "" } else { "/" };
        // A path of two slashes would be a host's name.
        (fits && !inside.starts_with("//")).then(|| format!("{}{slash}{inside}", self.prefix))
    }

    fn is_server(&self, authority: &str) -> bool {
        let plain = |authority: &str| authority.strip_suffix(":443").unwrap_or(authority).to_ascii_lowercase();
        plain(authority) == plain(self.server.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(route: &str, base: &str) -> Place {
        Place::new(route, Authority::from_static("10.0.0.1:6443"), base)
    }

    #[test]
    fn what_is_below_the_route_goes_on_as_it_was_sent() {
        for (route, base, asked, inside) in [
            ("/clusters/prod", "", "/clusters/prod/api/v1/pods?watch=1&x=%2F", "/api/v1/pods?watch=1&x=%2F"),
            ("/clusters/prod", "", "/clusters/prod", "/"),
            ("/clusters/prod", "", "/clusters/prod/", "/"),
            ("/clusters/prod", "", "/clusters/prod?x", "/?x"),
            ("/clusters/prod", "", "/%63lusters/prod/api", "/api"),
            ("/clusters/prod/", "", "/clusters/prod/apis/a%20b/%E2%82%AC//c;d", "/apis/a%20b/%E2%82%AC//c;d"),
            ("/clusters/prod", "/k8s/c-1", "/clusters/prod/api?x", "/k8s/c-1/api?x"),
            ("/clusters/prod", "/k8s/c-1/", "/clusters/prod", "/k8s/c-1/"),
            ("/", "", "/api/v1", "/api/v1"),
            ("/", "", "/", "/"),
            ("/", "/k8s", "/api", "/k8s/api"),
        ] {
            let asked: PathAndQuery = asked.parse().unwrap();
            assert_eq!(place(route, base).inside(Some(&asked)).unwrap(), inside, "{asked}");
        }
        assert_eq!(place("/", "").inside(None).unwrap(), "/");
        for (route, asked) in [("/clusters/prod", "/clusters/prod//evil.example.com/x"), ("/", "//evil.example.com")] {
            let refused = place(route, "").inside(Some(&asked.parse().unwrap())).unwrap_err();
            assert_eq!(refused.reason().name, "path-ambiguous", "{asked}");
        }
    }

    #[test]
    fn a_redirect_leads_back_through_the_gate() {
        for (route, base, from, to) in [
            ("/clusters/prod", "", "/api/", "/clusters/prod/api/"),
            ("/clusters/prod", "", "https://10.0.0.1:6443/api/?x#y", "/clusters/prod/api/?x#y"),
            ("/clusters/prod", "", "HTTPS://10.0.0.1:6443", "/clusters/prod"),
            ("/clusters/prod", "", "https://10.0.0.1:6443?x", "/clusters/prod/?x"),
            ("/clusters/prod", "/k8s", "/k8s/api/", "/clusters/prod/api/"),
            ("/clusters/prod", "/k8s", "/k8s", "/clusters/prod"),
            ("/", "", "https://10.0.0.1:6443/api/", "/api/"),
            ("/", "", "https://10.0.0.1:6443", "/"),
            // Left as they are: elsewhere, or relative to what was asked.
            ("/clusters/prod", "", "https://elsewhere.example.com/api", "https://elsewhere.example.com/api"),
            ("/clusters/prod", "", "https://10.0.0.1:6443.example.com/", "https://10.0.0.1:6443.example.com/"),
            ("/clusters/prod", "", "http://10.0.0.1:6443/api", "http://10.0.0.1:6443/api"),
            ("/clusters/prod", "", "//10.0.0.1:6443/api", "//10.0.0.1:6443/api"),
            ("/", "", "https://10.0.0.1:6443//evil.example.com", "https://10.0.0.1:6443//evil.example.com"),
            ("/clusters/prod", "", "proxy/", "proxy/"),
            ("/clusters/prod", "/k8s", "/k8s2/api", "/k8s2/api"),
            ("/clusters/prod", "/k8s", "/other", "/other"),
        ] {
            let mut headers = HeaderMap::from_iter([(LOCATION, HeaderValue::from_static(from))]);
            place(route, base).outside(&mut headers);
            assert_eq!(headers[LOCATION], to, "{route} {from}");
        }
    }

    /// Whatever is asked below a route, as it was sent: what arrives is its rest, read alike, and below nothing else.
    #[test]
    fn what_arrives_is_the_rest_of_what_was_judged() {
        use crate::request_path::RequestPath;
        let alphabet: Vec<&str> =
            "/ / / clusters clusters prod prod %70rod %63lusters a . .. %2e %2F %2f %25 %252f // ; ;x ? # ?q %3f %23 \\ %5c ~ A %E2%82%AC"
                .split(' ')
                .collect();
        let place = place("/clusters/prod", "");
        let (mut seed, mut led, mut refused) = (7_u64, 0, 0);
        for _ in 0..200_000 {
            let mut path = "/clusters/prod".to_owned();
            if seed % 3 == 0 {
                path = "/%63lusters/%70rod".to_owned();
            }
            for _ in 0..(seed >> 40) % 8 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                path.push_str(alphabet[usize::try_from(seed >> 33).unwrap() % alphabet.len()]);
            }
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let Ok(asked) = path.parse::<PathAndQuery>() else { continue };
            let Ok(judged) = RequestPath::parse(asked.path()) else { continue };
            let Some(below) = judged.as_str().strip_prefix("/clusters/prod") else { continue };
            if !below.is_empty() && !below.starts_with('/') {
                continue;
            }
            match place.inside(Some(&asked)) {
                Ok(inside) => {
                    led += 1;
                    let arrives = RequestPath::parse(inside.path()).unwrap();
                    assert_eq!(arrives.as_str(), if below.is_empty() { "/" } else { below }, "{path}");
                    assert_eq!(inside.query(), asked.query(), "{path}");
                    assert!(!inside.as_str().starts_with("//"), "{path}");
                }
                Err(_) => {
                    refused += 1;
                    assert!(below.starts_with("//"), "{path}");
                }
            }
        }
        assert!(led > 10_000 && refused > 100, "both were tried: {led} {refused}");
    }
}
