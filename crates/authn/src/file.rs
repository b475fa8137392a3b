//! A file that an authenticator judges by: keys, passwords, authorities.
//!
//! 1. It is read whole, within a bound, and understood whole: one wrong line refuses it, and every wrong line is said.
//! 2. What can't be read or understood replaces nothing: the content before stays in force.
//! 3. Content that differs from before advances the [generation](Generation): what rested on the content before no
//!    longer stands, in no cache.

use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::{ArcSwap, ArcSwapOption};
use aws_lc_rs::digest::{SHA256, digest};
use gangplank_jose::UnixTime;

use crate::SourceHealth;
use crate::generation::{Basis, Generation};

/// One thing that is wrong with a file. All of them are told together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct FileError {
    /// The line, from 1; `None` if it is about the file as a whole.
    pub line: Option<usize>,
    /// What was found and what is accepted, without anything secret.
    pub problem: String,
}

impl FileError {
    /// About one line.
    pub(crate) fn on(line: usize, problem: impl Into<String>) -> Self {
        FileError { line: Some(line), problem: problem.into() }
    }

    /// About the whole file.
    pub(crate) fn whole(problem: impl Into<String>) -> Self {
        FileError { line: None, problem: problem.into() }
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.problem),
            None => f.write_str(&self.problem),
        }
    }
}

/// How a file's content is understood.
pub(crate) type Understand<T> = fn(&[u8]) -> Result<T, Vec<FileError>>;

/// The last good content of a file.
pub(crate) struct TrustedFile<T> {
    name: String,
    path: PathBuf,
    largest: u64,
    understand: Understand<T>,
    held: ArcSwap<Held<T>>,
    last_error: ArcSwapOption<String>,
    generation: Generation,
    reloading: Mutex<()>,
}

/// What was understood, and what evidence made from it rests on.
pub(crate) struct Held<T> {
    pub(crate) content: T,
    generation: u64,
    digest: [u8; 32],
    read_at: UnixTime,
}

impl<T> TrustedFile<T> {
    /// Reads the file at `now`. `name` is what the configuration calls whoever judges by it.
    pub(crate) fn load(
        name: &str,
        path: &Path,
        largest: u64,
        understand: Understand<T>,
        now: UnixTime,
    ) -> Result<Self, Vec<FileError>> {
        let held = read(path, largest, understand, now)?;
        Ok(TrustedFile {
            name: name.to_owned(),
            path: path.to_owned(),
            largest,
            understand,
            held: ArcSwap::from_pointee(held),
            last_error: ArcSwapOption::empty(),
            generation: Generation::default(),
            reloading: Mutex::new(()),
        })
    }

    /// Reads it again. `Ok(true)` if its content is another than before.
    pub(crate) fn reload(&self, now: UnixTime) -> Result<bool, Vec<FileError>> {
        let _one_at_a_time = self.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = read(&self.path, self.largest, self.understand, now).inspect_err(|errors| {
            self.last_error.store(Some(Arc::new(summary(errors))));
        })?;
        self.last_error.store(None);
        let before = self.held.load_full();
        let changed = before.digest != fresh.digest;
        // Advanced first: evidence that is made of the old content from here on does not stand.
        let generation = if changed { self.generation.advance() } else { before.generation };
        self.held.store(Arc::new(Held { generation, ..fresh }));
        Ok(changed)
    }

    /// The content in force.
    pub(crate) fn held(&self) -> Arc<Held<T>> {
        self.held.load_full()
    }

    /// What evidence made from `held` rests on.
    pub(crate) fn basis(&self, held: &Held<T>) -> Basis {
        self.generation.basis(held.generation)
    }

    /// Counts the changes of the content.
    pub(crate) fn generation(&self) -> &Generation {
        &self.generation
    }

    /// For metrics and readiness.
    pub(crate) fn health(&self) -> SourceHealth {
        SourceHealth {
            name: self.name.clone(),
            ready: true,
            fetched_at: Some(self.held.load().read_at),
            last_error: self.last_error.load().as_deref().cloned(),
        }
    }
}

fn read<T>(path: &Path, largest: u64, understand: Understand<T>, now: UnixTime) -> Result<Held<T>, Vec<FileError>> {
    let bytes = bounded(path, largest).map_err(|e| vec![FileError::whole(format!("can't be read: {e}"))])?;
    let content = understand(&bytes)?;
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, &bytes).as_ref());
    Ok(Held { content, generation: 0, digest: hash, read_at: now })
}

fn bounded(path: &Path, largest: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path)?.take(largest + 1).read_to_end(&mut bytes)?;
    if read as u64 > largest {
        return Err(std::io::Error::other(format!("it is larger than {largest} bytes")));
    }
    Ok(bytes)
}

fn summary(errors: &[FileError]) -> String {
    let first = errors.first().map(ToString::to_string).unwrap_or_default();
    match errors.len() {
        0 | 1 => first,
        several => format!("{first} (and {} more)", several - 1),
    }
}

/// The lines that say something, with their numbers: neither blank nor a comment.
pub(crate) fn lines(bytes: &[u8]) -> impl Iterator<Item = (usize, Result<&str, FileError>)> {
    let numbered = bytes.split(|b| *b == b'\n').enumerate().map(|(i, line)| (i + 1, line.trim_ascii()));
    let telling = numbered.filter(|(_, line)| !line.is_empty() && !line.starts_with(b"#"));
    telling.map(|(number, line)| {
        (number, std::str::from_utf8(line).map_err(|_| FileError::on(number, "is not UTF-8 text")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{NOW, TempDir};

    fn even(bytes: &[u8]) -> Result<usize, Vec<FileError>> {
        if bytes.len().is_multiple_of(2) {
            Ok(bytes.len())
        } else {
            Err(vec![FileError::on(1, "is odd"), FileError::on(2, "x")])
        }
    }

    #[test]
    fn what_is_wrong_replaces_nothing_and_what_differs_advances() {
        let dir = TempDir::new();
        let path = dir.write("file", "ab");
        let file = TrustedFile::load("f", &path, 8, even, NOW).unwrap();
        let evidence = file.basis(&file.held());
        let later = UnixTime::from_secs(NOW.as_secs() + 9);
        assert_eq!(file.reload(later), Ok(false));
        assert!(evidence.stands(), "the same content is the same ground");
        assert_eq!(file.health().fetched_at, Some(later));

        for bad in ["abc", "123456789"] {
            dir.write("file", bad);
            assert!(file.reload(NOW).is_err(), "{bad}");
        }
        std::fs::remove_file(&path).unwrap();
        let errors = file.reload(NOW).unwrap_err();
        assert!(errors[0].to_string().starts_with("can't be read: "), "{errors:?}");
        assert!(evidence.stands() && file.held().content == 2 && file.health().last_error.is_some());

        dir.write("file", "abc");
        let _ = file.reload(NOW);
        assert_eq!(file.health().last_error.as_deref(), Some("line 1: is odd (and 1 more)"));
        dir.write("file", "abcd");
        assert_eq!(file.reload(NOW), Ok(true));
        assert_eq!((file.held().content, file.generation().current()), (4, 1));
        assert!(!evidence.stands() && file.basis(&file.held()).stands());
        assert_eq!(file.health().last_error, None);
    }

    #[test]
    fn only_lines_that_say_something_are_lines() {
        let found: Vec<_> = lines(b"# a\r\n\n  b c \r\n#\n\t\n\xff\nd").collect();
        let expected = [(3, Ok("b c")), (6, Err(FileError::on(6, "is not UTF-8 text"))), (7, Ok("d"))];
        assert_eq!(found, expected);
    }
}
