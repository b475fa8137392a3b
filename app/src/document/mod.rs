//! The configuration document: files in, a [`Loaded`] or every mistake out.
//!
//! In the order in which it happens:
//!
//! 1. `source`: the file and its drop-ins are read, within bounds, as text.
//! 2. Each is parsed as TOML; every syntax error that the parser finds is kept. With one of them nothing further is
//!    judged, since what follows would be guesswork.
//! 3. `tree`: the files become one tree, in which every value knows where it stands.
//! 4. `judge`: the tree becomes configuration structs; every mistake is found, with the nearest name for a misspelt key.
//! 5. [`Loaded::add`]: what building the gate from it complains about, unless it only echoes a mistake already found.
//!
//! Whatever is shown of a file has passed `redact`.

mod decode;
mod depth;
mod diff;
mod judge;
mod nearest;
mod problem;
mod redact;
mod render;
mod source;
mod tree;

use std::path::Path as FilePath;

use gangplank_oauth::config::ConfigError;
use serde::de::DeserializeOwned;
use toml::de::DeTable;

use crate::telemetry::LogConfig;
use judge::{Clouded, Judged, judge};
pub use problem::{Place, Problem};
use render::Shown;
pub use source::{LIMIT, Source, drop_in_directory};
use tree::{Node, Path, Step};

/// The most problems that are printed.
const PRINTED: usize = 50;

/// A document that could be decoded, perhaps with mistakes: then it only serves to find more of them.
#[derive(Debug)]
pub struct Loaded<T> {
    /// Everything but `[log]`.
    pub value: T,
    /// `[log]`.
    pub log: LogConfig,
    /// The document as it was written.
    tree: Node,
    /// The document without what was wrong in it: indices of lists are those of `value`.
    pruned: Node,
    clouded: Clouded,
    report: Report,
}

/// Everything that is wrong, with what is needed to show it.
#[derive(Clone, Debug, Default)]
pub struct Report {
    problems: Vec<Problem>,
    files: Vec<Shown>,
}

/// Reads and judges a configuration file and its drop-ins. `Err` if there is not even enough to look further.
pub fn load<T: DeserializeOwned>(config: &FilePath) -> Result<Loaded<T>, Report> {
    let (sources, problems) = source::read(config);
    judge_sources(sources, problems)
}

/// Judges configuration text, as [`load`] does for files. Any bytes may be given; this neither panics nor reads files.
pub fn load_bytes<T: DeserializeOwned>(name: &str, bytes: Vec<u8>) -> Result<Loaded<T>, Report> {
    let path = FilePath::new(name);
    let (text, problems) = source::text_of(bytes, 0, path);
    judge_sources(vec![Source { path: path.to_owned(), text }], problems)
}

fn judge_sources<T: DeserializeOwned>(sources: Vec<Source>, mut problems: Vec<Problem>) -> Result<Loaded<T>, Report> {
    let mut files = Vec::new();
    let mut tree: Option<Node> = None;
    for (number, source) in sources.iter().enumerate() {
        let (parsed, text) = parse(number, source, &mut problems);
        files.push(Shown { name: source.path.display().to_string(), text });
        match &mut tree {
            None => tree = Some(parsed),
            Some(tree) => tree::merge(tree, parsed, &Path::default(), &mut problems),
        }
    }
    let mut report = Report { problems, files };
    let Some(tree) = tree.filter(|_| report.problems.is_empty()) else { return Err(report.sorted()) };
    let mut pruned = tree.clone();
    let log_path = Path(vec![Step::Key("log".into())]);
    let mut log_tree = pruned.remove(&log_path).unwrap_or_else(tree::empty);
    let log: Judged<LogConfig> = judge(&mut log_tree, &log_path, &[]);
    let mut rest: Judged<T> = judge(&mut pruned, &Path::default(), &["log"]);
    for unread in log.unread.iter().chain(&rest.unread) {
        if let Some(file) = report.files.get_mut(unread.place.file) {
            file.text = redact::masked_value(&file.text, unread);
        }
    }
    report.problems.extend(log.problems);
    report.problems.append(&mut rest.problems);
    rest.clouded.extend(log.clouded);
    match (rest.value, log.value) {
        (Some(value), Some(log)) => Ok(Loaded { value, log, tree, pruned, clouded: rest.clouded, report }),
        _ => Err(report.sorted()),
    }
}

/// The tree of one file, and its text as it may be shown.
fn parse(number: usize, source: &Source, problems: &mut Vec<Problem>) -> (Node, String) {
    if let Some(deep) = depth::too_deep(&source.text) {
        let mut problem = Problem::of_file(&source.path, "the tables are nested too deeply".into(), "");
        problem.place = Some(Place { file: number, start: deep, end: deep });
        problems.push(problem);
        let empty = tree::empty();
        return (empty.clone(), redact::masked(&source.text, &empty, true));
    }
    let (table, errors) = DeTable::parse_recoverable(&source.text);
    let parsed = tree::from_toml(number, &table);
    let text = redact::masked(&source.text, &parsed, !errors.is_empty());
    for error in errors.iter().take(PRINTED) {
        let span = error.span().unwrap_or_default();
        problems.push(Problem {
            message: error.message().to_owned(),
            label: "not TOML from here".into(),
            place: Some(Place { file: number, start: span.start, end: span.end }),
            ..Problem::default()
        });
    }
    (parsed, text)
}

