//! The configuration as a tree of values that know where they stand, whatever file they came from.
//!
//! Merging: tables are merged key by key, lists of tables (`[[routes]]`) are appended in the order of the files, and
//! everything else may be said once: a value that a later file silently overrides is a trap.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{Place, Problem};

/// One step from a value to a value inside it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    /// A key of a table.
    Key(String),
    /// An element of a list, counted as the files count it.
    Index(usize),
}

/// The way from the root to a value.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Path(pub Vec<Step>);

impl Path {
    /// The path of something inside the value at this path.
    pub(super) fn join(&self, step: Step) -> Path {
        let mut steps = self.0.clone();
        steps.push(step);
        Path(steps)
    }

    /// The path of what holds the value at this path.
    pub(super) fn parent(&self) -> Option<Path> {
        self.0.split_last().map(|(_, rest)| Path(rest.to_vec()))
    }

    /// Whether this is the path of `other`, or of something inside it.
    pub(super) fn is_within(&self, other: &Path) -> bool {
        self.0.starts_with(&other.0)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) => {
                    f.write_str(if i == 0 { "" } else { "." })?;
                    let bare =
                        !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
                    if bare { f.write_str(key)? } else { write!(f, "\"{}\"", key.escape_debug())? }
                }
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// Where it is written; for a table its header.
    pub place: Place,
    /// Where its key is written; for an element of a list the same as `place`.
    pub key_place: Place,
    /// Its index in the list that holds it, as the files count.
    pub index: usize,
    /// What it is.
    pub value: Value,
}

/// What a value is.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// Text.
    String(String),
    /// A whole number, or the digits of one that does not fit.
    Integer(Result<i64, String>),
    /// A number.
    Float(f64),
    /// A truth.
    Boolean(bool),
    /// A date or time, as written.
    Datetime(String),
    /// A list.
    Array(Vec<Node>),
    /// A table.
    Table(Table),
}

/// The content of a table.
pub(super) type Table = BTreeMap<String, Node>;

impl Value {
    /// What people call such a value.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Value::String(_) => "a string",
            Value::Integer(_) => "an integer",
            Value::Float(_) => "a number",
            Value::Boolean(_) => "a boolean",
            Value::Datetime(_) => "a date",
            Value::Array(_) => "a list",
            Value::Table(_) => "a table",
        }
    }
}

impl Node {
    /// The value at `steps` from here.
    pub(super) fn get(&self, steps: &[Step]) -> Option<&Node> {
        let Some((first, rest)) = steps.split_first() else { return Some(self) };
        match (&self.value, first) {
            (Value::Table(table), Step::Key(key)) => table.get(key)?.get(rest),
            (Value::Array(list), Step::Index(index)) => list.iter().find(|n| n.index == *index)?.get(rest),
            _ => None,
        }
    }

    /// The value at `steps` from here, to be changed.
    pub(super) fn get_mut(&mut self, steps: &[Step]) -> Option<&mut Node> {
        let Some((first, rest)) = steps.split_first() else { return Some(self) };
        match (&mut self.value, first) {
            (Value::Table(table), Step::Key(key)) => table.get_mut(key)?.get_mut(rest),
            (Value::Array(list), Step::Index(index)) => list.iter_mut().find(|n| n.index == *index)?.get_mut(rest),
            _ => None,
        }
    }

    /// Takes the value at `path` out of the tree.
    pub(super) fn remove(&mut self, path: &Path) -> Option<Node> {
        let (last, parent) = path.0.split_last()?;
        match (&mut self.get_mut(parent)?.value, last) {
            (Value::Table(table), Step::Key(key)) => table.remove(key),
            (Value::Array(list), Step::Index(index)) => {
                let position = list.iter().position(|n| n.index == *index)?;
                Some(list.remove(position))
            }
            _ => None,
        }
    }

    /// Puts `value` under `key` of the table at `table`, standing where that table stands.
    pub(super) fn insert(&mut self, table: &Path, key: &str, value: Value) {
        let Some(node) = self.get_mut(&table.0) else { return };
        let place = node.place;
        if let Value::Table(entries) = &mut node.value {
            entries.insert(key.to_owned(), Node { place, key_place: place, index: 0, value });
        }
    }
}

/// An empty document.
pub(super) fn empty() -> Node {
    let place = Place { file: 0, start: 0, end: 0 };
    Node { place, key_place: place, index: 0, value: Value::Table(Table::new()) }
}

