//! One rule: whom it admits to the tools that it names.
//!
//! 1. Any of a list, all of the lists, as with a route's `allow`; and `when` is true. There are no rules that deny.
//! 2. What is not known admits nobody: groups that the token had no room for, an argument that is not there, an expression
//!    that fails, costs too much, or gives anything but `true`.
//! 3. Where everything holds but the scopes, that is said: the caller can get a token with more.
//! 4. Without arguments (for a list) a rule admits whom it would admit with some arguments.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet, HashSet};

use gangplank_authn::cel::{Budget, Expression, Input, ToolView, Value};
use gangplank_authn::{Identity, Scope};
use gangplank_jose::Excerpt;
use serde_json::Map;

use super::super::message::folded;

type Arguments = Map<String, serde_json::Value>;

/// A rule.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) groups: HashSet<String>,
    pub(super) users: HashSet<String>,
    pub(super) roles: HashSet<String>,
    pub(super) scopes: HashSet<String>,
    /// The same, for whoever has none of them.
    pub(super) needed: Vec<Scope>,
    pub(super) when: Option<When>,
}

/// What a rule makes of a call.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Admitted,
    /// But for a scope.
    ScopeLacking,
    /// The part that does not hold.
    Unmet(String),
}

/// An expression that has to be true.
#[derive(Debug)]
pub(super) struct When {
    expression: Expression,
    /// Whether it asks for groups.
    groups: bool,
    /// The names that it looks up, without case.
    words: BTreeMap<String, Vec<String>>,
}

impl Rule {
    /// Judges a call, or with no arguments whether there could be one.
    pub(super) fn judge(&self, asked: &Asked<'_>) -> Verdict {
        let caller = asked.caller;
        let any = |rule: &HashSet<String>, held: &[String]| rule.is_empty() || held.iter().any(|h| rule.contains(h));
        let unmet = |what: &str| Verdict::Unmet(what.to_owned());
        if !any(&self.groups, &caller.groups) {
            return unmet(if caller.groups_unresolved { UNRESOLVED } else { "none of its groups" });
        }
        if !self.users.is_empty() && !self.users.contains(&caller.username) {
            return unmet("not among its users");
        }
        if !any(&self.roles, &caller.roles) {
            return unmet("none of its roles");
        }
        if let Some(Err(problem)) = self.when.as_ref().map(|when| when.holds(asked)) {
            return Verdict::Unmet(problem);
        }
        if any(&self.scopes, &caller.scopes) { Verdict::Admitted } else { Verdict::ScopeLacking }
    }
}

/// Who asks for which tool, with which arguments if they are known: laid out once, and only if some rule looks at it.
pub(super) struct Asked<'a> {
    caller: &'a Identity,
    tool: &'a str,
    arguments: Option<&'a Arguments>,
    /// What expressions may still cost.
    budget: &'a Budget,
    view: OnceCell<ToolView<'a>>,
    names: OnceCell<BTreeMap<String, BTreeSet<&'a str>>>,
}

impl<'a> Asked<'a> {
    /// Nothing is looked at yet.
    pub(super) fn new(
        caller: &'a Identity,
        tool: &'a str,
        arguments: Option<&'a Arguments>,
        budget: &'a Budget,
    ) -> Self {
        Asked { caller, tool, arguments, budget, view: OnceCell::new(), names: OnceCell::new() }
    }

    fn view(&self) -> &ToolView<'a> {
        self.view.get_or_init(|| match self.arguments {
            Some(arguments) => ToolView::call(self.caller, self.tool, arguments),
            None => ToolView::of(self.caller, self.tool),
        })
    }

    /// The names of arguments, and of members within them, by what they are without case.
    fn names(&self) -> &BTreeMap<String, BTreeSet<&'a str>> {
        self.names.get_or_init(|| {
            let mut names: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
            let (mut objects, mut values): (Vec<&Arguments>, Vec<_>) =
                (self.arguments.into_iter().collect(), Vec::new());
            while let Some(members) = objects.pop() {
                for (name, value) in members {
                    names.entry(folded(name)).or_default().insert(name);
                    values.push(value);
                }
                while let Some(value) = values.pop() {
                    match value {
                        serde_json::Value::Array(items) => values.extend(items),
                        serde_json::Value::Object(members) => objects.push(members),
                        _ => {}
                    }
                }
            }
            names
        })
    }
}

const UNRESOLVED: &str = "it has groups, and the token names too many to carry them";

impl When {
    /// `expression` is over a call.
    pub(super) fn new(expression: Expression) -> Self {
        let mut words: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for word in expression.words() {
            words.entry(folded(word)).or_default().push(word.to_owned());
        }
        When { groups: expression.selects("caller", "groups"), words, expression }
    }

    /// The groups that it may look for: whatever strings it has, if it asks for groups at all.
    pub(super) fn groups(&self) -> impl Iterator<Item = &str> {
        self.words.values().flatten().filter(|_| self.groups).map(String::as_str)
    }

    fn holds(&self, asked: &Asked<'_>) -> Result<(), String> {
        // `!("x" in caller.groups)` is true of whoever has groups that nobody knows.
        if self.groups && asked.caller.groups_unresolved {
            return Err(UNRESOLVED.to_owned());
        }
        self.plain(asked)?;
        match self.expression.evaluate_within(&Input::Tool(asked.view()), asked.budget) {
            Ok(Value::Bool(true)) => Ok(()),
            Ok(Value::Bool(false)) => Err("its when is false".to_owned()),
            Ok(_) => Err("its when gives no boolean".to_owned()),
            // With some arguments it may hold.
            Err(_) if asked.arguments.is_none() => Ok(()),
            Err(error) => Err(format!("its when fails at {error}")),
        }
    }

