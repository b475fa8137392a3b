//! Every published advisory about oauth2-proxy that could apply to a gate, as a test. The remaining ones are about the
//! return target (GHSA-qqxw-m5fj-f7gv, -j7px-6hwj-hpjg, -5m6c-jp6f-2vcv, -4mf2-f3wh-gvf2) and are tested beside it.

use http::StatusCode;

use crate::support::*;

const APP: &str = "https://app.example.com";

fn two_routes(gate: &str) -> String {
    head(gate) + &demo("/", "upstream = \"http://127.0.0.1:9\"") + &open("/public", "upstream = \"http://127.0.0.1:9\"")
}

#[test]
fn ghsa_652x_m2gr_hppm_a_restriction_that_cannot_be_enforced_is_refused_at_start() {
    let scopes = "\n[[routes]]\npath = \"/\"\nsign_in = \"corp\"\nallow.scopes = [\"read\"]\n";
    assert!(errors(&(head("") + scopes))[0].starts_with("routes[0].allow.scopes: "));
    let nobody = "\n[[routes]]\npath = \"/\"\nallow.groups = [\"g\"]\n";
    assert!(errors(&(head("") + nobody))[0].starts_with("routes[0]: nobody can ever pass"));
}

#[tokio::test]
async fn ghsa_7rh7_c77v_6434_the_query_takes_no_part_in_matching() {
    let world = World::new(&two_routes(""));
    for path in ["/?/public", "/secret?x=/public", "/secret?/public/../public"] {
        let answer = world.get(&format!("{APP}{path}"), &[]).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
    }
}

#[tokio::test]
async fn ghsa_5hvv_m4w4_gf6v_a_user_agent_opens_nothing() {
    let world = World::new(&two_routes(""));
    for agent in ["GoogleHC/1.0", "kube-probe/1.31", "ELB-HealthChecker/2.0"] {
        let answer = world.get(&format!("{APP}/secret"), &[("user-agent", agent)]).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{agent}");
    }
}

#[tokio::test]
async fn ghsa_7x63_xv5r_3p2x_a_client_cannot_choose_the_rule_by_a_forwarded_header() {
    let forged = [
        ("x-forwarded-uri", "/public/x"),
        ("x-forwarded-host", "app.example.com"),
        ("x-original-url", "https://app.example.com/public/x"),
        ("x-original-uri", "/public/x"),
        ("x-rewrite-url", "/public/x"),
        ("forwarded", "for=1.2.3.4;host=app.example.com"),
    ];
    for dialect in ["x-forwarded", "nginx", "forwarded", "envoy"] {
        let world = World::new(&two_routes(&format!("forwarded = \"{dialect}\"")));
        // From a stranger: nothing is believed, neither by the proxy nor by the check.
        let direct = world.get(&format!("{APP}/secret"), &forged).await;
        assert_eq!(direct.status, StatusCode::UNAUTHORIZED, "{dialect}");
        let check = world.get(&format!("{APP}/oauth2/auth"), &forged).await;
        assert_eq!(check.status, StatusCode::FORBIDDEN, "{dialect}");
    }
    // Through ingress-nginx, which lets clients' X-Forwarded-Uri pass and sets X-Original-URL.
    let world = World::new(&two_routes("forwarded = \"nginx\""));
    let through = [
        ("x-original-url", "https://app.example.com/secret"),
        ("x-forwarded-uri", "/public/x"),
        ("x-forwarded-host", "app.example.com"),
        ("x-forwarded-method", "GET"),
        ("x-original-method", "GET"),
    ];
    assert_eq!(world.check(&format!("{APP}/oauth2/auth"), &through).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn ghsa_pxq7_h93f_9jrg_an_encoded_fragment_widens_nothing() {
    let world = World::new(&two_routes(""));
    for (path, expected) in [
        ("/secret%23/public", StatusCode::UNAUTHORIZED),
        ("/secret%3f/public", StatusCode::UNAUTHORIZED),
        ("/public%23", StatusCode::BAD_REQUEST),
        ("/public%2f..%2fsecret", StatusCode::BAD_REQUEST),
    ] {
        assert_eq!(world.get(&format!("{APP}{path}"), &[]).await.status, expected, "{path}");
    }
}

#[tokio::test]
async fn ghsa_c5c4_8r6x_56w3_an_address_with_two_at_signs_has_no_domain() {
    let issuer = "\n[issuers.oidc]\nurl = \"https://login.test/none\"\naudiences = [\"x\"]\n";
    let route = "\n[[routes]]\npath = \"/\"\naccept = [\"corp\"]\nallow.email_domains = [\"good.com\"]\n";
    let world = World::new(&(head("") + issuer + route));
    let now = gangplank_oauth::Clock::now(&*world.clock).as_secs();
    for (email, verified, expected) in [
        ("a@good.com", true, StatusCode::ACCEPTED),
        ("a@GOOD.com", true, StatusCode::ACCEPTED),
        ("a@evil@good.com", true, StatusCode::FORBIDDEN),
        ("a@good.com@evil", true, StatusCode::FORBIDDEN),
        ("@good.com", true, StatusCode::FORBIDDEN),
        ("good.com", true, StatusCode::FORBIDDEN),
        ("a@sub.good.com", true, StatusCode::FORBIDDEN),
        ("a@good.com.evil", true, StatusCode::FORBIDDEN),
        ("a@good.com", false, StatusCode::FORBIDDEN),
    ] {
        let token = world.tenant.mint_claims(&serde_json::json!({
            "iss": world.tenant.issuer(), "aud": gangplank_idp::API_ID, "tid": gangplank_idp::TENANT_ID, "sub": "s",
            "oid": "00000000-0000-0000-0000-000000000009", "azp": "c", "ver": "2.0", "scp": "read",
            "preferred_username": "somebody", "email": email, "xms_edov": verified,
            "iat": now, "nbf": now, "exp": now + 600,
        }));
        let token = format!("Bearer {}", token.unwrap());
        let answer = world.get(&format!("{APP}/oauth2/auth"), &[("authorization", &token)]).await;
        assert_eq!(answer.status, expected, "{email} {verified}: {answer:?}");
    }
}

#[test]
fn issue_3506_nobody_is_trusted_by_default_and_everybody_never() {
    let nobody = head("").replace("trusted_proxies = [\"10.0.0.0/8\"]", "");
    World::new(&(nobody.clone() + &demo("/", "")));
    for everybody in ["0.0.0.0/0", "::/0"] {
        let config = nobody.replace("[gate]", &format!("[gate]\ntrusted_proxies = [\"{everybody}\"]"));
        assert!(errors(&(config + &demo("/", "")))[0].contains("is everybody"));
    }
}

#[tokio::test]
async fn pr_3478_an_address_opens_nothing_and_the_leftmost_is_not_believed() {
    let world = World::new(&two_routes(""));
    for list in ["127.0.0.1", "10.0.0.1", "10.0.0.1, 192.0.2.7"] {
        let answer = world.check(&format!("{APP}/secret"), &[("x-forwarded-for", list)]).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{list}");
    }
}

#[tokio::test]
async fn restrictions_in_the_query_do_not_exist_and_so_cannot_fail_open() {
    let world = World::new(&(head("") + &demo("/", "")));
    let mallory = world.sign_in(APP, "mallory").await;
    for query in ["allowed_groups=nope;x=1", "allowed_groups=%zz", "allowed_groups=", "route="] {
        let answer = world.get(&format!("{APP}/oauth2/auth?{query}"), &[cookie(&mallory)]).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{query}");
    }
}
