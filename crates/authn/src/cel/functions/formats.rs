//! Forms that Kubernetes gives names, by name: `format.named("dns1123Label").value().validate(text)`.

use base64::Engine as _;

use super::super::meter::Fault;
use super::super::value::Val;
use super::{Table, calendar, text, value, wrong};

pub(super) const TABLE: Table = &[
    ("format.named(string): optional(Format)", |_, a| {
        let name = text(a, 0)?;
        Ok(FORMATS.iter().find(|format| format.name == name).map_or(Val::NONE, |format| Val::some(Val::Format(format))))
    }),
    ("format.dns1123Label(): Format", |_, _| known("dns1123Label")),
    ("format.dns1123Subdomain(): Format", |_, _| known("dns1123Subdomain")),
    ("format.dns1035Label(): Format", |_, _| known("dns1035Label")),
    ("format.qualifiedName(): Format", |_, _| known("qualifiedName")),
    ("format.dns1123LabelPrefix(): Format", |_, _| known("dns1123LabelPrefix")),
    ("format.dns1123SubdomainPrefix(): Format", |_, _| known("dns1123SubdomainPrefix")),
    ("format.dns1035LabelPrefix(): Format", |_, _| known("dns1035LabelPrefix")),
    ("format.labelValue(): Format", |_, _| known("labelValue")),
    ("format.uri(): Format", |_, _| known("uri")),
    ("format.uuid(): Format", |_, _| known("uuid")),
    ("format.byte(): Format", |_, _| known("byte")),
    ("format.date(): Format", |_, _| known("date")),
    ("format.datetime(): Format", |_, _| known("datetime")),
    ("Format.validate(string): optional(list(string))", |_, a| {
        let Val::Format(format) = value(a, 0)? else { return Err(wrong()) };
        let fine = (format.holds)(text(a, 1)?);
        Ok(if fine { Val::NONE } else { Val::some(Val::list(vec![Val::text(format.wanted)])) })
    }),
];

/// A form of text.
#[derive(Debug)]
pub(in super::super) struct Format {
    pub(in super::super) name: &'static str,
    holds: fn(&str) -> bool,
    wanted: &'static str,
}

fn known(name: &str) -> Result<Val, Fault> {
    FORMATS.iter().find(|format| format.name == name).map(Val::Format).ok_or_else(wrong)
}

static FORMATS: [Format; 13] = [
    Format { name: "dns1123Label", holds: |text| label(text, false), wanted: LABEL },
    Format {
        name: "dns1123Subdomain",
        holds: subdomain,
        wanted: "lower-case labels of letters, digits and '-' with '.' between them, at most 253 characters",
    },
    Format { name: "dns1035Label", holds: |text| label(text, true), wanted: LABEL_1035 },
    Format {
        name: "qualifiedName",
        holds: qualified_name,
        wanted: "a name of at most 63 letters, digits, '-', '_' and '.', with a DNS subdomain and '/' before it or not",
    },
    Format { name: "dns1123LabelPrefix", holds: |text| prefix(text, |text| label(text, false)), wanted: LABEL },
    Format {
        name: "dns1123SubdomainPrefix",
        holds: |text| prefix(text, subdomain),
        wanted: "the beginning of a DNS subdomain",
    },
    Format { name: "dns1035LabelPrefix", holds: |text| prefix(text, |text| label(text, true)), wanted: LABEL_1035 },
    Format {
        name: "labelValue",
        holds: |text| text.is_empty() || name(text),
        wanted: "empty, or at most 63 letters, digits, '-', '_' and '.', a letter or digit at both ends",
    },
    Format { name: "uri", holds: |text| super::WebAddress::is(text), wanted: "a URI" },
    Format { name: "uuid", holds: uuid, wanted: "a UUID" },
    Format {
        name: "byte",
        holds: |text| base64::engine::general_purpose::STANDARD.decode(text).is_ok(),
        wanted: "base64",
    },
    Format {
        name: "date",
        holds: |text| calendar::timestamp(&format!("{text}T00:00:00Z")).is_some(),
        wanted: "a date such as 2026-11-22",
    },
    Format {
        name: "datetime",
        holds: |text| calendar::timestamp(text).is_some(),
        wanted: "a point in time as in RFC 3339",
    },
];

const LABEL: &str = "at most 63 lower-case letters, digits and '-', a letter or digit at both ends";
const LABEL_1035: &str = "at most 63 lower-case letters, digits and '-', a letter first and no '-' last";

fn label(text: &str, letter_first: bool) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let first = |b: u8| if letter_first { b.is_ascii_lowercase() } else { plain(b) };
    (1..=63).contains(&text.len())
        && text.bytes().all(|b| plain(b) || b == b'-')
        && text.bytes().next().is_some_and(first)
        && text.bytes().last().is_some_and(plain)
}

fn subdomain(text: &str) -> bool {
    // A part may be longer than a label here.
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let one = |part: &str| {
        let ends = [part.bytes().next(), part.bytes().last()];
        ends.iter().all(|end| end.is_some_and(plain)) && part.bytes().all(|b| plain(b) || b == b'-')
    };
    text.len() <= 253 && text.split('.').all(one)
}

fn name(text: &str) -> bool {
    let ends = |b: u8| b.is_ascii_alphanumeric();
    (1..=63).contains(&text.len())
        && text.bytes().all(|b| ends(b) || b"-_.".contains(&b))
        && text.bytes().next().is_some_and(ends)
        && text.bytes().last().is_some_and(ends)
}

fn qualified_name(text: &str) -> bool {
    match text.split_once('/') {
        Some((before, after)) => subdomain(before) && name(after),
        None => name(text),
    }
}

/// The beginning of something may end in `-`.
fn prefix(text: &str, holds: impl Fn(&str) -> bool) -> bool {
    match text.strip_suffix('-') {
        Some(before) => holds(&format!("{before}a")),
        None => holds(text),
    }
}

fn uuid(text: &str) -> bool {
    let bare: String = text.chars().filter(|c| *c != '-').collect();
    let groups: Vec<usize> = text.split('-').map(str::len).collect();
    bare.len() == 32 && bare.bytes().all(|b| b.is_ascii_hexdigit()) && (groups == [8, 4, 4, 4, 12] || groups == [32])
}
