//! From starting a process to its first answer.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::Failure;

const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_micros(200);

/// Runs `program serve --config config`, waits until `/healthz` answers, ends it, and returns the milliseconds.
///
/// # Errors
/// It does not start, or does not answer in time.
pub fn millis(program: &str, config: &str) -> Result<f64, Failure> {
    let address = listen_address(&fs::read_to_string(config)?)?;
    let started = Instant::now();
    let mut gate = Command::new(program)
        .args(["serve", "--config", config])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let answered = loop {
        if answers(address) {
            break Ok(started.elapsed().as_secs_f64() * 1000.0);
        }
        if started.elapsed() > PATIENCE {
            break Err("it did not answer in time".into());
        }
        if let Some(status) = gate.try_wait()? {
            break Err(format!("it ended: {status}").into());
        }
        std::thread::sleep(PAUSE);
    };
    let _ = gate.kill();
    gate.wait()?;
    answered
}

fn listen_address(config: &str) -> Result<SocketAddr, Failure> {
    let line =
        config.lines().find_map(|line| line.strip_prefix("listen = ")).ok_or("the configuration has no listen")?;
    Ok(line.trim_matches('"').parse()?)
}

fn answers(address: SocketAddr) -> bool {
    let Ok(mut tcp) = TcpStream::connect(address) else { return false };
    let mut status = [0; 12];
    tcp.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").is_ok()
        && tcp.read_exact(&mut status).is_ok()
        && &status == b"HTTP/1.1 200"
}
