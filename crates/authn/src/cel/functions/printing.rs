//! `string.format`: `%s`, `%d`, `%f`, `%e`, `%b`, `%o`, `%x`, `%X` and `%%`; a precision as in `%.2f`.

use super::super::meter::{Fault, Meter};
use super::super::value::{Key, Val};
use super::{calendar, convert};

/// The most digits after the point.
const MOST_DIGITS: usize = 100;

pub(super) fn format(meter: &mut Meter, template: &str, values: &[Val]) -> Result<Val, Fault> {
    let mut printer = Printer { meter, out: String::new() };
    let mut values = values.iter();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('%') {
        printer.push(before)?;
        if let Some(after) = after.strip_prefix('%') {
            printer.push("%")?;
            rest = after;
            continue;
        }
        let (precision, after) = precision(after)?;
        let mut characters = after.chars();
        let Some(clause) = characters.next() else { return Err(Fault::failed("format: '%' stands at the end")) };
        rest = characters.as_str();
        let value = values.next().ok_or_else(|| Fault::failed("format: fewer values than clauses"))?;
        printer.clause(clause, precision, value)?;
    }
    printer.push(rest)?;
    Ok(Val::text(printer.out))
}

fn precision(text: &str) -> Result<(usize, &str), Fault> {
    let Some(after) = text.strip_prefix('.') else { return Ok((6, text)) };
    let length = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
    let digits = after[..length].parse().ok().filter(|digits| *digits <= MOST_DIGITS);
    Ok((digits.ok_or_else(|| Fault::failed("format: a precision is a number from 0 to 100"))?, &after[length..]))
}

struct Printer<'m> {
    meter: &'m mut Meter,
    out: String,
}

impl Printer<'_> {
    fn push(&mut self, text: &str) -> Result<(), Fault> {
        self.meter.charge(text.len() as u64 / 10 + 1)?;
        self.out.push_str(text);
        Ok(())
    }

    fn clause(&mut self, clause: char, precision: usize, value: &Val) -> Result<(), Fault> {
        let text = match (clause, value) {
            ('s', value) => return self.plain(value),
            ('d', Val::Int(value)) => value.to_string(),
            ('d', Val::Uint(value)) => value.to_string(),
            ('f' | 'e', value) => {
                let number = match value {
                    Val::Double(value) => *value,
                    Val::Int(value) => *value as f64,
                    Val::Uint(value) => *value as f64,
                    _ => return Err(unsuited(clause)),
                };
                decimal(clause, precision, number)
            }
            ('b', Val::Bool(value)) => u8::from(*value).to_string(),
            ('b', Val::Int(value)) => signed(*value, |value| format!("{value:b}")),
            ('b', Val::Uint(value)) => format!("{value:b}"),
            ('o', Val::Int(value)) => signed(*value, |value| format!("{value:o}")),
            ('o', Val::Uint(value)) => format!("{value:o}"),
            ('x' | 'X', value) => {
                let text = match value {
                    Val::Int(value) => signed(*value, |value| format!("{value:x}")),
                    Val::Uint(value) => format!("{value:x}"),
                    Val::Text(text) => hex(text.as_bytes()),
                    Val::Bytes(octets) => hex(octets),
                    _ => return Err(unsuited(clause)),
                };
                if clause == 'X' { text.to_ascii_uppercase() } else { text }
            }
            ('d' | 'b' | 'o', _) => return Err(unsuited(clause)),
            _ => return Err(Fault::failed("format: this clause is not known; there are %s %d %f %e %b %o %x %X")),
        };
        self.push(&text)
    }

    /// What `%s` prints; lists and maps in full, at their price.
    fn plain(&mut self, value: &Val) -> Result<(), Fault> {
        match value {
            Val::List(values) => {
                self.push("[")?;
                for (at, one) in values.iter().enumerate() {
                    self.push(if at > 0 { ", " } else { "" })?;
                    self.plain(one)?;
                }
                self.push("]")
            }
            Val::Map(entries) => {
                self.push("{")?;
                for (at, (key, one)) in entries.of.iter().enumerate() {
                    self.push(if at > 0 { ", " } else { "" })?;
                    self.plain(&Key::value(key))?;
                    self.push(": ")?;
                    self.plain(one)?;
                }
                self.push("}")
            }
            Val::Text(text) => self.push(text),
            Val::Null => self.push("null"),
            Val::Bool(value) => self.push(&value.to_string()),
            Val::Int(value) => self.push(&value.to_string()),
            Val::Uint(value) => self.push(&value.to_string()),
            Val::Double(value) => self.push(&convert::shortest(*value)),
            Val::Bytes(octets) => self.push(&String::from_utf8_lossy(octets)),
            Val::Duration(nanos) => self.push(&calendar::seconds(*nanos)),
            Val::Timestamp(at) => self.push(&calendar::rfc3339(*at)),
            Val::Type(name) => self.push(name),
            _ => Err(unsuited('s')),
        }
    }
}

fn unsuited(clause: char) -> Fault {
    Fault::failed(format!("format: no such value for %{clause}"))
}

fn signed(value: i64, print: fn(u64) -> String) -> String {
    let sign = if value < 0 { "-" } else { "" };
    format!("{sign}{}", print(value.unsigned_abs()))
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn decimal(clause: char, precision: usize, number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    if clause == 'f' {
        return format!("{number:.precision$}");
    }
    let text = format!("{number:.precision$e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    format!("{digits}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
}
