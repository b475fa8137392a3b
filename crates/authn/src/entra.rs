//! What is particular about tenants of Microsoft Entra ID.
//!
//! | cloud | authority | v1 issuer | Graph |
//! |---|---|---|---|
//! | public | `login.microsoftonline.com` | `https://sts.windows.net/TENANT/` | `graph.microsoft.com` |
//! | US government | `login.microsoftonline.us` | `https://sts.windows.net/TENANT/` | `graph.microsoft.us` |
//! | China (21Vianet) | `login.partner.microsoftonline.cn` | `https://sts.chinacloudapi.cn/TENANT/` | `microsoftgraph.chinacloudapi.cn` |
//! | any other: a dev tenant | | `AUTHORITY/TENANT/` | `AUTHORITY/graph` |
//!
//! The v2 issuer is `AUTHORITY/TENANT/v2.0` in all of them.
//!
//! **Which tenant.** One, several, or any. The metadata of one are its own. Those for several or any are at
//! `AUTHORITY/organizations/v2.0` (at `common` if personal accounts are listed by their tenant): they have `{tenantid}`
//! where the issuer has the tenant, and name keys that serve all of them. So what a token says of its tenant is compared
//! three times:
//!
//! 1. `iss` is the v1 or v2 issuer of a tenant, a GUID in lower case, which the configuration admits. Any tenant does not
//!    mean personal accounts, which are nobody's organisation: their tenant has to be listed.
//! 2. `tid` is that very tenant.
//! 3. Where a key says whose issuer it is for (`issuer` in the key set, with `{tenantid}` or a tenant in it), it is for the
//!    v2 issuer of that tenant. Keys of v1 tokens are not told apart there.

mod key_owners;

use std::collections::BTreeSet;

use gangplank_oauth::IssuerUrl;
use gangplank_oauth::config::ConfigError;
use url::Url;

pub(crate) use self::key_owners::KeyOwners;

/// Where the tenant stands in an issuer of many.
pub(crate) const TENANT: &str = "{tenantid}";
/// The tenant of personal Microsoft accounts.
const CONSUMERS: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

/// Whose tokens an issuer of the kind Entra stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tenants {
    /// This one's.
    One(String),
    /// These ones'.
    Listed(BTreeSet<String>),
    /// Every organisation's. Anybody can have one: who may do what must be said by other rules.
    Any,
}

/// The tenants of one configured issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entra {
    tenants: Tenants,
    v1: Pattern,
    v2: Pattern,
    /// Without a slash at its end.
    pub(crate) graph: String,
}

/// What stands before and behind the tenant in an issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    before: String,
    behind: &'static str,
}

impl Pattern {
    /// The tenant in an issuer of this form.
    fn tenant_in<'i>(&self, issuer: &'i str) -> Option<&'i str> {
        let tenant = issuer.strip_prefix(self.before.as_str())?.strip_suffix(self.behind)?;
        is_guid(tenant).then_some(tenant)
    }

    fn with(&self, tenant: &str) -> String {
        format!("{}{tenant}{}", self.before, self.behind)
    }
}

const PUBLIC: &str = "https://login.microsoftonline.com";

impl Entra {
    pub(crate) fn new(
        path: &str,
        tenants: &Tenants,
        authority: Option<&str>,
        graph: Option<&str>,
    ) -> Result<Entra, Vec<ConfigError>> {
        let mut errors = Vec::new();
        tenants.check(path, &mut errors);
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
            tenants: tenants.clone(),
            v1: Pattern { before: format!("{sts}/"), behind: "/" },
            v2: Pattern { before: format!("{authority}/"), behind: "/v2.0" },
            graph: graph.unwrap_or(default_graph),
        })
    }

    /// The `iss` values that its tokens may have; those of any tenant with [`TENANT`] where it stands.
    pub(crate) fn issuers(&self) -> Vec<String> {
        let of = |tenant: &str| [self.v2.with(tenant), self.v1.with(tenant)];
        match &self.tenants {
            Tenants::One(tenant) => of(tenant).to_vec(),
            Tenants::Listed(tenants) => tenants.iter().flat_map(|tenant| of(tenant)).collect(),
            Tenants::Any => of(TENANT).to_vec(),
        }
    }

    /// The issuer as its metadata spell it, and where those are if that is not below it.
    pub(crate) fn metadata(&self) -> (String, Option<String>) {
        match &self.tenants {
            Tenants::One(tenant) => (self.v2.with(tenant), None),
            Tenants::Listed(tenants) if tenants.contains(CONSUMERS) => {
                (self.v2.with(TENANT), Some(self.v2.with("common")))
            }
            Tenants::Listed(_) | Tenants::Any => (self.v2.with(TENANT), Some(self.v2.with("organizations"))),
        }
    }

    /// The v2 issuer of a tenant: below it are the tenant's own metadata.
    pub(crate) fn v2_issuer(&self, tenant: &str) -> String {
        self.v2.with(tenant)
    }

    /// The tenant, if it is one.
    pub(crate) fn only(&self) -> Option<&str> {
        if let Tenants::One(tenant) = &self.tenants { Some(tenant) } else { None }
    }

    /// The form of v2 issuers.
    pub(crate) fn v2(&self) -> &Pattern {
        &self.v2
    }

    /// Rule 1: the tenant whose v1 or v2 issuer this is, if it is admitted.
    pub(crate) fn tenant_of<'i>(&self, iss: &'i str) -> Option<&'i str> {
        let tenant = self.v2.tenant_in(iss).or_else(|| self.v1.tenant_in(iss))?;
        let admitted = match &self.tenants {
            Tenants::One(one) => one == tenant,
            Tenants::Listed(listed) => listed.contains(tenant),
            Tenants::Any => tenant != CONSUMERS,
        };
        admitted.then_some(tenant)
    }

    /// For the refusal of somebody else's.
    pub(crate) fn admitted(&self) -> String {
        match &self.tenants {
            Tenants::One(tenant) => tenant.clone(),
            Tenants::Listed(tenants) => {
                let some: Vec<&str> = tenants.iter().take(8).map(String::as_str).collect();
                format!("{}{}", some.join(", "), if tenants.len() > 8 { ", …" } else { "" })
            }
            Tenants::Any => "any but that of personal accounts".to_owned(),
        }
    }
}

