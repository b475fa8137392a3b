//! Parts of a kubeconfig's tree, and what is wrong with them.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::Url;
use zeroize::Zeroizing;

use super::{Members, Own, Source, token};
use crate::kubernetes::document::Node;
use crate::refusal::fact;
use crate::token_review::OwnCredential;

/// What is known of a table, and what is refused by name.
pub(super) struct Known {
    read: &'static [&'static str],
    without_bearing: &'static [&'static str],
    refused: &'static [(&'static str, &'static str)],
}

pub(super) const CLUSTER: Known = Known {
    read: &["server", "tls-server-name", "certificate-authority", "certificate-authority-data"],
    without_bearing: &["disable-compression", "extensions"],
    refused: &[
        ("insecure-skip-tls-verify", "whoever answers would be believed: name its authority instead"),
        ("proxy-url", "this program asks clusters directly"),
    ],
};

pub(super) const USER: Known = Known {
    read: &["token", "tokenFile", "client-certificate", "client-certificate-data", "client-key", "client-key-data"],
    without_bearing: &["extensions"],
    refused: &[
        ("exec", "no program is run: use a token file that something renews, or a client certificate"),
        ("auth-provider", "Kubernetes itself has given it up: use a token file, or a client certificate"),
        ("username", "Kubernetes itself has given passwords up: use a token, or a client certificate"),
        ("password", "Kubernetes itself has given passwords up: use a token, or a client certificate"),
        ("as", "this program asks as itself"),
        ("as-uid", "this program asks as itself"),
        ("as-groups", "this program asks as itself"),
        ("as-user-extra", "this program asks as itself"),
    ],
};

/// A context's names.
pub(super) struct Chosen {
    pub(super) name: String,
    pub(super) cluster: String,
    pub(super) user: Option<String>,
}

/// One table, and how people are told where it is.
#[derive(Clone, Copy)]
pub(super) struct Table<'t> {
    pub(super) members: &'t Members,
    pub(super) at: At<'t>,
}

/// `clusters "prod"`
#[derive(Clone, Copy)]
pub(super) struct At<'t> {
    list: &'static str,
    name: &'t str,
}

/// Picks parts out, and keeps what is wrong.
pub(super) struct Pick<'t> {
    root: &'t Members,
    errors: Vec<String>,
}

impl<'t> Pick<'t> {
    pub(super) fn new(root: &'t Node) -> Result<Self, Vec<String>> {
        let Node::Map(root) = root else { return Err(vec![format!("it is {}, not a kubeconfig", root.kind())]) };
        let pick = Pick { root, errors: Vec::new() };
        match (member(root, "apiVersion"), member(root, "kind")) {
            (Ok(Some(Node::Text(version))), Ok(Some(Node::Text(kind)))) if version == "v1" && kind == "Config" => {
                Ok(pick)
            }
            _ => Err(vec!["it is not apiVersion v1, kind Config".to_owned()]),
        }
    }

    pub(super) fn is_good(&self) -> bool {
        self.errors.is_empty()
    }

    pub(super) fn into_errors(self) -> Vec<String> {
        self.errors
    }

    pub(super) fn wrong<T>(&mut self, at: &At<'_>, problem: &str) -> Option<T> {
        self.errors.push(format!("{} {:?} {problem}", at.list, at.name));
        None
    }

    /// The context of this name, or the current one.
    pub(super) fn context(&self, name: Option<&str>) -> Result<Chosen, Vec<String>> {
        let current = match member(self.root, "current-context").map_err(|problem| vec![problem])? {
            Some(Node::Text(current)) if !current.is_empty() => Some(current.as_str()),
            _ => None,
        };
        let name = name.or(current).ok_or_else(|| vec!["it has no current-context: name a context".to_owned()])?;
        let context = self.named("contexts", "context", name)?;
        let text = |key: &str| match member(context.members, key) {
            Ok(Some(Node::Text(text))) if !text.is_empty() => Ok(Some(text.clone())),
            Ok(None | Some(Node::Null | Node::Text(_))) => Ok(None),
            _ => Err(vec![format!("contexts {:?} has no one name as {key}", fact(name))]),
        };
        let cluster = text("cluster")?.ok_or_else(|| vec![format!("contexts {:?} names no cluster", fact(name))])?;
        Ok(Chosen { name: name.to_owned(), cluster, user: text("user")? })
    }

