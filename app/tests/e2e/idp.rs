//! `gangplank idp` on its own.

use crate::browser::call;
use crate::process::{Process, Scratch, gangplank};

#[tokio::test(flavor = "multi_thread")]
async fn it_serves_its_metadata_and_keys_where_it_says() {
    let mut command = gangplank();
    command.args(["idp", "--listen", "127.0.0.1:0"]);
    let mut idp = Process::start(command);
    let line = idp.wait_for("Issuer v2");
    let issuer = line.split_whitespace().last().expect("an issuer").to_owned();
    idp.wait_for("alice@");
    idp.wait_for("Stop with Ctrl-C");
    let metadata = call(&format!("{issuer}/.well-known/openid-configuration"), &[]).await;
    let metadata: serde_json::Value = serde_json::from_str(&metadata.text).expect("JSON");
    assert_eq!(metadata["issuer"], issuer.as_str());
    let keys = call(metadata["jwks_uri"].as_str().expect("a URL"), &[]).await;
    let keys: serde_json::Value = serde_json::from_str(&keys.text).expect("JSON");
    assert_eq!(keys["keys"].as_array().expect("keys").len(), 2);
    idp.signal("TERM");
    assert_eq!(idp.wait().code(), Some(0));
}

#[test]
fn it_stays_on_loopback_unless_told() {
    let output = gangplank().args(["idp", "--listen", "0.0.0.0:0"]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--insecure-listen"));
}

#[test]
fn its_own_authority_is_written_where_asked_and_no_key_is_left() {
    let scratch = Scratch::new("idp-tls");
    let ca = scratch.path("ca.pem");
    let temporary = scratch.path("tmp");
    std::fs::create_dir(&temporary).expect("a directory");
    let mut command = gangplank();
    command.args(["idp", "--listen", "127.0.0.1:0", "--tls", "--ca-out"]).arg(&ca).env("TMPDIR", &temporary);
    let mut idp = Process::start(command);
    assert!(idp.wait_for("Issuer v2").contains("https://127.0.0.1:"));
    let pem = std::fs::read_to_string(&ca).expect("the authority");
    assert!(pem.contains("BEGIN CERTIFICATE") && !pem.contains("PRIVATE"));
    assert_eq!(std::fs::read_dir(&temporary).expect("a directory").count(), 0);
    idp.signal("INT");
    assert_eq!(idp.wait().code(), Some(0));
}

#[test]
fn a_wrong_tenant_file_is_refused_with_its_lines() {
    let scratch = Scratch::new("idp-config");
    let file =
        scratch.write("tenant.toml", "id = \"11111111-2222-4333-8444-555555555555\"\n[[users]]\nusrname = 'x'\n");
    let output = gangplank().args(["idp", "--listen", "127.0.0.1:0", "--config"]).arg(&file).output().expect("it runs");
    assert_eq!(output.status.code(), Some(78));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("tenant.toml:3:1") && said.contains("did you mean `username`?"), "{said}");
}
