//! Clients: who may ask, and where their codes go.
//!
//! 1. A client id is what this authorization server sealed at a registration ([`registration`](super::registration)), or the
//!    address of the client's own document ([`document`](super::document)).
//! 2. Either way it has redirect URIs that keep the rules as they are now, and nothing else of it is believed: its name is what
//!    it calls itself.
//! 3. A kind that was switched off has no clients any more.

use gangplank_authn::seal::KeyRing;
use gangplank_jose::{Excerpt, UnixTime};

use super::document::{Documents, Host};
use super::redirect_uri::{RedirectRules, RedirectUri};
use super::refusal::AuthorizationServerRefusal;
use super::sealed::{Registered, Sealed};

/// A longer id is none of ours.
pub(crate) const LONGEST_ID: usize = 2048;
/// How much of a name is kept.
const LONGEST_NAME: usize = 64;

/// A client that was found.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    /// Its id.
    pub(crate) id: String,
    /// What it calls itself. Shown, and believed in nothing.
    pub(crate) name: String,
    /// The host of its document, which the document vouches for.
    pub(crate) host: Option<String>,
    pub(crate) redirect_uris: Vec<RedirectUri>,
    /// Whether `refresh_token` is among its grants.
    pub(crate) refreshes: bool,
}

/// Which clients there are.
pub(crate) struct Clients {
    /// The authorization server.
    pub(crate) server: String,
    /// Whether there are registrations.
    pub(crate) registration: bool,
    pub(crate) rules: RedirectRules,
    /// Whether, and from where, there are documents.
    pub(crate) documents: Option<Documents>,
}

impl Clients {
    /// Finds a client by its id.
    pub(crate) async fn find(
        &self,
        id: &str,
        ring: &KeyRing,
        now: UnixTime,
    ) -> Result<Client, AuthorizationServerRefusal> {
        match self.kind(id, ring)? {
            Known::Document(documents, host) => {
                let document = documents.get(id, &host, &self.rules, now).await?;
                Ok(Client { id: id.to_owned(), host: Some(host.name), ..(*document).clone() })
            }
            Known::Registered(registered) => {
                let uris = registered.redirect_uris.iter();
                let redirect_uris = uris.filter_map(|uri| RedirectUri::judge(uri, &self.rules, None).ok()).collect();
                let (id, refreshes) = (id.to_owned(), registered.refreshes);
                Ok(Client { id, name: registered.name, host: None, redirect_uris, refreshes })
            }
        }
    }

    /// Whether there is, or may be, a client of this id, without asking anybody.
    pub(crate) fn admits(&self, id: &str, ring: &KeyRing) -> Result<(), AuthorizationServerRefusal> {
        self.kind(id, ring).map(|_| ())
    }

    /// Whether its document would have to be fetched now.
    pub(crate) fn is_new_document(&self, id: &str, now: UnixTime) -> bool {
        self.documents.as_ref().is_some_and(|documents| id.starts_with("https:") && !documents.knows(id, now))
    }

    /// Whether the operator names where this leads, or it stays on this machine. Where any host may have a document, whoever
    /// has one says so alone.
    pub(crate) fn names(&self, uri: &RedirectUri) -> bool {
        let hosts_named = self.documents.as_ref().is_none_or(Documents::of_named_hosts);
        hosts_named || RedirectUri::judge(uri.as_str(), &self.rules, None).is_ok()
    }

    fn kind(&self, id: &str, ring: &KeyRing) -> Result<Known<'_>, AuthorizationServerRefusal> {
        let unknown = |problem: String| AuthorizationServerRefusal::ClientUnknown { id: Excerpt::of(id), problem };
        if id.len() > LONGEST_ID {
            return Err(unknown("is longer than any".to_owned()));
        }
        if id.starts_with("https:") {
            let documents =
                self.documents.as_ref().ok_or_else(|| unknown("is a document's, and none are".to_owned()))?;
            return Ok(Known::Document(documents, documents.admits(id)?));
        }
        if !self.registration {
            return Err(unknown("is a registration's, and registration is off".to_owned()));
        }
        let registered = Registered::open(ring, &self.server, id).map_err(|refusal| unknown(refusal.to_string()))?;
        Ok(Known::Registered(registered))
    }
}

enum Known<'c> {
    Registered(Registered),
    Document(&'c Documents, Host),
}

impl Client {
    /// The redirect URI of a request, if it is the client's.
    pub(crate) fn redirect_uri(
        &self,
        asked: &str,
        rules: &RedirectRules,
    ) -> Result<RedirectUri, AuthorizationServerRefusal> {
        let refuse = |problem| AuthorizationServerRefusal::RedirectUri { uri: Excerpt::of(asked), problem };
        let uri = RedirectUri::judge(asked, rules, self.host.as_deref()).map_err(refuse)?;
        if !self.redirect_uris.iter().any(|registered| uri.is_registered_as(registered)) {
            return Err(refuse("is none of those that the client is registered with"));
        }
        Ok(uri)
    }

    /// What a log has of it.
    pub(crate) fn shown(&self) -> String {
        match &self.host {
            Some(host) => format!("{} ({host})", self.name),
            None => self.name.clone(),
        }
    }
}

/// A name for people: short, on one line, without characters that change how others are read.
pub(crate) fn fit_name(name: Option<&str>) -> String {
    let invisible = |c: char| c.is_control() || (!matches!(c, '"' | '\'' | '\\') && c.escape_debug().len() > 1);
    let kept: String = name.unwrap_or_default().chars().filter(|c| !invisible(*c)).take(LONGEST_NAME).collect();
    match kept.trim() {
        "" => "An application without a name".to_owned(),
        name => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_on_its_line() {
        for (name, kept) in [
            (Some("MCP Inspector"), "MCP Inspector"),
            (Some("Søren’s “client”"), "Søren’s “client”"),
            (Some("evil\u{202e}gpj.exe\r\n\u{0}\u{200b}"), "evilgpj.exe"),
            (Some(" \t "), "An application without a name"),
            (None, "An application without a name"),
        ] {
            assert_eq!(fit_name(name), kept);
        }
        assert_eq!(fit_name(Some(&"x".repeat(500))).len(), LONGEST_NAME);
    }
}
