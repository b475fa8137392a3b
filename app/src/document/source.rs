//! The files that a configuration is made of, as text.
//!
//! 1. `gangplank.toml`, then every `*.toml` of the directory `gangplank.d` beside it, in the order of their names.
//!    Names that begin with a dot are left out: a mounted ConfigMap keeps its bookkeeping there.
//! 2. Together at most [`LIMIT`] bytes, in at most [`FILES`] files: a configuration is written by people.
//! 3. UTF-8 without NUL. A byte order mark is refused rather than skipped, since the next program will not skip it.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::problem::{Place, Problem};

/// The largest configuration, all files together.
pub const LIMIT: usize = 1 << 20;

/// The largest number of files.
pub(super) const FILES: usize = 256;

/// One file, read.
#[derive(Clone, Debug)]
pub struct Source {
    /// Where it was read, as it is named to people.
    pub path: PathBuf,
    /// What it says.
    pub text: String,
}

/// The directory of drop-ins that belongs to a configuration file: `gangplank.toml` has `gangplank.d`.
pub fn drop_in_directory(config: &Path) -> PathBuf {
    config.with_extension("d")
}

/// Reads a configuration file and its drop-ins. Whatever can't be read is reported, all of it.
pub(super) fn read(config: &Path) -> (Vec<Source>, Vec<Problem>) {
    let mut problems = Vec::new();
    let mut sources: Vec<Source> = Vec::new();
    let mut left = LIMIT;
    for path in std::iter::once(config.to_owned()).chain(drop_ins(config, &mut problems)) {
        let file = sources.len();
        let bytes = match read_at_most(&path, left) {
            Ok(bytes) => bytes,
            Err(error) => {
                problems.push(Problem::of_file(&path, format!("cannot be read: {error}"), ""));
                continue;
            }
        };
        left = left.saturating_sub(bytes.len());
        let (text, mut found) = text_of(bytes, file, &path);
        problems.append(&mut found);
        sources.push(Source { path, text });
    }
    (sources, problems)
}

/// Text of bytes, and what is wrong with them. What can't be used is left out of the text.
pub(super) fn text_of(bytes: Vec<u8>, file: usize, path: &Path) -> (String, Vec<Problem>) {
    let at = |offset: usize| Some(Place { file, start: offset, end: offset });
    let refuse = |message: String, help: &str| (String::new(), vec![Problem::of_file(path, message, help)]);
    if bytes.len() > LIMIT {
        return refuse(
            format!("the configuration is larger than {LIMIT} bytes"),
            "that is more than any sensible one needs; is this the right file?",
        );
    }
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let valid = error.utf8_error().valid_up_to();
            let line = 1 + error.as_bytes().iter().take(valid).filter(|b| **b == b'\n').count();
            return refuse(format!("line {line} is not UTF-8 (byte {valid})"), "save the file as UTF-8");
        }
    };
    if text.starts_with('\u{feff}') {
        return refuse(
            "the file begins with a byte order mark".into(),
            "save it as UTF-8 without BOM; TOML has no use for one",
        );
    }
    match text.find('\0') {
        Some(offset) => {
            let mut problem = Problem::of_file(
                path,
                "the file holds a NUL byte".into(),
                "a text file has none; is this the right file?",
            );
            problem.place = at(offset);
            (text, vec![problem])
        }
        None => (text, Vec::new()),
    }
}

fn read_at_most(path: &Path, left: usize) -> std::io::Result<Vec<u8>> {
    let file = std::fs::File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(std::io::Error::other("it is a directory"));
    }
    let mut bytes = Vec::new();
    file.take(left as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > left {
        return Err(std::io::Error::other(format!(
            "the configuration is larger than {LIMIT} bytes; is this the right file?"
        )));
    }
    Ok(bytes)
}

fn drop_ins(config: &Path, problems: &mut Vec<Problem>) -> Vec<PathBuf> {
    let directory = drop_in_directory(config);
    let entries = match std::fs::read_dir(&directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Vec::new(),
        Err(error) => {
            problems.push(Problem::of_file(&directory, format!("cannot be read: {error}"), ""));
            return Vec::new();
        }
    };
    let mut names: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .filter(|e| !e.file_name().as_encoded_bytes().starts_with(b"."))
        .map(|e| e.path())
        .filter(|p| p.extension().is_some_and(|e| e == "toml"))
        .collect();
    names.sort();
    if names.len() > FILES {
        problems.push(Problem::of_file(&directory, format!("there are more than {FILES} files here"), ""));
        names.truncate(FILES);
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(bytes: &[u8]) -> String {
        text_of(bytes.to_vec(), 0, Path::new("x.toml")).1.remove(0).message
    }

    #[test]
    fn what_is_not_text_is_refused_by_name() {
        assert!(refusal(b"\xef\xbb\xbfa = 1").contains("byte order mark"));
        assert!(refusal(b"a = 1\nb = '\xff'").contains("line 2 is not UTF-8"));
        assert!(refusal(b"a = '\0'").contains("NUL"));
        assert!(refusal(&vec![b' '; LIMIT + 1]).contains("larger"));
    }
}
