//! From the document to rules, or everything that is wrong with them.

use std::collections::BTreeSet;

use gangplank_authn::Scope;
use gangplank_authn::cel::{Expression, Kind, Scope as Over};
use gangplank_oauth::config::ConfigError;

use super::ToolRules;
use super::names::{self, Names};
use super::rule::{Rule, When};
use crate::build::Errors;
use crate::config::{McpConfig, OtherTools, ToolAllowConfig, ToolRuleConfig};
use crate::mcp::message::folded;

/// Reads the rules at `at` (`routes[0].mcp`). `None` if there is nothing to judge.
pub fn read(config: &McpConfig, at: &str, errors: &mut Vec<ConfigError>) -> Option<ToolRules> {
    let (mut names, mut rules) = (Names::default(), Vec::new());
    for (i, rule) in config.tools.iter().enumerate() {
        let at = format!("{at}.tools[{i}]");
        let allow = allow(&rule.allow, &at, errors);
        if rule.names.is_empty() {
            let help = "names of tools as tools/list has them, such as \"pods_list\", or beginnings such as \"pods_*\"";
            errors.push(ConfigError::new(format!("{at}.names"), "names no tool", help));
        }
        for (k, name) in rule.names.iter().enumerate() {
            if let Some(problem) = names::problem(name) {
                let help = "a name as tools/list has it, or its beginning and a *";
                errors.push(ConfigError::new(format!("{at}.names[{k}]"), format!("{name:?} {problem}"), help));
            }
            names.add(name, rules.len());
        }
        rules.push(allow);
    }
    lookalikes(config, at, errors);
    let others = match config.other_tools {
        Some(others) => others == OtherTools::Allow,
        None => rules.is_empty(),
    };
    (!others || !rules.is_empty()).then_some(ToolRules { rules, names, others })
}

fn allow(allow: &ToolAllowConfig, at: &str, errors: &mut Errors) -> Rule {
    let lists =
        [("groups", &allow.groups), ("users", &allow.users), ("roles", &allow.roles), ("scopes", &allow.scopes)];
    if lists.iter().all(|(_, list)| list.is_empty()) && allow.when.is_none() {
        let help =
            "at least one of groups, users, roles, scopes and when; when = \"true\" admits all whom the route admits";
        errors.push(ConfigError::new(format!("{at}.allow"), "admits nobody", help));
    }
    for (key, list) in lists {
        for (i, value) in list.iter().enumerate() {
            let unfit = value.is_empty() || value.chars().any(char::is_control);
            if unfit || key == "scopes" && Scope::new(value).is_none() {
                let problem = format!("{value:?} is nothing that a token could hold, so nobody could match");
                errors.push(ConfigError::new(format!("{at}.allow.{key}[{i}]"), problem, ""));
            }
        }
    }
    let set = |list: &[String]| list.iter().cloned().collect();
    Rule {
        groups: set(&allow.groups),
        users: set(&allow.users),
        roles: set(&allow.roles),
        scopes: set(&allow.scopes),
        needed: allow.scopes.iter().filter_map(|scope| Scope::new(scope)).collect(),
        when: allow.when.as_deref().and_then(|when| condition(when, &format!("{at}.allow.when"), errors)),
    }
}

fn condition(source: &str, at: &str, errors: &mut Errors) -> Option<When> {
    match Expression::compile(source, Over::Tool) {
        Ok(expression) if *expression.kind() == Kind::Bool => return Some(When::new(expression)),
        Ok(expression) => {
            let message = format!("gives {}, and has to be known to give bool", expression.kind());
            errors.push(ConfigError::new(at, message, "compare it: arguments.force == true"));
        }
        Err(error) => {
            let help = "CEL over caller (username, uid, groups, scopes, roles, issuer, tenant, client, extra), tool and arguments";
            errors.push(ConfigError::new(at, error.to_string(), help));
        }
    }
    None
}

/// Patterns that are told apart by case only: calls of such tools are refused, as some server might not tell them apart.
fn lookalikes(config: &McpConfig, at: &str, errors: &mut Errors) {
    let all: Vec<&String> = config.tools.iter().flat_map(|rule| &rule.names).collect();
    let same = |wide: &str, narrow: &str| names::covers(&folded(wide), &folded(narrow)) && !names::covers(wide, narrow);
    let mut said = BTreeSet::new();
    for (i, narrow) in all.iter().enumerate() {
        for wide in all.iter().enumerate().filter(|(k, wide)| *k != i && same(wide, narrow)).map(|(_, wide)| wide) {
            if said.insert((*narrow.min(wide)).clone()) {
                let message =
                    format!("{narrow:?} and {wide:?} differ by case, and some servers take one for the other");
                errors.push(ConfigError::new(format!("{at}.tools"), message, "write names as tools/list has them"));
            }
        }
    }
}

/// The groups that the rules might ask for: sessions keep no others.
pub(crate) fn group_words(config: &McpConfig) -> BTreeSet<String> {
    let words = |rule: &ToolRuleConfig| {
        let when = rule.allow.when.as_deref().and_then(|when| Expression::compile(when, Over::Tool).ok());
        let of_when: Vec<String> =
            when.map(When::new).iter().flat_map(|when| when.groups().map(str::to_owned).collect::<Vec<_>>()).collect();
        rule.allow.groups.iter().cloned().chain(of_when).collect::<Vec<_>>()
    };
    config.tools.iter().flat_map(words).collect()
}

/// Rules that have no effect, because another one admits all whom they admit to all that they name.
pub(crate) fn contradictions(config: &McpConfig, at: &str) -> Vec<String> {
    let rules = || config.tools.iter().enumerate();
    let covering = |(k, narrow): (usize, &ToolRuleConfig)| {
        let mut others = rules().filter(|(i, wide)| *i != k && covers(wide, narrow));
        // Of two that are the same, the later one is said to be too much.
        others.find(|(i, wide)| *i < k || !covers(narrow, wide)).map(|(i, _)| (k, i))
    };
    let said =
        |(k, i)| format!("{at}.tools[{k}] has no effect: {at}.tools[{i}] admits the same callers, to the same tools");
    rules().filter_map(covering).map(said).collect()
}

fn covers(wide: &ToolRuleConfig, narrow: &ToolRuleConfig) -> bool {
    let names = narrow.names.iter().all(|name| wide.names.iter().any(|pattern| names::covers(pattern, name)));
    let list = |wide: &[String], narrow: &[String]| {
        wide.is_empty() || !narrow.is_empty() && narrow.iter().all(|one| wide.contains(one))
    };
    let (wide, narrow) = (&wide.allow, &narrow.allow);
    names
        && list(&wide.groups, &narrow.groups)
        && list(&wide.users, &narrow.users)
        && list(&wide.roles, &narrow.roles)
        && list(&wide.scopes, &narrow.scopes)
        && wide.when.as_ref().is_none_or(|when| when == "true" || narrow.when.as_ref() == Some(when))
}
