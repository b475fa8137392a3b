//! Which rules name a tool.
//!
//! 1. A pattern is a name, or the beginning of one and `*`. Case matters, as it does in the protocol.
//! 2. A name that differs only by case from one that some rule has is not just another name: a server that ignores case
//!    would take it for that one.

use std::collections::{BTreeSet, HashMap};

use super::super::message::folded;

/// The longest name that a tool may have, by the protocol.
pub(super) const LONGEST: usize = 128;

/// The names of all rules, each rule by its place.
#[derive(Debug, Default)]
pub(super) struct Names {
    plain: Table,
    folded: Table,
}

#[derive(Debug, Default)]
struct Table {
    exact: HashMap<String, BTreeSet<usize>>,
    beginnings: Vec<(String, usize)>,
}

/// What is known of a name.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// These rules name it.
    By(BTreeSet<usize>),
    /// None does.
    ByNone,
    /// Some would in another case.
    Lookalike,
}

impl Names {
    /// Rule `rule` has this pattern, too.
    pub(super) fn add(&mut self, pattern: &str, rule: usize) {
        self.plain.add(pattern.to_owned(), rule);
        self.folded.add(folded(pattern), rule);
    }

    /// Which rules name this tool.
    pub(super) fn of(&self, tool: &str) -> Named {
        let by = self.plain.of(tool);
        if self.folded.of(&folded(tool)) != by {
            return Named::Lookalike;
        }
        if by.is_empty() { Named::ByNone } else { Named::By(by) }
    }

    /// All that are names and no beginnings.
    pub(super) fn exact(&self) -> impl Iterator<Item = &str> {
        self.plain.exact.keys().map(String::as_str)
    }
}

impl Table {
    fn add(&mut self, pattern: String, rule: usize) {
        match pattern.strip_suffix('*') {
            Some(beginning) => self.beginnings.push((beginning.to_owned(), rule)),
            None => {
                self.exact.entry(pattern).or_default().insert(rule);
            }
        }
    }

    fn of(&self, tool: &str) -> BTreeSet<usize> {
        let exact = self.exact.get(tool).into_iter().flatten().copied();
        let beginnings = self.beginnings.iter().filter(|(beginning, _)| tool.starts_with(beginning.as_str()));
        exact.chain(beginnings.map(|(_, rule)| *rule)).collect()
    }
}

/// Whether a tool may have this name. A name of other characters could be another one for a server that trims or
/// normalises it.
pub(super) fn is_plain(tool: &str) -> bool {
    let fit = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'_' | b'-' | b'.' | b'/');
    (1..=LONGEST).contains(&tool.len()) && tool.bytes().all(fit)
}

/// What is wrong with a pattern.
pub(super) fn problem(pattern: &str) -> Option<&'static str> {
    let name = pattern.strip_suffix('*').unwrap_or(pattern);
    if pattern == "*" || is_plain(name) {
        None
    } else if pattern.is_empty() {
        Some("is empty")
    } else if name.contains('*') {
        Some("has a * that is not at its end")
    } else {
        Some("is not a name that a tool may have: 1 to 128 of A-Z a-z 0-9 _ - . /")
    }
}

/// Whether whatever `narrow` names, `wide` names too.
pub(super) fn covers(wide: &str, narrow: &str) -> bool {
    match wide.strip_suffix('*') {
        Some(beginning) => narrow.strip_suffix('*').unwrap_or(narrow).starts_with(beginning),
        None => wide == narrow,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_by_all_their_rules() {
        let mut names = Names::default();
        for (rule, pattern) in ["pods_list", "pods_*", "Admin/*", "pods_list", "exec"].into_iter().enumerate() {
            names.add(pattern, rule);
        }
        let by = |rules: &[usize]| Named::By(rules.iter().copied().collect());
        for (tool, wanted) in [
            ("pods_list", by(&[0, 1, 3])),
            ("pods_", by(&[1])),
            ("pods_get", by(&[1])),
            ("pods", Named::ByNone),
            ("Admin/x", by(&[2])),
            ("execute", Named::ByNone),
            ("pods_List", Named::Lookalike),
            ("Pods_get", Named::Lookalike),
            ("admin/x", Named::Lookalike),
            ("EXEC", Named::Lookalike),
            ("eſec", Named::ByNone),
        ] {
            assert_eq!(names.of(tool), wanted, "{tool}");
        }
        assert_eq!(names.exact().collect::<BTreeSet<_>>(), BTreeSet::from(["exec", "pods_list"]));
    }

    #[test]
    fn patterns_are_names_or_beginnings() {
        for good in ["a", "a.b/c-d_E9", "a*", "*"] {
            assert_eq!(problem(good), None, "{good}");
        }
        for bad in ["", "a b", "a*b", "**", "é", "a\u{200b}", "a\0", &"a".repeat(LONGEST + 1)] {
            assert!(problem(bad).is_some(), "{bad:?}");
        }
        assert!(covers("*", "a*") && covers("a*", "a*") && covers("a*", "ab") && covers("a", "a"));
        assert!(!covers("a", "a*") && !covers("ab*", "a*") && !covers("a*", "b"));
    }
}
