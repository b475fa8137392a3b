//! Scopes: what clients call them, what the provider calls them, and which of them a client may have.
//!
//! 1. `scopes` of the configuration maps names; what it does not name is the provider's own. A token of Entra ID names its
//!    scopes without the API they are of, and so do rules about tools: such a name is that of the one scope that ends with it.
//! 2. A client may have the scopes of the resource that it asks for, by either name, and `openid`, `profile`, `email` and
//!    `offline_access`. A scope of another resource of this authorization server is left out: clients ask for all that the
//!    metadata name. Any other is `invalid_scope`.
//! 3. Whoever asks for none of the resource's gets all that it is published with (those of its tools on demand only): without
//!    any, a provider would issue a token for itself.
//! 4. What is answered is what was asked for and granted, in the client's own words. Entra ID grants more than was asked for,
//!    once somebody has consented to it; of that nothing is said, and the gate's rules look at the token.

use std::collections::BTreeMap;

use super::resource::Resource;

const ABOUT_THE_PERSON: [&str; 3] = ["openid", "profile", "email"];
/// What leads to a refresh token.
pub(crate) const OFFLINE: &str = "offline_access";
const MOST: usize = 64;

/// `scopes` of the configuration.
#[derive(Clone, Debug, Default)]
pub(crate) struct ScopeNames(pub(crate) BTreeMap<String, String>);

/// Scopes that a client may have, in its own words. Only [`ScopeNames::choose`] and [`narrow`] make them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scopes(Vec<String>);

impl ScopeNames {
    /// The provider's name of a scope.
    fn at_provider<'s>(&'s self, name: &'s str) -> &'s str {
        self.0.get(name).map_or(name, String::as_str)
    }

    /// Rule 1, of a name without an API before it: `names` are those that are known with one.
    pub(crate) fn complete<'n>(&mut self, bare: &str, names: impl IntoIterator<Item = &'n str>) {
        if self.0.contains_key(bare) || bare.contains('/') {
            return;
        }
        let mut known: Vec<String> = names.into_iter().map(str::to_owned).collect();
        known.extend(self.0.values().cloned());
        let mut ends = known.into_iter().filter(|name| name.rsplit_once('/').is_some_and(|(_, end)| end == bare));
        let Some(first) = ends.next() else { return };
        if ends.all(|other| other == first) {
            self.0.insert(bare.to_owned(), first);
        }
    }

    fn has(&self, resource: &Resource, name: &str) -> bool {
        let mut own = resource.scopes.iter().chain(&resource.on_demand);
        own.any(|scope| self.at_provider(scope) == self.at_provider(name))
    }

    /// Rules 2 and 3. The error is the scope that nobody may have.
    pub(crate) fn choose(&self, asked: &str, wanted: &[&Resource], all: &[Resource]) -> Result<Scopes, String> {
        let mut chosen: Vec<String> = Vec::new();
        let mut of_resource = false;
        for name in asked.split(' ').filter(|name| !name.is_empty()) {
            if chosen.iter().any(|known| known == name) {
                continue;
            }
            if chosen.len() == MOST || !is_scope(name) {
                return Err(name.to_owned());
            }
            if wanted.iter().any(|resource| self.has(resource, name)) {
                of_resource = true;
                chosen.push(name.to_owned());
            } else if is_about_the_person(name) {
                chosen.push(name.to_owned());
            } else if !all.iter().any(|resource| self.has(resource, name)) {
                return Err(name.to_owned());
            }
        }
        if !of_resource {
            let own = wanted.iter().flat_map(|resource| &resource.scopes);
            let own: Vec<String> = own.filter(|scope| !chosen.contains(scope)).cloned().collect();
            chosen.splice(0..0, own);
        }
        Ok(Scopes(chosen))
    }

    /// Of a registration: what of it this authorization server knows.
    pub(crate) fn known(&self, asked: &str, all: &[Resource]) -> String {
        let known = |name: &&str| is_about_the_person(name) || all.iter().any(|resource| self.has(resource, name));
        asked.split(' ').filter(known).take(MOST).collect::<Vec<_>>().join(" ")
    }

    /// What the metadata name.
    pub(crate) fn supported(all: &[Resource]) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        let own = all.iter().flat_map(|resource| resource.scopes.iter().map(String::as_str));
        for name in own.chain([OFFLINE]) {
            if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        names
    }

    /// What the provider is asked for.
    pub(crate) fn to_provider(&self, scopes: &Scopes) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for name in scopes.0.iter().map(|name| self.at_provider(name)) {
            if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        names
    }

    /// Rule 4. `answered` is what the provider says it granted; if it says nothing, that is what it was asked for.
    pub(crate) fn granted(&self, asked: &Scopes, answered: Option<&str>, refreshable: bool) -> String {
        let said = |name: &str| match answered {
            None => true,
            Some(answered) => answered.split(' ').any(|scope| same_scope(scope, self.at_provider(name))),
        };
        let granted = asked.0.iter().filter(|name| if *name == OFFLINE { refreshable } else { said(name) });
        granted.map(String::as_str).collect::<Vec<_>>().join(" ")
    }
}

impl Scopes {
    /// The client's names of them.
    pub(crate) fn names(&self) -> &[String] {
        &self.0
    }

    /// With what leads to a refresh token.
    pub(crate) fn offline(mut self) -> Scopes {
        if !self.0.iter().any(|name| name == OFFLINE) {
            self.0.push(OFFLINE.to_owned());
        }
        self
    }

    /// From what was sealed by us.
    pub(crate) fn unsealed(names: Vec<String>) -> Scopes {
        Scopes(names)
    }

