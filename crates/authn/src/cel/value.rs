//! What expressions compute with.
//!
//! 1. Equality is between any two values: numbers by their value whatever their type, everything else only with its own
//!    type. `NaN` is equal to nothing.
//! 2. Order is among numbers of any type, strings, octets, booleans (false first), time spans and points in time.
//! 3. Keys of maps are strings, booleans and whole numbers; `1`, `1u` and `1.0` are the same key.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::functions::{Cidr, Format, Version, WebAddress};
use super::meter::{Fault, Meter, Pattern};
use super::{Value, escape};

#[derive(Clone, Debug)]
pub(super) enum Val {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    Text(Arc<str>),
    Bytes(Arc<[u8]>),
    List(Arc<Vec<Val>>),
    Map(Arc<Entries>),
    /// Nanoseconds.
    Duration(i64),
    Timestamp(Instant),
    Optional(Option<Arc<Val>>),
    Type(&'static str),
    /// A regular expression that was a literal; otherwise they are texts.
    Pattern(Arc<Pattern>),
    Url(Arc<WebAddress>),
    /// In thousand-millionths.
    Quantity(i128),
    Ip(IpAddr),
    Cidr(Cidr),
    Version(Arc<Version>),
    Format(&'static Format),
}

/// Seconds since 1970 and the nanoseconds after them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Instant {
    pub(super) seconds: i64,
    pub(super) nanos: u32,
}

/// A map. One that came from outside has names that the grammar does not allow, so its keys are unescaped first.
#[derive(Debug, Default)]
pub(super) struct Entries {
    pub(super) of: BTreeMap<Key, Val>,
    pub(super) escaped: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    Bool(bool),
    /// From the smallest `int` to the largest `uint`.
    Whole(i128),
    Text(Arc<str>),
}

impl Entries {
    pub(super) fn get(&self, key: &Key) -> Option<&Val> {
        match key {
            Key::Text(written) if self.escaped => self.of.get(&Key::Text(escape::unescape(written)?.as_ref().into())),
            key => self.of.get(key),
        }
    }
}

impl Key {
    /// As a value again.
    pub(super) fn value(&self) -> Val {
        match self {
            Key::Bool(value) => Val::Bool(*value),
            Key::Whole(value) => match i64::try_from(*value) {
                Ok(value) => Val::Int(value),
                Err(_) => Val::Uint(u64::try_from(*value).unwrap_or(u64::MAX)),
            },
            Key::Text(text) => Val::Text(text.clone()),
        }
    }
}

impl Val {
    pub(super) fn text(text: impl Into<Arc<str>>) -> Val {
        Val::Text(text.into())
    }

    pub(super) fn list(values: Vec<Val>) -> Val {
        Val::List(Arc::new(values))
    }

    pub(super) fn some(value: Val) -> Val {
        Val::Optional(Some(Arc::new(value)))
    }

    pub(super) const NONE: Val = Val::Optional(None);

    /// As the key of a map, if it may be one.
    pub(super) fn key(&self) -> Option<Key> {
        Some(match self {
            Val::Bool(value) => Key::Bool(*value),
            Val::Int(value) => Key::Whole(i128::from(*value)),
            Val::Uint(value) => Key::Whole(i128::from(*value)),
            Val::Double(value) if value.fract() == 0.0 && value.abs() < 1e19 => Key::Whole(*value as i128),
            Val::Text(text) => Key::Text(text.clone()),
            _ => return None,
        })
    }

