//! One thing that is wrong with a configuration, and where.

use std::path::Path;

/// A stretch of one of the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Which file, in the order they were read.
    pub file: usize,
    /// The first byte.
    pub start: usize,
    /// The byte behind the last.
    pub end: usize,
}

/// Something wrong. None of its texts holds a secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problem {
    /// The key, dotted and indexed: `routes[2].allow.groups`. Empty if it concerns a whole file.
    pub key: String,
    /// What was found, in one line.
    pub message: String,
    /// What stands under the mark: mostly what is accepted here.
    pub label: String,
    /// What to do about it.
    pub help: Vec<String>,
    /// The file it concerns as a whole, if it can't be pointed at.
    pub file: Option<String>,
    /// Where, if it can be pointed at.
    pub place: Option<Place>,
    /// Another place that has to do with it, and what.
    pub other: Option<(Place, String)>,
}

impl Problem {
    /// A problem with a whole file.
    pub fn of_file(path: &Path, message: String, help: &str) -> Self {
        let help = if help.is_empty() { Vec::new() } else { vec![help.to_owned()] };
        Problem { message, help, file: Some(path.display().to_string()), ..Problem::default() }
    }
}
