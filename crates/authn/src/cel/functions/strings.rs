//! Strings. Positions count characters from 0.

use super::super::meter::{Fault, Meter};
use super::super::value::Val;
use super::{Table, int, list, made, printing, text, wrong};

pub(super) const TABLE: Table = &[
    ("string.contains(string): bool", |_, a| Ok(Val::Bool(text(a, 0)?.contains(text(a, 1)?)))),
    ("string.startsWith(string): bool", |_, a| Ok(Val::Bool(text(a, 0)?.starts_with(text(a, 1)?)))),
    ("string.endsWith(string): bool", |_, a| Ok(Val::Bool(text(a, 0)?.ends_with(text(a, 1)?)))),
    ("string.charAt(int): string", char_at),
    ("string.indexOf(string): int", |_, a| index_of(a, 0)),
    ("string.indexOf(string, int): int", |_, a| index_of(a, int(a, 2)?)),
    ("string.lastIndexOf(string): int", |_, a| last_index_of(a, None)),
    ("string.lastIndexOf(string, int): int", |_, a| last_index_of(a, Some(int(a, 2)?))),
    ("list(string).join(): string", |meter, a| join(meter, a, "")),
    ("list(string).join(string): string", |meter, a| join(meter, a, text(a, 1)?)),
    ("string.lowerAscii(): string", |meter, a| made(meter, text(a, 0)?.to_ascii_lowercase())),
    ("string.upperAscii(): string", |meter, a| made(meter, text(a, 0)?.to_ascii_uppercase())),
    ("string.trim(): string", |meter, a| made(meter, text(a, 0)?.trim().to_owned())),
    ("string.replace(string, string): string", |meter, a| replace(meter, a, -1)),
    ("string.replace(string, string, int): string", |meter, a| replace(meter, a, int(a, 3)?)),
    ("string.split(string): list(string)", |meter, a| split(meter, a, -1)),
    ("string.split(string, int): list(string)", |meter, a| split(meter, a, int(a, 2)?)),
    ("string.substring(int): string", |meter, a| {
        let length = length(text(a, 0)?);
        substring(meter, a, length)
    }),
    ("string.substring(int, int): string", |meter, a| substring(meter, a, int(a, 2)?)),
    ("string.format(list(dyn)): string", |meter, a| printing::format(meter, text(a, 0)?, list(a, 1)?)),
    ("strings.quote(string): string", |meter, a| made(meter, quote(text(a, 0)?))),
];

fn length(text: &str) -> i64 {
    i64::try_from(text.chars().count()).unwrap_or(i64::MAX)
}

fn out_of_range() -> Fault {
    Fault::failed("index out of range")
}

/// Where the character at this position begins; the end is a position, too.
fn offset(text: &str, position: i64) -> Result<usize, Fault> {
    let position = usize::try_from(position).map_err(|_| out_of_range())?;
    let mut starts = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    starts.nth(position).ok_or_else(out_of_range)
}

fn char_at(_: &mut Meter, arguments: &[Val]) -> Result<Val, Fault> {
    let subject = text(arguments, 0)?;
    let at = offset(subject, int(arguments, 1)?)?;
    Ok(Val::text(subject[at..].chars().take(1).collect::<String>()))
}

fn index_of(arguments: &[Val], from: i64) -> Result<Val, Fault> {
    let (subject, wanted) = (text(arguments, 0)?, text(arguments, 1)?);
    let from = offset(subject, from)?;
    Ok(Val::Int(subject[from..].find(wanted).map_or(-1, |at| length(&subject[..from + at]))))
}

fn last_index_of(arguments: &[Val], from: Option<i64>) -> Result<Val, Fault> {
    let (subject, wanted) = (text(arguments, 0)?, text(arguments, 1)?);
    // A match begins here at the latest.
    let until = match from {
        Some(from) => (offset(subject, from)? + wanted.len()).min(subject.len()),
        None => subject.len(),
    };
    // The end may be within a character; then nothing that is wanted ends there.
    let until = (0..=until).rev().find(|at| subject.is_char_boundary(*at)).unwrap_or_default();
    Ok(Val::Int(subject[..until].rfind(wanted).map_or(-1, |at| length(&subject[..at]))))
}

fn join(meter: &mut Meter, arguments: &[Val], between: &str) -> Result<Val, Fault> {
    let mut joined = String::new();
    for (at, one) in list(arguments, 0)?.iter().enumerate() {
        let Val::Text(one) = one else { return Err(wrong()) };
        meter.charge(1 + (one.len() + between.len()) as u64 / 10)?;
        if at > 0 {
            joined.push_str(between);
        }
        joined.push_str(one);
    }
    Ok(Val::text(joined))
}

fn replace(meter: &mut Meter, arguments: &[Val], most: i64) -> Result<Val, Fault> {
    let (subject, from, to) = (text(arguments, 0)?, text(arguments, 1)?, text(arguments, 2)?);
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    // Paid before it is made: a short text can become a very long one.
    let times = if from.is_empty() { subject.len() + 1 } else { subject.len() / from.len() }.min(most);
    meter.charge((subject.len() as u64).saturating_add((times as u64).saturating_mul(to.len() as u64)) / 10)?;
    Ok(Val::text(subject.replacen(from, to, most)))
}

fn split(meter: &mut Meter, arguments: &[Val], most: i64) -> Result<Val, Fault> {
    let (subject, between) = (text(arguments, 0)?, text(arguments, 1)?);
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let mut parts = Vec::new();
    if most == 0 {
        return Ok(Val::list(parts));
    }
    let mut rest = subject;
    while parts.len() + 1 < most {
        // Between characters where nothing is to stand between them.
        let cut = match between {
            "" => rest.chars().next().map(char::len_utf8).filter(|at| *at < rest.len()),
            between => rest.find(between),
        };
        let Some(at) = cut else { break };
        meter.charge(1 + at as u64 / 10)?;
        parts.push(Val::text(&rest[..at]));
        rest = &rest[at + between.len()..];
    }
    if !(between.is_empty() && subject.is_empty()) {
        parts.push(Val::text(rest));
    }
    Ok(Val::list(parts))
}

fn substring(meter: &mut Meter, arguments: &[Val], until: i64) -> Result<Val, Fault> {
    let subject = text(arguments, 0)?;
    let (from, until) = (offset(subject, int(arguments, 1)?)?, offset(subject, until)?);
    made(meter, subject.get(from..until).ok_or_else(out_of_range)?.to_owned())
}

/// In quotes, with escapes.
fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '\x07' => quoted.push_str("\\a"),
            '\x08' => quoted.push_str("\\b"),
            '\x0c' => quoted.push_str("\\f"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\x0b' => quoted.push_str("\\v"),
            '\\' => quoted.push_str("\\\\"),
            '"' => quoted.push_str("\\\""),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}
