//! `gangplank idp` on its own.

use http::{Method, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use url::Url;

use crate::browser::{call, send};
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

#[tokio::test(flavor = "multi_thread")]
async fn faults_that_only_a_socket_can_have_are_had() {
    let mut command = gangplank();
    command.args(["idp", "--listen", "127.0.0.1:0"]);
    let mut idp = Process::start(command);
    let home = Url::parse(idp.wait_for("Home ").split_whitespace().last().expect("a URL")).expect("a URL");
    let faults = home.join("dev/faults").expect("a URL");
    let keys = home.join("common/discovery/v2.0/keys").expect("a URL");
    let set = async |fault: &str| {
        let json = [("content-type", "application/json")];
        assert_eq!(send(Method::POST, &faults, &json, fault).await.status, StatusCode::OK);
    };

    set(r#"{"fault": "slow", "millis": 150, "on": "jwks", "times": 1}"#).await;
    let started = std::time::Instant::now();
    assert_eq!(send(Method::GET, &keys, &[], "").await.status, StatusCode::OK);
    assert!(started.elapsed() >= std::time::Duration::from_millis(150));

    set(r#"{"fault": "hang_up", "on": "jwks", "times": 1}"#).await;
    let mut tcp = tokio::net::TcpStream::connect(home.authority()).await.expect("a connection");
    let request = format!("GET {} HTTP/1.1\r\nHost: {}\r\n\r\n", keys.path(), home.authority());
    tcp.write_all(request.as_bytes()).await.expect("written");
    let mut answer = Vec::new();
    let end = tcp.read_to_end(&mut answer).await;
    assert!(end.is_err() || answer.is_empty(), "{}", String::from_utf8_lossy(&answer));
    assert_eq!(send(Method::GET, &keys, &[], "").await.status, StatusCode::OK);
}
