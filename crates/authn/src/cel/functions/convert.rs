//! From one type to another.

use super::super::meter::Fault;
use super::super::value::Val;
use super::{Table, calendar, text, value, wrong};

pub(super) const TABLE: Table = &[
    ("dyn(A): dyn", |_, a| value(a, 0).cloned()),
    ("type(A): type", |_, a| Ok(Val::Type(value(a, 0)?.type_name()))),
    ("int(int): int", |_, a| value(a, 0).cloned()),
    ("int(uint): int", |_, a| to_int(a)),
    ("int(double): int", |_, a| to_int(a)),
    ("int(string): int", |_, a| text(a, 0)?.parse().map(Val::Int).map_err(|_| cannot("int"))),
    ("int(timestamp): int", |_, a| to_int(a)),
    ("int(duration): int", |_, a| to_int(a)),
    ("uint(uint): uint", |_, a| value(a, 0).cloned()),
    ("uint(int): uint", |_, a| to_uint(a)),
    ("uint(double): uint", |_, a| to_uint(a)),
    ("uint(string): uint", |_, a| text(a, 0)?.parse().map(Val::Uint).map_err(|_| cannot("uint"))),
    ("double(double): double", |_, a| value(a, 0).cloned()),
    ("double(int): double", |_, a| to_double(a)),
    ("double(uint): double", |_, a| to_double(a)),
    ("double(string): double", |_, a| text(a, 0)?.trim().parse().map(Val::Double).map_err(|_| cannot("double"))),
    ("bool(bool): bool", |_, a| value(a, 0).cloned()),
    ("bool(string): bool", |_, a| match text(a, 0)? {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(Val::Bool(true)),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(Val::Bool(false)),
        _ => Err(cannot("bool")),
    }),
    ("bytes(bytes): bytes", |_, a| value(a, 0).cloned()),
    ("bytes(string): bytes", |meter, a| {
        let text = text(a, 0)?;
        meter.charge(text.len() as u64 / 10)?;
        Ok(Val::Bytes(text.as_bytes().into()))
    }),
    ("string(string): string", |_, a| value(a, 0).cloned()),
    ("string(bool): string", |_, a| to_text(a)),
    ("string(int): string", |_, a| to_text(a)),
    ("string(uint): string", |_, a| to_text(a)),
    ("string(double): string", |_, a| to_text(a)),
    ("string(bytes): string", |meter, a| {
        meter.charge(value(a, 0)?.size())?;
        to_text(a)
    }),
    ("string(timestamp): string", |_, a| to_text(a)),
    ("string(duration): string", |_, a| to_text(a)),
    ("string(IP): string", |_, a| to_text(a)),
    ("string(CIDR): string", |_, a| to_text(a)),
    ("duration(duration): duration", |_, a| value(a, 0).cloned()),
    ("duration(string): duration", |_, a| {
        calendar::duration(text(a, 0)?).map(Val::Duration).ok_or_else(|| cannot("duration"))
    }),
    ("timestamp(timestamp): timestamp", |_, a| value(a, 0).cloned()),
    ("timestamp(int): timestamp", |_, a| {
        let seconds = super::int(a, 0)?;
        calendar::instant(i128::from(seconds) * calendar::SECOND).map(Val::Timestamp).ok_or_else(|| cannot("timestamp"))
    }),
    ("timestamp(string): timestamp", |_, a| {
        calendar::timestamp(text(a, 0)?).map(Val::Timestamp).ok_or_else(|| cannot("timestamp"))
    }),
];

fn cannot(kind: &str) -> Fault {
    Fault::failed(format!("type conversion error: the value is no {kind}"))
}

fn to_int(arguments: &[Val]) -> Result<Val, Fault> {
    let whole = match value(arguments, 0)? {
        Val::Uint(value) => i64::try_from(*value).ok(),
        // The largest double below 2^63 is far below it; -2^63 itself is one and not let in, as upstream.
        Val::Double(value) => (value.abs() < 9_223_372_036_854_775_808.0).then_some(*value as i64),
        Val::Timestamp(at) => Some(at.seconds),
        Val::Duration(nanos) => Some(*nanos),
        _ => None,
    };
    whole.map(Val::Int).ok_or_else(|| Fault::failed("integer overflow"))
}

fn to_uint(arguments: &[Val]) -> Result<Val, Fault> {
    let whole = match value(arguments, 0)? {
        Val::Int(value) => u64::try_from(*value).ok(),
        Val::Double(value) => (*value >= 0.0 && *value < 18_446_744_073_709_551_616.0).then_some(*value as u64),
        _ => None,
    };
    whole.map(Val::Uint).ok_or_else(|| Fault::failed("unsigned integer overflow"))
}

fn to_double(arguments: &[Val]) -> Result<Val, Fault> {
    match value(arguments, 0)? {
        Val::Int(value) => Ok(Val::Double(*value as f64)),
        Val::Uint(value) => Ok(Val::Double(*value as f64)),
        _ => Err(wrong()),
    }
}

fn to_text(arguments: &[Val]) -> Result<Val, Fault> {
    Ok(Val::text(match value(arguments, 0)? {
        Val::Bool(value) => value.to_string(),
        Val::Int(value) => value.to_string(),
        Val::Uint(value) => value.to_string(),
        Val::Double(value) => shortest(*value),
        Val::Bytes(octets) => {
            String::from_utf8(octets.to_vec()).map_err(|_| Fault::failed("these octets are not UTF-8"))?
        }
        Val::Timestamp(at) => calendar::rfc3339(*at),
        Val::Duration(nanos) => calendar::seconds(*nanos),
        Val::Ip(address) => address.to_string(),
        Val::Cidr(block) => block.to_string(),
        _ => return Err(wrong()),
    }))
}

/// As Go prints a double in its shortest form (`%g`): with an exponent, of at least two digits, where that is below -4
/// or above 5.
pub(super) fn shortest(value: f64) -> String {
    if !value.is_finite() {
        return if value.is_nan() {
            "NaN"
        } else if value > 0.0 {
            "+Inf"
        } else {
            "-Inf"
        }
        .to_owned();
    }
    let scientific = format!("{value:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else { return scientific };
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..6).contains(&exponent) {
        return value.to_string();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}
