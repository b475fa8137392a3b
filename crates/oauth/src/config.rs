//! What every crate's configuration is made of: an error that says where and what to do, durations and sizes with
//! units, and secrets by reference.
//!
//! It lives here because this is the lowest crate that is configured; the document as a whole is the binary's.

use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;
use serde::de::{self, Deserialize, Deserializer, Visitor};

/// One thing that is wrong with a configuration. All of them are reported together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The key, dotted and indexed as the document spells it: `routes[2].allow.groups`.
    pub path: String,
    /// What was found and why it can't be, without any secret.
    pub message: String,
    /// What is accepted, or what to do; empty if the message says it.
    pub help: String,
}

impl ConfigError {
    /// An error at `path`.
    pub fn new(path: impl Into<String>, message: impl Into<String>, help: impl Into<String>) -> Self {
        ConfigError { path: path.into(), message: message.into(), help: help.into() }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)?;
        if self.help.is_empty() { Ok(()) } else { write!(f, " ({})", self.help) }
    }
}

impl std::error::Error for ConfigError {}

/// Looks up an environment variable. The process's own environment is read by the binary only.
pub type Environment<'e> = &'e (dyn Fn(&str) -> Option<String> + Sync);

/// Where a secret is kept: `{ file = "…" }` or `{ env = "…" }`. A literal is refused, since configuration is copied,
/// committed and pasted into tickets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// The content of a file, one trailing newline taken off.
    File(PathBuf),
    /// The value of an environment variable.
    Env(String),
}

impl SecretSource {
    /// Reads the secret. An unreadable or empty one is an error at `path`, which never shows any of it.
    pub fn read(&self, path: &str, environment: Environment<'_>) -> Result<SecretString, ConfigError> {
        let text = match self {
            SecretSource::File(file) => read_text(file).map_err(|e| {
                ConfigError::new(
                    path,
                    format!("cannot read {}: {e}", file.display()),
                    "the file must be readable by this process and hold UTF-8 text",
                )
            })?,
            SecretSource::Env(name) => environment(name).ok_or_else(|| {
                ConfigError::new(
                    path,
                    format!("the environment variable {name} is not set"),
                    "set it, or use { file = \"…\" }",
                )
            })?,
        };
        let text = text.strip_suffix('\n').map(|t| t.strip_suffix('\r').unwrap_or(t)).unwrap_or(&text);
        if text.is_empty() {
            return Err(ConfigError::new(path, "the secret is empty", ""));
        }
        Ok(SecretString::from(text.to_owned()))
    }
}

/// The largest file that [`read_text`] reads.
pub const MAX_TEXT: u64 = 64 << 10;

/// Reads a text file that a configuration names, of at most [`MAX_TEXT`] bytes: it may name a device, or a log.
pub fn read_text(file: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    let read = std::fs::File::open(file)?.take(MAX_TEXT + 1).read_to_string(&mut text)?;
    if read as u64 > MAX_TEXT {
        return Err(std::io::Error::other(format!("it is larger than {MAX_TEXT} bytes")));
    }
    Ok(text)
}

impl<'de> Deserialize<'de> for SecretSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Raw {
            file: Option<PathBuf>,
            env: Option<String>,
        }
        struct V;
        impl<'de> Visitor<'de> for V {
            type Value = SecretSource;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a reference to a secret: { file = \"…\" } or { env = \"…\" }")
            }
            fn visit_str<E: de::Error>(self, _: &str) -> Result<SecretSource, E> {
                // Deliberately without the text that was found: it is a secret.
                Err(E::custom("a secret may not stand in the configuration; use { file = \"…\" } or { env = \"…\" }"))
            }
            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<SecretSource, A::Error> {
                match Raw::deserialize(de::value::MapAccessDeserializer::new(map))? {
                    Raw { file: Some(file), env: None } => Ok(SecretSource::File(file)),
                    Raw { file: None, env: Some(env) } => Ok(SecretSource::Env(env)),
                    _ => Err(de::Error::custom("exactly one of `file` and `env` is needed")),
                }
            }
        }
        deserializer.deserialize_any(V)
    }
}

/// A length of time with its unit: `"90s"`, `"250ms"`, `"5m"`, `"10h"`, `"7d"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

impl std::str::FromStr for Span {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (number, unit) = split_unit(text);
        let n: u64 = number.parse().map_err(|_| format!("\"{text}\" is not a duration"))?;
        let millis = match unit {
            "ms" => Some(n),
            "s" => n.checked_mul(1_000),
            "m" => n.checked_mul(60_000),
            "h" => n.checked_mul(3_600_000),
            "d" => n.checked_mul(86_400_000),
            _ => return Err(format!("\"{text}\" has no unit this program knows")),
        };
        millis.map(|ms| Span(Duration::from_millis(ms))).ok_or_else(|| format!("\"{text}\" is too long"))
    }
}

/// A number of bytes with its unit: `"512B"`, `"32KiB"`, `"1MiB"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteLimit(pub usize);

impl std::str::FromStr for ByteLimit {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (number, unit) = split_unit(text);
        let n: usize = number.parse().map_err(|_| format!("\"{text}\" is not a size"))?;
        let factor = match unit {
            "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            _ => return Err(format!("\"{text}\" has no unit this program knows")),
        };
        n.checked_mul(factor).map(ByteLimit).ok_or_else(|| format!("\"{text}\" is too large"))
    }
}

fn split_unit(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

macro_rules! from_text {
    ($type:ty, $expecting:literal) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct V;
                impl Visitor<'_> for V {
                    type Value = $type;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expecting)
                    }
                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$type, E> {
                        text.parse().map_err(|found: String| E::custom(format!("{found}; accepted is {}", $expecting)))
                    }
                }
                deserializer.deserialize_str(V)
            }
        }
    };
}
from_text!(Span, "a duration with its unit, such as \"250ms\", \"90s\", \"5m\", \"10h\" or \"7d\"");
from_text!(ByteLimit, "a size with its unit, such as \"512B\", \"32KiB\" or \"1MiB\"");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_required_and_overflow_is_refused() {
        assert_eq!("90s".parse(), Ok(Span(Duration::from_secs(90))));
        assert_eq!("250ms".parse(), Ok(Span(Duration::from_millis(250))));
        assert_eq!("1MiB".parse(), Ok(ByteLimit(1 << 20)));
        for bad in ["90", "s", "", "-1s", "1.5h", "99999999999999999999s", "18446744073709551615d", "1 s"] {
            assert!(bad.parse::<Span>().is_err(), "{bad}");
        }
        assert!("1MB".parse::<ByteLimit>().is_err());
    }

    /// `/dev/zero` never ends.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_secret_is_read_within_a_bound() {
        let error = SecretSource::File("/dev/zero".into()).read("cookies.keys[0]", &|_| None).unwrap_err();
        assert!(error.message.contains("larger than 65536 bytes"), "{error}");
    }

    #[test]
    fn a_literal_secret_is_refused_without_being_shown() {
        let error = serde_json::from_str::<SecretSource>(r#""hunter2""#).unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{error}");
        assert!(error.contains("file"), "{error}");
    }
}
