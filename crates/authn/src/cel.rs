//! Expressions over a token's claims or over a user, in the language (CEL) and with the libraries that a Kubernetes API
//! server gives to its `AuthenticationConfiguration`.

mod input;
mod kind;

use std::fmt;
use std::sync::Arc;

pub use input::{ClaimsView, Input, UserView};
pub use kind::Kind;

/// Which variable an expression may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// `claims`: the claims of a token, a map from names to anything.
    Claims,
    /// `user`: what was made of them, with the fields `username`, `uid`, `groups` and `extra`.
    User,
}

/// An expression that was checked; cheap to clone.
#[derive(Clone, Debug)]
pub struct Expression {
    inner: Arc<Compiled>,
}

#[derive(Debug)]
struct Compiled {
    source: String,
    kind: Kind,
}

impl Expression {
    /// Parses and checks.
    pub fn compile(source: &str, scope: Scope) -> Result<Expression, CompileError> {
        let _ = scope;
        Ok(Expression { inner: Arc::new(Compiled { source: source.to_owned(), kind: Kind::Dyn }) })
    }

    /// As it was written.
    pub fn source(&self) -> &str {
        &self.inner.source
    }

    /// What it is known to give before it is run.
    pub fn kind(&self) -> &Kind {
        &self.inner.kind
    }

    /// Whether it selects this field of this variable anywhere: `claims.email` or `claims.?email`, with or without
    /// `has()`. The form `claims["email"]` is not seen, nor is `claims.other.claims.email`.
    pub fn selects(&self, root: &str, field: &str) -> bool {
        let _ = (root, field);
        false
    }

    /// Runs it.
    pub fn evaluate(&self, input: &Input<'_>) -> Result<Value, EvaluationError> {
        let _ = input;
        Err(EvaluationError { message: "expressions cannot be run yet".to_owned() })
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

/// Why an expression gave nothing. Names what the expression did, never a value it saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvaluationError {
    message: String,
}

impl fmt::Display for EvaluationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for EvaluationError {}
