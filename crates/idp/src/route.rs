//! Paths: which part of the tenant a request is for.

use crate::claims::Version;
use crate::faults::{Endpoint, Face};
use crate::standard;

/// A path, taken apart. `tenant` is what stands for the tenant in it, not yet checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route<'p> {
    Discovery {
        tenant: &'p str,
        version: Version,
    },
    Jwks {
        tenant: &'p str,
    },
    Authorize {
        tenant: &'p str,
        version: Version,
    },
    Login {
        tenant: &'p str,
        version: Version,
    },
    Token {
        tenant: &'p str,
        version: Version,
    },
    DeviceCode {
        tenant: &'p str,
        version: Version,
    },
    Logout {
        tenant: &'p str,
    },
    /// Where a device's code is entered.
    DeviceLogin,
    InstanceDiscovery,
    Userinfo,
    /// What follows `/graph/v1.0/`.
    Graph(Vec<&'p str>),
    /// The retired Azure AD Graph, to which group overage points.
    RetiredGraph,
    /// The other face.
    Standard(standard::Route),
    Faults,
    Rotate,
    Style,
    Home,
    Unknown,
}

impl<'p> Route<'p> {
    /// Takes a path apart. Nothing here is percent-encoded in earnest, so nothing is decoded.
    pub(crate) fn of(path: &'p str) -> Route<'p> {
        let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        if let Some(route) = standard::Route::of(&segments) {
            return Route::Standard(route);
        }
        match *segments {
            [""] => Route::Home,
            ["devicelogin"] => Route::DeviceLogin,
            ["dev", "faults"] => Route::Faults,
            ["dev", "rotate"] => Route::Rotate,
            ["dev", "style.css"] => Route::Style,
            ["common", "discovery", "instance"] => Route::InstanceDiscovery,
            ["graph", "oidc", "userinfo"] => Route::Userinfo,
            ["graph", "v1.0", ref rest @ ..] => Route::Graph(rest.to_vec()),
            ["graph.windows.net", ..] => Route::RetiredGraph,
            [tenant, "v2.0", ".well-known", "openid-configuration"] => {
                Route::Discovery { tenant, version: Version::V2 }
            }
            [tenant, ".well-known", "openid-configuration"] => Route::Discovery { tenant, version: Version::V1 },
            [tenant, "discovery", "v2.0", "keys"] | [tenant, "discovery", "keys"] => Route::Jwks { tenant },
            [tenant, "oauth2", "v2.0", name] => Route::oauth2(tenant, Version::V2, name),
            [tenant, "oauth2", name] => Route::oauth2(tenant, Version::V1, name),
            _ => Route::Unknown,
        }
    }

    fn oauth2(tenant: &'p str, version: Version, name: &str) -> Route<'p> {
        match name {
            "authorize" => Route::Authorize { tenant, version },
            "login" => Route::Login { tenant, version },
            "token" => Route::Token { tenant, version },
            "devicecode" => Route::DeviceCode { tenant, version },
            "logout" => Route::Logout { tenant },
            _ => Route::Unknown,
        }
    }

    /// What stands for the tenant in the path.
    pub(crate) fn tenant(&self) -> Option<&'p str> {
        match self {
            Route::Discovery { tenant, .. }
            | Route::Jwks { tenant }
            | Route::Authorize { tenant, .. }
            | Route::Login { tenant, .. }
            | Route::Token { tenant, .. }
            | Route::DeviceCode { tenant, .. }
            | Route::Logout { tenant } => Some(tenant),
            _ => None,
        }
    }

    /// Which of the two servers it is for.
    pub(crate) fn face(&self) -> Face {
        if matches!(self, Route::Standard(_)) { Face::Standard } else { Face::Entra }
    }

    /// For faults and counts.
    pub(crate) fn endpoint(&self) -> Endpoint {
        match self {
            Route::Standard(route) => route.endpoint(),
            Route::Discovery { .. } | Route::InstanceDiscovery => Endpoint::Discovery,
            Route::Jwks { .. } => Endpoint::Jwks,
            Route::Authorize { .. } => Endpoint::Authorize,
            Route::Login { .. } => Endpoint::Login,
            Route::Token { .. } => Endpoint::Token,
            Route::DeviceCode { .. } => Endpoint::DeviceCode,
            Route::DeviceLogin => Endpoint::DeviceLogin,
            Route::Logout { .. } => Endpoint::Logout,
            Route::Userinfo => Endpoint::Userinfo,
            Route::Graph(_) | Route::RetiredGraph => Endpoint::Graph,
            Route::Faults | Route::Rotate | Route::Style | Route::Home | Route::Unknown => Endpoint::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_generations_of_paths_are_known() {
        assert_eq!(Route::of("/t/oauth2/v2.0/token"), Route::Token { tenant: "t", version: Version::V2 });
        assert_eq!(Route::of("/t/oauth2/token"), Route::Token { tenant: "t", version: Version::V1 });
        assert_eq!(Route::of("/t/discovery/keys"), Route::Jwks { tenant: "t" });
        assert_eq!(Route::of("/"), Route::Home);
        assert_eq!(Route::of("/graph/v1.0/me/transitiveMemberOf"), Route::Graph(vec!["me", "transitiveMemberOf"]));
        assert_eq!(Route::of("/t/oauth2/v2.0/token/x"), Route::Unknown);
        for path in ["/.well-known/oauth-authorization-server/standard", "/standard/.well-known/openid-configuration"] {
            assert_eq!(Route::of(path), Route::Standard(standard::Route::Metadata), "{path}");
        }
        assert_eq!(Route::of("/standard/tokens"), Route::Unknown);
    }
}
