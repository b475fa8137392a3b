//! `reference hello | net-hello | proxy URL | issuer TOKEN-FILE COUNT | verify`: what `bench/run` measures against.
//!
//! Servers listen on a free port of the loopback interface, print `listening ADDRESS` and run until they are ended.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use gangplank_bench::issuer::Issuer;
use gangplank_bench::{Failure, servers, verify};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["hello"] => servers::hello(announced()?).await,
        ["net-hello"] => {
            servers::net_hello(announced()?).await;
            Ok(())
        }
        ["proxy", upstream] => servers::proxy(announced()?, &upstream.parse()?).await,
        ["issuer", tokens, count] => issuer(Path::new(tokens), count.parse()?).await,
        ["verify"] => say(&format!("{:.2}", verify::rs256_micros(1400)?)),
        _ => Err("usage: reference hello | net-hello | proxy URL | issuer TOKEN-FILE COUNT | verify".into()),
    }
}

async fn issuer(tokens: &Path, count: usize) -> Result<(), Failure> {
    let listener = servers::listen()?;
    let issuer = Arc::new(Issuer::new(listener.local_addr()?)?);
    issuer.write_tokens(tokens, count)?;
    announce(&listener)?;
    issuer.serve(listener).await;
    Ok(())
}

fn announced() -> Result<TcpListener, Failure> {
    let listener = servers::listen()?;
    announce(&listener)?;
    Ok(listener)
}

fn announce(listener: &TcpListener) -> Result<(), Failure> {
    say(&format!("listening {}", listener.local_addr()?))
}

fn say(line: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}
