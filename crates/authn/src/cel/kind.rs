//! What an expression is known to give before it is run.

use std::fmt;

/// The type of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// Only the run tells.
    Dyn,
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool,
    /// A whole number with a sign.
    Int,
    /// A whole number without one.
    Uint,
    /// A floating-point number; every number in JSON is one.
    Double,
    /// A string.
    String,
    /// Octets.
    Bytes,
    /// A list of this.
    List(Box<Kind>),
    /// A map from this to that.
    Map(Box<Kind>, Box<Kind>),
    /// A time span.
    Duration,
    /// A point in time.
    Timestamp,
    /// This, or nothing.
    Optional(Box<Kind>),
    /// A type.
    Type,
    /// A type of a library or of a scope, by its name.
    Named(&'static str),
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Dyn => f.write_str("dyn"),
            Kind::Null => f.write_str("null"),
            Kind::Bool => f.write_str("bool"),
            Kind::Int => f.write_str("int"),
            Kind::Uint => f.write_str("uint"),
            Kind::Double => f.write_str("double"),
            Kind::String => f.write_str("string"),
            Kind::Bytes => f.write_str("bytes"),
            Kind::List(of) => write!(f, "list({of})"),
            Kind::Map(key, value) => write!(f, "map({key}, {value})"),
            Kind::Duration => f.write_str("duration"),
            Kind::Timestamp => f.write_str("timestamp"),
            Kind::Optional(of) => write!(f, "optional({of})"),
            Kind::Type => f.write_str("type"),
            Kind::Named(name) => f.write_str(name),
        }
    }
}
