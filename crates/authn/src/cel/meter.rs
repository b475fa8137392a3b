//! What an evaluation may cost, and how it fails.
//!
//! 1. Each step costs one, and what it does over data costs about one for each element or for each ten octets it reads
//!    or makes: the unit of the API server, if not the same count to the last one. `has()` is free there, and here costs
//!    one.
//! 2. An evaluation that would cost more than what is left ends, [`LIMIT`] where it is by itself. No `||` and no macro swallows that.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use regex::{Regex, RegexBuilder};

/// As in the API server.
pub(super) const LIMIT: u64 = 1_000_000;

/// What the making of a regular expression costs that is only known at run time.
const MAKING_A_PATTERN: u64 = 20_000;

#[derive(Debug)]
pub(super) enum Fault {
    /// Why, and where in the expression, once that is known.
    Failed(Cow<'static, str>, Option<usize>),
    Exhausted,
}

impl Fault {
    pub(super) fn failed(why: impl Into<Cow<'static, str>>) -> Self {
        Fault::Failed(why.into(), None)
    }

    /// With the place, if it has none yet.
    pub(super) fn at(self, place: usize) -> Self {
        match self {
            Fault::Failed(why, None) => Fault::Failed(why, Some(place)),
            other => other,
        }
    }
}

pub(super) struct Meter {
    left: u64,
    patterns: BTreeMap<Arc<str>, Arc<Pattern>>,
}

impl Meter {
    pub(super) fn new(left: u64) -> Self {
        Meter { left, patterns: BTreeMap::new() }
    }

    /// What may still be charged.
    pub(super) fn left(&self) -> u64 {
        self.left
    }

    pub(super) fn charge(&mut self, cost: u64) -> Result<(), Fault> {
        self.left = self.left.checked_sub(cost).ok_or(Fault::Exhausted)?;
        Ok(())
    }

    /// What was charged.
    #[cfg(test)]
    pub(super) fn spent(&self) -> u64 {
        LIMIT - self.left
    }

    /// The regular expression of this text, made at most once.
    pub(super) fn pattern(&mut self, text: &Arc<str>) -> Result<Arc<Pattern>, Fault> {
        if let Some(made) = self.patterns.get(text) {
            return Ok(made.clone());
        }
        self.charge(MAKING_A_PATTERN + text.len() as u64)?;
        let made = pattern(text).map_err(Fault::failed)?;
        self.patterns.insert(text.clone(), made.clone());
        Ok(made)
    }
}

/// A regular expression, and how much a search costs for each ten octets.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    pub(super) regex: Regex,
    pub(super) weight: u64,
}

/// How large a compiled expression may be, in octets, and what a search with it weighs: at worst it looks at all of it
/// for each octet of the subject, and this is not what the length of the pattern says.
const SIZES: [(usize, u64); 3] = [(1 << 14, 4), (1 << 16, 16), (1 << 18, 64)];

/// A regular expression (RE2's syntax, by and large), of bounded size.
pub(super) fn pattern(text: &str) -> Result<Arc<Pattern>, &'static str> {
    for (size, weight) in SIZES {
        let made = RegexBuilder::new(text).size_limit(size).dfa_size_limit(1 << 20).nest_limit(50).build();
        match made {
            Ok(regex) => return Ok(Arc::new(Pattern { regex, weight })),
            Err(regex::Error::CompiledTooBig(_)) => {}
            Err(_) => return Err("this is no regular expression of the RE2 syntax"),
        }
    }
    Err("this regular expression is too large")
}
