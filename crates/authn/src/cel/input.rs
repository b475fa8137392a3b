//! What an expression is run over.

use std::collections::BTreeMap;

use gangplank_jose::Claims;
use serde_json::{Map, Value};

/// What an expression is run over; of the kind that its [`Scope`](super::Scope) names.
#[derive(Clone, Copy)]
pub enum Input<'a> {
    /// `claims`.
    Claims(&'a ClaimsView<'a>),
    /// `user`.
    User(&'a UserView<'a>),
}

/// Claims as expressions see them. Make one for a token and run all expressions over it: a claim is converted when it
/// is touched for the first time, and once.
pub struct ClaimsView<'a> {
    source: Source<'a>,
}

enum Source<'a> {
    Token(&'a Claims),
    Object(&'a Map<String, Value>),
}

impl<'a> ClaimsView<'a> {
    /// The claims of a token.
    pub fn new(claims: &'a Claims) -> Self {
        ClaimsView { source: Source::Token(claims) }
    }

    /// A JSON object in their place.
    pub fn of_object(members: &'a Map<String, Value>) -> Self {
        ClaimsView { source: Source::Object(members) }
    }

    /// A claim, whatever its type.
    #[allow(dead_code)]
    fn get(&self, name: &str) -> Option<Value> {
        match self.source {
            Source::Token(claims) => claims.get(name),
            Source::Object(members) => members.get(name).cloned(),
        }
    }
}

/// A user as expressions see it; everything is always there, if only empty.
#[derive(Clone, Copy)]
pub struct UserView<'a> {
    /// `user.username`.
    pub username: &'a str,
    /// `user.uid`.
    pub uid: &'a str,
    /// `user.groups`.
    pub groups: &'a [String],
    /// `user.extra`.
    pub extra: &'a BTreeMap<String, Vec<String>>,
}
