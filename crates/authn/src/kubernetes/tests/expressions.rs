//! Users and rules by expression.

use super::*;
use crate::testing::with;

/// An entry whose user name is `sub`, with more.
fn and(more: &Value) -> Value {
    let mut entry = entry(URL);
    for (name, value) in more.as_object().unwrap() {
        match name.as_str() {
            "rules" => entry["claimValidationRules"] = value.clone(),
            "users" => entry["userValidationRules"] = value.clone(),
            mapping => entry["claimMappings"][mapping] = value.clone(),
        }
    }
    entry
}

#[tokio::test]
async fn user_names() {
    let world = World::new();
    let claims = with(claims(), "n", json!(7));
    for (expression, wanted) in [
        ("claims.sub", "ada"),
        ("'oidc:' + claims.sub", "oidc:ada"),
        ("claims.email_verified == true || true ? claims.email.split('@')[0] : ''", "ada"),
        ("string(int(claims.n))", "7"),
        ("claims['email'].upperAscii()", "ADA@EXAMPLE.COM"),
        ("claims.?name.orValue(claims.sub)", "ada"),
        ("''", "kubernetes-value-unusable"),
        ("claims.n", "kubernetes-expression-unusable"),
        ("claims.groups", "kubernetes-expression-unusable"),
        ("claims.?name", "kubernetes-expression-unusable"),
        ("claims.name", "kubernetes-expression-failed"),
        ("claims.sub.nothing", "kubernetes-expression-failed"),
        ("claims.groups[7]", "kubernetes-expression-failed"),
        ("'system:' + claims.sub", "kubernetes-name-reserved"),
    ] {
        let judged = world.judge(&mapped(json!({ "username": { "expression": expression } })), &claims).await;
        let found = judged.map_or_else(|refusal| refusal, |who| who.identity().username.clone());
        assert_eq!(found, wanted, "{expression}");
    }
}

