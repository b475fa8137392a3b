//! What a server, a page, or another cluster could do with what is not its own.

use super::*;

/// Whoever answers it sends the head back, with what we put on it.
#[tokio::test]
async fn a_method_by_which_a_server_echoes_what_it_was_shown_goes_no_further() {
    let server = ApiServer::start().await;
    let config = cluster("prod", &server.kubeconfig("k", "", TOKEN), "") + &route("clusters = [\"prod\"]");
    let front = Front::new(&config).await;
    let bearer = front.bearer();
    for method in ["TRACE", "CONNECT"] {
        let target = if method == "TRACE" { "/clusters/prod/api" } else { "app.example.com:443" };
        let request = format!("{method} {target} HTTP/1.1\r\nhost: app.example.com\r\nauthorization: {bearer}\r\n\r\n");
        let answer = front.raw(&request).await;
        assert!(answer.starts_with("HTTP/1.1 4"), "{method}: {answer}");
        assert!(server.nothing(), "{method}: {answer}");
    }
}

/// An API server takes a POST without a type of content, which any page may send with what the browser adds by itself.
#[tokio::test]
async fn a_page_of_another_origin_changes_nothing_in_a_cluster() {
    let server = ApiServer::start().await;
    // ada, and "secret".
    let users = server.dir.write("users", "ada:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n");
    let config = format!("[authenticators.staff]\nhtpasswd = {{ file = {users:?} }}\n")
        + &cluster("prod", &server.kubeconfig("k", "", TOKEN), "")
        + &route("clusters = [\"prod\"]").replace("[\"corp\"]", "[\"corp\", \"staff\"]");
    let world = World::new(&(head("") + &config));
    let (ada, alice) = ("Basic YWRhOnNlY3JldA==".to_owned(), format!("Bearer {}", world.token("alice")));
    let url = "https://app.example.com/clusters/prod/api/v1/namespaces/a/pods";
    for (method, who, origin, sent) in [
        ("POST", &ada, Some("https://evil.example.com"), false),
        ("POST", &ada, Some("null"), false),
        ("DELETE", &ada, Some("https://evil.example.com"), false),
        ("GET", &ada, Some("https://evil.example.com"), true),
        ("POST", &ada, Some("https://app.example.com"), true),
        ("POST", &ada, None, true),
        // No browser sends a token by itself.
        ("POST", &alice, Some("https://evil.example.com"), true),
    ] {
        let mut headers = vec![("authorization", who.as_str())];
        headers.extend(origin.map(|origin| ("origin", origin)));
        let answer = world.send(STRANGER, request(method, url, &headers)).await;
        let expected = if sent { StatusCode::OK } else { StatusCode::FORBIDDEN };
        assert_eq!(answer.status, expected, "{method} {origin:?}: {answer:?}");
        assert_eq!(std::mem::take(&mut *server.seen.lock().unwrap()).len(), usize::from(sent), "{method} {origin:?}");
    }
}

/// What a cluster answers of a token's audiences are those that were asked about.
#[tokio::test]
async fn a_token_for_two_clusters_goes_to_neither_whoever_judged_it() {
    let server = ApiServer::start().await;
    let asked = server.kubeconfig("asked", "", TOKEN);
    let file = server.kubeconfig("k", "", "");
    let config = head("")
        + &format!("[authenticators.k8s]\ntoken_review = {{ kubeconfig = {asked:?}, audiences = [\"prod\"] }}\n")
        + &cluster("prod", &file, "token_audiences = [\"prod\"]")
        + &cluster("dev", &file, "token_audiences = [\"dev\"]")
        + &route("clusters = [\"prod\", \"dev\"]").replace("corp", "k8s");
    let world = World::new(&config);
    let word = json!({ "authenticated": true, "user": { "username": "ada" }, "audiences": ["prod"] });
    let transport = Arc::new(Both {
        tenant: InProcess::new(world.tenant.clone(), world.clock.clone()),
        word: Mutex::new(Some(word)),
        asked: Mutex::default(),
    });
    let secret = |_: &str| Some("secret".to_owned());
    let deps = Deps {
        clock: world.clock.clone(),
        environment: &secret,
        shared: gangplank_gate::Shared::new(),
        transport: Some(transport),
    };
    let gate = Gate::build(&toml::from_str(&config).unwrap(), deps).unwrap();
    let exp = gangplank_oauth::Clock::now(&*world.clock).as_secs() + 600;
    for (aud, status) in [
        (json!(["prod"]), StatusCode::OK),
        (json!(["prod", "gate"]), StatusCode::OK),
        (json!(["prod", "dev"]), StatusCode::FORBIDDEN),
    ] {
        let claims = json!({ "iss": "https://kubernetes", "sub": "ada", "aud": aud, "exp": exp });
        let bearer = format!("Bearer {}", world.tenant.mint_claims(&claims).unwrap());
        let request = request("GET", "https://app.example.com/clusters/prod/api", &[("authorization", &bearer)]);
        let answer = Answer::read(gate.handle(request, peer_of(STRANGER)).await).await;
        assert_eq!(answer.status, status, "{aud}: {answer:?}");
    }
}

/// Behind one address there may be many clusters, told apart by the name in the handshake alone.
#[tokio::test]
async fn a_clusters_word_about_kubernetes_own_names_holds_at_that_cluster_and_not_at_its_neighbour() {
    let server = ApiServer::start().await;
    let here = server.kubeconfig("here", "", TOKEN);
    let text = std::fs::read_to_string(&here).unwrap();
    let next_door = server.dir.write("next", &text.replace("kubernetes.default.svc", "dev.kubernetes.default.svc"));
    for (asked, status) in [(&here, StatusCode::OK), (&next_door, StatusCode::FORBIDDEN)] {
        let config = head("")
            + &format!("[authenticators.k8s]\ntoken_review = {{ kubeconfig = {asked:?} }}\n")
            + &cluster("prod", &here, "")
            + &route("clusters = [\"prod\"]").replace("corp", "k8s");
        let world = World::new(&config);
        let user = json!({ "username": "system:serviceaccount:kube-system:admin" });
        let transport = Arc::new(Both {
            tenant: InProcess::new(world.tenant.clone(), world.clock.clone()),
            word: Mutex::new(Some(json!({ "authenticated": true, "user": user }))),
            asked: Mutex::default(),
        });
        let secret = |_: &str| Some("secret".to_owned());
        let deps = Deps {
            clock: world.clock.clone(),
            environment: &secret,
            shared: gangplank_gate::Shared::new(),
            transport: Some(transport),
        };
        let gate = Gate::build(&toml::from_str(&config).unwrap(), deps).unwrap();
        let request = request("GET", "https://app.example.com/clusters/prod/api", &[("authorization", "Bearer x")]);
        let answer = Answer::read(gate.handle(request, peer_of(STRANGER)).await).await;
        assert_eq!(answer.status, status, "{asked}: {answer:?}");
    }
}
