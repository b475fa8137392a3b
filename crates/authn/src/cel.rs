//! Expressions over a token's claims or over a user, in the language (CEL) and with the libraries that a Kubernetes API
//! server gives to its `AuthenticationConfiguration`.
//!
//! 1. **Parse.** At most [`MAX_LENGTH`] octets, nested at most 64 levels (`&&` and `||` chains are one); so nothing that
//!    comes after can exhaust the stack. Parser and evaluation are our own: what the `cel` crate has bounds neither the
//!    steps nor the stack and checks no types, and a parser that can panic has no place where configurations are loaded.
//! 2. **Check.** Names, functions, types, literals; what is wrong is said with its place and with what is accepted. The
//!    type of the result is known ([`Kind`]), or `dyn`, as each claim is: a rule that has to be `bool` has to be known to.
//! 3. **Run.** At most 1,000,000 units of cost, counted as upstream in kind (a step is one, data about one per element or
//!    per ten octets), not to the last unit; evaluations of one request may share them ([`Budget`]). No clock, no input but the variable. Errors
//!    name no value.
//!
//! As upstream: numbers in claims are doubles; numbers of different types compare by value; `&&`, `||`, `all` and
//! `exists` absorb errors; keys of everything reached from `claims` and `user` are unescaped (`__dot__`…), and a wrong
//! escape is no key, on every level; literals of lists and maps have elements of one type.
//!
//! There are: the standard functions and macros; optionals; strings (version 2); lists (version 3) and two-variable
//! macros; `sets`; regular expressions with `find` and `findAll`; `url`, `ip`, `cidr`, `quantity`, `semver`, `format`;
//! the API server's `isSorted`, `sum`, `min`, `max`, `indexOf`, `lastIndexOf`.
//!
//! Not there, and refused when compiled: names of time zones (offsets such as `+02:00` work), messages and names in
//! backquotes, `user` as a whole, `authorizer`. Elsewhere stricter: quantities beyond 2^63, regular expressions that
//! compile to more than 256 KiB. Where upstream iterates over maps in any order, this does in that of the keys.
//!
//! Beside the API server's scopes there is one of ours, a call of a tool: who calls, which tool, with which arguments. The
//! keys of these are written as they are, without escapes.
//!
//! A scope with other variables is a row in `input::variables` and a variant of [`Input`].

mod ast;
mod check;
mod escape;
mod functions;
mod input;
mod kind;
mod lexer;
mod meter;
mod parser;
mod run;
#[cfg(test)]
mod tests;
mod value;

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

pub use input::{ClaimsView, Input, ToolView, UserView};
pub use kind::Kind;

/// How long the text of an expression may be, in octets.
pub const MAX_LENGTH: usize = 65_536;

/// Which variable an expression may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// `claims`: the claims of a token, a map from names to anything.
    Claims,
    /// `user`: what was made of them, with the fields `username`, `uid`, `groups` and `extra`.
    User,
    /// `caller` (who, with the fields of an identity), `tool` (its name) and `arguments` (a map from names to anything).
    Tool,
}

/// An expression that was checked; cheap to clone.
#[derive(Clone)]
pub struct Expression {
    inner: Arc<Compiled>,
}

struct Compiled {
    source: String,
    scope: Scope,
    step: check::Step,
    kind: Kind,
    selections: BTreeSet<(String, String)>,
    words: BTreeSet<String>,
}

impl Expression {
    /// Parses and checks.
    pub fn compile(source: &str, scope: Scope) -> Result<Expression, CompileError> {
        let compiled = Compiled::of(source, scope).map_err(|problem| problem.within(source))?;
        Ok(Expression { inner: Arc::new(compiled) })
    }

    /// As it was written.
    pub fn source(&self) -> &str {
        &self.inner.source
    }

    /// What it is known to give before it is run, as far as the types of the language go: `([true] + claims.x)[1]` is
    /// `bool` to them. So a result that is not what was known is still to be refused.
    pub fn kind(&self) -> &Kind {
        &self.inner.kind
    }