    /// The name of its type.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Val::Null => "null_type",
            Val::Bool(_) => "bool",
            Val::Int(_) => "int",
            Val::Uint(_) => "uint",
            Val::Double(_) => "double",
            Val::Text(_) | Val::Pattern(_) => "string",
            Val::Bytes(_) => "bytes",
            Val::List(_) => "list",
            Val::Map(_) => "map",
            Val::Duration(_) => "google.protobuf.Duration",
            Val::Timestamp(_) => "google.protobuf.Timestamp",
            Val::Optional(_) => "optional_type",
            Val::Type(_) => "type",
            Val::Url(_) => "kubernetes.URL",
            Val::Quantity(_) => "kubernetes.Quantity",
            Val::Ip(_) => "net.IP",
            Val::Cidr(_) => "net.CIDR",
            Val::Version(_) => "kubernetes.Semver",
            Val::Format(_) => "kubernetes.NamedFormat",
        }
    }

    /// How much there is of it, for what an operation over it costs: about one for each ten octets, one for each element.
    pub(super) fn size(&self) -> u64 {
        (match self {
            Val::Text(text) => text.len() / 10,
            Val::Bytes(octets) => octets.len() / 10,
            Val::List(values) => values.len(),
            Val::Map(entries) => entries.of.len(),
            _ => 0,
        }) as u64
            + 1
    }

    pub(super) fn is_zero(&self) -> bool {
        match self {
            Val::Null | Val::Optional(None) => true,
            Val::Bool(value) => !value,
            Val::Int(value) | Val::Duration(value) => *value == 0,
            Val::Uint(value) => *value == 0,
            Val::Double(value) => *value == 0.0,
            Val::Text(text) => text.is_empty(),
            Val::Bytes(octets) => octets.is_empty(),
            Val::List(values) => values.is_empty(),
            Val::Map(entries) => entries.of.is_empty(),
            _ => false,
        }
    }

    /// Smaller, equal or larger, if there is an order between the two.
    pub(super) fn order(&self, other: &Val) -> Option<Ordering> {
        match (self, other) {
            (Val::Bool(a), Val::Bool(b)) => Some(a.cmp(b)),
            (Val::Text(a), Val::Text(b)) => Some(a.cmp(b)),
            (Val::Bytes(a), Val::Bytes(b)) => Some(a.cmp(b)),
            (Val::Duration(a), Val::Duration(b)) => Some(a.cmp(b)),
            (Val::Timestamp(a), Val::Timestamp(b)) => Some(a.cmp(b)),
            _ => numbers(self, other),
        }
    }

    /// Whether the two are equal. What shares its parts may be far larger to look at than it was to make, so this costs.
    pub(super) fn equals(&self, other: &Val, meter: &mut Meter) -> Result<bool, Fault> {
        meter.charge(self.size().min(other.size()))?;
        Ok(match (self, other) {
            (Val::Null, Val::Null) => true,
            (Val::List(a), Val::List(b)) => {
                a.len() == b.len() && every(a.iter().zip(b.iter()), |(a, b)| a.equals(b, meter))?
            }
            (Val::Map(a), Val::Map(b)) => {
                a.of.len() == b.of.len()
                    && every(a.of.iter(), |(key, value)| match b.of.get(key) {
                        Some(other) => value.equals(other, meter),
                        None => Ok(false),
                    })?
            }
            (Val::Optional(Some(a)), Val::Optional(Some(b))) => a.equals(b, meter)?,
            (Val::Optional(a), Val::Optional(b)) => a.is_none() && b.is_none(),
            (Val::Type(a), Val::Type(b)) => a == b,
            (Val::Url(a), Val::Url(b)) => a == b,
            (Val::Quantity(a), Val::Quantity(b)) => a == b,
            (Val::Ip(a), Val::Ip(b)) => a == b,
            (Val::Cidr(a), Val::Cidr(b)) => a == b,
            (Val::Version(a), Val::Version(b)) => a.order(b) == Ordering::Equal,
            (Val::Format(a), Val::Format(b)) => a.name == b.name,
            (a, b) => a.order(b) == Some(Ordering::Equal),
        })
    }

    /// What is handed out.
    pub(super) fn outward(&self, meter: &mut Meter) -> Result<Value, Fault> {
        meter.charge(self.size())?;
        Ok(match self {
            Val::Null => Value::Null,
            Val::Bool(value) => Value::Bool(*value),
            Val::Text(text) => Value::String(text.as_ref().to_owned()),
            Val::List(values) => {
                Value::List(values.iter().map(|value| value.outward(meter)).collect::<Result<_, _>>()?)
            }
            other => Value::Other(other.type_name()),
        })
    }
}

fn every<T>(mut all: impl Iterator<Item = T>, mut holds: impl FnMut(T) -> Result<bool, Fault>) -> Result<bool, Fault> {
    all.try_fold(true, |so_far, one| Ok(so_far && holds(one)?))
}

fn numbers(a: &Val, b: &Val) -> Option<Ordering> {
    let whole = |value: &Val| match value {
        Val::Int(value) => Some(i128::from(*value)),
        Val::Uint(value) => Some(i128::from(*value)),
        _ => None,
    };
    match (a, b) {
        (Val::Double(a), Val::Double(b)) => a.partial_cmp(b),
        (Val::Double(a), b) => double_and_whole(*a, whole(b)?),
        (a, Val::Double(b)) => double_and_whole(*b, whole(a)?).map(Ordering::reverse),
        (a, b) => Some(whole(a)?.cmp(&whole(b)?)),
    }
}

/// Exact, unlike a comparison after turning the whole number into a double.
fn double_and_whole(double: f64, whole: i128) -> Option<Ordering> {
    if double.is_nan() {
        return None;
    }
    // Saturates, and nothing of 64 bits is near the ends.
    let floor = double.floor() as i128;
    Some(floor.cmp(&whole).then(if double.fract() == 0.0 { Ordering::Equal } else { Ordering::Greater }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_compare_exactly() {
        for (a, b, wanted) in [
            (Val::Int(1), Val::Double(1.0), Some(Ordering::Equal)),
            (Val::Int(1), Val::Double(1.5), Some(Ordering::Less)),
            (Val::Int(-1), Val::Double(-1.5), Some(Ordering::Greater)),
            (Val::Int(-1), Val::Uint(u64::MAX), Some(Ordering::Less)),
            (Val::Int(i64::MAX), Val::Double(i64::MAX as f64), Some(Ordering::Less)),
            (Val::Uint(1), Val::Double(f64::INFINITY), Some(Ordering::Less)),
            (Val::Uint(1), Val::Double(f64::NAN), None),
            (Val::Double(f64::NAN), Val::Double(f64::NAN), None),
            (Val::Int(1), Val::text("1"), None),
        ] {
            assert_eq!(a.order(&b), wanted, "{a:?} {b:?}");
            assert_eq!(a.equals(&b, &mut Meter::new(100)).unwrap(), wanted == Some(Ordering::Equal), "{a:?} {b:?}");
        }
    }
}