impl Tenants {
    fn check(&self, path: &str, errors: &mut Vec<ConfigError>) {
        let mut check = |key: &str, tenant: &str| {
            if !is_guid(tenant) {
                errors.push(ConfigError::new(
                    format!("{path}.entra.{key}"),
                    format!("\"{tenant}\" is not a tenant id"),
                    "give the GUID of a tenant in lower case; common, organizations and domain names would let other tenants in or can't be compared with tid",
                ));
            }
        };
        match self {
            Tenants::One(tenant) => check("tenant", tenant),
            Tenants::Listed(tenants) => tenants.iter().for_each(|tenant| check("tenants", tenant)),
            Tenants::Any => {}
        }
        if matches!(self, Tenants::Listed(tenants) if tenants.is_empty()) {
            errors.push(ConfigError::new(
                format!("{path}.entra.tenants"),
                "is empty, so nobody would be accepted",
                "at least one GUID",
            ));
        }
    }
}

/// An issuer with [`TENANT`] where a GUID stands in its path: as issuers of any tenant are looked up.
pub(crate) fn template(iss: &str) -> Option<String> {
    let at = iss.split('/').find(|segment| is_guid(segment))?;
    Some(iss.replacen(at, TENANT, 1))
}

/// Whether a plain issuer is Entra ID all the same. Its addresses are then no more verified than under `entra`.
pub(crate) fn is_entra(issuer: &str) -> bool {
    let url = Url::parse(issuer).ok();
    let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
    let domains = [
        "microsoftonline.com",
        "microsoftonline.us",
        "microsoftonline.cn",
        "microsoftonline.de",
        "windows.net",
        "chinacloudapi.cn",
        // Its tenants for customers.
        "ciamlogin.com",
    ];
    domains.iter().any(|domain| host.strip_suffix(domain).is_some_and(|front| front.is_empty() || front.ends_with('.')))
}

