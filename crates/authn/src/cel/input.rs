//! What an expression is run over.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, OnceLock};

use gangplank_jose::Claims;
use serde_json::{Map, Value};

use super::check::Variable;
use super::meter::Fault;
use super::value::{Entries, Key, Val};
use super::{Kind, Scope, escape};
use crate::Identity;

/// What an expression is run over; of the kind that its [`Scope`] names.
#[derive(Clone, Copy)]
pub enum Input<'a> {
    /// `claims`.
    Claims(&'a ClaimsView<'a>),
    /// `user`.
    User(&'a UserView<'a>),
    /// `caller`, `tool` and `arguments`.
    Tool(&'a ToolView<'a>),
}

/// Claims as expressions see them. Make one for a token and run all expressions over it: a claim is converted when it
/// is touched for the first time, and once.
pub struct ClaimsView<'a> {
    source: Source<'a>,
    converted: BTreeMap<&'a str, OnceLock<Val>>,
    whole: OnceLock<Arc<Entries>>,
    /// Whether names in expressions are written with the escapes of the API server.
    escaped: bool,
}

#[derive(Clone, Copy)]
enum Source<'a> {
    Token(&'a Claims),
    Object(&'a Map<String, Value>),
}

impl<'a> ClaimsView<'a> {
    /// The claims of a token.
    pub fn new(claims: &'a Claims) -> Self {
        Self::of(Source::Token(claims), claims.names(), true)
    }

    /// A JSON object in their place.
    pub fn of_object(members: &'a Map<String, Value>) -> Self {
        Self::of(Source::Object(members), members.keys().map(String::as_str), true)
    }

    fn of(source: Source<'a>, names: impl Iterator<Item = &'a str>, escaped: bool) -> Self {
        let converted = names.map(|name| (name, OnceLock::new())).collect();
        ClaimsView { source, converted, whole: OnceLock::new(), escaped }
    }

    /// By the name in an expression.
    fn written(&self, written: &str) -> Option<Val> {
        if self.escaped { self.claim(&escape::unescape(written)?) } else { self.claim(written) }
    }

    fn claim(&self, name: &str) -> Option<Val> {
        let place = self.converted.get(name)?;
        let convert = || match self.source {
            Source::Token(claims) => claims.get(name).as_ref().map_or(Val::Null, |json| converted(json, self.escaped)),
            Source::Object(members) => members.get(name).map_or(Val::Null, |json| converted(json, self.escaped)),
        };
        Some(place.get_or_init(convert).clone())
    }

    fn whole(&self) -> Val {
        let convert = || {
            let claims = self.converted.keys().filter_map(|name| Some((Key::Text((*name).into()), self.claim(name)?)));
            Arc::new(Entries { of: claims.collect(), escaped: self.escaped })
        };
        Val::Map(self.whole.get_or_init(convert).clone())
    }
}

/// As expressions see JSON: every number is a double.
fn converted(json: &Value, escaped: bool) -> Val {
    match json {
        Value::Null => Val::Null,
        Value::Bool(value) => Val::Bool(*value),
        Value::Number(number) => numbered(number, escaped),
        Value::String(text) => Val::text(text.as_str()),
        Value::Array(items) => Val::list(items.iter().map(|item| converted(item, escaped)).collect()),
        Value::Object(members) => {
            let entry = |(name, value): (&String, &Value)| (Key::Text(name.as_str().into()), converted(value, escaped));
            Val::Map(Arc::new(Entries { of: members.iter().map(entry).collect(), escaped }))
        }
    }
}

/// A double, as in the API server. Of a call, a whole number that no double holds stays one: it is not equal to its
/// neighbour.
fn numbered(number: &serde_json::Number, escaped: bool) -> Val {
    const EXACT: u64 = 1 << 53;
    match (number.as_i64(), number.as_u64()) {
        (Some(whole), _) if !escaped && whole.unsigned_abs() > EXACT => Val::Int(whole),
        (None, Some(whole)) if !escaped => Val::Uint(whole),
        _ => Val::Double(number.as_f64().unwrap_or(f64::NAN)),
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
        Some(match name {
            "username" => Val::text(self.username),
            "uid" => Val::text(self.uid),
            "groups" => texts(self.groups),
            "extra" => many_texts(self.extra, true),
            _ => return None,
        })
    }
}

/// A call of a tool as expressions see it. The names of arguments are written as they are: nothing is escaped in them.
pub struct ToolView<'a> {
    caller: &'a Identity,
    tool: &'a str,
    arguments: Option<ClaimsView<'a>>,
}

