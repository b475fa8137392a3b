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

/// What the parameters of a signature stand for, while it is compared with arguments.
///
/// `A` and `B` are any type; `O` is any type that has an order, `S` any that can be summed up. `M` is any number, and not
/// the same one each time.
#[derive(Default)]
pub(super) struct Bindings(Vec<(&'static str, Kind)>);

const PARAMETERS: [&str; 5] = ["A", "B", "O", "S", "M"];

impl Kind {
    /// `list(of)`.
    pub(super) fn list(of: Kind) -> Kind {
        Kind::List(Box::new(of))
    }

    /// `map(key, value)`.
    pub(super) fn map(key: Kind, value: Kind) -> Kind {
        Kind::Map(Box::new(key), Box::new(value))
    }

    /// `optional(of)`.
    pub(super) fn optional(of: Kind) -> Kind {
        Kind::Optional(Box::new(of))
    }

    /// Whether it may turn out to be true or false.
    pub(super) fn may_be_bool(&self) -> bool {
        matches!(self, Kind::Bool | Kind::Dyn)
    }

    /// Whether values of it may have an order.
    pub(super) fn may_have_order(&self) -> bool {
        use Kind::{Bool, Bytes, Double, Duration, Dyn, Int, String, Timestamp, Uint};
        matches!(self, Dyn | Bool | Int | Uint | Double | String | Bytes | Duration | Timestamp)
    }

    /// What both are; where one is open, so is the result.
    pub(super) fn join(&self, other: &Kind) -> Option<Kind> {
        Some(match (self, other) {
            (same, other) if same == other => same.clone(),
            (Kind::Dyn, _) | (_, Kind::Dyn) => Kind::Dyn,
            (Kind::List(a), Kind::List(b)) => Kind::list(a.join(b)?),
            (Kind::Optional(a), Kind::Optional(b)) => Kind::optional(a.join(b)?),
            (Kind::Map(a, x), Kind::Map(b, y)) => Kind::map(a.join(b)?, x.join(y)?),
            _ => return None,
        })
    }

    /// Whether an argument of this kind may be given where `wanted` stands.
    pub(super) fn suits(&self, wanted: &Kind, bindings: &mut Bindings) -> bool {
        match (wanted, self) {
            (Kind::Named("M"), given) => matches!(given, Kind::Int | Kind::Uint | Kind::Double | Kind::Dyn),
            (Kind::Named(name), given) if PARAMETERS.contains(name) => bindings.bind(name, given),
            (Kind::Dyn, _) | (_, Kind::Dyn) => true,
            (Kind::List(wanted), Kind::List(given)) => given.suits(wanted, bindings),
            (Kind::Optional(wanted), Kind::Optional(given)) => given.suits(wanted, bindings),
            (Kind::Map(key, value), Kind::Map(given_key, given_value)) => {
                given_key.suits(key, bindings) && given_value.suits(value, bindings)
            }
            (wanted, given) => wanted == given,
        }
    }
}

impl Bindings {
    fn bind(&mut self, name: &'static str, given: &Kind) -> bool {
        let may = match name {
            "O" => given.may_have_order(),
            "S" => matches!(given, Kind::Dyn | Kind::Int | Kind::Uint | Kind::Double | Kind::Duration),
            _ => true,
        };
        match self.0.iter_mut().find(|(bound, _)| *bound == name) {
            _ if !may => false,
            None => {
                self.0.push((name, given.clone()));
                true
            }
            Some((_, kind)) => kind.join(given).map(|joined| *kind = joined).is_some(),
        }
    }

    /// The kind with its parameters filled in.
    pub(super) fn fill(&self, kind: &Kind) -> Kind {
        match kind {
            Kind::Named(name) if PARAMETERS.contains(name) => {
                self.0.iter().find(|(bound, _)| bound == name).map_or(Kind::Dyn, |(_, kind)| kind.clone())
            }
            Kind::List(of) => Kind::list(self.fill(of)),
            Kind::Optional(of) => Kind::optional(self.fill(of)),
            Kind::Map(key, value) => Kind::map(self.fill(key), self.fill(value)),
            other => other.clone(),
        }
    }
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
