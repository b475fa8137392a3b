//! Who somebody is, in the headers by which an API server is told for whom we ask.
//!
//! 1. They are made of the evidence alone. Nobody in particular is not impersonated, and neither is somebody without a
//!    name: a request without these headers would be our own.
//! 2. Kubernetes' own names ([`reserved`](crate::reserved)) are written only if the evidence is of somebody who was trusted
//!    with them. `system:authenticated` is left out, since the API server adds it itself.
//! 3. Groups that nobody got hold of ([`Identity::groups_unresolved`]) are no reason to be judged by fewer.
//! 4. A value is visible ASCII with blanks inside at the most, so that it is read as it was written. Each group has a
//!    header of its own.
//! 5. The key of an attribute is part of a header's name, which has no case: all but small letters, digits, `.` and `-`
//!    is percent-encoded, capitals too.
//! 6. Groups and attributes are at most [`MOST`] values, and everything together [`LARGEST`] bytes.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use gangplank_authn::{Authenticated, Identity, Method};
use http::header::{HeaderMap, HeaderName, HeaderValue};

use super::refusal::ClusterRefusal;
use crate::audit;
use crate::headers::Texts;
use crate::reserved::{AUTHENTICATED, is_nobodys_to_give, is_reserved};

const USER: HeaderName = HeaderName::from_static("impersonate-user");
const GROUP: HeaderName = HeaderName::from_static("impersonate-group");
const UID: HeaderName = HeaderName::from_static("impersonate-uid");
const EXTRA: &str = "impersonate-extra-";

/// An API server asks its authorizer about each of them.
const MOST: usize = 1024;
/// A sixteenth of what an API server reads.
const LARGEST: usize = 64 << 10;
/// The longest key that is written, encoded.
const LONGEST_KEY: usize = 512;

/// What the configuration says about it.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    /// The configuration's name of the cluster.
    pub(crate) cluster: String,
    /// Whether the uid is told.
    pub(crate) uid: bool,
    /// The attributes that are told. `None`: all.
    pub(crate) extra: Option<BTreeSet<String>>,
    /// The issuers and authenticators that may give Kubernetes' own names here.
    pub(crate) trusted_with_reserved: BTreeSet<String>,
}

/// The headers. There is a user, always.
pub(crate) struct Impersonation {
    user: HeaderValue,
    uid: Option<HeaderValue>,
    groups: Vec<HeaderValue>,
    extra: Vec<(HeaderName, HeaderValue)>,
}

impl Impersonation {
    /// Of a caller.
    pub(super) fn of(caller: &Authenticated, terms: &Terms) -> Result<Self, ClusterRefusal> {
        if caller.method() == Method::Anonymous {
            return Err(ClusterRefusal::Nobody { cluster: terms.cluster.clone() });
        }
        Self::of_identity(caller.identity(), terms)
    }

    fn of_identity(identity: &Identity, terms: &Terms) -> Result<Self, ClusterRefusal> {
        if identity.groups_unresolved {
            return Err(ClusterRefusal::GroupsUnknown { user: short(&identity.username) });
        }
        let trusted = terms.trusted_with_reserved.contains(&identity.issuer);
        let added_anyway = |group: &&String| trusted && *group == AUTHENTICATED;
        let groups: Vec<&String> = identity.groups.iter().filter(|group| !added_anyway(group)).collect();
        let told = |key: &String| terms.extra.as_ref().is_none_or(|keys| keys.contains(key));
        let extra: Vec<(&String, &String)> = identity
            .extra
            .iter()
            .filter(|(key, _)| told(key))
            .flat_map(|(key, values)| values.iter().map(move |value| (key, value)))
            .collect();
        bounded("groups and attributes", groups.len() + extra.len(), MOST)?;
        let names = [("user name", &identity.username)].into_iter().chain(groups.iter().map(|group| ("group", *group)));
        for (what, name) in names {
            if is_nobodys_to_give(name) || is_reserved(name) && !trusted {
                let (cluster, issuer) = (terms.cluster.clone(), identity.issuer.clone());
                return Err(ClusterRefusal::NameReserved { cluster, what, name: short(name), issuer });
            }
        }

        let mut texts = Texts::with_capacity(256);
        let uid = identity.uid.as_ref().filter(|_| terms.uid);
        let made = Impersonation {
            user: value(&mut texts, &identity.username, "user name")?,
            uid: uid.map(|uid| value(&mut texts, uid, "uid")).transpose()?,
            groups: groups.into_iter().map(|group| value(&mut texts, group, "groups")).collect::<Result<_, _>>()?,
            extra: extra.into_iter().map(|pair| attribute(&mut texts, pair)).collect::<Result<_, _>>()?,
        };
        bounded("bytes of names", made.size(), LARGEST)?;
        Ok(made)
    }

    /// For whom it is asked.
    pub(super) fn user(&self) -> &str {
        self.user.to_str().unwrap_or_default()
    }

    /// Writes them, where nobody else has written any.
    pub(super) fn put_on(&self, headers: &mut HeaderMap) {
        headers.reserve(2 + self.groups.len() + self.extra.len());
        headers.insert(USER, self.user.clone());
        if let Some(uid) = &self.uid {
            headers.insert(UID, uid.clone());
        }
        for group in &self.groups {
            headers.append(GROUP, group.clone());
        }
        for (name, value) in &self.extra {
            headers.append(name.clone(), value.clone());
        }
    }

    fn size(&self) -> usize {
        let groups: usize = self.groups.iter().map(|group| GROUP.as_str().len() + group.len() + 4).sum();
        let extra: usize = self.extra.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
        self.user.len() + self.uid.as_ref().map_or(0, HeaderValue::len) + groups + extra
    }
}

fn attribute(texts: &mut Texts, (key, text): (&String, &String)) -> Result<(HeaderName, HeaderValue), ClusterRefusal> {
    let unfit = ClusterRefusal::NameUnfit { what: "attribute's key" };
    let mut name = EXTRA.to_owned();
    for octet in key.bytes() {
        match octet {
            b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' => name.push(char::from(octet)),
            _ => write!(name, "%{octet:02x}").map_err(|_| unfit.clone())?,
        }
    }
    if key.is_empty() || name.len() > LONGEST_KEY {
        return Err(unfit);
    }
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| unfit)?;
    Ok((name, value(texts, text, "attribute")?))
}

fn value(texts: &mut Texts, text: &str, what: &'static str) -> Result<HeaderValue, ClusterRefusal> {
    let visible = !text.is_empty() && text.bytes().all(|b| matches!(b, b' '..=b'~')) && text.trim() == text;
    visible.then(|| texts.text(text)).flatten().ok_or(ClusterRefusal::NameUnfit { what })
}

fn bounded(of: &str, found: usize, most: usize) -> Result<(), ClusterRefusal> {
    if found <= most { Ok(()) } else { Err(ClusterRefusal::TooMany { found: format!("{found} {of}"), most }) }
}

fn short(name: &str) -> String {
    audit::cut(name).to_owned()
}

#[cfg(test)]
mod tests;
