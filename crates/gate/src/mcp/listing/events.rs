//! Takes tools out of a stream of server-sent events, as it comes.
//!
//! 1. The stream is cut into lines (`\n`, `\r\n` or `\r`), and lines into events at empty lines, wherever the parts of the
//!    stream end. An event's data are its `data` lines, joined by `\n`.
//! 2. A line goes on at once unless the event has data by then. From its first `data` line to its end an event is held, at
//!    most [`LARGEST`] octets of it; a larger one ends the stream.
//! 3. If tools are taken out of its data, they stand instead of the data lines, in the place of the first of them.
//!    Every other line, and every other event, goes on octet by octet: ids, names, retry times and comments stay.
//! 4. What is not yet an event when the stream ends is treated as one.
//! 5. A byte order mark has no place in it: a client could take the line behind for another one than we.

use super::cut::{Shows, cut};
use crate::mcp::ToolRefusal;

/// How much of an event is held, and how long a line may be.
pub(crate) const LARGEST: usize = 16 << 20;

/// How much of a line's memory is kept for the next one.
const KEPT: usize = 16 << 10;

/// A stream.
pub struct Events<S> {
    shown: S,
    /// The line that is not over yet.
    line: Vec<u8>,
    /// The lines of an event that has data, with their ends.
    held: Vec<u8>,
    /// Where in `held` its data lines are, with their ends.
    data: Vec<std::ops::Range<usize>>,
    /// Whether the last line ended with `\r`: a `\n` still belongs to it.
    after_return: bool,
    began: bool,
    largest: usize,
}

impl<S: Shows> Events<S> {
    /// None yet.
    pub fn new(shown: S) -> Self {
        Events {
            shown,
            line: Vec::new(),
            held: Vec::new(),
            data: Vec::new(),
            after_return: false,
            began: false,
            largest: LARGEST,
        }
    }

    /// As many octets as may be held.
    #[cfg(test)]
    fn holding(self, largest: usize) -> Self {
        Events { largest, ..self }
    }

    /// The next part of the stream; what may go on is added to `out`.
    ///
    /// # Errors
    /// The stream cannot be read any further.
    pub fn feed(&mut self, mut part: &[u8], out: &mut Vec<u8>) -> Result<(), ToolRefusal> {
        if self.after_return && !part.is_empty() {
            self.after_return = false;
            if let Some(rest) = part.strip_prefix(b"\n") {
                self.end_of_line(b"\n", out);
                part = rest;
            }
        }
        while let Some(at) = memchr::memchr2(b'\r', b'\n', part) {
            let end = match &part[at..] {
                [b'\r', b'\n', ..] => at + 2,
                _ => at + 1,
            };
            let terminator = &part[at..end];
            self.after_return = end == part.len() && terminator == b"\r";
            self.add(&part[..at])?;
            self.whole_line(terminator, out)?;
            part = &part[end..];
        }
        self.add(part)
    }

    /// The stream is over.
    ///
    /// # Errors
    /// Its last event cannot be read.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), ToolRefusal> {
        if !self.line.is_empty() {
            self.whole_line(b"", out)?;
        }
        self.dispatch(out)
    }

    fn add(&mut self, part: &[u8]) -> Result<(), ToolRefusal> {
        if self.line.len() + part.len() + self.held.len() > self.largest {
            return Err(ToolRefusal::AnswerTooLarge(self.largest));
        }
        self.line.extend_from_slice(part);
        Ok(())
    }

    /// The rest of a line's end, of which a part came before.
    fn end_of_line(&mut self, rest: &[u8], out: &mut Vec<u8>) {
        if self.data.is_empty() {
            out.extend_from_slice(rest);
        } else {
            // Of a data line it is a part of that line.
            if let Some(last) = self.data.last_mut().filter(|last| last.end == self.held.len()) {
                last.end += rest.len();
            }
            self.held.extend_from_slice(rest);
        }
    }

    fn whole_line(&mut self, terminator: &[u8], out: &mut Vec<u8>) -> Result<(), ToolRefusal> {
        let line = std::mem::take(&mut self.line);
        if !std::mem::replace(&mut self.began, true) && line.starts_with(b"\xef\xbb\xbf") {
            return Err(ToolRefusal::AnswerUnreadable(gangplank_jose::Excerpt::of("a byte order mark")));
        }
        if line.is_empty() {
            self.dispatch(out)?;
            // Where lines between them were taken out, a `\r` and this `\n` must not become the end of one line.
            if terminator == b"\n" && out.ends_with(b"\r") {
                out.push(b'\n');
            }
            out.extend_from_slice(terminator);
        } else if self.data.is_empty() && value(&line).is_none() {
            out.extend_from_slice(&line);
            out.extend_from_slice(terminator);
        } else {
            let start = self.held.len();
            self.held.extend_from_slice(&line);
            self.held.extend_from_slice(terminator);
            if value(&line).is_some() {
                self.data.push(start..self.held.len());
            }
        }
        // Nothing is allocated anew for each line, and no stream keeps what one long line took.
        if line.capacity() <= KEPT {
            self.line = line;
            self.line.clear();
        }
        Ok(())
    }

    /// The end of an event.
    fn dispatch(&mut self, out: &mut Vec<u8>) -> Result<(), ToolRefusal> {
        let (held, data) = (std::mem::take(&mut self.held), std::mem::take(&mut self.data));
        let Some(first) = data.first() else { return Ok(()) };
        let values = data.iter().map(|at| value(trimmed(&held[at.clone()])).unwrap_or_default());
        let joined = if data.len() == 1 { None } else { Some(values.clone().collect::<Vec<_>>().join(&b'\n')) };
        let answer = joined.as_deref().or(values.clone().next()).unwrap_or_default();
        let Some(left) = cut(answer, &self.shown)? else {
            out.extend_from_slice(&held);
            return Ok(());
        };
        let terminator = &held[first.clone()][trimmed(&held[first.clone()]).len()..];
        let mut done = 0;
        for (nth, at) in data.iter().enumerate() {
            out.extend_from_slice(&held[done..at.start]);
            if nth == 0 {
                for line in left.split(|octet| *octet == b'\n') {
                    out.extend_from_slice(b"data: ");
                    out.extend_from_slice(line);
                    out.extend_from_slice(if terminator.is_empty() { b"\n" } else { terminator });
                }
            }
            done = at.end;
        }
        out.extend_from_slice(&held[done..]);
        Ok(())
    }
}

/// A line without its end.
fn trimmed(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The value of a data line.
fn value(line: &[u8]) -> Option<&[u8]> {
    match line.strip_prefix(b"data")? {
        [] => Some(&[]),
        [b':', b' ', value @ ..] | [b':', value @ ..] => Some(value),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
