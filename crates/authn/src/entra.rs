//! What is particular about a tenant of Microsoft Entra ID.
//!
//! | cloud | authority | v1 issuer | Graph |
//! |---|---|---|---|
//! | public | `login.microsoftonline.com` | `https://sts.windows.net/TENANT/` | `graph.microsoft.com` |
//! | US government | `login.microsoftonline.us` | `https://sts.windows.net/TENANT/` | `graph.microsoft.us` |
//! | China (21Vianet) | `login.partner.microsoftonline.cn` | `https://sts.chinacloudapi.cn/TENANT/` | `microsoftgraph.chinacloudapi.cn` |
//! | any other: a dev tenant | | `AUTHORITY/TENANT/` | `AUTHORITY/graph` |
//!
//! The v2 issuer is `AUTHORITY/TENANT/v2.0` in all of them.

use gangplank_oauth::IssuerUrl;
use gangplank_oauth::config::ConfigError;
use url::Url;

/// One tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entra {
    pub(crate) tenant: String,
    pub(crate) v1_issuer: String,
    pub(crate) v2_issuer: String,
    /// Without a slash at its end.
    pub(crate) graph: String,
}

const PUBLIC: &str = "https://login.microsoftonline.com";

impl Entra {
    pub(crate) fn new(
        path: &str,
        tenant: &str,
        authority: Option<&str>,
        graph: Option<&str>,
    ) -> Result<Entra, Vec<ConfigError>> {
        let mut errors = Vec::new();
        if !is_guid(tenant) {
            errors.push(ConfigError::new(
                format!("{path}.entra.tenant"),
                format!("\"{tenant}\" is not a tenant id"),
                "give the GUID of one tenant in lower case; common, organizations and domain names would let other tenants in or can't be compared with tid",
            ));
        }
        let mut base = |key: &str, text: &str| {
            base_url(text).map_err(|message| {
                let help = "give https://HOST; plain http only for loopback addresses";
                errors.push(ConfigError::new(format!("{path}.entra.{key}"), message, help));
            })
        };
        let authority = base("authority", authority.unwrap_or(PUBLIC));
        let graph = graph.map(|graph| base("graph", graph)).transpose();
        let (Ok(authority), Ok(graph), true) = (authority, graph, errors.is_empty()) else { return Err(errors) };
        let (sts, default_graph) = match authority.as_str() {
            PUBLIC => ("https://sts.windows.net", "https://graph.microsoft.com"),
            "https://login.microsoftonline.us" => ("https://sts.windows.net", "https://graph.microsoft.us"),
            "https://login.partner.microsoftonline.cn" => {
                ("https://sts.chinacloudapi.cn", "https://microsoftgraph.chinacloudapi.cn")
            }
            dev => (dev, ""),
        };
        let default_graph = if default_graph.is_empty() { format!("{sts}/graph") } else { default_graph.to_owned() };
        Ok(Entra {
            tenant: tenant.to_owned(),
            v1_issuer: format!("{sts}/{tenant}/"),
            v2_issuer: format!("{authority}/{tenant}/v2.0"),
            graph: graph.unwrap_or(default_graph),
        })
    }
}

/// Whether a plain issuer is Entra ID all the same. Its addresses are then no more verified than under `entra`.
pub(crate) fn is_entra(issuer: &str) -> bool {
    let url = Url::parse(issuer).ok();
    let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
    ["microsoftonline.com", "microsoftonline.us", "microsoftonline.cn", "windows.net", "chinacloudapi.cn"]
        .iter()
        .any(|domain| host.strip_suffix(domain).is_some_and(|front| front.is_empty() || front.ends_with('.')))
}

fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(i, b)| match i {
            8 | 13 | 18 | 23 => b == b'-',
            _ => matches!(b, b'0'..=b'9' | b'a'..=b'f'),
        })
}

/// A URL to which paths are appended: what may name an issuer, without the slash at its end.
fn base_url(text: &str) -> Result<String, String> {
    let checked = IssuerUrl::parse(text).map_err(|e| format!("\"{text}\": {e}"))?;
    let url = Url::parse(checked.as_str()).map_err(|e| format!("\"{text}\": {e}"))?;
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: &str = "dca11c8d-0000-4000-8000-00000000000a";

    fn entra(authority: Option<&str>) -> Entra {
        Entra::new("issuers.corp", TENANT, authority, None).unwrap()
    }

    #[test]
    fn every_cloud_has_its_issuers_and_its_graph() {
        let public = entra(None);
        assert_eq!(public.v1_issuer, format!("https://sts.windows.net/{TENANT}/"));
        assert_eq!(public.v2_issuer, format!("https://login.microsoftonline.com/{TENANT}/v2.0"));
        assert_eq!(public.graph, "https://graph.microsoft.com");
        let us = entra(Some("https://login.microsoftonline.us/"));
        assert_eq!(us.v1_issuer, format!("https://sts.windows.net/{TENANT}/"));
        assert_eq!(us.graph, "https://graph.microsoft.us");
        let cn = entra(Some("https://login.partner.microsoftonline.cn"));
        assert_eq!(cn.v1_issuer, format!("https://sts.chinacloudapi.cn/{TENANT}/"));
        let dev = entra(Some("http://127.0.0.1:8400"));
        assert_eq!(dev.v1_issuer, format!("http://127.0.0.1:8400/{TENANT}/"));
        assert_eq!(dev.v2_issuer, format!("http://127.0.0.1:8400/{TENANT}/v2.0"));
        assert_eq!(dev.graph, "http://127.0.0.1:8400/graph");
    }

    #[test]
    fn entra_is_known_by_its_hosts_under_any_configuration() {
        for issuer in [
            "https://login.microsoftonline.com/t/v2.0",
            "https://sts.windows.net/t/",
            "https://LOGIN.microsoftonline.us/t",
        ] {
            assert!(is_entra(issuer), "{issuer}");
        }
        for issuer in
            ["https://idp.example.com", "https://evilwindows.net/t", "https://microsoftonline.com.example", "x"]
        {
            assert!(!is_entra(issuer), "{issuer}");
        }
    }

    #[test]
    fn names_that_mean_many_tenants_and_open_wires_are_refused_together() {
        for tenant in
            ["common", "organizations", "consumers", "contoso.com", "", "DCA11C8D-0000-4000-8000-00000000000A"]
        {
            let errors = Entra::new("issuers.corp", tenant, Some("http://login.example.com"), Some("x")).unwrap_err();
            let paths: Vec<&str> = errors.iter().map(|e| e.path.as_str()).collect();
            assert_eq!(
                paths,
                ["issuers.corp.entra.tenant", "issuers.corp.entra.authority", "issuers.corp.entra.graph"]
            );
        }
    }
}
