//! Every mistake at once.
//!
//! serde stops at the first mistake. So the value is decoded again and again, and each time what was wrong is written
//! down and taken out of the tree:
//!
//! 1. an unknown key, or a wrong value, is removed;
//! 2. a missing key is filled with a stand-in, whichever kind of value fits;
//! 3. a mistake that only follows from 1 or 2 is not written down;
//! 4. after [`ROUNDS`] rounds the rest waits for the next run: who made that many mistakes will run again.

use serde::de::DeserializeOwned;

use super::decode::{Decoder, Kind, Mistake};
use super::nearest::nearest;
use super::problem::Problem;
use super::redact;
use super::tree::{Node, Path, Step, Table, Value};

/// How many mistakes are looked for.
pub(super) const ROUNDS: usize = 100;

/// What came of judging.
#[derive(Debug)]
pub(super) struct Judged<T> {
    /// The value; if there are problems it only serves to look for more of them.
    pub value: Option<T>,
    /// What is wrong.
    pub problems: Vec<Problem>,
    /// Places about which nothing more can be said: what was there has been taken out or made up.
    pub clouded: Clouded,
    /// What stood under keys that nobody reads. It may be anything, a secret under a misspelt name for instance.
    pub unread: Vec<Node>,
}

/// Paths about which nothing more can be said, since what was there has been taken out or made up.
#[derive(Debug, Default)]
pub(super) struct Clouded {
    inside: Vec<Path>,
    exactly: Vec<Path>,
}

impl Clouded {
    /// Whether a complaint about `path` may only be the echo of one already made.
    pub(super) fn covers(&self, path: &Path) -> bool {
        self.exactly.contains(path) || self.inside.iter().any(|p| path.is_within(p))
    }

    fn cloud(&mut self, path: &Path) {
        self.exactly.extend(path.parent());
        self.inside.push(path.clone());
    }

    /// Takes in what clouds another part of the same document.
    pub(super) fn extend(&mut self, other: Clouded) {
        self.inside.extend(other.inside);
        self.exactly.extend(other.exactly);
    }
}

/// Decodes the tree, whose own path is `base`, taking out of it what is wrong. `also` are keys that somebody else
/// reads at its root.
pub(super) fn judge<T: DeserializeOwned>(root: &mut Node, base: &Path, also: &[&'static str]) -> Judged<T> {
    let mut court = Court {
        base,
        also,
        problems: Vec::new(),
        clouded: Clouded::default(),
        made_up: Vec::new(),
        unread: Vec::new(),
    };
    for _ in 0..ROUNDS {
        match T::deserialize(Decoder(root)) {
            Ok(value) => return court.close(Some(value)),
            Err(mistake) => {
                if !court.put_aside(root, mistake) {
                    break;
                }
            }
        }
    }
    court.close(None)
}

struct Court<'c> {
    base: &'c Path,
    also: &'c [&'static str],
    problems: Vec<Problem>,
    clouded: Clouded,
    /// Stand-ins, and which of [`stand_in`] it is.
    made_up: Vec<(Path, usize)>,
    unread: Vec<Node>,
}