/// The tree of one parsed file.
pub(super) fn from_toml(file: usize, root: &Spanned<DeTable<'_>>) -> Node {
    let place = Place { file, start: 0, end: 0 };
    Node { place, key_place: place, index: 0, value: table_of(file, root.get_ref()) }
}

fn table_of(file: usize, table: &DeTable<'_>) -> Value {
    let entries = table.iter().map(|(key, value)| {
        let key_place = place_of(file, key.span());
        (key.get_ref().to_string(), node_of(file, key_place, 0, value))
    });
    Value::Table(entries.collect())
}

fn node_of(file: usize, key_place: Place, index: usize, value: &Spanned<DeValue<'_>>) -> Node {
    let place = place_of(file, value.span());
    let value = match value.get_ref() {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Integer(digits) => {
            Value::Integer(i64::from_str_radix(digits.as_str(), digits.radix()).map_err(|_| digits.to_string()))
        }
        DeValue::Float(digits) => Value::Float(digits.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(truth) => Value::Boolean(*truth),
        DeValue::Datetime(instant) => Value::Datetime(instant.to_string()),
        DeValue::Array(list) => {
            Value::Array(list.iter().enumerate().map(|(i, v)| node_of(file, place_of(file, v.span()), i, v)).collect())
        }
        DeValue::Table(table) => table_of(file, table),
    };
    Node { place, key_place, index, value }
}

fn place_of(file: usize, span: std::ops::Range<usize>) -> Place {
    Place { file, start: span.start, end: span.end }
}

/// Merges `from` into `into`. What both say is reported and stays as it was first said.
pub(super) fn merge(into: &mut Node, from: Node, path: &Path, problems: &mut Vec<Problem>) {
    match (&mut into.value, from.value) {
        (Value::Table(ours), Value::Table(theirs)) => {
            for (key, node) in theirs {
                match ours.entry(key) {
                    Entry::Vacant(free) => {
                        free.insert(node);
                    }
                    Entry::Occupied(mut taken) => {
                        let path = path.join(Step::Key(taken.key().clone()));
                        merge(taken.get_mut(), node, &path, problems);
                    }
                }
            }
        }
        (Value::Array(ours), Value::Array(theirs)) if of_tables(ours) && of_tables(&theirs) => {
            let count = ours.iter().map(|n| n.index + 1).max().unwrap_or(0);
            ours.extend(theirs.into_iter().map(|n| Node { index: n.index + count, ..n }));
        }
        _ => problems.push(Problem {
            key: path.to_string(),
            message: format!("`{path}` is set twice"),
            label: "set again here".into(),
            help: vec!["say it in one of the files only: a drop-in adds, it does not override".into()],
            place: Some(from.key_place),
            other: Some((into.key_place, "set here first".into())),
            file: None,
        }),
    }
}

fn of_tables(list: &[Node]) -> bool {
    list.iter().all(|n| matches!(n.value, Value::Table(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(file: usize, text: &str) -> Node {
        from_toml(file, &DeTable::parse(text).unwrap())
    }

    #[test]
    fn tables_merge_lists_of_tables_append_and_scalars_clash() {
        let mut problems = Vec::new();
        let mut root = tree(0, "[a]\nx = 1\nl = [1]\n[[r]]\np = '/'\n");
        merge(&mut root, tree(1, "[a]\ny = 2\nx = 3\nl = [2]\n[[r]]\np = '/b'\n"), &Path::default(), &mut problems);
        let keys: Vec<&str> = problems.iter().map(|p| p.key.as_str()).collect();
        assert_eq!(keys, ["a.l", "a.x"]);
        assert_eq!(problems[1].place.unwrap().file, 1);
        assert_eq!(problems[1].other.as_ref().unwrap().0.file, 0);
        let path = [Step::Key("r".into()), Step::Index(1), Step::Key("p".into())];
        assert!(matches!(&root.get(&path).unwrap().value, Value::String(s) if s == "/b"));
    }

    #[test]
    fn an_index_stays_what_the_file_says_when_an_earlier_element_goes() {
        let mut root = tree(0, "r = [{ p = 1 }, { p = 2 }]");
        let r = Path(vec![Step::Key("r".into())]);
        root.remove(&r.join(Step::Index(0))).unwrap();
        assert!(root.get(&r.join(Step::Index(1)).0).is_some());
        assert_eq!(r.join(Step::Index(1)).join(Step::Key("a b".into())).to_string(), "r[1].\"a b\"");
    }
}
