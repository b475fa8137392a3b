//! User names and passwords. The first octet says what the rest is: even, an htpasswd file, then a NUL and a password;
//! odd, an `Authorization` header, for a file with one user.
//!
//! No panic; what is wrong is bounded and without control characters; nobody gets in but who is in the file, with the
//! password.

#![no_main]

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gangplank_authn::basic::{Basic, PasswordFile};
use gangplank_authn::{Authenticator as _, Credentials, NotMine, Outcome, Realm};
use gangplank_fuzz::{NOW, is_clean};
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;
use tokio::runtime::Runtime;

fuzz_target!(|data: &[u8]| {
    let Some((&kind, rest)) = data.split_first() else { return };
    if kind % 2 == 0 { file(rest) } else { header(rest) }
});

fn file(data: &[u8]) {
    let mut parts = data.splitn(2, |b| *b == 0);
    let (text, password) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    match PasswordFile::parse(text) {
        // bcrypt takes its time: that is what it is for.
        Ok(users) if !text.windows(2).any(|pair| pair == b"$2") => {
            let Ok(password) = std::str::from_utf8(password) else { return };
            assert!(!users.verify("no:body", password));
            for line in text.split(|b| *b == b'\n').take(4) {
                let user = line.split(|b| *b == b':').next().and_then(|user| std::str::from_utf8(user).ok());
                let _ = users.verify(user.unwrap_or_default(), password);
            }
        }
        Ok(_) => {}
        Err(errors) => {
            for error in errors {
                let text = error.to_string();
                assert!(error.line.is_some() && text.len() < 512 && is_clean(&text), "{text:?}");
            }
        }
    }
}

fn header(data: &[u8]) {
    static RUNTIME: LazyLock<Runtime> =
        LazyLock::new(|| tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap());
    static USERS: LazyLock<Basic> = LazyLock::new(|| {
        let file = std::env::temp_dir().join(format!("gangplank-fuzz-htpasswd-{}", std::process::id()));
        std::fs::write(&file, "ada:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n").unwrap();
        let users = Basic::load("staff", Realm::new("x").unwrap(), &file, NOW).unwrap();
        let _ = std::fs::remove_file(&file);
        users
    });
    let Ok(value) = HeaderValue::from_bytes(data) else { return };
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, value);
    match RUNTIME.block_on(USERS.authenticate(Credentials::headers(&headers), NOW)) {
        Outcome::Authenticated(who) => {
            assert_eq!(who.identity().username, "ada");
            let said = data.get(5..).map(|said| STANDARD.decode(said.trim_ascii()));
            assert_eq!(said, Some(Ok(b"ada:secret".to_vec())));
        }
        Outcome::NotMine(NotMine::Absent) => {
            assert!(!data.to_ascii_lowercase().starts_with(b"basic "));
        }
        Outcome::Rejected(refusal) => {
            let text = refusal.to_string();
            assert!(text.len() < 512 && is_clean(&text), "{text:?}");
        }
        other => panic!("{other:?}"),
    }
}
