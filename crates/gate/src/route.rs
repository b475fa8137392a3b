//! Which route a request is for.
//!
//! 1. Of the routes whose host and path match, the best host wins (exact, then the longest wildcard, then any), then
//!    the longest path, then one that names the method before one that takes all. Where one names methods, a method in
//!    small letters is none of theirs.
//! 2. A [path](RequestPath) may have two readings, a strict and a lenient one. If they lead to different routes, the path
//!    is refused: it would be judged by one rule and served by another.
//!
//! Matching costs one look-up per segment and kind of host, however many routes there are. The query never takes part.

use std::collections::{HashMap, HashSet};

use http::Method;

use crate::Refusal;
use crate::request_path::{RequestPath, is_peculiar, lenient};

/// The index of a route in the order of the configuration.
pub(crate) type RouteId = usize;

/// What a route matches, as the configuration says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RouteMatch {
    /// Lower case.
    pub(crate) host: HostMatch,
    /// Decoded, beginning with a slash, without one at its end; empty for `/`.
    pub(crate) path: String,
    /// Empty for all.
    pub(crate) methods: Vec<Method>,
}

/// Which hosts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum HostMatch {
    /// Any host that is known.
    Any,
    /// This one.
    Exact(String),
    /// Every host below this domain: `*.example.com` is `example.com` here.
    Below(String),
}

/// All routes, laid out for look-up.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    exact: HashMap<String, Paths>,
    below: HashMap<String, Paths>,
    any: Paths,
    /// Whether a route's own path has another reading: then every request's path has to be read twice.
    peculiar: bool,
    count: usize,
}

#[derive(Debug, Default)]
struct Paths {
    by_path: HashMap<String, Vec<(Vec<Method>, RouteId)>>,
    /// The same by [`lenient`] path.
    leniently: HashMap<String, Vec<RouteId>>,
    /// The most slashes in any path: no need to look further down.
    depth: usize,
    /// All routes here, for the check that names none.
    ids: Vec<RouteId>,
}

impl Routes {
    /// Adds the next route. Two that claim the same host, path and method are refused with the earlier one's id.
    pub(crate) fn push(&mut self, route: RouteMatch) -> Result<RouteId, RouteId> {
        let id = self.count;
        self.count += 1;
        let paths = match route.host {
            HostMatch::Any => &mut self.any,
            HostMatch::Exact(host) => self.exact.entry(host).or_default(),
            HostMatch::Below(domain) => self.below.entry(domain).or_default(),
        };
        paths.depth = paths.depth.max(route.path.matches('/').count());
        paths.ids.push(id);
        paths.leniently.entry(lenient(&route.path)).or_default().push(id);
        self.peculiar |= is_peculiar(&route.path);
        let here = paths.by_path.entry(route.path).or_default();
        let overlaps = |other: &[Method]| match (other.is_empty(), route.methods.is_empty()) {
            (true, true) => true,
            (false, false) => other.iter().any(|m| route.methods.contains(m)),
            _ => false,
        };
        if let Some((_, earlier)) = here.iter().find(|(methods, _)| overlaps(methods)) {
            return Err(*earlier);
        }
        // A route that names its methods is asked before one that takes all.
        let at = if route.methods.is_empty() { here.len() } else { 0 };
        here.insert(at, (route.methods, id));
        Ok(id)
    }

    /// The routes of every host and path where some route names its methods.
    pub(crate) fn told_apart_by_method(&self) -> HashSet<RouteId> {
        let tables = self.exact.values().chain(self.below.values()).chain([&self.any]);
        let places = tables.flat_map(|paths| paths.by_path.values());
        let apart = places.filter(|routes| routes.iter().any(|(methods, _)| !methods.is_empty()));
        apart.flatten().map(|(_, id)| *id).collect()
    }

    /// Makes a host known that has no route of its own.
    pub(crate) fn know(&mut self, host: &str) {
        self.exact.entry(host.to_owned()).or_default();
    }

    /// Whether a host (without a port, lower case) is one of the configuration's.
    pub(crate) fn knows(&self, host: &str) -> bool {
        self.exact.contains_key(host) || parents(host).any(|p| self.below.contains_key(p))
    }

    /// The route for a request. `host` is without a port, lower case, and known. Without a method (a proxy did not
    /// tell it), only a route that takes all methods is found.
    pub(crate) fn find(&self, host: &str, path: &RequestPath<'_>, method: Option<&Method>) -> Result<RouteId, Refusal> {
        let found = self.find_one(host, path.as_str(), method);
        // What is not peculiar reads the same in both ways.
        match (&found, path.lenient().or(self.peculiar.then_some(path.as_str()))) {
            (Ok(id), Some(lenient)) if !self.leads_to(host, lenient, *id) => {
                Err(Refusal::PathAmbiguous("leads to another route for an upstream that reads it more leniently"))
            }
            _ => found,
        }
    }