impl<'a> ToolView<'a> {
    /// This caller calls this tool with these arguments.
    pub fn call(caller: &'a Identity, tool: &'a str, arguments: &'a Map<String, Value>) -> Self {
        let names = arguments.keys().map(String::as_str);
        let arguments = ClaimsView::of(Source::Object(arguments), names, false);
        ToolView { caller, tool, arguments: Some(arguments) }
    }

    /// This caller might call this tool: its arguments are not known, and whatever depends on them is an error. So what
    /// comes out without one holds for all arguments.
    pub fn of(caller: &'a Identity, tool: &'a str) -> Self {
        ToolView { caller, tool, arguments: None }
    }

    fn arguments(&self) -> Result<&ClaimsView<'a>, Fault> {
        self.arguments.as_ref().ok_or_else(|| Fault::failed("the arguments are not known yet"))
    }

    fn caller(&self, name: &str) -> Option<Val> {
        let caller = self.caller;
        let text = |text: &Option<String>| Val::text(text.as_deref().unwrap_or_default());
        Some(match name {
            "username" => Val::text(caller.username.as_str()),
            "uid" => text(&caller.uid),
            "groups" => texts(&caller.groups),
            "scopes" => texts(&caller.scopes),
            "roles" => texts(&caller.roles),
            "issuer" => Val::text(caller.issuer.as_str()),
            "tenant" => text(&caller.tenant),
            "client" => text(&caller.client),
            "extra" => many_texts(&caller.extra, false),
            _ => return None,
        })
    }
}

fn texts(texts: &[String]) -> Val {
    Val::list(texts.iter().map(|text| Val::text(text.as_str())).collect())
}

fn many_texts(of: &BTreeMap<String, Vec<String>>, escaped: bool) -> Val {
    let of = of.iter().map(|(key, values)| (Key::Text(key.as_str().into()), texts(values))).collect();
    Val::Map(Arc::new(Entries { of, escaped }))
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
    static TOOL: LazyLock<[Variable; 3]> = LazyLock::new(|| {
        let text = ["username", "uid", "issuer", "tenant", "client"].map(|name| (name, Kind::String));
        let texts = ["groups", "scopes", "roles"].map(|name| (name, Kind::list(Kind::String)));
        let extra = ("extra", Kind::map(Kind::String, Kind::list(Kind::String)));
        let fields = text.into_iter().chain(texts).chain([extra]).collect();
        [
            Variable { name: "caller", kind: Kind::Named("caller"), fields },
            Variable { name: "tool", kind: Kind::String, fields: Vec::new() },
            Variable { name: "arguments", kind: Kind::map(Kind::String, Kind::Dyn), fields: Vec::new() },
        ]
    });
    match scope {
        Scope::Claims => CLAIMS.as_slice(),
        Scope::User => USER.as_slice(),
        Scope::Tool => TOOL.as_slice(),
    }
}

/// The places of [`Scope::Tool`]'s variables.
const CALLER: usize = 0;
const TOOL: usize = 1;

impl Input<'_> {
    /// The scope it is for.
    pub(super) fn scope(&self) -> Scope {
        match self {
            Input::Claims(_) => Scope::Claims,
            Input::User(_) => Scope::User,
            Input::Tool(_) => Scope::Tool,
        }
    }

    /// The variable at this place, all of it.
    pub(super) fn whole(&self, place: usize) -> Result<Val, Fault> {
        Ok(match self {
            Input::Claims(claims) => claims.whole(),
            // The checker lets nobody use these two as a whole.
            Input::User(_) => Val::Null,
            Input::Tool(_) if place == CALLER => Val::Null,
            Input::Tool(call) if place == TOOL => Val::text(call.tool),
            Input::Tool(call) => call.arguments()?.whole(),
        })
    }

    /// A field of the variable at this place, by the name in the expression; and what it cost to make.
    pub(super) fn field(&self, place: usize, written: &str) -> Result<(Option<Val>, u64), Fault> {
        let made = match self {
            Input::Claims(claims) => return Ok((claims.written(written), 0)),
            Input::Tool(call) if place > TOOL => return Ok((call.arguments()?.written(written), 0)),
            Input::User(user) => user.field(written),
            // The name of a tool has no fields, and the checker knows.
            Input::Tool(call) => call.caller(written),
        };
        let cost = made.as_ref().map_or(0, Val::size);
        Ok((made, cost))
    }
}