impl<T> Loaded<T> {
    /// Takes in what the builder of a component found wrong, unless it may only echo a mistake already found.
    pub fn add(&mut self, errors: Vec<ConfigError>) {
        for error in errors {
            let (path, node, rest) = resolve(&self.pruned, &error.path);
            let whole = rest.is_empty();
            let full = Path(path.0.iter().cloned().chain(steps_of(rest)).collect());
            if self.clouded.covers(&full) {
                continue;
            }
            let key = full.to_string();
            let message = if key.is_empty() { error.message } else { format!("`{key}`: {}", error.message) };
            self.report.problems.push(Problem {
                key,
                message,
                help: if error.help.is_empty() { Vec::new() } else { vec![error.help] },
                place: node
                    .filter(|_| !path.0.is_empty())
                    .map(|n| if whole && is_scalar(n) { n.place } else { n.key_place }),
                ..Problem::default()
            });
        }
    }

    /// Everything wrong that was found so far.
    pub fn report(&self) -> Report {
        self.report.clone().sorted()
    }

    /// The files it was read from.
    pub fn files(&self) -> impl Iterator<Item = &FilePath> {
        self.report.files.iter().map(|file| FilePath::new(&file.name))
    }

    /// The keys in which another document differs.
    pub fn changed(&self, after: &Loaded<T>) -> Vec<String> {
        diff::changed(&self.tree, &after.tree).iter().map(Path::to_string).collect()
    }
}

impl Report {
    /// A report of what a builder found wrong with something that is in no file.
    pub fn of_errors(errors: &[ConfigError]) -> Self {
        let problem = |error: &ConfigError| Problem {
            message: format!("`{}`: {}", error.path, error.message),
            help: if error.help.is_empty() { Vec::new() } else { vec![error.help.clone()] },
            ..Problem::default()
        };
        Report { problems: errors.iter().map(problem).collect(), files: Vec::new() }
    }

    /// Whether there is nothing wrong.
    pub fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    /// How much is wrong.
    pub fn len(&self) -> usize {
        self.problems.len()
    }

    /// How much is wrong, in words.
    pub fn summary(&self) -> String {
        match self.problems.len() {
            1 => "1 mistake".to_owned(),
            many => format!("{many} mistakes"),
        }
    }

    /// All of it, as people read it.
    pub fn render(&self, colour: bool) -> String {
        let mut text: String =
            self.problems.iter().take(PRINTED).map(|p| render::render(p, &self.files, colour) + "\n\n").collect();
        if self.problems.len() > PRINTED {
            text.push_str(&format!("and {} more\n\n", self.problems.len() - PRINTED));
        }
        text
    }

    /// One line for each problem, for a log: the place, and what is wrong.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.problems.iter().take(PRINTED).map(|problem| {
            let at = problem.place.and_then(|place| {
                let file = self.files.get(place.file)?;
                let before = file.text.as_bytes().get(..place.start)?;
                Some(format!("{}:{}: ", file.name, 1 + before.iter().filter(|b| **b == b'\n').count()))
            });
            let at = at.or_else(|| problem.file.as_ref().map(|file| format!("{file}: ")));
            let help: String = problem.help.iter().map(|h| format!(" ({h})")).collect();
            let label = if problem.label.is_empty() { String::new() } else { format!(": {}", problem.label) };
            format!("{}{}{label}{help}", at.unwrap_or_default(), problem.message)
        })
    }

    fn sorted(mut self) -> Self {
        self.problems.sort_by_key(|p| p.place);
        self
    }
}

fn is_scalar(node: &Node) -> bool {
    !matches!(node.value, tree::Value::Table(_) | tree::Value::Array(_))
}

/// The deepest value on the way that a builder's path names, and what of the way is left. The builder counts elements
/// of the lists it was given, and does not quote keys.
fn resolve<'t, 'p>(root: &'t Node, path: &'p str) -> (Path, Option<&'t Node>, &'p str) {
    let (mut at, mut node, mut rest) = (Path::default(), root, path);
    loop {
        rest = rest.strip_prefix('.').unwrap_or(rest);
        if rest.is_empty() {
            return (at, Some(node), rest);
        }
        let next = match &node.value {
            tree::Value::Table(table) => {
                let fits = |key: &&String| {
                    rest.strip_prefix(key.as_str()).is_some_and(|r| r.is_empty() || r.starts_with(['.', '[']))
                };
                table
                    .keys()
                    .filter(fits)
                    .max_by_key(|key| key.len())
                    .and_then(|key| Some((Step::Key(key.clone()), table.get(key)?, &rest[key.len()..])))
            }
            tree::Value::Array(list) => {
                rest.strip_prefix('[').and_then(|r| r.split_once(']')).and_then(|(index, r)| {
                    let element = list.get(index.parse::<usize>().ok()?)?;
                    Some((Step::Index(element.index), element, r))
                })
            }
            _ => None,
        };
        let Some((step, inner, left)) = next else { return (at, Some(node), rest) };
        (at, node, rest) = (at.join(step), inner, left);
    }
}

/// The steps of a path that leads to nothing in the document.
fn steps_of(path: &str) -> impl Iterator<Item = Step> {
    path.split(['.', '[']).filter(|part| !part.is_empty()).map(|part| {
        match part.strip_suffix(']').and_then(|index| index.parse().ok()) {
            Some(index) => Step::Index(index),
            None => Step::Key(part.to_owned()),
        }
    })
}

#[cfg(test)]
mod tests;
