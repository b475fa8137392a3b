//! `gangplank keys`: makes static keys, and the lines that stand for them in a file of keys.
//!
//! A key is printed once, on standard output, and kept nowhere. A key that is to be hashed is read from standard
//! input, never from an argument: arguments are seen by every process of the machine, and stay in the shell's history.

mod append;

use std::io::{IsTerminal as _, Read as _};

use gangplank_authn::static_keys::{KeyDigest, KeyEntry, NewKey, digest_of};
use gangplank_jose::UnixTime;
use gangplank_net::SystemClock;
use gangplank_oauth::Clock as _;
use gangplank_oauth::config::Span;
use secrecy::zeroize::Zeroizing;

use crate::arguments::{HashKeyArguments, KeyAttributes, KeysArguments, KeysCommand, NewKeyArguments};
use crate::console;
use crate::exit::Exit;

/// The longest key that is hashed.
const MOST: u64 = 16 << 10;

/// Runs one of them.
pub fn run(arguments: &KeysArguments) -> Exit {
    let done = match &arguments.command {
        KeysCommand::New(new) => make(new, SystemClock.now()),
        KeysCommand::Hash(hash) => hash_given(hash, SystemClock.now()),
    };
    match done {
        Ok(()) => Exit::Done,
        Err(problem) => {
            console::complain(&format!("error: {problem}\n"));
            Exit::Failed
        }
    }
}

fn make(arguments: &NewKeyArguments, now: UnixTime) -> Result<(), String> {
    let key = NewKey::generate().map_err(|e| e.to_string())?;
    let line = entry(&arguments.id, key.digest(), &arguments.attributes, now)?.to_string();
    match &arguments.file {
        Some(file) => {
            append::line(file, &line)?;
            // Only now: a key that no file has is of no use.
            console::say(&Zeroizing::new(format!("{}\n", key.expose())));
            console::complain(&format!(
                "This is the key, shown this once. {} has a line for it: {}\n",
                file.display(),
                arguments.id
            ));
        }
        None => {
            console::say(&Zeroizing::new(format!("{}\n{line}\n", key.expose())));
            console::complain("The first line is the key, shown this once. The second is for the file of keys.\n");
        }
    }
    Ok(())
}

fn hash_given(arguments: &HashKeyArguments, now: UnixTime) -> Result<(), String> {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        console::complain("Paste the key, then Enter and Ctrl-D:\n");
    }
    let mut key = Zeroizing::new(String::new());
    let read = stdin.lock().take(MOST + 1).read_to_string(&mut key);
    read.map_err(|e| format!("the key can't be read from standard input: {e}"))?;
    let key = key.trim();
    if key.is_empty() || key.len() as u64 > MOST || key.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err("standard input does not hold one key: one line without blanks, of at most 16 KiB".to_owned());
    }
    let entry = entry(arguments.id.as_deref().unwrap_or("ID"), digest_of(key), &arguments.attributes, now)?;
    console::say(&format!("{entry}\n"));
    Ok(())
}

fn entry(id: &str, digest: KeyDigest, attributes: &KeyAttributes, now: UnixTime) -> Result<KeyEntry, String> {
    let mut entry = KeyEntry::new(id, digest).map_err(|e| e.to_string())?;
    let expires = attributes.expires.as_deref().map(|text| end(text, now)).transpose()?;
    let given = [
        ("user", &attributes.user),
        ("groups", &attributes.groups),
        ("roles", &attributes.roles),
        ("scopes", &attributes.scopes),
        ("tenant", &attributes.tenant),
        ("expires", &expires),
    ];
    for (name, value) in given {
        if let Some(value) = value {
            entry.set(name, value).map_err(|e| e.to_string())?;
        }
    }
    Ok(entry)
}

/// A time, or a length of time from now on.
fn end(text: &str, now: UnixTime) -> Result<String, String> {
    let end = match (text.parse::<UnixTime>(), text.parse::<Span>()) {
        (Ok(time), _) => time,
        (_, Ok(Span(after))) => now + after,
        _ => {
            return Err(format!(
                "--expires {text:?} is neither a time such as 2027-01-01T00:00:00Z nor one such as 90d"
            ));
        }
    };
    if end <= now { Err(format!("--expires {text:?} is over already")) } else { Ok(end.to_string()) }
}
