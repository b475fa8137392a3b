//! The thread that writes the log.
//!
//! Lines are gathered for a few milliseconds and written at once: a busy gate then makes hundreds of writes per
//! second, not tens of thousands. What is gathered is bounded. When the reader of the log stalls and the bound is
//! reached, ordinary lines are dropped and counted, and whoever has an audit line waits: a decision that leaves no
//! trace is worse than a slow one. A process that is killed outright loses the last few milliseconds.

use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long lines are gathered.
const GATHER: Duration = Duration::from_millis(3);

/// How many bytes may wait to be written.
const WAITING: usize = 1 << 20;

/// Takes lines, and has them written.
#[derive(Debug, Default)]
pub(super) struct Writer {
    state: Mutex<State>,
    /// Something is there to be written.
    filled: Condvar,
    /// Everything gathered so far has been taken.
    taken: Condvar,
}

#[derive(Debug, Default)]
struct State {
    lines: Vec<u8>,
    idle: bool,
    dropped: u64,
    /// How often gathered lines have been written.
    round: u64,
    writing: bool,
    hurry: bool,
}

impl Writer {
    /// Starts the thread. It ends with the process.
    pub(super) fn start(out: Box<dyn Write + Send>) -> Arc<Writer> {
        let writer = Arc::new(Writer::default());
        let for_thread = writer.clone();
        let spawned = std::thread::Builder::new().name("log".into()).spawn(move || for_thread.run(out));
        if spawned.is_err() {
            // Without a thread nothing could be written, and nobody told.
            std::process::abort();
        }
        writer
    }

    /// Hands over a line. If it must stay and there is no room, waits for room.
    pub(super) fn write(&self, line: &str, must_stay: bool) {
        let mut state = self.lock();
        while state.lines.len() + line.len() > WAITING && !state.lines.is_empty() {
            if !must_stay {
                state.dropped += 1;
                return;
            }
            state = self.taken.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.lines.extend_from_slice(line.as_bytes());
        if state.idle {
            state.idle = false;
            self.filled.notify_one();
        }
    }

    /// Waits until all lines so far are written.
    pub(super) fn flush(&self) {
        let mut state = self.lock();
        // What is being written now was gathered before; what is gathered now takes one more round.
        let wanted = state.round + u64::from(state.writing) + u64::from(!state.lines.is_empty());
        state.hurry = true;
        self.filled.notify_one();
        while state.round < wanted {
            state = self.taken.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn run(&self, mut out: Box<dyn Write + Send>) {
        let mut batch = Vec::new();
        let mut state = self.lock();
        loop {
            while state.lines.is_empty() {
                state.idle = true;
                state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            state.idle = false;
            if !state.hurry {
                let waited = self.filled.wait_timeout(state, GATHER).unwrap_or_else(PoisonError::into_inner);
                state = waited.0;
            }
            state.hurry = false;
            std::mem::swap(&mut batch, &mut state.lines);
            let dropped = std::mem::take(&mut state.dropped);
            state.writing = true;
            drop(state);
            self.taken.notify_all();
            // A log that can't be written to is no reason to stop serving, and there is nowhere to say so.
            let _ = out.write_all(&batch);
            if dropped > 0 {
                let _ = writeln!(out, "{dropped} lines of the log were dropped: its reader is too slow");
            }
            let _ = out.flush();
            batch.clear();
            state = self.lock();
            state.writing = false;
            state.round += 1;
            self.taken.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, Sender, channel};

    /// Writes only what it is let through.
    struct Stalled(Receiver<()>, Sender<Vec<u8>>);

    impl Write for Stalled {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let _ = self.0.recv();
            let _ = self.1.send(bytes.to_vec());
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_stalled_reader_costs_ordinary_lines_and_no_audit_line() {
        let (go, gate) = channel();
        let (out, written) = channel();
        let writer = Writer::start(Box::new(Stalled(gate, out)));
        let big = "x".repeat(WAITING - 10) + "\n";
        writer.write("first\n", true);
        writer.flush_started();
        writer.write(&big, false);
        writer.write("ordinary line\n", false);
        let audit = std::thread::spawn({
            let writer = writer.clone();
            move || writer.write("the audit line\n", true)
        });
        for _ in 0..8 {
            let _ = go.send(());
        }
        audit.join().unwrap();
        writer.flush();
        let text: Vec<u8> = written.try_iter().flatten().collect();
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains("the audit line"), "the audit line is there");
        assert!(!text.contains("ordinary line"));
        assert!(text.contains("1 lines of the log were dropped"));
    }

    impl Writer {
        /// Waits until the first batch is with the writer.
        fn flush_started(&self) {
            let mut state = self.lock();
            state.hurry = true;
            self.filled.notify_one();
            while !state.writing {
                state = self.taken.wait_timeout(state, Duration::from_millis(1)).unwrap().0;
            }
        }
    }
}
