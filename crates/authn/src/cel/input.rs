//! What an expression is run over.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, OnceLock};

use gangplank_jose::Claims;
use serde_json::{Map, Value};

use super::check::Variable;
use super::value::{Entries, Key, Val};
use super::{Kind, Scope, escape};

/// What an expression is run over; of the kind that its [`Scope`] names.
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
    converted: BTreeMap<&'a str, OnceLock<Val>>,
    whole: OnceLock<Arc<Entries>>,
}

#[derive(Clone, Copy)]
enum Source<'a> {
    Token(&'a Claims),
    Object(&'a Map<String, Value>),
}

impl<'a> ClaimsView<'a> {
    /// The claims of a token.
    pub fn new(claims: &'a Claims) -> Self {
        Self::of(Source::Token(claims), claims.names())
    }

    /// A JSON object in their place.
    pub fn of_object(members: &'a Map<String, Value>) -> Self {
        Self::of(Source::Object(members), members.keys().map(String::as_str))
    }

    fn of(source: Source<'a>, names: impl Iterator<Item = &'a str>) -> Self {
        ClaimsView { source, converted: names.map(|name| (name, OnceLock::new())).collect(), whole: OnceLock::new() }
    }

    fn claim(&self, name: &str) -> Option<Val> {
        let place = self.converted.get(name)?;
        let convert = || match self.source {
            Source::Token(claims) => claims.get(name).as_ref().map_or(Val::Null, converted),
            Source::Object(members) => members.get(name).map_or(Val::Null, converted),
        };
        Some(place.get_or_init(convert).clone())
    }

    fn whole(&self) -> Val {
        let convert = || {
            let claims = self.converted.keys().filter_map(|name| Some((Key::Text((*name).into()), self.claim(name)?)));
            Arc::new(Entries { of: claims.collect(), escaped: true })
        };
        Val::Map(self.whole.get_or_init(convert).clone())
    }
}

/// As expressions see JSON: every number is a double.
fn converted(json: &Value) -> Val {
    match json {
        Value::Null => Val::Null,
        Value::Bool(value) => Val::Bool(*value),
        Value::Number(number) => Val::Double(number.as_f64().unwrap_or(f64::NAN)),
        Value::String(text) => Val::text(text.as_str()),
        Value::Array(items) => Val::list(items.iter().map(converted).collect()),
        Value::Object(members) => {
            let of = members.iter().map(|(name, value)| (Key::Text(name.as_str().into()), converted(value))).collect();
            Val::Map(Arc::new(Entries { of, escaped: true }))
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

impl UserView<'_> {
    fn field(&self, name: &str) -> Option<Val> {
        let texts = |texts: &[String]| Val::list(texts.iter().map(|text| Val::text(text.as_str())).collect());
        Some(match name {
            "username" => Val::text(self.username),
            "uid" => Val::text(self.uid),
            "groups" => texts(self.groups),
            "extra" => {
                let of =
                    self.extra.iter().map(|(key, values)| (Key::Text(key.as_str().into()), texts(values))).collect();
                Val::Map(Arc::new(Entries { of, escaped: true }))
            }
            _ => return None,
        })
    }
}

/// The variables of a scope, in the order in which an [`Input`] has their values.
pub(super) fn variables(scope: Scope) -> &'static [Variable] {
    static CLAIMS: LazyLock<[Variable; 1]> =
        LazyLock::new(|| [Variable { name: "claims", kind: Kind::map(Kind::String, Kind::Dyn), fields: Vec::new() }]);
    static USER: LazyLock<[Variable; 1]> = LazyLock::new(|| {
        let fields = vec![
            ("username", Kind::String),
            ("uid", Kind::String),
            ("groups", Kind::list(Kind::String)),
            ("extra", Kind::map(Kind::String, Kind::list(Kind::String))),
        ];
        [Variable { name: "user", kind: Kind::Named("kubernetes.UserInfo"), fields }]
    });
    match scope {
        Scope::Claims => CLAIMS.as_slice(),
        Scope::User => USER.as_slice(),
    }
}

impl Input<'_> {
    /// The scope it is for.
    pub(super) fn scope(&self) -> Scope {
        match self {
            Input::Claims(_) => Scope::Claims,
            Input::User(_) => Scope::User,
        }
    }

    /// The variable at this place, all of it.
    pub(super) fn whole(&self, _place: usize) -> Val {
        match self {
            Input::Claims(claims) => claims.whole(),
            // The checker lets nobody use it as a whole.
            Input::User(_) => Val::Null,
        }
    }

    /// A field of the variable at this place, by the name in the expression; and what it cost to make.
    pub(super) fn field(&self, _place: usize, written: &str) -> (Option<Val>, u64) {
        match self {
            Input::Claims(claims) => (escape::unescape(written).and_then(|name| claims.claim(&name)), 0),
            Input::User(user) => {
                let made = user.field(written);
                let cost = made.as_ref().map_or(0, Val::size);
                (made, cost)
            }
        }
    }
}
