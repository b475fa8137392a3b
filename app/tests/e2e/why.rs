//! Telling people why: `token inspect`, `token verify`, `explain`.

use std::io::Write as _;
use std::process::{Output, Stdio};

use http::StatusCode;

use crate::browser::call;
use crate::process::{Process, Scratch, gangplank};

fn run(arguments: &[&str], input: &str) -> Output {
    let mut command = gangplank();
    command.args(arguments).env("GANGPLANK_DEV_CLIENT_SECRET", "any").env("GANGPLANK_DEV_API_SECRET", "any");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the executable starts");
    // One that does not read its input closes it.
    let _ = child.stdin.take().expect("stdin").write_all(input.as_bytes());
    child.wait_with_output().expect("an end")
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_token_is_inspected_and_verified_against_everybody() {
    let scratch = Scratch::new("why-token");
    let config = scratch.path("dev.toml");
    let mut command = gangplank();
    command.args(["dev", "--port", "0", "--config-out"]).arg(&config);
    let mut dev = Process::start(command);
    let line = dev.wait_for("Bearer ");
    let token = line.split("Bearer ").nth(1).and_then(|t| t.split(['"', '\'']).next()).expect("a token");

    let seen = out(&run(&["token", "inspect"], token));
    assert!(seen.contains("access token, delegated") && seen.contains("Nothing of this is verified"), "{seen}");
    assert!(!seen.contains(token.rsplit('.').next().unwrap()), "the signature is not shown");

    let config = config.to_str().unwrap();
    let file = scratch.write("token", &format!("Authorization: Bearer {token}\n"));
    let known = run(&["token", "verify", "--config", config, "--file", file.to_str().unwrap()], "");
    assert_eq!(known.status.code(), Some(0), "{}", err(&known));
    let said = out(&known);
    assert!(said.contains("dev: accepts it, by bearer") && said.contains("@dev.test"), "{said}");
    assert!(said.contains("route /: passes"), "{said}");

    let (front, _) = token.rsplit_once('.').unwrap();
    let forged = run(&["token", "verify", "--config", config], &format!("{front}.AAAA"));
    assert_eq!(forged.status.code(), Some(1), "{}", err(&forged));
    let said = out(&forged);
    assert!(said.contains("dev: REFUSES it") && said.contains("token-signature-invalid"), "{said}");
    assert!(said.contains("what to do") && said.contains("route /: does not pass"), "{said}");

    let stranger = run(&["token", "verify", "--config", config], "opaque");
    assert_eq!(stranger.status.code(), Some(1));
    assert!(out(&stranger).contains("dev: does not know it"), "{}", out(&stranger));

    for (arguments, code) in
        [(&["token", "verify", "--config", "missing.toml"][..], 78), (&["token", "inspect", "x"], 2)]
    {
        assert_eq!(run(arguments, token).status.code(), Some(code), "{arguments:?}");
    }
    assert_eq!(run(&["token", "inspect"], "").status.code(), Some(1), "nothing to read");
    assert_eq!(run(&["token", "inspect"], &"x".repeat(1 << 18)).status.code(), Some(1), "too much to read");
}

const CONFIG: &str = r#"
[gate]
listen = "127.0.0.1:0"
public_url = "http://gate.test"
metrics_listen = "127.0.0.1:0"
[issuers.far]
url = "https://far.test"
audiences = ["x"]
[[routes]]
name = "api"
path = "/"
accept = ["far"]
allow.signed_in = true
upstream = "http://127.0.0.1:1"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_that_happened_is_explained_by_the_process_and_by_its_log() {
    let scratch = Scratch::new("why-explain");
    let file = scratch.write("gangplank.toml", CONFIG);
    let mut command = gangplank();
    command.args(["serve", "--config"]).arg(&file);
    let mut gate = Process::start(command);
    let address = |line: String| line.split("address=").nth(1).and_then(|a| a.split(' ').next()).unwrap().to_owned();
    let gate_at = address(gate.wait_for("listening address="));
    let operations = address(gate.wait_for("listening for metrics"));

    let refused =
        call(&format!("http://{gate_at}/a?secret=1"), &[("host", "gate.test"), ("authorization", "Bearer x")]).await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    let id = refused.headers["x-request-id"].to_str().unwrap().to_owned();

    let told = run(&["explain", &id, "--from", &operations], "");
    assert_eq!(told.status.code(), Some(0), "{}", err(&told));
    let said = out(&told);
    for expected in ["asked    GET gate.test/a\n", "route    api", "token-not-compact (", "what to do"] {
        assert!(said.contains(expected), "{expected:?} in\n{said}");
    }
    assert!(!said.contains("secret"), "{said}");

    let line = gate.wait_for("decision=deny");
    let log = scratch.write("gate.log", &format!("something else\n{line}\n"));
    let from_log = out(&run(&["explain", &id, "--log", log.to_str().unwrap()], ""));
    assert_eq!(
        from_log.lines().skip(1).collect::<Vec<_>>(),
        said.lines().skip(1).collect::<Vec<_>>(),
        "but for the time"
    );

    let unknown = run(&["explain", "abc", "--from", &operations], "");
    assert_eq!(unknown.status.code(), Some(1));
    assert!(err(&unknown).contains("remembers no refusal"), "{}", err(&unknown));
    for bad in ["../metrics", "a b", ""] {
        assert_eq!(run(&["explain", bad, "--from", &operations], "").status.code(), Some(1), "{bad}");
    }
}