    /// The table of this name in a list of them.
    pub(super) fn named(&self, list: &'static str, inner: &'static str, name: &str) -> Result<Table<'t>, Vec<String>> {
        let entries = match member(self.root, list).map_err(|problem| vec![problem])? {
            Some(Node::List(entries)) => entries.as_slice(),
            _ => &[],
        };
        let named = entries.iter().filter_map(|entry| match entry {
            Node::Map(entry) => match member(entry, "name") {
                Ok(Some(Node::Text(found))) if found == name => Some((found, entry)),
                _ => None,
            },
            _ => None,
        });
        let found: Vec<_> = named.collect();
        match found.as_slice() {
            [(name, entry)] => match member(entry, inner) {
                Ok(Some(Node::Map(members))) => Ok(Table { members, at: At { list, name: name.as_str() } }),
                Ok(None | Some(Node::Null)) => Ok(Table { members: &[], at: At { list, name: name.as_str() } }),
                _ => Err(vec![format!("{list} {:?} has no one table {inner}", fact(name))]),
            },
            [] => Err(vec![format!("{list} has no {:?}", fact(name))]),
            _ => Err(vec![format!("{list} has {:?} more than once", fact(name))]),
        }
    }

    /// A member that is text, and not empty.
    pub(super) fn text(&mut self, table: Table<'t>, key: &str) -> Option<&'t str> {
        match member(table.members, key) {
            Ok(Some(Node::Text(text))) if !text.is_empty() => Some(text),
            Ok(None | Some(Node::Null | Node::Text(_))) => None,
            Ok(Some(other)) => self.wrong(&table.at, &format!("has {} as {key}, not a string", other.kind())),
            Err(problem) => self.wrong(&table.at, &format!("is not clear: {problem}")),
        }
    }

    /// What `KEY-data` holds in base64, or else the file that `KEY` names.
    pub(super) fn source(&mut self, table: Table<'t>, key: &str) -> Option<Source> {
        let inline = self.text(table, &format!("{key}-data"));
        let file = self.text(table, key);
        match (inline, file) {
            (Some(data), _) => match STANDARD.decode(data.trim()) {
                Ok(bytes) => Some(Source::Inline(Zeroizing::new(bytes))),
                Err(_) => self.wrong(&table.at, &format!("has something other than base64 as {key}-data")),
            },
            (None, Some(file)) => Some(Source::File(PathBuf::from(file))),
            (None, None) => None,
        }
    }

    /// What a user shows: certificate and key, a token, or both.
    pub(super) fn own(&mut self, user: Table<'t>, own: Own) -> (Option<(Source, Source)>, Option<OwnCredential>) {
        let certificate = self.source(user, "client-certificate");
        let key = self.source(user, "client-key");
        let token = self.token(user);
        let certificate = match (certificate, key) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => self.wrong(&user.at, "has one of client-certificate and client-key: both are needed"),
        };
        self.refuse_the_rest(user, &USER);
        if own == Own::Required && certificate.is_none() && token.is_none() && self.is_good() {
            self.wrong::<()>(&user.at, "has no token, tokenFile or client-certificate");
        }
        (certificate, token)
    }

    /// `tokenFile` comes before `token`, as with kubectl.
    fn token(&mut self, user: Table<'t>) -> Option<OwnCredential> {
        let (file, text) = (self.text(user, "tokenFile"), self.text(user, "token"));
        file.map(|file| OwnCredential::TokenFile(PathBuf::from(file))).or_else(|| text.map(token))
    }

    pub(super) fn server(&mut self, cluster: Table<'t>) -> Option<Url> {
        let Some(text) = self.text(cluster, "server") else {
            return self.wrong(&cluster.at, "has no server");
        };
        match Url::parse(text) {
            Ok(url) if url.scheme() == "https" && url.has_host() && plain(&url) => Some(url),
            _ => self.wrong(&cluster.at, "has a server that is no https URL of host, port and path"),
        }
    }

    /// Everything else that is there.
    pub(super) fn refuse_the_rest(&mut self, table: Table<'t>, known: &Known) {
        for (key, value) in table.members {
            let key = key.as_str();
            let nothing = matches!(value, Node::Null | Node::Bool(false)) || *value == Node::Text(String::new());
            if nothing || known.read.contains(&key) || known.without_bearing.contains(&key) {
                continue;
            }
            match known.refused.iter().find(|(name, _)| *name == key) {
                Some((name, why)) => self.wrong::<()>(&table.at, &format!("has {name}: {why}")),
                None => self.wrong::<()>(&table.at, &format!("has {:?}, which is not known here", fact(key))),
            };
        }
    }
}

fn plain(url: &Url) -> bool {
    url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none()
}

/// The one member of this name.
fn member<'t>(members: &'t Members, key: &str) -> Result<Option<&'t Node>, String> {
    let mut found = members.iter().filter(|(name, _)| name == key).map(|(_, value)| value);
    match (found.next(), found.next()) {
        (Some(_), Some(_)) => Err(format!("{key} is there twice")),
        (one, _) => Ok(one),
    }
}
