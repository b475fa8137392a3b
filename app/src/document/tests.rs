use super::*;

fn report(text: &str) -> String {
    match load_bytes::<gangplank_gate::config::Config>("gangplank.toml", text.as_bytes().to_vec()) {
        Ok(loaded) => loaded.report(),
        Err(report) => report,
    }
    .render(false)
}

#[test]
fn show() {
    eprintln!(
        "{}",
        report(
            r#"
[gate]
lisen = "127.0.0.1:4180"
public_url = 5
forwarded = "ngnix"
[gate.limits]
head = "64KB"
[log]
levle = "info"
level = "loud"
[clients.corp]
secret = "hunter2"
id = 5
secretx = "hunter2"
[[routes]]
path = "/"
alow.groups = ["x"]
[[routes]]
timeout = 60
[rutes]
"#
        )
    );
    eprintln!("{}", report("[gate\nlisten = = 3\nsecret = \"hunter2\nx = 1\n[a]\nb = '\n"));
    eprintln!("{}", report(""));
}
