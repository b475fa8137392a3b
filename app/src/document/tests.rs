use super::*;
use gangplank_gate::config::Config;

const GOOD: &str = "gate = { listen = '127.0.0.1:1', public_url = 'http://a' }\n";

fn loaded(text: &str) -> Loaded<Config> {
    load_bytes("x.toml", text.as_bytes().to_vec()).unwrap_or_else(|r| panic!("{}", r.render(false)))
}

fn keys(report: &Report) -> Vec<&str> {
    report.problems.iter().map(|p| p.key.as_str()).collect()
}

#[test]
fn a_mistake_and_its_echoes_are_told_once() {
    let mut loaded = loaded(&format!("{GOOD}[[routes]]\npath = '/'\nalow.groups = ['x']\n[[routes]]\npath = 5\n"));
    assert_eq!(keys(&loaded.report()), ["routes[0].alow", "routes[1].path"]);
    loaded.add(vec![
        ConfigError::new("routes[0]", "lets nobody in", ""),
        ConfigError::new("routes[0].allow", "is missing", ""),
        ConfigError::new("routes[1].path", "must begin with a slash", ""),
        ConfigError::new("gate.public_url", "is not a URL", "write one"),
    ]);
    assert_eq!(keys(&loaded.report()), ["gate.public_url", "routes[0].alow", "routes[1].path"]);
}

#[test]
fn a_builders_complaint_is_shown_where_the_files_say_it() {
    let text = "[[routes]]\npath = '/0'\nx = 1\n[[routes]]\npath = '/1'\nupstream = 'ftp://u'\n";
    let mut loaded = loaded(&format!("{GOOD}{text}[issuers.'a.b']\nurl = 'x'\n"));
    loaded.add(vec![
        ConfigError::new("routes[1].upstream", "is not http", ""),
        ConfigError::new("issuers.a.b.url", "is not a URL", ""),
        ConfigError::new("nowhere.at[7].all", "is wrong", ""),
    ]);
    let lines: Vec<String> = loaded.report().lines().collect();
    let line = |text: &str| lines.iter().find(|l| l.contains(text)).unwrap().split(' ').next().unwrap().to_owned();
    assert_eq!(line("is not http"), "x.toml:7:");
    assert_eq!(line("is not a URL"), "x.toml:9:");
    assert!(lines.iter().any(|l| l == "`nowhere.at[7].all`: is wrong"), "{lines:?}");
}

#[test]
fn hostile_text_is_refused_in_bounded_time_and_space() {
    let deep_key = format!("{}a = 1", "a.".repeat(100_000));
    let deep_list = "a = ".to_owned() + &"[".repeat(100_000);
    let wide = (0..5_000).map(|i| format!("k{i} = 1\n")).collect::<String>();
    let routes = "[[routes]]\nx = 1\n".repeat(5_000);
    let long_line = format!("a = '{}'\ngate = 5", "x".repeat(500_000));
    for text in [deep_key, deep_list, wide, routes, long_line, "[[".repeat(1000), "\u{feff}".into(), "\0".into()] {
        let report = match load_bytes::<Config>("x.toml", text.into_bytes()) {
            Ok(loaded) => loaded.report(),
            Err(report) => report,
        };
        assert!(!report.is_empty());
        assert!(report.render(false).len() < 1 << 20);
    }
}

#[test]
fn dotted_keys_with_spaces_are_no_way_around_the_bound() {
    for dot in [" . ", ".\t", "."] {
        let key = (0..5_000).map(|_| "'a'").collect::<Vec<_>>().join(dot);
        assert!(load_bytes::<Config>("x.toml", format!("{key} = 1").into_bytes()).is_err(), "{dot:?}");
        assert!(load_bytes::<Config>("x.toml", format!("[{key}]").into_bytes()).is_err(), "{dot:?}");
    }
}

/// A configuration of all kinds of tables, with a secret wherever somebody might put one.
const SECRETIVE: &str = r#"
[gate]
listen = "127.0.0.1:1"
public_url = "http://a.test"
trusted_proxies = ["10.0.0.0/8"]
limits = { head = "8KiB", drain = "1s" }
[cookies]
keys = ["hunter2", { file = "/run/key" }]
[issuers.corp]
entra = { tenant = "t", authority = "https://login.test" }
[clients.corp]
issuer = "corp"
id = "x"
secret = "hunter2"
[clients.other]
issuer = "corp"
id = "y"
secret = """
hunter2
"""
[[routes]]
path = "/"
upstream = "http://me:hunter2@up.test"
allow = { groups = ["g"], users = ["u"] }
"#;

#[test]
fn however_a_file_is_mangled_no_secret_is_shown_and_nothing_panics() {
    // Every single-byte deletion, and every replacement by what TOML cares about.
    let bytes = SECRETIVE.as_bytes();
    let secrets: Vec<usize> = SECRETIVE.match_indices("hunter2").map(|(at, _)| at).collect();
    for at in 0..bytes.len() {
        if secrets.iter().any(|s| (*s..s + 7).contains(&at)) {
            continue;
        }
        for with in [&b""[..], b"x", b"\"", b"'", b"\n", b"=", b"[", b"}", b".", b"#", b",", b"\xff", b" "] {
            let mangled = [&bytes[..at], with, &bytes[at + 1..]].concat();
            let report = match load_bytes::<Config>("x.toml", mangled.clone()) {
                Ok(loaded) => loaded.report(),
                Err(report) => report,
            };
            let said = report.render(false) + &report.lines().collect::<String>();
            assert!(!said.contains("hunter2"), "{}\n{said}", String::from_utf8_lossy(&mangled));
        }
    }
}