    /// The route of a host that has one only.
    pub(crate) fn only(&self, host: &str) -> Option<RouteId> {
        let mut ids = self.tables(host).flat_map(|paths| paths.ids.iter().copied());
        ids.next().filter(|_| ids.next().is_none())
    }

    fn leads_to(&self, host: &str, lenient: &str, id: RouteId) -> bool {
        let found = self.tables(host).find_map(|paths| longest(&paths.leniently, paths.depth, lenient));
        found.is_some_and(|ids| ids.contains(&id))
    }

    fn find_one(&self, host: &str, path: &str, method: Option<&Method>) -> Result<RouteId, Refusal> {
        let Some(candidates) = self.tables(host).find_map(|paths| longest(&paths.by_path, paths.depth, path)) else {
            return Err(Refusal::RouteNone);
        };
        let Some(method) = method else {
            return match candidates.as_slice() {
                [(methods, id)] if methods.is_empty() => Ok(*id),
                _ => Err(Refusal::RouteMethod { method: "an unknown method".to_owned(), allow: String::new() }),
            };
        };
        // Methods are case-sensitive, and yet there are frameworks to which `delete` is `DELETE`.
        let odd = method.as_str().bytes().any(|b| b.is_ascii_lowercase());
        let judged = !odd || candidates.iter().all(|(methods, _)| methods.is_empty());
        let takes = |methods: &[Method]| judged && (methods.is_empty() || methods.contains(method));
        candidates.iter().find(|(methods, _)| takes(methods)).map(|(_, id)| *id).ok_or_else(|| {
            let allow: Vec<&str> = candidates.iter().flat_map(|(methods, _)| methods).map(Method::as_str).collect();
            Refusal::RouteMethod { method: shown(method), allow: allow.join(", ") }
        })
    }

    /// The tables of a host, best first.
    fn tables<'t>(&'t self, host: &'t str) -> impl Iterator<Item = &'t Paths> {
        let below = parents(host).take(if self.below.is_empty() { 0 } else { usize::MAX });
        self.exact.get(host).into_iter().chain(below.filter_map(|p| self.below.get(p))).chain([&self.any])
    }
}

/// What is there for the longest beginning of `path`, by whole segments.
fn longest<'t, T>(by_path: &'t HashMap<String, T>, depth: usize, path: &str) -> Option<&'t T> {
    let mut ends: [usize; MAX_DEPTH] = [0; MAX_DEPTH];
    let mut known = 0;
    // The ends of the first `depth` segments: no configured path is deeper.
    let slashes = path.bytes().enumerate().skip(1).filter(|(_, b)| *b == b'/').map(|(at, _)| at);
    for end in slashes.chain([path.len()]).take(depth.min(ends.len())) {
        ends[known] = end;
        known += 1;
    }
    ends[..known].iter().rev().find_map(|end| by_path.get(&path[..*end])).or_else(|| by_path.get(""))
}

/// The domains above a host, nearest first.
fn parents(host: &str) -> impl Iterator<Item = &str> {
    host.match_indices('.').map(move |(dot, _)| &host[dot + 1..])
}

/// The deepest path that a route may have.
pub(crate) const MAX_DEPTH: usize = 32;