    /// Whether no argument, nor a member of one, is a name of the expression in another case: a server that ignores case
    /// would read it where the expression saw nothing.
    fn plain(&self, asked: &Asked<'_>) -> Result<(), String> {
        if asked.arguments.is_none_or(Map::is_empty) {
            return Ok(());
        }
        let names = asked.names();
        for (word, spellings) in &self.words {
            let others =
                names.get(word).into_iter().flatten().filter(|name| !spellings.iter().any(|word| word == *name));
            if let Some(name) = others.into_iter().next() {
                let (name, word) = (Excerpt::of(name), spellings.first().map_or("", String::as_str));
                return Err(format!("its when looks at {word:?}, and the arguments have {name:?}"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use gangplank_authn::cel::Scope as Over;
    use serde_json::json;

    use super::*;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    fn ada() -> Identity {
        Identity {
            username: "ada".to_owned(),
            groups: texts(&["dev"]),
            roles: texts(&["Reader"]),
            scopes: texts(&["mcp:read"]),
            ..Identity::default()
        }
    }

    fn rule(groups: &[&str], users: &[&str], roles: &[&str], scopes: &[&str], when: Option<&str>) -> Rule {
        let set = |list: &[&str]| texts(list).into_iter().collect();
        Rule {
            groups: set(groups),
            users: set(users),
            roles: set(roles),
            scopes: set(scopes),
            needed: scopes.iter().filter_map(|scope| Scope::new(scope)).collect(),
            when: when.map(|when| When::new(Expression::compile(when, Over::Tool).unwrap())),
        }
    }

    fn arguments(json: serde_json::Value) -> Arguments {
        json.as_object().cloned().unwrap()
    }

    #[test]
    fn any_of_a_list_and_all_of_the_lists() {
        let call = arguments(json!({"namespace": "dev"}));
        let judged = |rule: &Rule| rule.judge(&Asked::new(&ada(), "t", Some(&call), &Budget::default()));
        for (rule, wanted) in [
            (rule(&["ops", "dev"], &["ada"], &["Reader"], &["mcp:read"], Some("true")), None),
            (rule(&["ops"], &["ada"], &[], &[], None), Some("none of its groups")),
            (rule(&["dev"], &["bob"], &[], &[], None), Some("not among its users")),
            (rule(&[], &[], &["Writer"], &[], None), Some("none of its roles")),
            (rule(&["dev"], &[], &[], &[], Some("arguments.namespace == 'dev'")), None),
            (rule(&["dev"], &[], &[], &[], Some("arguments.namespace == 'prod'")), Some("its when is false")),
            (rule(&[], &[], &[], &[], Some("arguments.missing == 'x'")), Some("its when fails at 1:10: no such key")),
            (rule(&[], &[], &[], &[], Some("([true] + arguments.namespace)[0]")), Some("its when fails at")),
            // A missing scope is only told to those who lack nothing else.
            (rule(&["ops"], &[], &[], &["mcp:write"], None), Some("none of its groups")),
            (rule(&[], &[], &[], &["mcp:write"], Some("false")), Some("its when is false")),
        ] {
            match (judged(&rule), wanted) {
                (Verdict::Admitted, None) => {}
                (Verdict::Unmet(found), Some(wanted)) => assert!(found.starts_with(wanted), "{found}"),
                (found, wanted) => panic!("{found:?}, wanted {wanted:?}"),
            }
        }
        assert_eq!(judged(&rule(&["dev"], &[], &[], &["mcp:write"], Some("true"))), Verdict::ScopeLacking);
    }

    #[test]
    fn groups_that_nobody_knows_admit_nobody() {
        let caller = Identity { groups: Vec::new(), groups_unresolved: true, ..ada() };
        for rule in [rule(&["dev"], &[], &[], &[], None), rule(&[], &[], &[], &[], Some("!('x' in caller.groups)"))] {
            for arguments in [Some(&Arguments::new()), None] {
                let verdict = rule.judge(&Asked::new(&caller, "t", arguments, &Budget::default()));
                assert_eq!(verdict, Verdict::Unmet(UNRESOLVED.to_owned()));
            }
        }
    }

    /// `!has(arguments.namespace)` is true of `{"Namespace": "prod"}`, and a server in Go would see a namespace there.
    #[test]
    fn an_argument_in_another_case_admits_nobody() {
        let rule = rule(&[], &[], &[], &[], Some("!has(arguments.namespace) || arguments.namespace == 'dev'"));
        let judged = |call| rule.judge(&Asked::new(&ada(), "t", Some(&arguments(call)), &Budget::default()));
        assert_eq!(judged(json!({"name": "x", "x": [{"y": 1}]})), Verdict::Admitted);
        for call in [
            json!({"Namespace": "prod"}),
            json!({"namespace": "dev", "nameſpace": "prod"}),
            json!({"spec": [[{"NAMESPACE": "prod"}]]}),
        ] {
            let Verdict::Unmet(why) = judged(call) else { panic!("admitted") };
            assert!(why.starts_with("its when looks at \"namespace\""), "{why}");
        }
    }

    #[test]
    fn without_arguments_a_rule_admits_whom_it_might() {
        let judged =
            |when: &str| rule(&[], &[], &[], &[], Some(when)).judge(&Asked::new(&ada(), "t", None, &Budget::default()));
        for shown in ["arguments.namespace == 'dev'", "'dev' in caller.groups && arguments.x", "tool == 't'"] {
            assert_eq!(judged(shown), Verdict::Admitted, "{shown}");
        }
        for hidden in ["'ops' in caller.groups && arguments.namespace == 'dev'", "tool == 'u'"] {
            assert!(matches!(judged(hidden), Verdict::Unmet(_)), "{hidden}");
        }
    }
}
