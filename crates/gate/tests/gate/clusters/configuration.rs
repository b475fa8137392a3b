//! Which mode follows from what is said, and what contradicts it.

use super::*;

#[test]
fn the_mode_is_found_and_what_contradicts_it_is_refused() {
    let dir = Dir::new();
    let write = |name: &str, context: &str, user: &str| {
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: x\ncontexts: [{{name: x, context: {context}}}]\n\
             clusters: [{{name: c, cluster: {{server: 'https://10.0.0.1'}}}}]\nusers: [{{name: u, user: {user}}}]\n"
        );
        dir.write(name, &text)
    };
    let own = write("own", "{cluster: c, user: u}", "{token: t}");
    let program = write("program", "{cluster: c, user: u}", "{exec: {command: kubelogin}}");
    let bare = write("bare", "{cluster: c}", "{}");
    let passthrough = "auth_mode = \"passthrough\"";
    let impersonate = "auth_mode = \"impersonate\"";
    let kubeconfig = "auth_mode = \"kubeconfig\"";
    let audiences = "token_audiences = [\"a\"]";
    let both = format!("{passthrough}\n{audiences}");
    let of = |file: &str, more: &str| errors(&(head("") + &cluster("c", file, more) + &route("cluster = \"c\"")));
    for (file, more) in [
        (&own, ""),
        (&own, impersonate),
        (&own, "impersonate = { uid = false, extra = [] }"),
        (&own, audiences),
        (&own, &both),
        (&own, &format!("{audiences}\nreview = {{}}")),
        (&bare, audiences),
        (&bare, &both),
        (&program, audiences),
        (&program, &both),
    ] {
        assert_eq!(of(file, more), [""; 0], "{more}");
    }
    for (file, more, expected) in [
        (&bare, "", &["clusters.c.token_audiences: is not there"][..]),
        (&own, passthrough, &["clusters.c.token_audiences: is not there"]),
        (&own, "token_audiences = []", &["clusters.c.token_audiences: is empty"]),
        (&own, "token_audiences = [\"\"]", &["clusters.c.token_audiences[0]: is empty"]),
        (&bare, impersonate, &["clusters.c.kubeconfig: "]),
        (&program, impersonate, &["clusters.c.kubeconfig: "]),
        (&program, "", &["clusters.c.kubeconfig: "]),
        (&bare, &format!("{audiences}\nreview = {{}}"), &["clusters.c.kubeconfig: "]),
        (&own, &format!("{impersonate}\n{audiences}"), &["clusters.c.token_audiences: is about the caller's token"]),
        (&own, &format!("{impersonate}\nreview = {{}}"), &["clusters.c.review: is about the caller's token"]),
        (
            &own,
            &format!("{kubeconfig}\nimpersonate.uid = true"),
            &["clusters.c.impersonate: ", "routes[0].allow: "][..1],
        ),
        (&own, &format!("{audiences}\nimpersonate.uid = true"), &["clusters.c.impersonate: is about who calls"]),
        (&own, "exchange = \"x\"", &["clusters.c.exchange: there is no exchange \"x\""]),
        (
            &own,
            &format!("{impersonate}\nexchange = \"x\""),
            &["clusters.c.exchange: there is no", "clusters.c.exchange: is about"],
        ),
        (&own, "in_cluster = true", &["clusters.c: has both in_cluster and kubeconfig"]),
        (&own, "context = \"gone\"", &["clusters.c.kubeconfig: "]),
        (&own, "allow = {}", &["clusters.c.allow: allows nobody"]),
        (&own, "allow = { users = [\"\"] }", &["clusters.c.allow.users[0]: "]),
        (&own, "impersonate.extra = [\"\"]", &["clusters.c.impersonate.extra[0]: is empty"]),
    ] {
        names(&of(file, more), expected);
    }
    for name in ["Prod", "a.b", "a_b", "-a", "a-"] {
        let more = format!("\n[clusters.{name:?}]\nkubeconfig = {own:?}\n");
        names(&errors(&(head("") + &more + &route(&format!("cluster = {name:?}")))), &[&format!("clusters.{name}: ")]);
    }
}