    /// Those of a refresh that asks for fewer; never for more. The error is the first that was not granted.
    pub(crate) fn narrowed(&self, asked: &str) -> Result<Scopes, String> {
        let mut fewer: Vec<String> = Vec::new();
        for name in asked.split(' ').filter(|name| !name.is_empty()) {
            if !self.0.iter().any(|had| had == name) {
                return Err(name.to_owned());
            }
            if !fewer.iter().any(|known| known == name) {
                fewer.push(name.to_owned());
            }
        }
        // Only what is about the person, or nothing: a token for nobody.
        let of_resource = fewer.iter().any(|name| !is_about_the_person(name));
        Ok(if of_resource { Scopes(fewer) } else { self.clone() })
    }
}

fn is_about_the_person(name: &str) -> bool {
    name == OFFLINE || ABOUT_THE_PERSON.contains(&name)
}

/// Entra ID answers `/.default` with what it stands for, and is not strict about case or about a slash.
fn same_scope(answered: &str, asked: &str) -> bool {
    let default_of = asked.strip_suffix("/.default");
    answered.eq_ignore_ascii_case(asked)
        || default_of.is_some_and(|resource| {
            answered.get(..resource.len()).is_some_and(|start| start.eq_ignore_ascii_case(resource))
        })
}

/// RFC 6749 §3.3.
fn is_scope(name: &str) -> bool {
    name.len() <= 256 && name.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting() -> (ScopeNames, Vec<Resource>) {
        let names = [("mcp:tools".to_owned(), "api://x/access_as_user".to_owned())];
        let resource = |url: &str, scopes: &[&str]| Resource {
            url: url.to_owned(),
            scopes: scopes.iter().map(|&s| s.to_owned()).collect(),
            on_demand: vec!["write".to_owned()],
            issuers: Vec::new(),
        };
        let all =
            vec![resource("https://a/mcp", &["mcp:tools", "api://x/more"]), resource("https://b/mcp", &["api://y/z"])];
        (ScopeNames(names.into()), all)
    }

    #[test]
    fn a_client_has_its_resources_scopes_by_either_name_and_no_others() {
        let (names, all) = setting();
        for (asked, chosen) in [
            ("mcp:tools", Ok("mcp:tools")),
            ("api://x/access_as_user", Ok("api://x/access_as_user")),
            ("api://x/more offline_access openid", Ok("api://x/more offline_access openid")),
            ("", Ok("mcp:tools api://x/more")),
            ("offline_access", Ok("mcp:tools api://x/more offline_access")),
            ("  mcp:tools  mcp:tools ", Ok("mcp:tools")),
            ("mcp:tools api://y/z", Ok("mcp:tools")),
            ("api://y/z", Ok("mcp:tools api://x/more")),
            ("write", Ok("write")),
            ("mcp:tools write", Ok("mcp:tools write")),
            ("https://graph.microsoft.com/.default", Err("https://graph.microsoft.com/.default")),
            ("mcp:tools Directory.ReadWrite.All", Err("Directory.ReadWrite.All")),
            ("mcp:tools\tx", Err("mcp:tools\tx")),
        ] {
            let found = names.choose(asked, &[&all[0]], &all).map(|scopes| scopes.names().join(" "));
            assert_eq!(found.as_deref().map_err(String::as_str), chosen, "{asked:?}");
        }
    }

    #[test]
    fn the_provider_sees_its_own_names_and_the_client_its_own() {
        let (names, all) = setting();
        let scopes = names.choose("mcp:tools api://x/access_as_user offline_access", &[&all[0]], &all).unwrap();
        assert_eq!(names.to_provider(&scopes), ["api://x/access_as_user", "offline_access"]);
        let more = "API://x/access_as_user api://x/never_asked_for";
        assert_eq!(names.granted(&scopes, Some(more), true), scopes.names().join(" "));
        assert_eq!(names.granted(&scopes, Some(more), false), "mcp:tools api://x/access_as_user");
        assert_eq!(names.granted(&scopes, Some("api://x/more"), true), "offline_access");
        assert_eq!(names.granted(&scopes, None, true), scopes.names().join(" "));
        assert_eq!(ScopeNames::supported(&all), ["mcp:tools", "api://x/more", "api://y/z", "offline_access"]);
        assert_eq!(
            names.known("mcp:tools nonsense offline_access api://y/z", &all),
            "mcp:tools offline_access api://y/z"
        );
    }

    #[test]
    fn a_bare_name_is_that_of_the_one_scope_that_ends_with_it() {
        let (mut names, _) = setting();
        let published = ["api://x/write", "api://x/read", "api://y/read"];
        for (bare, found) in [
            ("write", "api://x/write"),
            ("access_as_user", "api://x/access_as_user"),
            ("read", "read"),
            ("mcp:tools", "api://x/access_as_user"),
            ("unknown", "unknown"),
        ] {
            names.complete(bare, published);
            assert_eq!(names.at_provider(bare), found);
        }
    }

    #[test]
    fn a_refresh_never_widens() {
        let had = Scopes::unsealed(vec!["mcp:tools".into(), "api://x/more".into(), OFFLINE.into()]);
        for (asked, found) in [
            ("mcp:tools", Ok("mcp:tools")),
            ("", Ok("mcp:tools api://x/more offline_access")),
            ("offline_access", Ok("mcp:tools api://x/more offline_access")),
            ("mcp:tools api://y/z", Err("api://y/z")),
            ("openid", Err("openid")),
            ("api://x/access_as_user", Err("api://x/access_as_user")),
        ] {
            let narrowed = had.narrowed(asked).map(|scopes| scopes.names().join(" "));
            assert_eq!(narrowed.as_deref().map_err(String::as_str), found, "{asked:?}");
        }
    }
}
