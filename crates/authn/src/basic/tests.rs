use http::HeaderMap;
use http::header::HeaderValue;

use super::hash::PasswordHash;
use super::*;
use crate::testing::{NOW, TempDir};

/// `secret`, by `htpasswd -nbBC 4`.
const BCRYPT: &str = "$2y$04$a3Gve9ZXQCN6rQK8WrZAoenui5VYz6RI2VguwIqksXVKFmdTQ2/cu";
/// `secret`, by `openssl passwd -apr1`.
const APR1: &str = "$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/";
const SHA: &str = "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=";

fn users(lines: &str) -> (TempDir, Basic) {
    let dir = TempDir::new();
    let path = dir.write("htpasswd", lines);
    let basic = Basic::load("staff", Realm::new("Staff").unwrap(), &path, NOW).unwrap();
    (dir, basic)
}

fn presenting(values: &[String]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for value in values {
        headers.append(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
    }
    headers
}

fn basic_of(user_and_password: &str) -> String {
    format!("Basic {}", STANDARD.encode(user_and_password))
}

async fn ask(basic: &Basic, values: &[String]) -> Result<Authenticated, &'static str> {
    match basic.authenticate(Credentials::headers(&presenting(values)), NOW).await {
        Outcome::Authenticated(who) => Ok(who),
        Outcome::NotMine(_) => Err("not mine"),
        Outcome::Rejected(refusal) | Outcome::Unavailable(refusal) => Err(refusal.reason().name),
    }
}

#[tokio::test]
async fn blanks_before_the_scheme_hide_nothing() {
    let (_dir, basic) = users(&format!("ada:{SHA}\n"));
    for (password, expected) in [("secret", None), ("wrong", Some("password-wrong"))] {
        for blank in [" ", "\t", "  "] {
            let value = format!("{blank}{}", basic_of(&format!("ada:{password}")));
            assert_eq!(ask(&basic, &[value]).await.err(), expected, "{blank:?}");
        }
    }
}

#[test]
fn hashes_of_others_are_understood() {
    for (hash, password) in [
        (BCRYPT, "secret"),
        (APR1, "secret"),
        (SHA, "secret"),
        ("$apr1$o1mtYB0K$OJFSWr88qoSpJYbem48tB/", "hunter2"),
        ("$apr1$x$tMwYqBfQwi3FYAr0aJc8M/", ""),
        ("$apr1$A./z$K9cKFsBKuQu/HtnkBSxmT/", "a much longer password than sixteen bytes, ünïcode"),
        ("$apr1$12345678$R5vAIboDreGDFKHR99pI11", "sixteen--bytes--"),
    ] {
        let parsed = PasswordHash::parse(hash).unwrap();
        assert!(parsed.verify(password), "{hash}");
        for wrong in ["Secret", "secret ", "\0", "x"] {
            assert!(!parsed.verify(wrong), "{hash} {wrong}");
        }
        assert!(!format!("{parsed:?}").contains(&hash[hash.len() - 8..]));
    }
    let other = BCRYPT.replace("$2y$", "$2b$");
    assert!(PasswordHash::parse(&other).unwrap().verify("secret"));
}

#[test]
fn what_is_no_hash_is_refused_with_its_line_and_not_shown() {
    let text = format!(
        "# staff\nada:{BCRYPT}\n\nbob:s3cret\ncarol:rqXexS6ZhobKA\nnobody\n:{APR1}\nada:{APR1}\n\
         eve:$2y$16{}\nfay:$apr1$toolongsalt$h9FWgUz3n9YxylKLlR5SQ/\nguy:{{SHA}}AAAA\nhal:$2y$04$short\nivy :{SHA}\n\
         joe:$1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/\n",
        &BCRYPT[6..]
    );
    let said: Vec<String> = PasswordFile::parse(text.as_bytes()).unwrap_err().iter().map(ToString::to_string).collect();
    let beginnings = [
        "line 4: is neither bcrypt",
        "line 5: is neither bcrypt",
        "line 6: there is no colon",
        "line 7: the user name is empty",
        "line 8: has the user name of line 2",
        "line 9: the bcrypt cost is 16; 4 to 15",
        "line 10: the apr1 hash is malformed",
        "line 11: the {SHA} hash is malformed",
        "line 12: the bcrypt hash is malformed",
        "line 13: the user name begins or ends",
        "line 14: is neither bcrypt",
    ];
    assert_eq!(said.len(), beginnings.len(), "{said:#?}");
    for (said, beginning) in said.iter().zip(beginnings) {
        assert!(said.starts_with(beginning), "{said}");
        assert!(!said.contains("s3cret") && !said.contains("rqXe"), "{said}");
    }
}

