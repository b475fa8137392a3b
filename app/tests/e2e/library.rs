//! The example of `gangplank-authn`: a service of somebody else that knows its callers.

use std::process::{Command, Stdio};

use crate::browser::call;
use crate::process::{PATIENCE, Process, Scratch, gangplank};

/// Beside the executable: `cargo test --workspace` has built it.
fn service() -> Command {
    let directory = std::path::Path::new(env!("CARGO_BIN_EXE_gangplank")).parent().expect("a directory");
    let path = directory.join("examples/service");
    assert!(path.exists(), "build it first: cargo build -p gangplank-authn --example service");
    Command::new(path)
}

fn free_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_of_ones_own_knows_keys_and_tokens() {
    let scratch = Scratch::new("library");
    let config = scratch.path("dev.toml");
    let mut command = gangplank();
    command.args(["dev", "--port", "0", "--config-out"]).arg(&config);
    let mut dev = Process::start(command);
    let line = dev.wait_for("Bearer ");
    let token = line.split("Bearer ").nth(1).and_then(|t| t.split(['"', '\'']).next()).expect("a token").to_owned();
    let config = std::fs::read_to_string(&config).expect("the configuration");
    let value = |key: &str| {
        let (_, rest) = config.split_once(&format!("{key} = ")).expect("the key");
        rest.split('"').nth(1).expect("a string").to_owned()
    };
    let issuer = format!("{}/{}/v2.0", value("authority"), value("tenant"));

    let keys = scratch.path("keys");
    let mut command = gangplank();
    command.args(["keys", "new", "--id", "ci", "--file"]).arg(&keys).stderr(Stdio::null());
    let key = String::from_utf8(command.output().expect("it runs").stdout).expect("text");
    let key = key.lines().map(str::trim).find(|line| line.starts_with("gpk_")).expect("a key").to_owned();

    let address = free_address();
    let mut command = service();
    command.arg(&address).arg(&keys).args([&issuer, &value("audiences")]);
    let _service = Process::start(command);
    let end = std::time::Instant::now() + PATIENCE;
    while tokio::net::TcpStream::connect(&address).await.is_err() {
        assert!(std::time::Instant::now() < end, "the service does not listen");
    }

    for (path, credential, status, text) in [
        ("/healthz", None, 200, "ok"),
        ("/whoami", None, 401, ""),
        ("/whoami", Some("Bearer x"), 401, ""),
        ("/whoami", Some(&*format!("Bearer {key}")), 200, "ci"),
        ("/whoami", Some(&*format!("Bearer {token}")), 200, "dana@dev.test"),
        ("/whoami", Some(&*format!("Bearer {token}")), 200, "dana@dev.test"),
    ] {
        let headers: Vec<_> = credential.iter().map(|value| ("authorization", *value)).collect();
        let answer = call(&format!("http://{address}{path}"), &headers).await;
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (status, text), "{path}");
    }
}