/// A method for the log: extension methods are the caller's text, and may be long.
pub(crate) fn shown(method: &Method) -> String {
    method.as_str().chars().take(16).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes(list: &[(&str, &str, &[Method])]) -> Routes {
        let mut routes = Routes::default();
        for (host, path, methods) in list {
            let host = match host.strip_prefix("*.") {
                Some(domain) => HostMatch::Below(domain.to_owned()),
                None if host.is_empty() => HostMatch::Any,
                None => HostMatch::Exact((*host).to_owned()),
            };
            let path = path.trim_end_matches('/').to_owned();
            routes.push(RouteMatch { host, path, methods: methods.to_vec() }).unwrap();
        }
        routes
    }

    fn find(routes: &Routes, host: &str, path: &str) -> Result<RouteId, &'static str> {
        RequestPath::parse(path).and_then(|p| routes.find(host, &p, Some(&Method::GET))).map_err(|r| r.reason().name)
    }

    #[test]
    fn the_best_host_then_the_longest_path_wins() {
        let r = routes(&[
            ("", "/", &[]),
            ("app.example.com", "/", &[]),
            ("app.example.com", "/api/v1", &[]),
            ("*.example.com", "/", &[]),
            ("*.deep.example.com", "/", &[]),
            ("b.example.com", "/only", &[]),
        ]);
        for (host, path, expected) in [
            ("app.example.com", "/", 1),
            ("app.example.com", "/api/v1", 2),
            ("app.example.com", "/api/v1/", 2),
            ("app.example.com", "/api/v1/x", 2),
            ("app.example.com", "/api/v12", 1),
            ("app.example.com", "/api", 1),
            ("x.example.com", "/", 3),
            ("y.deep.example.com", "/", 4),
            ("example.com", "/", 0),
            ("other.net", "/anything/at/all", 0),
            ("b.example.com", "/only/x", 5),
            ("b.example.com", "/", 3),
            ("app.example.com", "/%61pi/v1", 2),
        ] {
            assert_eq!(find(&r, host, path), Ok(expected), "{host}{path}");
        }
    }

    #[test]
    fn two_readings_that_lead_to_two_routes_are_refused() {
        let r = routes(&[("", "/", &[]), ("", "/public", &[])]);
        for path in [
            // For an upstream that merges slashes or drops parameters.
            "//public",
            "/;x/public",
            "/public;x=1/a",
            // For one that takes no notice of case, or of what Windows does not, or decodes early.
            "/PUBLIC",
            "/Public/x",
            "/public.",
            "/public%20",
            "/public.%20./x",
            "/.../public",
            "/public%3fx",
            "/public%23x",
        ] {
            assert!(RequestPath::parse(path).is_ok(), "{path}");
            assert_eq!(find(&r, "h", path), Err("path-ambiguous"), "{path}");
        }
    }

    #[test]
    fn harmless_peculiarities_pass() {
        let r = routes(&[("", "/", &[]), ("", "/public", &[])]);
        for (path, expected) in [
            ("/a//b", 0),
            ("/public//b", 1),
            ("/public/b;v=1", 1),
            ("/public/100%25", 1),
            ("/public/%E2%82%AC", 1),
            ("/public/%3Fx", 1),
            ("/public/https%253A", 1),
            ("/public/%2541", 1),
            ("/...", 0),
            ("/public/a..b", 1),
            ("/public/Some.File", 1),
            ("/Publications/Main.css", 0),
            ("/public/ends.%20", 1),
        ] {
            assert_eq!(find(&r, "h", path), Ok(expected), "{path}");
        }
    }

    #[test]
    fn routes_may_be_written_in_any_case_and_differ_by_it() {
        let r = routes(&[("", "/", &[]), ("", "/API", &[]), ("", "/Docs", &[]), ("", "/docs", &[])]);
        for (path, expected) in [
            ("/API/x", Ok(1)),
            ("/API/X;v=1", Ok(1)),
            ("/api/x", Err("path-ambiguous")),
            ("/Api/x", Err("path-ambiguous")),
            ("/Docs/x", Ok(2)),
            ("/docs/X", Ok(3)),
            ("/DOCS/x", Err("path-ambiguous")),
        ] {
            assert_eq!(find(&r, "h", path), expected, "{path}");
        }
    }

    #[test]
    fn methods_choose_among_routes_of_one_path_and_never_fall_back_to_a_shorter_one() {
        let r = routes(&[("", "/", &[]), ("", "/api", &[Method::GET, Method::HEAD])]);
        let path = RequestPath::parse("/api/x").unwrap();
        assert_eq!(r.find("h", &path, Some(&Method::GET)).unwrap(), 1);
        let refused = r.find("h", &path, Some(&Method::POST)).unwrap_err();
        assert!(matches!(&refused, Refusal::RouteMethod { allow, .. } if allow == "GET, HEAD"), "{refused:?}");

        assert!(r.find("h", &path, None).is_err(), "an untold method is none of the route's");
        assert_eq!(r.find("h", &RequestPath::parse("/").unwrap(), None).unwrap(), 0);

        // Some frameworks take `delete` for `DELETE`.
        for odd in ["get", "Post", "delete"] {
            let odd = Method::from_bytes(odd.as_bytes()).unwrap();
            let split = routes(&[("", "/api", &[]), ("", "/api", &[Method::DELETE]), ("", "/", &[])]);
            assert!(matches!(split.find("h", &path, Some(&odd)), Err(Refusal::RouteMethod { .. })), "{odd}");
            assert_eq!(split.find("h", &RequestPath::parse("/").unwrap(), Some(&odd)).unwrap(), 2, "{odd}");
        }

        let split = routes(&[("", "/api", &[]), ("", "/api", &[Method::POST])]);
        assert_eq!(split.find("h", &path, Some(&Method::POST)).unwrap(), 1);
        assert_eq!(split.find("h", &path, Some(&Method::GET)).unwrap(), 0);
    }

    #[test]
    fn two_routes_for_the_same_are_found() {
        let mut routes = Routes::default();
        let one =
            |methods: &[Method]| RouteMatch { host: HostMatch::Any, path: "/a".into(), methods: methods.to_vec() };
        routes.push(one(&[])).unwrap();
        routes.push(one(&[Method::GET])).unwrap();
        assert_eq!(routes.push(one(&[])), Err(0));
        assert_eq!(routes.push(one(&[Method::PUT, Method::GET])), Err(1));
    }

    #[test]
    fn a_host_with_one_route_needs_no_path() {
        let r = routes(&[("a.example.com", "/", &[]), ("b.example.com", "/", &[]), ("b.example.com", "/x", &[])]);
        assert_eq!(r.only("a.example.com"), Some(0));
        assert_eq!(r.only("b.example.com"), None);
        assert_eq!(r.only("c.example.com"), None);
    }
}