    /// Whether it selects this field of this variable anywhere: `claims.email` or `claims.?email`, with or without
    /// `has()`. The form `claims["email"]` is not seen, nor is `claims.other.claims.email`.
    pub fn selects(&self, root: &str, field: &str) -> bool {
        self.inner.selections.iter().any(|(name, selected)| name == root && selected == field)
    }

    /// Every name that it could look up in a map by its own words: the fields that it selects, from whatever, and the
    /// strings in it. A name that is computed (`"a" + "b"`) is not among them.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.inner.words.iter().map(String::as_str)
    }

    /// Runs it.
    pub fn evaluate(&self, input: &Input<'_>) -> Result<Value, EvaluationError> {
        self.evaluate_within(input, &Budget::default())
    }

    /// Runs it at the cost of what is left of `budget`.
    pub fn evaluate_within(&self, input: &Input<'_>, budget: &Budget) -> Result<Value, EvaluationError> {
        if input.scope() != self.inner.scope {
            return Err(EvaluationError { message: "this expression is about another variable".into(), place: None });
        }
        let mut run = run::Run { input: *input, meter: meter::Meter::new(budget.0.get()), locals: Vec::new() };
        let outcome = run.value(&self.inner.step).and_then(|value| value.outward(&mut run.meter));
        budget.0.set(run.meter.left());
        outcome.map_err(|fault| match fault {
            meter::Fault::Failed(message, place) => {
                EvaluationError { message, place: place.map(|at| line_and_column(self.source(), at)) }
            }
            meter::Fault::Exhausted => {
                EvaluationError { message: "operation cancelled: actual cost limit exceeded".into(), place: None }
            }
        })
    }
}

/// What evaluations may cost together: 1,000,000 units.
#[derive(Debug)]
pub struct Budget(Cell<u64>);

impl Default for Budget {
    fn default() -> Self {
        Budget(Cell::new(meter::LIMIT))
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.inner.source).finish()
    }
}

impl Compiled {
    fn of(source: &str, scope: Scope) -> Result<Self, Problem> {
        if source.len() > MAX_LENGTH {
            return Err(Problem::new(0, format!("the expression is longer than {MAX_LENGTH} octets")));
        }
        let node = parser::parse(source)?;
        let (step, kind) = check::check(&node, input::variables(scope))?;
        let (mut selections, mut words) = (BTreeSet::new(), BTreeSet::new());
        node.selections(&mut selections);
        node.words(&mut words);
        Ok(Compiled { source: source.to_owned(), scope, step, kind, selections, words })
    }
}

/// What an expression gave.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A string.
    String(String),
    /// A list of anything.
    List(Vec<Value>),
    /// Something else, by the name of its type: `double`, `map`, `optional_type`…
    Other(&'static str),
}

/// Why a text is no expression that could be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompileError {
    /// What is wrong and what is accepted.
    pub message: String,
    /// Where, in octets from the beginning.
    pub offset: usize,
    /// Where: the line, from 1.
    pub line: usize,
    /// Where: the character of that line, from 1.
    pub column: usize,
}

impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.message)
    }
}

impl std::error::Error for CompileError {}

/// What is wrong with a text, at an octet of it.
#[derive(Debug)]
struct Problem {
    at: usize,
    message: Cow<'static, str>,
}

impl Problem {
    fn new(at: usize, message: impl Into<Cow<'static, str>>) -> Self {
        Problem { at, message: message.into() }
    }

    fn within(self, source: &str) -> CompileError {
        let (line, column) = line_and_column(source, self.at);
        CompileError { message: self.message.into_owned(), offset: self.at, line, column }
    }
}

/// Both from 1; the column counts characters.
fn line_and_column(source: &str, at: usize) -> (usize, usize) {
    let before = source.get(..at).unwrap_or(source);
    let line = before.rsplit('\n').next().unwrap_or_default();
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}

/// Why an expression gave nothing. Names what the expression did, never a value it saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvaluationError {
    message: Cow<'static, str>,
    place: Option<(usize, usize)>,
}

impl fmt::Display for EvaluationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Some((line, column)) => write!(f, "{line}:{column}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for EvaluationError {}
