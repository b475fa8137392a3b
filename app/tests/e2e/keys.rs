//! `gangplank keys`, and a gate that knows the keys.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Output, Stdio};

use http::StatusCode;

use crate::browser::call;
use crate::process::{Process, Scratch, gangplank};

fn keys(arguments: &[&str], stdin: &str) -> Output {
    let mut command = gangplank();
    command.arg("keys").args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    // One that refuses its arguments does not read.
    let _ = child.stdin.take().expect("stdin").write_all(stdin.as_bytes());
    child.wait_with_output().expect("it ends")
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).expect("text")
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).expect("text")
}

/// Makes a key in a file and gives it.
fn new(file: &Path, id: &str, more: &[&str]) -> String {
    let file = file.to_str().expect("text");
    let output = keys(&[&["new", "--id", id, "--file", file], more].concat(), "");
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(!stderr(&output).contains("gpk_"), "{}", stderr(&output));
    stdout(&output).trim_end().to_owned()
}

#[test]
fn a_key_is_printed_once_and_its_line_is_what_hash_says() {
    let made = keys(&["new", "--id", "ci", "--user", "Ada L", "--groups", "a,b"], "");
    let (key, line) = stdout(&made).trim_end().split_once('\n').expect("two lines");
    assert!(key.starts_with("gpk_") && key.len() == 53, "{key}");
    assert!(line.ends_with("; user=Ada L; groups=a,b") && !stderr(&made).contains(key), "{line}");
    let hashed = keys(&["hash", "--id", "ci", "--user", "Ada L", "--groups", "a,b"], &format!("{key}\n"));
    assert_eq!(stdout(&hashed).trim_end(), line);
    assert_eq!(
        stdout(&keys(&["hash"], "abc")),
        "ID:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n"
    );
    let ends = keys(&["hash", "--expires", "2099-01-01T00:00:00Z"], "abc");
    assert!(stdout(&ends).ends_with("; expires=2099-01-01T00:00:00Z\n"), "{}", stdout(&ends));
    assert!(stdout(&keys(&["hash", "--expires", "90d"], "abc")).contains("; expires=20"));
}

#[test]
fn what_cannot_be_is_said_without_the_key() {
    for (arguments, stdin, said) in [
        (&["hash", "--id", "a b"][..], "s3cret", "key id"),
        (&["hash"], "", "one key"),
        (&["hash"], "s3cret s3cret", "one key"),
        (&["hash", "--expires", "soon"], "s3cret", "neither a time"),
        (&["hash", "--expires", "2001-01-01T00:00:00Z"], "s3cret", "is over already"),
        (&["hash", "--groups", "system:masters"], "s3cret", "reserved"),
        (&["hash", "--user", "a; b"], "s3cret", "semicolon"),
    ] {
        let output = keys(arguments, stdin);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(stderr(&output).contains(said), "{arguments:?}: {}", stderr(&output));
        assert!(!stderr(&output).contains("s3cret") && stdout(&output).is_empty(), "{arguments:?}");
    }
    assert_eq!(keys(&["hash", "s3cret"], "").status.code(), Some(2), "never from an argument");
}