/// Whether it is a GUID in lower case.
pub(crate) fn is_guid(text: &str) -> bool {
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

    const TENANT_ID: &str = "dca11c8d-0000-4000-8000-00000000000a";
    const OTHER: &str = "dca11c8d-0000-4000-8000-00000000000b";

    fn one() -> Tenants {
        Tenants::One(TENANT_ID.to_owned())
    }

    fn entra(tenants: &Tenants, authority: Option<&str>) -> Entra {
        Entra::new("issuers.corp", tenants, authority, None).unwrap()
    }

    #[test]
    fn every_cloud_has_its_issuers_and_its_graph() {
        for (authority, v2, v1, graph) in [
            (None, "https://login.microsoftonline.com", "https://sts.windows.net", "https://graph.microsoft.com"),
            (
                Some("https://login.microsoftonline.us/"),
                "https://login.microsoftonline.us",
                "https://sts.windows.net",
                "https://graph.microsoft.us",
            ),
            (
                Some("https://login.partner.microsoftonline.cn"),
                "https://login.partner.microsoftonline.cn",
                "https://sts.chinacloudapi.cn",
                "https://microsoftgraph.chinacloudapi.cn",
            ),
            (
                Some("http://127.0.0.1:8400"),
                "http://127.0.0.1:8400",
                "http://127.0.0.1:8400",
                "http://127.0.0.1:8400/graph",
            ),
        ] {
            let entra = entra(&one(), authority);
            let expected = [format!("{v2}/{TENANT_ID}/v2.0"), format!("{v1}/{TENANT_ID}/")];
            assert_eq!((entra.issuers(), entra.graph.as_str()), (expected.to_vec(), graph));
            assert_eq!(entra.metadata(), (format!("{v2}/{TENANT_ID}/v2.0"), None));
        }
    }

    #[test]
    fn a_tenant_is_read_from_its_issuers_and_from_nothing_like_them() {
        let listed = Tenants::Listed([TENANT_ID.to_owned(), OTHER.to_owned()].into());
        for (tenants, of_other) in [(one(), None), (listed, Some(OTHER)), (Tenants::Any, Some(OTHER))] {
            let entra = entra(&tenants, None);
            let of = |iss: &str| entra.tenant_of(iss).map(str::to_owned);
            assert_eq!(of(&format!("{PUBLIC}/{TENANT_ID}/v2.0")).as_deref(), Some(TENANT_ID));
            assert_eq!(of(&format!("https://sts.windows.net/{TENANT_ID}/")).as_deref(), Some(TENANT_ID));
            assert_eq!(of(&format!("{PUBLIC}/{OTHER}/v2.0")).as_deref(), of_other, "{tenants:?}");
            assert_eq!(of(&format!("{PUBLIC}/{CONSUMERS}/v2.0")), None, "personal accounts are listed or not there");
            for iss in [
                format!("{PUBLIC}/{TENANT_ID}/v2.0/"),
                format!("{PUBLIC}/{TENANT_ID}/"),
                format!("{PUBLIC}/{TENANT_ID}"),
                format!("{PUBLIC}//{TENANT_ID}/v2.0"),
                format!("{PUBLIC}/{TENANT_ID}/{TENANT_ID}/v2.0"),
                format!("{PUBLIC}/{}/v2.0", TENANT_ID.to_uppercase()),
                format!("{PUBLIC}/{TENANT}/v2.0"),
                format!("{PUBLIC}/common/v2.0"),
                format!("{PUBLIC}.evil.example/{TENANT_ID}/v2.0"),
                format!("https://evil.example/{TENANT_ID}/v2.0"),
                format!("http://login.microsoftonline.com/{TENANT_ID}/v2.0"),
                format!("https://sts.windows.net/{TENANT_ID}"),
                format!("https://sts.windows.net/{TENANT_ID}/v2.0"),
                format!("https://sts.chinacloudapi.cn/{TENANT_ID}/"),
            ] {
                assert_eq!(of(&iss), None, "{iss}");
            }
        }
    }

    #[test]
    fn many_tenants_have_one_place_for_metadata_and_keys() {
        let place = |tenants: &Tenants| entra(tenants, None).metadata();
        let template = format!("{PUBLIC}/{TENANT}/v2.0");
        let at = |name: &str| (template.clone(), Some(format!("{PUBLIC}/{name}/v2.0")));
        assert_eq!(place(&Tenants::Any), at("organizations"));
        assert_eq!(place(&Tenants::Listed([TENANT_ID.to_owned()].into())), at("organizations"));
        assert_eq!(place(&Tenants::Listed([CONSUMERS.to_owned()].into())), at("common"));
        assert_eq!(entra(&Tenants::Any, None).issuers()[1], format!("https://sts.windows.net/{TENANT}/"));
        assert_eq!(super::template(&format!("{PUBLIC}/{OTHER}/v2.0")), Some(template));
        assert_eq!(super::template("https://idp.example.com/t/v2.0"), None);
    }

    #[test]
    fn entra_is_known_by_its_hosts_under_any_configuration() {
        for issuer in [
            "https://login.microsoftonline.com/t/v2.0",
            "https://sts.windows.net/t/",
            "https://LOGIN.microsoftonline.us/t",
            "https://t.ciamlogin.com/t/v2.0",
        ] {
            assert!(is_entra(issuer), "{issuer}");
        }
        for issuer in [
            "https://idp.example.com",
            "https://evilwindows.net/t",
            "https://ciamlogin.com.evil.test/t",
            "https://microsoftonline.com.example",
            "x",
        ] {
            assert!(!is_entra(issuer), "{issuer}");
        }
    }

    #[test]
    fn names_that_mean_many_tenants_and_open_wires_are_refused_together() {
        for tenant in
            ["common", "organizations", "consumers", "contoso.com", "", "DCA11C8D-0000-4000-8000-00000000000A"]
        {
            for (tenants, key) in [
                (Tenants::One(tenant.to_owned()), "tenant"),
                (Tenants::Listed([tenant.to_owned(), TENANT_ID.to_owned()].into()), "tenants"),
            ] {
                let errors =
                    Entra::new("issuers.corp", &tenants, Some("http://login.example.com"), Some("x")).unwrap_err();
                let paths: Vec<&str> = errors.iter().map(|e| e.path.as_str()).collect();
                let expected = [key, "authority", "graph"].map(|key| format!("issuers.corp.entra.{key}"));
                assert_eq!(paths, expected);
            }
        }
        let none = Entra::new("issuers.corp", &Tenants::Listed(BTreeSet::new()), None, None).unwrap_err();
        assert_eq!(none[0].path, "issuers.corp.entra.tenants");
    }
}
