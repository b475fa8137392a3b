//! The functions and operators there are, each with its signature.
//!
//! A signature is written `name(types): type`, or `type.name(types): type` for what is called on a value. The checker
//! compares the types of arguments with it, and so does the evaluation, where the types were open. `A`, `B`, `O`, `S`
//! and `M` are parameters (see [`Bindings`](super::kind::Bindings)).

mod calendar;
mod convert;
mod formats;
mod lists;
mod network;
mod operators;
mod optionals;
mod printing;
mod quantity;
mod regexes;
mod strings;
mod urls;
mod versions;

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use super::kind::Kind;
use super::meter::{Fault, Meter, Pattern};
use super::value::{Entries, Val};

pub(super) use calendar::{duration, offset, timestamp};
pub(super) use formats::Format;
pub(super) use lists::sorted;
pub(super) use network::Cidr;
pub(super) use urls::WebAddress;
pub(super) use versions::Version;

type Run = fn(&mut Meter, &[Val]) -> Result<Val, Fault>;
type Table = &'static [(&'static str, Run)];

const TABLES: [Table; 11] = [
    operators::TABLE,
    convert::TABLE,
    calendar::TABLE,
    strings::TABLE,
    regexes::TABLE,
    lists::TABLE,
    optionals::TABLE,
    urls::TABLE,
    network::TABLE,
    quantity::TABLE,
    formats::TABLE,
];

/// One way to call a function.
pub(super) struct Overload {
    /// As it is written in the table.
    pub(super) text: &'static str,
    pub(super) name: &'static str,
    /// Whether the first parameter stands before the dot.
    pub(super) member: bool,
    pub(super) parameters: Vec<Kind>,
    pub(super) result: Kind,
    run: Run,
}

/// Functions of a name.
pub(super) fn named(name: &str) -> &'static [Overload] {
    static ALL: LazyLock<HashMap<&'static str, Vec<Overload>>> = LazyLock::new(|| {
        let mut all: HashMap<&str, Vec<Overload>> = HashMap::new();
        let tables = TABLES.iter().chain([&versions::TABLE]).flat_map(|table| table.iter());
        for overload in tables.filter_map(|(text, run)| overload(text, *run)) {
            all.entry(overload.name).or_default().push(overload);
        }
        all
    });
    ALL.get(name).map_or(&[], Vec::as_slice)
}

/// All there are.
#[cfg(test)]
pub(super) fn every() -> Vec<Overload> {
    let tables = TABLES.iter().chain([&versions::TABLE]).flat_map(|table| table.iter());
    tables.filter_map(|(text, run)| overload(text, *run)).collect()
}

impl Overload {
    /// Whether these values are what it takes.
    pub(super) fn takes(&self, arguments: &[Val]) -> bool {
        self.parameters.len() == arguments.len()
            && self.parameters.iter().zip(arguments).all(|(kind, value)| fits(kind, value))
    }

    /// Runs it over values that it takes.
    pub(super) fn run(&self, meter: &mut Meter, arguments: &[Val]) -> Result<Val, Fault> {
        for argument in arguments {
            if let Val::Text(_) | Val::Bytes(_) = argument {
                meter.charge(argument.size())?;
            }
        }
        (self.run)(meter, arguments)
    }
}

fn fits(kind: &Kind, value: &Val) -> bool {
    match kind {
        Kind::Null => matches!(value, Val::Null),
        Kind::Bool => matches!(value, Val::Bool(_)),
        Kind::Int => matches!(value, Val::Int(_)),
        Kind::Uint => matches!(value, Val::Uint(_)),
        Kind::Double => matches!(value, Val::Double(_)),
        Kind::String => matches!(value, Val::Text(_) | Val::Pattern(_)),
        Kind::Bytes => matches!(value, Val::Bytes(_)),
        Kind::List(_) => matches!(value, Val::List(_)),
        Kind::Map(..) => matches!(value, Val::Map(_)),
        Kind::Duration => matches!(value, Val::Duration(_)),
        Kind::Timestamp => matches!(value, Val::Timestamp(_)),
        Kind::Optional(_) => matches!(value, Val::Optional(_)),
        Kind::Type => matches!(value, Val::Type(_)),
        Kind::Named("M") => matches!(value, Val::Int(_) | Val::Uint(_) | Val::Double(_)),
        Kind::Named("O") => {
            matches!(value.type_name(), "bool" | "int" | "uint" | "double" | "string" | "bytes")
                || matches!(value, Val::Duration(_) | Val::Timestamp(_))
        }
        Kind::Named(name @ ("URL" | "Quantity" | "IP" | "CIDR" | "Semver" | "Format")) => match value {
            Val::Url(_) => *name == "URL",
            Val::Quantity(_) => *name == "Quantity",
            Val::Ip(_) => *name == "IP",
            Val::Cidr(_) => *name == "CIDR",
            Val::Version(_) => *name == "Semver",
            Val::Format(_) => *name == "Format",
            _ => false,
        },
        Kind::Dyn | Kind::Named(_) => true,
    }
}