#[tokio::test]
async fn groups_uid_and_extra() {
    let world = World::new();
    let odd = with(with(claims(), "n", json!(7)), "mixed", json!(["a", 1]));
    let odd = with(odd, "kubernetes.io", json!({ "pod": { "name": "web-0" } }));
    for (expression, wanted) in [
        ("claims.groups", Ok(vec!["dev", "ops"])),
        ("claims.groups.map(g, 'x:' + g)", Ok(vec!["x:dev", "x:ops"])),
        ("claims.groups.filter(g, g != 'dev')", Ok(vec!["ops"])),
        ("claims.sub", Ok(vec!["ada"])),
        ("claims.sub + ',' + 'b'", Ok(vec!["ada,b"])),
        ("''", Ok(vec![])),
        ("[]", Ok(vec![])),
        ("null", Ok(vec![])),
        ("['', 'a', '']", Ok(vec!["a"])),
        ("claims.?roles.orValue([])", Ok(vec![])),
        ("claims.kubernetes__dot__io.pod.name", Ok(vec!["web-0"])),
        ("[claims['kubernetes.io']['pod']['name']]", Ok(vec!["web-0"])),
        ("claims.n", Err("kubernetes-expression-unusable")),
        ("claims.mixed", Err("kubernetes-expression-unusable")),
        ("true", Err("kubernetes-expression-unusable")),
        ("{'a': 'b'}", Err("kubernetes-expression-unusable")),
        ("claims.roles", Err("kubernetes-expression-failed")),
    ] {
        let by_groups = and(&json!({ "groups": { "expression": expression } }));
        let judged = world.judge(&by_groups, &odd).await;
        let found = judged.as_ref().map(|who| who.identity().groups.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(found.map_err(String::as_str), wanted, "{expression}");
        let by_extra = and(&json!({ "extra": [{ "key": "example.com/a", "valueExpression": expression }] }));
        let judged = world.judge(&by_extra, &odd).await;
        let values = |who: &Authenticated| who.identity().extra.get("example.com/a").cloned();
        let wanted = wanted.map(|wanted| (!wanted.is_empty()).then_some(wanted));
        let found = judged.as_ref().map(values).map_err(String::as_str);
        assert_eq!(found, wanted.map(|w| w.map(|w| w.into_iter().map(str::to_owned).collect())), "{expression}");
    }
    for (expression, wanted) in [
        ("claims.sub", Ok(Some("ada"))),
        ("''", Ok(None)),
        ("claims.n", Err("kubernetes-expression-unusable")),
        ("null", Err("kubernetes-expression-unusable")),
        ("claims.oid", Err("kubernetes-expression-failed")),
    ] {
        let judged = world.judge(&and(&json!({ "uid": { "expression": expression } })), &odd).await;
        let found = judged.as_ref().map(|who| who.identity().uid.as_deref()).map_err(String::as_str);
        assert_eq!(found, wanted, "{expression}");
    }
}

/// Whether each of these is in the sentence of the refusal.
async fn refusal(world: &World, entry: &Value, claims: &Value, parts: &[&str]) {
    let authenticator = world.authenticator(&json!([entry]));
    let outcome = authenticator.verify(&sign_as("one", &world.key, claims), NOW).await;
    let Outcome::Rejected(refusal) = outcome else { panic!("{outcome:?}") };
    let sentence = format!("{}: {refusal}", refusal.reason().name);
    assert!(parts.iter().all(|part| sentence.contains(part)), "{sentence}\n{parts:?}");
}

#[tokio::test]
async fn rules_are_asked_in_order_and_the_first_that_fails_is_named() {
    let world = World::new();
    let entry = and(&json!({
        "rules": [
            { "claim": "hd", "requiredValue": "example.com" },
            { "expression": "claims.level >= 2", "message": "too low" },
            { "expression": "claims.sub != 'eve'", "message": "not her" },
            { "expression": "claims.missing == 'x'", "message": "never" },
        ],
        "users": [{ "expression": "user.username != 'ada'", "message": "not ada" }],
    }));
    let claims = with(claims(), "level", json!(1));
    refusal(&world, &entry, &claims, &["kubernetes-required-claim-mismatch", "jwt[0].claimValidationRules[0]"]).await;
    let claims = with(claims, "hd", json!("example.com"));
    let second =
        ["kubernetes-claim-rule-failed", "jwt[0].claimValidationRules[1].expression", "too low", "claims.level"];
    refusal(&world, &entry, &with(claims.clone(), "sub", json!("eve")), &second).await;
    let claims = with(claims, "level", json!(2));
    let third = ["kubernetes-claim-rule-failed", "claimValidationRules[2].expression", "not her"];
    refusal(&world, &entry, &with(claims.clone(), "sub", json!("eve")), &third).await;
    let fourth = ["kubernetes-expression-failed", "claimValidationRules[3].expression", "claims.missing == 'x'"];
    refusal(&world, &entry, &claims, &fourth).await;
    let claims = with(claims, "missing", json!("x"));
    let user = ["kubernetes-user-rule-failed", "jwt[0].userValidationRules[0].expression", "not ada"];
    refusal(&world, &entry, &claims, &user).await;
    assert_eq!(name(world.judge(&entry, &with(claims, "sub", json!("bob"))).await), "accepted");
}

#[tokio::test]
async fn user_rules_see_all_of_the_user() {
    let world = World::new();
    let with_id = with(with(claims(), "jti", json!("t-1")), "dept", json!("blue"));
    for (expression, wanted) in [
        ("user.username == 'ada' && user.uid == 'ada' && 'dev' in user.groups", "accepted"),
        ("user.extra['example.com/dept'] == ['blue']", "accepted"),
        ("user.extra['authentication.kubernetes.io/credential-id'] == ['JTI=t-1']", "accepted"),
        ("size(user.groups) == 2 && user.groups.all(g, !g.startsWith('system:'))", "accepted"),
        ("user.groups.exists(g, g == 'admin')", "kubernetes-user-rule-failed"),
        ("user.extra['example.com/other'] == []", "kubernetes-expression-failed"),
    ] {
        let entry = and(&json!({
            "uid": { "claim": "sub" },
            "groups": { "claim": "groups", "prefix": "" },
            "extra": [{ "key": "example.com/dept", "valueExpression": "claims.dept" }],
            "users": [{ "expression": expression }],
        }));
        assert_eq!(name(world.judge(&entry, &with_id).await), wanted, "{expression}");
    }
    let bare =
        and(&json!({ "users": [{ "expression": "user.uid == '' && user.groups == [] && size(user.extra) == 0" }] }));
    assert_eq!(name(world.judge(&bare, &claims()).await), "accepted");
}

#[tokio::test]
async fn rules_see_groups_that_were_fetched() {
    let world = World::new();
    let endpoint = "https://login.example.com/groups";
    let answer = with(claims(), "groups", json!(["far"]));
    world.web.answer(endpoint, 200, sign_as("one", &world.key, &answer));
    let claims = with(with(claims(), "groups", Value::Null), "_claim_names", json!({ "groups": "s" }));
    let claims = with(claims, "_claim_sources", json!({ "s": { "endpoint": endpoint } }));
    let entry = and(&json!({
        "groups": { "claim": "groups", "prefix": "" },
        "rules": [{ "expression": "claims.groups == ['far'] && claims.sub == 'ada'" }],
        "users": [{ "expression": "user.groups == ['far']" }],
    }));
    assert_eq!(name(world.judge(&entry, &claims).await), "accepted");
}

#[tokio::test]
async fn the_example_lets_in_whom_it_says() {
    let file = include_bytes!("../../../../../docs/guides/authentication-configuration.yaml");
    let configuration = AuthenticationConfiguration::parse(file, &[]).unwrap_or_else(|errors| panic!("{errors:#?}"));
    let world = World::new();
    let github = "https://token.actions.githubusercontent.com";
    let cluster = "https://kubernetes.default.svc.cluster.local";
    let entra = "https://login.microsoftonline.com/dca11c8d-0000-4000-8000-00000000000a/v2.0";
    assert_eq!(configuration.issuers().collect::<Vec<_>>(), [entra, github, cluster]);
    for issuer in [entra, github] {
        world.serve(issuer, &[("one", &world.key)]);
    }
    let metadata = json!({ "issuer": cluster, "jwks_uri": format!("{github}/jwks") }).to_string();
    world.web.answer("https://oidc.workloads.example.com/openid/v1/discovery", 200, metadata);
    let connect = |_: Option<&str>| Ok(Arc::clone(&world.web) as Arc<dyn Transport>);
    let ports = Ports { connect: &connect, clock: Arc::new(FakeClock(AtomicU64::new(0))), groups: None };
    let authenticator = KubernetesAuthenticator::new("x", &configuration, Policy::default(), ports, None).unwrap();
    let token = |iss: &str, aud: &str, more: Value| {
        let mut claims = json!({ "iss": iss, "aud": aud, "exp": NOW.as_secs() + 60, "sub": "s" });
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        sign_as("one", &world.key, &claims)
    };
    let person = json!({
        "tid": "dca11c8d-0000-4000-8000-00000000000a", "oid": "o-1", "preferred_username": "Ada@Example.com",
        "roles": ["admin"], "_claim_names": { "groups": "src1" },
        "_claim_sources": { "src1": { "endpoint": "https://graph.windows.net/x" } },
    });
    let who = judged(authenticator.verify(&token(entra, "api://clusters", person.clone()), NOW).await).unwrap();
    let identity = who.identity();
    assert_eq!((identity.username.as_str(), identity.uid.as_deref()), ("entra:ada@example.com", Some("o-1")));
    assert_eq!((identity.groups.as_slice(), identity.extra.len()), (&["entra:admin".to_owned()][..], 1));
    let application = token(entra, "api://clusters", with(person, "idtyp", json!("app")));
    assert_eq!(name(judged(authenticator.verify(&application, NOW).await)), "kubernetes-claim-rule-failed");
    let workflow = json!({ "repository_owner": "example", "repository": "example/shop", "environment": "prod" });
    let who = judged(authenticator.verify(&token(github, "clusters", workflow.clone()), NOW).await).unwrap();
    assert_eq!(who.identity().username, "github:s");
    assert_eq!(who.identity().groups, ["github:example/shop", "github:environment:prod"]);
    let other = token(github, "clusters", with(workflow, "repository", json!("example/blog")));
    assert_eq!(name(judged(authenticator.verify(&other, NOW).await)), "kubernetes-claim-rule-failed");
    let pod = json!({ "kubernetes.io": { "pod": { "name": "web-0" } } });
    for (claims, extra) in [(pod, Some(vec!["web-0".to_owned()])), (json!({}), None)] {
        let who = judged(authenticator.verify(&token(cluster, "clusters", claims), NOW).await).unwrap();
        assert_eq!(who.identity().extra.get("example.com/pod").cloned(), extra);
    }
    let anonymous = configuration.anonymous().unwrap();
    assert!(anonymous.allows("/livez") && !anonymous.allows("/api"));
}
