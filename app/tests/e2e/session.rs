//! A session through the life of the gate: it outlives a reload and a restart, and ends where it is signed out.

use http::StatusCode;

use crate::browser::Browser;
use crate::process::{Process, Scratch, gangplank};

/// The tenant's own web application.
const CLIENT: &str = "a0000000-0000-4000-8000-000000000001";

struct World {
    scratch: Scratch,
    idp: Process,
    provider: String,
    secret: String,
    /// Where the gate listens, each time it is started.
    address: String,
}

fn world(name: &str) -> World {
    let scratch = Scratch::new(name);
    scratch.write("cookie.key", "0123456789abcdef0123456789abcdef");
    let mut command = gangplank();
    command.args(["idp", "--listen", "127.0.0.1:0"]);
    let mut idp = Process::start(command);
    let provider = idp.wait_for("Home ").split_whitespace().last().expect("a URL").trim_end_matches('/').to_owned();
    idp.wait_for(CLIENT);
    let secret = idp.wait_for("secret ").split_whitespace().last().expect("a secret").to_owned();
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("an address").local_addr().expect("an address");
    World { scratch, idp, provider, secret, address: free.to_string() }
}

impl World {
    fn config(&self, more: &str) -> String {
        let World { address, provider, .. } = self;
        format!(
            r#"
gate = {{ listen = "{address}", public_url = "http://{address}" }}
cookies.keys = [{{ file = "cookie.key" }}]

[issuers.dev]
entra = {{ tenant = "dca11c8d-0000-4000-8000-000000000001", authority = "{provider}" }}

[clients.dev]
issuer = "dev"
id = "{CLIENT}"
secret = {{ env = "CLIENT_SECRET" }}

[[routes]]
path = "/"
sign_in = "dev"
allow.groups = ["c0ffee00-0000-4000-8000-000000000001"]
upstream = "{provider}"
{more}"#
        )
    }

    fn serve(&self) -> Process {
        let file = self.scratch.write("gangplank.toml", &self.config(""));
        let mut command = gangplank();
        command
            .args(["serve", "--config"])
            .arg(file)
            .current_dir(self.scratch.path(""))
            .env("CLIENT_SECRET", &self.secret);
        let mut process = Process::start(command);
        process.wait_for("listening address=");
        process
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_outlives_a_reload_and_a_restart() {
    let mut world = world("session-life");
    let url = format!("http://{}/", world.address);
    let mut gate = world.serve();
    let mut browser = Browser::default();
    let picker = browser.open(&url).await;
    let home = browser.submit(&picker, Some(("username", "alice@dev.test"))).await;
    assert_eq!((home.status, home.url.as_str()), (StatusCode::OK, url.as_str()), "{home:#?}");

    // From here on nobody may ask the provider: it is gone, and with it what the gate proxies to.
    world.idp.signal("TERM");
    assert_eq!(world.idp.wait().code(), Some(0));
    let visits = browser.visited.len();
    assert_eq!(browser.open(&url).await.status, StatusCode::BAD_GATEWAY);
    world.scratch.write("gangplank.toml", &world.config("[pages]\ntitle = 'Other'\n"));
    let line = gate.wait_for("configuration reloaded");
    assert!(line.contains("changed=pages"), "{line}");
    assert_eq!(browser.open(&url).await.status, StatusCode::BAD_GATEWAY, "still let through");
    gate.signal("TERM");
    assert_eq!(gate.wait().code(), Some(0));
    let _gate = world.serve();
    assert_eq!(browser.open(&url).await.status, StatusCode::BAD_GATEWAY, "still let through");
    assert_eq!(browser.visited.len(), visits + 3, "and never sent away to sign in: {:?}", browser.visited);

    let mut stranger = Browser::default();
    assert_eq!(stranger.open(&url).await.status, StatusCode::SERVICE_UNAVAILABLE, "nobody can sign in now");
}
