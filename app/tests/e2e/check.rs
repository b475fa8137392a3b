//! What `gangplank check` says, to the letter. `GANGPLANK_BLESS=1` writes what it says now; look at the difference.

use std::path::{Path, PathBuf};

use crate::process::gangplank;

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
