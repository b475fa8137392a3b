//! Who may call which tool.
//!
//! 1. A name of a tool is a plain one, and no rule's name in another case ([`names`]).
//! 2. Any rule that names the tool may admit a call ([`rule`]). If none does, the call is refused; if what is wanting is
//!    a scope only, all scopes that would do are told.
//! 3. A tool that no rule names follows `other_tools`: denied where there are rules, unless it is said.
//! 4. All calls of a body share what expressions may cost: a batch costs no more than a call.
//! 5. A tool is shown in lists to whoever might call it with some arguments.
//!
//! The rules are about `tools/call`. Whatever else is asked of the server is for the route's `allow` to say.

mod names;
mod read;
mod refusal;
mod rule;

use std::sync::Arc;

use gangplank_authn::cel::Budget;
use gangplank_authn::{Authenticated, Identity, Scope};
use gangplank_jose::Excerpt;

use self::names::{Named, Names};
pub use self::read::read;
pub(crate) use self::read::{contradictions, group_words};
pub use self::refusal::ToolRefusal;
use self::rule::{Asked, Rule, Verdict};
use super::McpRefusal;
use super::audit::Book;
use super::message::Call;

/// A route's rules.
#[derive(Debug)]
pub struct ToolRules {
    rules: Vec<Rule>,
    names: Names,
    /// Whether tools that no rule names may be called.
    others: bool,
}

impl ToolRules {
    /// Judges a call. `budget` is that of its body.
    ///
    /// # Errors
    /// No rule admits it.
    pub fn admit(&self, caller: &Identity, call: &Call, budget: &Budget) -> Result<(), McpRefusal> {
        let tool = call.tool.as_str();
        if !names::is_plain(tool) {
            return Err(ToolRefusal::ToolName(Excerpt::of(tool)).into());
        }
        let rules = match self.names.of(tool) {
            Named::By(rules) => rules,
            Named::ByNone if self.others => return Ok(()),
            Named::ByNone => return Err(forbidden(caller, tool, "no rule names it".to_owned())),
            Named::Lookalike => return Err(ToolRefusal::Lookalike(Excerpt::of(tool)).into()),
        };
        let (mut needed, mut unmet): (Vec<Scope>, Vec<String>) = (Vec::new(), Vec::new());
        let asked = Asked::new(caller, tool, Some(&call.arguments), budget);
        for (at, rule) in rules.iter().filter_map(|at| Some((at, self.rules.get(*at)?))) {
            match rule.judge(&asked) {
                Verdict::Admitted => return Ok(()),
                Verdict::ScopeLacking => needed.extend(rule.needed.iter().cloned()),
                Verdict::Unmet(what) if unmet.len() < SHOWN => unmet.push(format!("mcp.tools[{at}]: {what}")),
                Verdict::Unmet(_) => {}
            }
        }
        if needed.is_empty() {
            return Err(forbidden(caller, tool, unmet.join("; ")));
        }
        let asked = format!("the tool {}", Excerpt::of(tool));
        Err(McpRefusal::InsufficientScope { user: caller.username.clone(), asked, needed })
    }

    /// Whether a list shows this tool to this caller.
    pub fn shows(&self, caller: &Identity, tool: &str) -> bool {
        match self.names.of(tool) {
            _ if !names::is_plain(tool) => false,
            Named::By(rules) => {
                let budget = Budget::default();
                let asked = Asked::new(caller, tool, None, &budget);
                let mut rules = rules.iter().filter_map(|at| self.rules.get(*at));
                rules.any(|rule| rule.judge(&asked) == Verdict::Admitted)
            }
            Named::ByNone => self.others,
            Named::Lookalike => false,
        }
    }

    /// The names that the rules have in full.
    pub(crate) fn known(&self) -> impl Iterator<Item = &str> {
        self.names.exact()
    }
}

/// How many rules are named in a refusal.
const SHOWN: usize = 4;

fn forbidden(caller: &Identity, tool: &str, unmet: String) -> McpRefusal {
    ToolRefusal::Forbidden { user: caller.username.clone(), tool: Excerpt::of(tool), unmet }.into()
}

/// Which tools somebody is shown.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    pub(crate) rules: Arc<ToolRules>,
    pub(crate) caller: Authenticated,
    pub(crate) book: Arc<Book>,
}

impl Shown {
    /// Whether a list shows this one.
    pub(crate) fn shows(&self, tool: &str) -> bool {
        if names::is_plain(tool) {
            self.book.listed(tool);
        }
        self.rules.shows(self.caller.identity(), tool)
    }
}

#[cfg(test)]
mod tests;