#[tokio::test]
async fn the_right_password_of_a_user_and_nothing_else() {
    let (_dir, basic) = users(&format!("ada:{BCRYPT}\nböb:{APR1}\ncarol:{SHA}\n"));
    for user in ["ada", "böb", "carol"] {
        let who = ask(&basic, &[basic_of(&format!("{user}:secret"))]).await.unwrap();
        let identity = who.identity();
        assert_eq!(
            (identity.username.as_str(), identity.issuer.as_str(), who.method()),
            (user, "staff", Method::Basic)
        );
        assert!(who.expires().is_none() && identity.groups.is_empty());
        for wrong in
            [format!("{user}:"), format!("{user}:Secret"), format!("{user}:secret:"), format!(" {user}:secret")]
        {
            assert_eq!(ask(&basic, &[basic_of(&wrong)]).await.unwrap_err(), "password-wrong", "{wrong}");
        }
    }
    assert_eq!(ask(&basic, &[basic_of("nobody:secret")]).await.unwrap_err(), "password-wrong");
    assert_eq!(ask(&basic, &[basic_of(":secret")]).await.unwrap_err(), "password-wrong");
}

#[tokio::test]
async fn only_one_well_formed_credential_is_looked_at() {
    let (_dir, basic) = users(&format!("ada:{SHA}\n"));
    let good = basic_of("ada:secret");
    for other in ["Bearer x", "Basicx YTpi", "Negotiate x"] {
        assert_eq!(ask(&basic, &[other.to_owned()]).await.unwrap_err(), "not mine", "{other}");
    }
    assert_eq!(ask(&basic, &[]).await.unwrap_err(), "not mine");
    assert!(ask(&basic, &[good.replace("Basic ", "bASIC  ")]).await.is_ok());
    let latin1 = format!("Basic {}", STANDARD.encode(b"ada:s\xe9cret"));
    let long = basic_of(&format!("ada:{}", "x".repeat(256)));
    for bad in ["Basic", "Basic !", "Basic YTpi YTpi", "Basic YTpi,YTpi", "Basic YTpi=", &latin1, &long] {
        assert_eq!(ask(&basic, &[bad.to_owned()]).await.unwrap_err(), "password-malformed", "{bad}");
    }
    for bad in ["ada", "ada:sec\nret", "a\0da:secret"] {
        assert_eq!(ask(&basic, &[basic_of(bad)]).await.unwrap_err(), "password-malformed", "{bad}");
    }
    for two in [[good.clone(), good.clone()], ["Bearer x".to_owned(), good.clone()], [good.clone(), "Bearer x".into()]]
    {
        assert_eq!(ask(&basic, &two).await.unwrap_err(), "authorization-repeated", "{two:?}");
    }
}

#[tokio::test]
async fn a_changed_file_takes_over_and_a_wrong_one_does_not() {
    let (dir, basic) = users(&format!("ada:{SHA}\n"));
    let before = ask(&basic, &[basic_of("ada:secret")]).await.unwrap();
    dir.write("htpasswd", "ada:secret\n");
    assert!(basic.reload(NOW).is_err() && before.holds(NOW));
    dir.write("htpasswd", &format!("bob:{SHA}\n"));
    assert_eq!(basic.reload(NOW), Ok(true));
    assert!(!before.holds(NOW));
    assert_eq!(ask(&basic, &[basic_of("ada:secret")]).await.unwrap_err(), "password-wrong");
    assert!(ask(&basic, &[basic_of("bob:secret")]).await.is_ok());
    assert_eq!(basic.generation().current(), 1);
}

#[tokio::test(start_paused = true)]
async fn who_does_not_get_a_turn_is_told_to_come_again() {
    let (_dir, basic) = users(&format!("ada:{SHA}\n"));
    let all = u32::try_from(basic.turns.available_permits()).unwrap();
    let taken = basic.turns.clone().acquire_many_owned(all).await.unwrap();
    let headers = presenting(&[basic_of("ada:secret")]);
    let outcome = basic.authenticate(Credentials::headers(&headers), NOW).await;
    let full = PasswordRefusal::QueueFull { waited: WAIT };
    assert!(matches!(outcome, Outcome::Unavailable(refusal) if refusal == full.into()));
    drop(taken);
    assert!(ask(&basic, &[basic_of("ada:secret")]).await.is_ok());
}
