//! What `gangplank check` says, to the letter. `GANGPLANK_BLESS=1` writes what it says now; look at the difference.

use std::path::{Path, PathBuf};

use crate::process::{Process, Scratch, gangplank};

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the switch that rewrites the golden files")]
fn configurations_are_judged_to_the_letter() {
    let bless = std::env::var("GANGPLANK_BLESS").is_ok();
    let mut cases: Vec<PathBuf> = std::fs::read_dir(golden())
        .expect("golden files")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
        .collect();
    cases.push(golden().join("not-there.toml"));
    cases.sort();
    let mut wrong = Vec::new();
    for case in &cases {
        let name = case.file_name().expect("a name");
        let output = gangplank()
            .args(["check", "--config"])
            .arg(name)
            .current_dir(golden())
            .env("CLIENT_SECRET", "hunter2-of-the-environment")
            .output()
            .expect("it runs");
        let good = case.file_stem().expect("a name").to_string_lossy().starts_with("good");
        assert_eq!(output.status.code(), Some(if good { 0 } else { 78 }), "{name:?}");
        let (said, silent) = if good { (output.stdout, output.stderr) } else { (output.stderr, output.stdout) };
        assert_eq!(String::from_utf8_lossy(&silent), "", "{name:?}");
        let said = String::from_utf8(said).expect("text");
        assert!(!said.contains("hunter2"), "{name:?} shows a secret:\n{said}");
        let expected = case.with_extension("txt");
        if bless {
            std::fs::write(&expected, &said).expect("written");
        } else if std::fs::read_to_string(&expected).unwrap_or_default() != said {
            wrong.push(format!("--- {}\n{said}", expected.display()));
        }
    }
    assert!(wrong.is_empty(), "not as expected:\n{}", wrong.join("\n"));
}

#[test]
fn the_command_line_has_its_own_status() {
    for arguments in [vec!["chekc"], vec!["check", "--confg", "x"], vec![]] {
        let output = gangplank().args(&arguments).output().expect("it runs");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
    let help = gangplank().arg("--help").output().expect("it runs");
    assert_eq!(help.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&help.stdout).contains("serve"));
}

#[test]
fn what_is_named_is_reached_or_said_not_to_be() {
    let scratch = Scratch::new("check-reach");
    let ca = scratch.path("ca.pem");
    let mut command = gangplank();
    command.args(["idp", "--listen", "127.0.0.1:0", "--tls", "--ca-out"]).arg(&ca);
    let mut idp = Process::start(command);
    let home = idp.wait_for("Home ").split_whitespace().last().expect("a URL").trim_end_matches('/').to_owned();
    idp.wait_for("Stop with Ctrl-C");
    let address = home.strip_prefix("https://").expect("TLS");
    let config = format!(
        "gate = {{ listen = '127.0.0.1:0', public_url = 'http://gate.test' }}\n\
         [issuers.dev]\naudiences = ['a']\nca_file = 'ca.pem'\n\
         entra = {{ tenant = 'dca11c8d-0000-4000-8000-000000000001', authority = '{home}' }}\n\
         [[routes]]\npath = '/'\naccept = ['dev']\nallow.signed_in = true\nupstream = 'http://{address}'\n"
    );
    let reach = |config: &str| {
        let file = scratch.write("gangplank.toml", config);
        let mut command = gangplank();
        command.args(["check", "--reach", "--config"]).arg(file).current_dir(scratch.path(""));
        let output = command.output().expect("it runs");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (code, said) = reach(&config);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("good  issuer dev: metadata, and 2 keys"), "{said}");
    assert!(said.contains(&format!("good  upstream http://{address}: accepts connections")), "{said}");
    // Nobody listens on port 1, and nobody vouches for this certificate.
    let wrong = config.replace("ca_file = 'ca.pem'\n", "").replace(&format!("http://{address}"), "http://127.0.0.1:1");
    let (code, said) = reach(&wrong);
    assert_eq!(code, Some(1), "{said}");
    assert_eq!(said.matches("FAIL").count(), 2, "{said}");
}