impl Court<'_> {
    fn close<T>(self, value: Option<T>) -> Judged<T> {
        Judged { value, problems: self.problems, clouded: self.clouded, unread: self.unread }
    }

    /// Writes the mistake down unless it is an echo, and makes the tree such that it does not come up again. False if
    /// that is not possible.
    fn put_aside(&mut self, root: &mut Node, mistake: Mistake) -> bool {
        if let Kind::MissingKey(key) = mistake.kind {
            let path = mistake.path.join(Step::Key(key.into()));
            let echo = self.made_up.iter().any(|(p, _)| path.is_within(p)) || self.clouded.covers(&self.full(&path));
            if !echo {
                self.problems.push(self.explain(root, &mistake));
            }
            self.clouded.inside.push(self.full(&path));
            return self.make_up(root, path, 0);
        }
        if let Some(position) = self.made_up.iter().position(|(p, _)| mistake.path.is_within(p)) {
            let (path, last) = self.made_up.swap_remove(position);
            return self.make_up(root, path, last + 1);
        }
        // What a table as a whole complains of may be the lack of what was just taken out of it.
        let echo = matches!(mistake.kind, Kind::Other(_)) && self.clouded.covers(&self.full(&mistake.path));
        if !echo {
            self.problems.push(self.explain(root, &mistake));
        }
        if let Kind::UnknownKey { accepted } = mistake.kind
            && let Some((Step::Key(key), table)) = mistake.path.0.split_last()
            && let Some(meant) = nearest(key, accepted.iter().copied())
        {
            let meant = Path(table.to_vec()).join(Step::Key(meant.into()));
            self.clouded.cloud(&self.full(&meant));
        }
        self.clouded.cloud(&self.full(&mistake.path));
        let removed = root.remove(&mistake.path);
        let gone = removed.is_some();
        if matches!(mistake.kind, Kind::UnknownKey { .. }) {
            self.unread.extend(removed);
        }
        gone
    }

    /// Puts the next stand-in at `path`. If none is left, what should hold it goes.
    fn make_up(&mut self, root: &mut Node, path: Path, which: usize) -> bool {
        let (Some(table), Some(Step::Key(key))) = (path.parent(), path.0.last()) else { return false };
        match stand_in(which) {
            Some(value) => {
                root.insert(&table, key, value);
                self.made_up.push((path, which));
                true
            }
            None => root.remove(&table).is_some(),
        }
    }

    fn full(&self, path: &Path) -> Path {
        Path(self.base.0.iter().chain(&path.0).cloned().collect())
    }

    fn explain(&self, root: &Node, mistake: &Mistake) -> Problem {
        let path = self.full(&mistake.path);
        let node = root.get(&mistake.path.0);
        let mut problem = Problem { key: path.to_string(), place: node.map(|n| n.place), ..Problem::default() };
        let name = path.0.last().map(|step| Path(vec![step.clone()]).to_string()).unwrap_or_default();
        match &mistake.kind {
            Kind::UnknownKey { accepted } => {
                let also = if mistake.path.0.len() == 1 { self.also } else { &[] };
                let accepted: Vec<&str> = accepted.iter().chain(also).copied().collect();
                problem.message = format!("unknown key `{path}`");
                problem.place = node.map(|n| n.key_place);
                problem.label = match nearest(&name, accepted.iter().copied()) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => "nothing of this name is read here".into(),
                };
                problem.help.push(format!("accepted here: {}", accepted.join(", ")));
            }
            Kind::MissingKey(key) => {
                let path = path.join(Step::Key((*key).into()));
                problem.key = path.to_string();
                problem.message = format!("`{path}` is missing");
                problem.label = format!("`{key}` is needed here");
                problem.place = node.map(|n| n.key_place).filter(|_| !path.0.is_empty() && !mistake.path.0.is_empty());
                problem.help.extend(example(key));
            }
            Kind::WrongValue { accepted } => {
                problem.message = format!("`{path}` is {}", found(node, &path));
                problem.label = format!("accepted is {accepted}");
                problem.help.extend(path_example(&path));
            }
            Kind::UnknownWord { accepted } => {
                let found = found(node, &path);
                problem.message = format!("`{path}` can't be {}", found.strip_prefix("a string: ").unwrap_or(&found));
                let words: Vec<String> = accepted.iter().map(|w| format!("\"{w}\"")).collect();
                problem.label = format!("accepted: {}", words.join(", "));
            }
            Kind::Other(message) => {
                let (message, accepted) = message.split_once("; ").unwrap_or((message, ""));
                problem.message = format!("`{path}`: {}", printable(message));
                problem.label = printable(accepted);
                problem.help.extend(path_example(&path));
            }
        }
        problem
    }
}

/// What to put in place of a missing value: some value of each kind, in the order in which they are tried.
fn stand_in(which: usize) -> Option<Value> {
    Some(match which {
        0 => Value::String("127.0.0.1:0".into()),
        1 => Value::Table(Table::new()),
        2 => Value::Array(Vec::new()),
        3 => Value::Integer(Ok(0)),
        4 => Value::Boolean(false),
        5 => Value::String("1s".into()),
        6 => Value::String("1B".into()),
        _ => return None,
    })
}

/// The value that was found, short, and only its kind if it may be a secret.
fn found(node: Option<&Node>, path: &Path) -> String {
    const LONGEST: usize = 60;
    let Some(node) = node else { return "not there".into() };
    let kind = node.value.kind();
    let shown = match &node.value {
        _ if redact::is_secret(path) => return kind.into(),
        Value::String(text) if redact::is_secret_text(text) || text.len() > LONGEST => return kind.into(),
        Value::String(text) => format!("\"{}\"", text.escape_debug()),
        Value::Integer(Ok(number)) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Boolean(truth) => truth.to_string(),
        _ => return kind.into(),
    };
    format!("{kind}: {shown}")
}

/// Text that may repeat what was found, without what could move the cursor.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// What a key that has to be there may look like.
fn example(key: &str) -> Option<String> {
    let text = match key {
        "gate" => "[gate]` with `listen` and `public_url",
        "listen" => "listen = \"0.0.0.0:4180\"",
        "public_url" => "public_url = \"https://app.example.com\"",
        "tenant" => "tenant = \"dca11c8d-2a1b-4f6e-9d1c-0f5a0c7e3b11\"",
        "issuer" => "issuer = \"corp\"` for the table `[issuers.corp]",
        "path" => "path = \"/\"",
        _ => return None,
    };
    Some(format!("for example: `{text}`"))
}

fn path_example(path: &Path) -> Option<String> {
    match path.0.last() {
        Some(Step::Key(key)) => example(key),
        _ => None,
    }
}