/// Reads a signature; a test reads all there are.
fn overload(text: &'static str, run: Run) -> Option<Overload> {
    let (head, rest) = text.split_once('(')?;
    let (parameters, result) = rest.rsplit_once("): ")?;
    let mut kinds = Vec::new();
    // `optional(A).or(…)` has a parenthesis before the one that was meant.
    let (receiver, name, parameters) = match parameters.split_once(").") {
        Some((inner, after)) if matches!(head, "optional" | "list" | "map") => {
            let (name, parameters) = after.split_once('(')?;
            (kind(&text[..head.len() + 1 + inner.len() + 1]), name, parameters)
        }
        _ => match head.rsplit_once('.') {
            Some((before, name)) if kind(before).is_some() => (kind(before), name, parameters),
            _ => (None, head, parameters),
        },
    };
    let member = receiver.is_some();
    kinds.extend(receiver);
    for parameter in split(parameters) {
        kinds.push(kind(parameter)?);
    }
    Some(Overload { text, name, member, parameters: kinds, result: kind(result)?, run })
}

/// What stands between the commas of the outermost level.
fn split(list: &'static str) -> Vec<&'static str> {
    let mut depth = 0;
    let parts = list.split(|c| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        c == ',' && depth == 0
    });
    parts.map(str::trim).filter(|part| !part.is_empty()).collect()
}

fn kind(text: &'static str) -> Option<Kind> {
    if let Some(inner) = text.strip_suffix(')') {
        let (outer, inner) = inner.split_once('(')?;
        let inner: Vec<Kind> = split(inner).into_iter().map(kind).collect::<Option<_>>()?;
        return match (outer, inner.as_slice()) {
            ("list", [of]) => Some(Kind::list(of.clone())),
            ("optional", [of]) => Some(Kind::optional(of.clone())),
            ("map", [key, value]) => Some(Kind::map(key.clone(), value.clone())),
            _ => None,
        };
    }
    Some(match text {
        "dyn" => Kind::Dyn,
        "null" => Kind::Null,
        "bool" => Kind::Bool,
        "int" => Kind::Int,
        "uint" => Kind::Uint,
        "double" => Kind::Double,
        "string" => Kind::String,
        "bytes" => Kind::Bytes,
        "duration" => Kind::Duration,
        "timestamp" => Kind::Timestamp,
        "type" => Kind::Type,
        "A" | "B" | "O" | "S" | "M" | "URL" | "Quantity" | "IP" | "CIDR" | "Semver" | "Format" => Kind::Named(text),
        _ => return None,
    })
}

// What a function takes out of its arguments. Their types were compared already, so that these fail is a mistake in a
// table; it must not be a panic.

fn wrong() -> Fault {
    Fault::failed("no such overload")
}

fn text(arguments: &[Val], at: usize) -> Result<&str, Fault> {
    match arguments.get(at) {
        Some(Val::Text(text)) => Ok(text),
        Some(Val::Pattern(pattern)) => Ok(pattern.regex.as_str()),
        _ => Err(wrong()),
    }
}

fn int(arguments: &[Val], at: usize) -> Result<i64, Fault> {
    if let Some(Val::Int(value)) = arguments.get(at) { Ok(*value) } else { Err(wrong()) }
}

fn list(arguments: &[Val], at: usize) -> Result<&Arc<Vec<Val>>, Fault> {
    if let Some(Val::List(values)) = arguments.get(at) { Ok(values) } else { Err(wrong()) }
}

fn map(arguments: &[Val], at: usize) -> Result<&Arc<Entries>, Fault> {
    if let Some(Val::Map(entries)) = arguments.get(at) { Ok(entries) } else { Err(wrong()) }
}

fn value(arguments: &[Val], at: usize) -> Result<&Val, Fault> {
    arguments.get(at).ok_or_else(wrong)
}

fn regex(meter: &mut Meter, arguments: &[Val], at: usize) -> Result<Arc<Pattern>, Fault> {
    match arguments.get(at) {
        Some(Val::Pattern(pattern)) => Ok(pattern.clone()),
        Some(Val::Text(text)) => meter.pattern(text),
        _ => Err(wrong()),
    }
}

/// A string that was made, at its price.
fn made(meter: &mut Meter, text: String) -> Result<Val, Fault> {
    meter.charge(text.len() as u64 / 10)?;
    Ok(Val::text(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_signature_can_be_read() {
        let mut seen = std::collections::BTreeSet::new();
        for (text, run) in TABLES.iter().chain([&versions::TABLE]).flat_map(|table| table.iter()) {
            assert!(overload(text, *run).is_some(), "{text}");
            assert!(seen.insert(*text), "{text} twice");
        }
        let or = named("or");
        assert!(or[0].member && or[0].parameters.len() == 2, "{}", or[0].text);
        assert_eq!(named("optional.of")[0].parameters.len(), 1);
        assert_eq!(named("join").iter().map(|o| o.parameters.len()).collect::<Vec<_>>(), [1, 2]);
        assert!(named("optional.of").iter().all(|o| !o.member));
        assert_eq!(named("get").len(), 0);
    }
}
