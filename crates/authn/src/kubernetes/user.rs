//! Claims → a user, in Kubernetes' order: user name, groups, uid, extra.
//!
//! 1. **User name.** A claim is a string; an expression gives a string that is not empty. Where the claim is `email`,
//!    `email_verified` is true or absent.
//! 2. **Groups.** A claim is a string or a list of strings, and may be absent or null. An expression gives a string, a list of
//!    strings or null; empty strings of its result are left out.
//! 3. **uid.** A claim is a string, and there; an expression gives a string.
//! 4. **Extra.** Each expression as for groups; a key without values is left out. `jti` becomes the credential id.
//!
//! Stricter than Kubernetes: null is no string in a claim, a user name from a claim is not empty either, and a group that
//! is empty with its prefix is left out, since no binding can name it.

use std::collections::BTreeMap;

use gangplank_jose::Claims;
use serde_json::{Map, Value};

use super::compiled::{Located, Mapping, Mappings};
use super::refusal::KubernetesRefusal;
use crate::UserInfo;
use crate::cel::{self, ClaimsView, Input};
use crate::refusal::fact;

/// The key under which Kubernetes keeps what identifies the credential.
pub(super) const CREDENTIAL_ID: &str = "authentication.kubernetes.io/credential-id";

/// The claims of a verified token, with one that was fetched from elsewhere, if any was.
pub(super) enum Seen<'c> {
    Token(&'c Claims),
    Completed(Map<String, Value>),
}

impl<'c> Seen<'c> {
    pub(super) fn new(claims: &'c Claims, fetched: Option<(&str, Value)>) -> Self {
        let Some((name, value)) = fetched else { return Seen::Token(claims) };
        let own = claims.names().filter_map(|name| Some((name.to_owned(), claims.get(name)?)));
        Seen::Completed(own.chain([(name.to_owned(), value)]).collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<Value> {
        match self {
            Seen::Token(claims) => claims.get(name),
            Seen::Completed(claims) => claims.get(name).cloned(),
        }
    }

    /// As expressions see them.
    pub(super) fn view(&self) -> ClaimsView<'_> {
        match self {
            Seen::Token(claims) => ClaimsView::new(claims),
            Seen::Completed(claims) => ClaimsView::of_object(claims),
        }
    }
}

impl Mappings {
    /// The user that the claims make.
    pub(super) fn user(&self, claims: &Seen<'_>, view: &ClaimsView<'_>) -> Result<UserInfo, KubernetesRefusal> {
        Ok(UserInfo {
            username: self.username(claims, view)?,
            groups: self.groups(claims, view)?,
            uid: self.uid(claims, view)?,
            extra: self.extra(claims, view)?,
        })
    }

    fn username(&self, claims: &Seen<'_>, view: &ClaimsView<'_>) -> Result<String, KubernetesRefusal> {
        let empty = KubernetesRefusal::ValueUnusable { part: "user name", problem: "is empty" };
        match &self.username {
            Mapping::Expression(located) => Some(located.string(view)?).filter(|name| !name.is_empty()).ok_or(empty),
            Mapping::Claim { path, claim, prefix } => {
                let name = string(claims, path, claim)?;
                if claim == "email" && claims.get("email_verified").is_some_and(|verified| verified != true) {
                    return Err(KubernetesRefusal::EmailUnverified { path: path.clone() });
                }
                if name.is_empty() { Err(empty) } else { Ok(format!("{prefix}{name}")) }
            }
        }
    }