#[test]
fn a_route_to_a_cluster_fits_how_the_cluster_is_spoken_to() {
    let dir = Dir::new();
    let file = dir.write(
        "k",
        "apiVersion: v1\nkind: Config\ncurrent-context: x\ncontexts: [{name: x, context: {cluster: c, user: u}}]\n\
         clusters: [{name: c, cluster: {server: 'https://10.0.0.1'}}]\nusers: [{name: u, user: {token: t}}]\n",
    );
    let keys = dir.write("keys", "ci:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n");
    let clusters = cluster("told", &file, "")
        + &cluster("own", &file, &for_the_api())
        + &format!("[authenticators.keys]\nkeys_file = {keys:?}\n");
    let of = |more: &str| {
        errors(&(head("") + &clusters + &format!("[[routes]]\npath = \"/\"\nallow.signed_in = true\n{more}\n")))
    };
    for good in [
        "accept = [\"corp\"]\ncluster = \"told\"",
        "accept = [\"keys\"]\ncluster = \"told\"",
        "accept = [\"corp\", \"keys\"]\ncluster = \"own\"\ntimeout = \"5m\"\nmethods = [\"GET\"]",
        "accept = [\"corp\"]\nclusters = [\"told\", \"own\"]",
    ] {
        assert_eq!(of(good), [""; 0], "{good}");
    }
    for (wrong, expected) in [
        ("accept = [\"corp\"]\ncluster = \"gone\"", &["routes[0].cluster: there is no cluster \"gone\""][..]),
        ("accept = [\"corp\"]\nclusters = [\"told\", \"gone\"]", &["routes[0].cluster: there is no cluster \"gone\""]),
        ("accept = [\"corp\"]\nclusters = []", &["routes[0].clusters: is empty"]),
        (
            "accept = [\"corp\"]\nclusters = [\"told\", \"told\"]",
            &["routes[0].clusters[1]: ", "routes[0].name: ", "routes[0]: "],
        ),
        ("accept = [\"corp\"]\nclusters = [\"told\"]\ncluster = \"own\"", &["routes[0].clusters: is there"]),
        ("accept = [\"keys\"]\ncluster = \"own\"", &["routes[0].accept: names nobody who judges bearer tokens"]),
        ("sign_in = \"corp\"\ncluster = \"own\"", &["routes[0].sign_in: is set"]),
        ("sign_in = \"corp\"\ncluster = \"told\"", &["routes[0].sign_in: is set"]),
        (
            "accept = [\"corp\"]\nupstream = \"http://a\"\nmcp.target = { argument = \"context\", clusters = [\"told\", \"own\", \"gone\"] }",
            &[
                "routes[0].mcp.target.clusters[0]: clusters.told is shown our own",
                "routes[0].mcp.target.clusters[2]: there is no",
            ],
        ),
        ("accept = [\"nobody\"]\nclusters = [\"told\", \"own\"]", &["routes[0].accept[0]: ", "routes[0].accept: "]),
        (
            "accept = [\"corp\"]\ncluster = \"told\"\nupstream = \"http://a\"\npass.authorization = true\npass.host = true",
            &["routes[0].upstream: ", "routes[0].pass.authorization: ", "routes[0].pass.host: "],
        ),
    ] {
        names(&of(wrong), expected);
    }
    let twice = clusters.clone() + &cluster("again", &file, &for_the_api());
    let config: Config = toml::from_str(&(head("") + &twice + &route("clusters = [\"told\", \"own\"]"))).unwrap();
    let warned = Gate::warnings(&config);
    let read_only = route("clusters = [\"told\"]\nmethods = [\"GET\"]").replace("\"corp\"]", "\"corp\", \"keys\"]");
    let config_of_two: Config = toml::from_str(&(head("") + &clusters + &read_only)).unwrap();
    let warned_of_two = Gate::warnings(&config_of_two);
    for expected in ["routes[0].methods does not keep", "routes[0] tells clusters the user names of corp and keys"] {
        assert!(warned_of_two.iter().any(|warning| warning.starts_with(expected)), "{warned_of_two:#?}");
    }
    for expected in ["clusters.again is not in cluster or clusters of any route", "is of several clusters (again, own)"]
    {
        assert!(warned.iter().any(|warning| warning.contains(expected)), "{warned:#?}");
    }
    assert!(Gate::watched_files(&config).contains(&file.into()));
}