#[test]
fn a_file_gets_another_line_or_stays_as_it_is() {
    let scratch = Scratch::new("keys-append");
    let file = scratch.path("api-keys");
    new(&file, "one", &[]);
    let mode = |path: &Path| std::fs::metadata(path).expect("a file").permissions().mode() & 0o777;
    assert_eq!(mode(&file), 0o600);

    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).expect("permissions");
    std::os::unix::fs::symlink("api-keys", scratch.path("link")).expect("a link");
    new(&scratch.path("link"), "two", &["--expires", "30d"]);
    assert_eq!(mode(&file), 0o640, "the gate may read it as another user");
    assert!(scratch.path("link").is_symlink());
    let text = std::fs::read_to_string(&file).expect("text");
    let ids: Vec<&str> = text.lines().filter_map(|line| line.split(':').next()).collect();
    assert_eq!(ids, ["one", "two"]);

    let path = file.to_str().expect("text");
    let again = keys(&["new", "--id", "one", "--file", path], "");
    assert_eq!(again.status.code(), Some(1));
    assert!(stderr(&again).contains("line 3: has the key id of line 1"), "{}", stderr(&again));
    assert!(stdout(&again).is_empty(), "a key that no file has is of no use");
    assert_eq!(std::fs::read_to_string(&file).expect("text"), text);

    scratch.write("api-keys", "nonsense\n");
    let broken = keys(&["new", "--id", "three", "--file", path], "");
    assert!(stderr(&broken).contains("line 1: there is no colon"), "{}", stderr(&broken));
    assert_eq!(std::fs::read_to_string(&file).expect("text"), "nonsense\n");

    scratch.write(".api-keys.new", "");
    let busy = keys(&["new", "--id", "four", "--file", path], "");
    assert!(stderr(&busy).contains("somebody is writing"), "{}", stderr(&busy));
    assert!(scratch.path(".api-keys.new").exists(), "it is the other's");
}

const CONFIG: &str = r#"
[gate]
listen = "127.0.0.1:0"
public_url = "http://gate.test"
metrics_listen = "127.0.0.1:0"
[authenticators.programs]
keys_file = "api-keys"
[[routes]]
path = "/"
accept = ["programs"]
allow.groups = ["deployers"]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_gate_knows_the_keys_of_its_file_as_it_is_now() {
    let scratch = Scratch::new("keys-gate");
    let file = scratch.path("api-keys");
    let deploys = new(&file, "ci", &["--groups", "deployers"]);
    let looks = new(&file, "viewer", &[]);
    let config = scratch.write("gangplank.toml", CONFIG);
    let mut command = gangplank();
    command.args(["serve", "--config"]).arg(config).current_dir(scratch.path(""));
    let mut process = Process::start(command);
    let line = process.wait_for("listening address=");
    let address = line.split("address=").nth(1).and_then(|a| a.split(' ').next()).expect("an address").to_owned();
    let ask = async |key: &str| {
        let authorization = format!("Bearer {key}");
        let headers = [("host", "gate.test"), ("authorization", authorization.as_str())];
        let answer = call(&format!("http://{address}/oauth2/auth"), &headers).await;
        (answer.status, answer.headers.get("x-auth-request-user").map(|v| v.to_str().expect("text").to_owned()))
    };
    let passes = |user: &str| (StatusCode::ACCEPTED, Some(user.to_owned()));
    let refused = (StatusCode::UNAUTHORIZED, None);
    assert_eq!(ask(&deploys).await, passes("ci"));
    assert_eq!(ask(&looks).await, (StatusCode::FORBIDDEN, None));
    assert_eq!(ask(&looks[..52]).await, refused);

    // A wrong line changes nothing, a good one is taken over, and with a line goes its key.
    let good = std::fs::read_to_string(&file).expect("text");
    scratch.write("api-keys", &format!("{good}nonsense\n"));
    let said = process.wait_for("line 3: there is no colon");
    assert!(said.contains("authenticators.programs.keys_file"), "{said}");
    process.wait_for("the configuration in force stays");
    assert_eq!(ask(&deploys).await, passes("ci"));

    scratch.write("api-keys", &good);
    process.wait_for("configuration reloaded");
    let second = new(&file, "second", &["--groups", "deployers", "--user", "build"]);
    process.wait_for("configuration reloaded");
    assert_eq!(ask(&second).await, passes("build"));
    scratch.write("api-keys", good.lines().nth(1).expect("the second line"));
    process.wait_for("configuration reloaded");
    assert_eq!(ask(&deploys).await, refused);
    assert!(!process.said.join("\n").contains("gpk_"), "no key is in the log");
}
