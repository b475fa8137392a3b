//! Semantic versions (2.0.0).

use std::cmp::Ordering;
use std::sync::Arc;

use super::super::meter::Fault;
use super::super::value::Val;
use super::{Table, text, value, wrong};

pub(super) const TABLE: Table = &[
    ("isSemver(string): bool", |_, a| Ok(Val::Bool(Version::parse(text(a, 0)?).is_some()))),
    ("isSemver(string, bool): bool", |_, a| Ok(Val::Bool(normalized(a)?.is_some()))),
    ("semver(string): Semver", |_, a| made(Version::parse(text(a, 0)?))),
    ("semver(string, bool): Semver", |_, a| made(normalized(a)?)),
    ("Semver.major(): int", |_, a| part(a, 0)),
    ("Semver.minor(): int", |_, a| part(a, 1)),
    ("Semver.patch(): int", |_, a| part(a, 2)),
    ("Semver.compareTo(Semver): int", |_, a| Ok(Val::Int(version(a, 0)?.order(version(a, 1)?) as i64))),
    ("Semver.isLessThan(Semver): bool", |_, a| Ok(Val::Bool(version(a, 0)?.order(version(a, 1)?).is_lt()))),
    ("Semver.isGreaterThan(Semver): bool", |_, a| Ok(Val::Bool(version(a, 0)?.order(version(a, 1)?).is_gt()))),
];

/// A version; what stands behind `+` has no meaning.
#[derive(Debug)]
pub(in super::super) struct Version {
    numbers: [u64; 3],
    before: Vec<String>,
}

fn made(version: Option<Version>) -> Result<Val, Fault> {
    version.map(|version| Val::Version(Arc::new(version))).ok_or_else(|| Fault::failed("semver parse error"))
}

fn version(arguments: &[Val], at: usize) -> Result<&Version, Fault> {
    if let Val::Version(version) = value(arguments, at)? { Ok(version) } else { Err(wrong()) }
}

fn part(arguments: &[Val], at: usize) -> Result<Val, Fault> {
    i64::try_from(version(arguments, 0)?.numbers[at]).map(Val::Int).map_err(|_| Fault::failed("integer overflow"))
}

/// With `v` before it, leading zeros and missing parts forgiven, if the second argument says so.
fn normalized(arguments: &[Val]) -> Result<Option<Version>, Fault> {
    let written = text(arguments, 0)?;
    if let Val::Bool(false) = value(arguments, 1)? {
        return Ok(Version::parse(written));
    }
    let bare = written.strip_prefix('v').unwrap_or(written);
    let (numbers, rest) = bare.split_at(bare.find(['-', '+']).unwrap_or(bare.len()));
    let mut parts: Vec<&str> = numbers.split('.').collect();
    for part in &mut parts {
        let bare = part.trim_start_matches('0');
        *part = if bare.is_empty() && !part.is_empty() { "0" } else { bare };
    }
    if parts.len() < 3 && !rest.is_empty() || parts.len() > 3 {
        return Ok(None);
    }
    parts.resize(3, "0");
    Ok(Version::parse(&format!("{}{rest}", parts.join("."))))
}

impl Version {
    fn parse(text: &str) -> Option<Self> {
        let (text, build) = text.split_once('+').map_or((text, None), |(text, build)| (text, Some(build)));
        let (numbers, before) = text.split_once('-').map_or((text, None), |(numbers, before)| (numbers, Some(before)));
        let named = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !build.is_none_or(|build| build.split('.').all(named)) {
            return None;
        }
        let before: Vec<&str> = before.map(|before| before.split('.').collect()).unwrap_or_default();
        if !before.iter().all(|part| named(part) && (!is_number(part) || number(part).is_some())) {
            return None;
        }
        let mut parts = numbers.split('.');
        let mut next = || parts.next().and_then(number);
        let numbers = [next()?, next()?, next()?];
        parts.next().is_none().then(|| Version { numbers, before: before.into_iter().map(str::to_owned).collect() })
    }

    pub(in super::super) fn order(&self, other: &Version) -> Ordering {
        let before = match (self.before.is_empty(), other.before.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => {
                let pairs = self.before.iter().zip(&other.before).map(|(a, b)| match (number(a), number(b)) {
                    (Some(a), Some(b)) => a.cmp(&b),
                    (Some(_), None) => Ordering::Less,
                    (None, Some(_)) => Ordering::Greater,
                    (None, None) => a.cmp(b),
                });
                pairs.fold(Ordering::Equal, Ordering::then).then(self.before.len().cmp(&other.before.len()))
            }
        };
        self.numbers.cmp(&other.numbers).then(before)
    }
}

fn is_number(part: &str) -> bool {
    part.bytes().all(|b| b.is_ascii_digit())
}

/// Without leading zeros.
fn number(part: &str) -> Option<u64> {
    (is_number(part) && (part == "0" || !part.starts_with('0'))).then(|| part.parse().ok()).flatten()
}
