//! A connection that is held: one request after the other, and none may be lost.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::process::PATIENCE;

pub(crate) struct Held(TcpStream);

/// What of an answer is looked at.
pub(crate) struct Head {
    pub(crate) status: u16,
    text: String,
}

impl Head {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

impl Held {
    pub(crate) fn open(address: &str) -> Self {
        let tcp = TcpStream::connect(address).expect("it accepts connections");
        tcp.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        Held(tcp)
    }

    /// Asks the gate's check about a credential.
    pub(crate) fn check(&mut self, authorization: &str) -> Head {
        let head = format!("GET /oauth2/auth HTTP/1.1\r\nhost: gate.test\r\nauthorization: {authorization}\r\n\r\n");
        self.0.write_all(head.as_bytes()).expect("it listens");
        self.read()
    }

    /// The head of an answer, which is read to its end.
    fn read(&mut self) -> Head {
        let mut answer = Vec::new();
        let mut chunk = [0; 4096];
        loop {
            if let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") {
                let text = String::from_utf8_lossy(&answer[..end]).into_owned();
                let status = text.get(9..12).and_then(|status| status.parse().ok()).expect("a status");
                let head = Head { status, text };
                let length = head.header("content-length").map_or(0, |length| length.parse().expect("a length"));
                if answer.len() >= end + 4 + length {
                    return head;
                }
            }
            let read = self.0.read(&mut chunk).expect("it answers");
            assert!(read > 0, "it hung up");
            answer.extend_from_slice(&chunk[..read]);
        }
    }
}
