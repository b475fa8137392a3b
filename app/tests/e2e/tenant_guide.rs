//! The commands in the guide of the dev tenant are run, in their order, with what the tenant printed and answered before.

use std::collections::BTreeMap;

use gangplank_idp::{CertificateKey, ClientCertificate};
use http::{Method, StatusCode};
use serde_json::Value;
use url::{Url, form_urlencoded};

use crate::browser::send;
use crate::docs::{blocks, read};
use crate::process::{Process, Scratch, gangplank};

const GUIDE: &str = "docs/guides/dev-tenant.md";

/// What the shell would know.
struct Shell {
    base: String,
    variables: BTreeMap<String, String>,
}

impl Shell {
    /// Runs one `curl`, and notes the members of the answer down under their names in capitals.
    async fn run(&mut self, command: &str) {
        let words = words(&self.expanded(command));
        let mut words = words.iter().map(String::as_str);
        assert_eq!(words.next(), Some("curl"), "{command}");
        let (mut url, mut headers, mut body) = (None, Vec::new(), Vec::new());
        while let Some(word) = words.next() {
            match word {
                "-H" => headers.push(words.next().and_then(|header| header.split_once(": ")).expect("a header")),
                "-d" => body.push(words.next().expect("a value")),
                _ => url = Some(Url::parse(word).expect("a URL")),
            }
        }
        let json = body.first().is_some_and(|value| value.starts_with('{'));
        let form = || body.iter().map(|pair| encoded(pair)).collect::<Vec<_>>().join("&");
        let text = if json { body.concat() } else { form() };
        if !json {
            headers.push(("content-type", "application/x-www-form-urlencoded"));
        }
        let answer = send(Method::POST, &url.expect("a URL"), &headers, &text).await;
        assert!(matches!(answer.status, StatusCode::OK | StatusCode::CREATED), "{command}\n{}", answer.text);
        let members: BTreeMap<String, Value> = serde_json::from_str(&answer.text).unwrap_or_default();
        for (name, value) in members {
            if let Value::String(text) = value {
                self.variables.insert(name.to_ascii_uppercase(), text);
            }
        }
    }

    fn expanded(&self, command: &str) -> String {
        let mut text = command.replace("http://127.0.0.1:4190", &self.base);
        for (name, value) in &self.variables {
            text = text.replace(&format!("${name}"), value);
        }
        assert!(!text.contains('$'), "{text}");
        text
    }
}

/// `curl -d` sends as it is; what a form has to encode, these values do not have, but for these.
fn encoded(pair: &str) -> String {
    let (name, value) = pair.split_once('=').expect("a pair");
    format!("{name}={}", form_urlencoded::byte_serialize(value.as_bytes()).collect::<String>())
}

/// As a shell splits a line, quotes taken off.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    for c in line.chars() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, ' ') => words.extend(Some(std::mem::take(&mut word)).filter(|word| !word.is_empty())),
            _ => word.push(c),
        }
    }
    words.extend(Some(word).filter(|word| !word.is_empty()));
    words
}

/// The secret that is printed below an application's name.
fn secret(said: &[String], application: &str) -> String {
    let mut lines = said.iter().skip_while(|line| !line.ends_with(&format!("  {application}")));
    let secret = lines.nth(1).and_then(|line| line.trim().strip_prefix("secret "));
    secret.unwrap_or_else(|| panic!("no secret of {application}: {said:?}")).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_for_machines_work() {
    let mut command = gangplank();
    command.args(["idp", "--listen", "127.0.0.1:0"]);
    let mut idp = Process::start(command);
    let home = idp.wait_for("Home ").split_whitespace().last().expect("a URL").to_owned();
    idp.wait_for("Stop with Ctrl-C");
    let page = read(GUIDE);
    let section = |title: &str| {
        page.split(&format!("\n## {title}\n")).nth(1).and_then(|rest| rest.split("\n## ").next()).expect("it")
    };
    let sections = [section("Without a browser"), section("The standard face")].concat();
    let mut shell = Shell {
        base: home.trim_end_matches('/').to_owned(),
        variables: BTreeMap::from([
            ("BATCH_SECRET".to_owned(), secret(&idp.said, "Batch")),
            ("PODINFO_SECRET".to_owned(), secret(&idp.said, "podinfo")),
        ]),
    };
    let mut ran = 0;
    for line in blocks(&sections, "sh").concat().replace("\\\n", "").lines() {
        match line.split_once('=').filter(|(name, _)| name.bytes().all(|b| b.is_ascii_uppercase())) {
            Some((name, value)) => drop(shell.variables.insert(name.to_owned(), shell.expanded(value))),
            None => {
                shell.run(line).await;
                ran += 1;
            }
        }
    }
    assert_eq!(ran, 12, "each of them");
}

#[test]
fn the_policy_of_the_standard_face_makes_a_tenant() {
    let scratch = Scratch::new("docs-standard");
    let mut command = gangplank();
    command.args(["idp", "--listen", "127.0.0.1:0", "--config"]);
    command.arg(scratch.write("tenant.toml", &blocks(&read(GUIDE), "toml")[2]));
    let mut idp = Process::start(command);
    assert!(idp.wait_for("Standard ").trim_end().ends_with("/standard"));
}

#[test]
fn the_registrations_for_machines_make_a_tenant() {
    let page = read(GUIDE);
    let scratch = Scratch::new("docs-machines");
    let made = ClientCertificate::generate(CertificateKey::P256).expect("a certificate");
    let certificate = scratch.write("signer.crt", &made.certificate_pem);
    let document = blocks(&page, "toml")[1].replace("signer.crt", &certificate.display().to_string());
    let mut command = gangplank();
    command.args(["idp", "--listen", "127.0.0.1:0", "--config"]).arg(scratch.write("tenant.toml", &document));
    let mut idp = Process::start(command);
    idp.wait_for("Stop with Ctrl-C");
    assert!(!idp.said.iter().any(|line| line.contains("secret ")), "who has another credential has no secret");
}