    fn groups(&self, claims: &Seen<'_>, view: &ClaimsView<'_>) -> Result<Vec<String>, KubernetesRefusal> {
        let groups = match &self.groups {
            None => return Ok(Vec::new()),
            Some(Mapping::Expression(located)) => return located.strings(view),
            Some(Mapping::Claim { path, claim, prefix }) => {
                let wanted = "a string or a list of strings";
                let unusable = || KubernetesRefusal::ClaimUnusable { path: path.clone(), claim: fact(claim), wanted };
                let prefixed = |group: Value| match group {
                    Value::String(group) => Ok(format!("{prefix}{group}")),
                    _ => Err(unusable()),
                };
                match claims.get(claim) {
                    None | Some(Value::Null) => Vec::new(),
                    Some(Value::Array(groups)) => groups.into_iter().map(prefixed).collect::<Result<_, _>>()?,
                    Some(other) => vec![prefixed(other)?],
                }
            }
        };
        Ok(groups.into_iter().filter(|group| !group.is_empty()).collect())
    }

    fn uid(&self, claims: &Seen<'_>, view: &ClaimsView<'_>) -> Result<String, KubernetesRefusal> {
        match &self.uid {
            None => Ok(String::new()),
            Some(Mapping::Expression(located)) => located.string(view),
            Some(Mapping::Claim { path, claim, .. }) => string(claims, path, claim),
        }
    }

    fn extra(
        &self,
        claims: &Seen<'_>,
        view: &ClaimsView<'_>,
    ) -> Result<BTreeMap<String, Vec<String>>, KubernetesRefusal> {
        let mut extra = BTreeMap::new();
        if let Some(Value::String(id)) = claims.get("jti")
            && !id.is_empty()
        {
            extra.insert(CREDENTIAL_ID.to_owned(), vec![format!("JTI={id}")]);
        }
        for (key, located) in &self.extra {
            let values = located.strings(view)?;
            if !values.is_empty() {
                extra.insert(key.clone(), values);
            }
        }
        Ok(extra)
    }
}

fn string(claims: &Seen<'_>, path: &str, claim: &str) -> Result<String, KubernetesRefusal> {
    match claims.get(claim) {
        Some(Value::String(text)) => Ok(text),
        Some(_) => {
            Err(KubernetesRefusal::ClaimUnusable { path: path.to_owned(), claim: fact(claim), wanted: "a string" })
        }
        None => Err(KubernetesRefusal::ClaimMissing { path: path.to_owned(), claim: fact(claim) }),
    }
}

impl Located {
    pub(super) fn evaluate(&self, input: &Input<'_>) -> Result<cel::Value, KubernetesRefusal> {
        self.expression.evaluate(input).map_err(|error| KubernetesRefusal::ExpressionFailed {
            path: self.path.clone(),
            expression: self.shown(),
            cause: fact(&error.to_string()),
        })
    }

    /// The expression, for a refusal.
    pub(super) fn shown(&self) -> String {
        fact(self.expression.source())
    }

    fn string(&self, view: &ClaimsView<'_>) -> Result<String, KubernetesRefusal> {
        match self.evaluate(&Input::Claims(view))? {
            cel::Value::String(text) => Ok(text),
            other => Err(self.unusable(&other, "a string")),
        }
    }

    fn strings(&self, view: &ClaimsView<'_>) -> Result<Vec<String>, KubernetesRefusal> {
        let wanted = "a string or a list of strings";
        let values = match self.evaluate(&Input::Claims(view))? {
            cel::Value::Null => Vec::new(),
            cel::Value::List(values) => values,
            one @ cel::Value::String(_) => vec![one],
            other => return Err(self.unusable(&other, wanted)),
        };
        let mut strings = Vec::with_capacity(values.len());
        for value in values {
            match value {
                cel::Value::String(text) if text.is_empty() => {}
                cel::Value::String(text) => strings.push(text),
                other => return Err(self.unusable(&other, wanted)),
            }
        }
        Ok(strings)
    }

    pub(super) fn unusable(&self, found: &cel::Value, wanted: &'static str) -> KubernetesRefusal {
        let found = match found {
            cel::Value::Null => "null",
            cel::Value::Bool(_) => "a boolean",
            cel::Value::String(_) => "a string",
            cel::Value::List(_) => "a list",
            cel::Value::Other(kind) => kind,
        };
        KubernetesRefusal::ExpressionUnusable { path: self.path.clone(), expression: self.shown(), found, wanted }
    }
}
