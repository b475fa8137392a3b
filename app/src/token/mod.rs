//! `gangplank token`: what a token says, and who would accept it.
//!
//! A token is read from a file or from standard input, never from an argument: arguments are seen by every process of
//! the machine, and stay in the shell's history.

mod inspect;
mod verify;
mod words;

use std::io::{IsTerminal as _, Read as _};
use std::path::Path;

use gangplank_net::SystemClock;
use gangplank_oauth::Clock as _;

use crate::arguments::{TokenArguments, TokenCommand};
use crate::console;
use crate::exit::Exit;

/// More than any token that is looked at, and than a header line around it.
const MOST: u64 = 128 << 10;

/// Runs one of them.
pub async fn run(arguments: &TokenArguments) -> Exit {
    let file = match &arguments.command {
        TokenCommand::Inspect(inspect) => inspect.file.as_deref(),
        TokenCommand::Verify(verify) => verify.file.as_deref(),
    };
    let text = match read(file) {
        Ok(text) => text,
        Err(problem) => {
            console::complain(&format!("error: {problem}\n"));
            return Exit::Failed;
        }
    };
    let (token, now) = (bare(&text), SystemClock.now());
    match &arguments.command {
        TokenCommand::Inspect(_) => {
            console::say(&inspect::text(token, now));
            Exit::Done
        }
        TokenCommand::Verify(verify) => verify::run(verify, token, now).await,
    }
}

fn read(file: Option<&Path>) -> Result<String, String> {
    let mut bytes = Vec::new();
    let (what, outcome) = match file {
        Some(file) => {
            let read = std::fs::File::open(file).and_then(|f| f.take(MOST + 1).read_to_end(&mut bytes));
            (file.display().to_string(), read)
        }
        None => {
            let stdin = std::io::stdin();
            if stdin.is_terminal() {
                console::complain("Paste the token, then Enter and Ctrl-D:\n");
            }
            ("standard input".to_owned(), stdin.lock().take(MOST + 1).read_to_end(&mut bytes))
        }
    };
    outcome.map_err(|e| format!("cannot read {what}: {e}"))?;
    if bytes.len() as u64 > MOST {
        return Err(format!("{what} holds more than {MOST} bytes: that is no token"));
    }
    match String::from_utf8(bytes) {
        Ok(text) if !bare(&text).is_empty() => Ok(text),
        Ok(_) => Err(format!("{what} is empty: pipe a token in, or name a file with --file")),
        Err(_) => Err(format!("{what} does not hold text")),
    }
}

/// The token itself, of what people copy around it: white space, quotes, `Authorization: Bearer`.
fn bare(text: &str) -> &str {
    let mut text = text.trim().trim_matches(['"', '\'']).trim();
    for front in ["authorization:", "bearer "] {
        if let Some((head, rest)) = text.split_at_checked(front.len())
            && head.eq_ignore_ascii_case(front)
        {
            text = rest.trim();
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_copy_along_is_taken_off() {
        for text in
            ["a.b.c", " a.b.c\r\n", "\"a.b.c\"", "Bearer a.b.c", "Authorization: bearer  a.b.c\n", "bearer a.b.c"]
        {
            assert_eq!(bare(text), "a.b.c", "{text}");
        }
        assert_eq!(bare("Bearer"), "Bearer");
    }
}
