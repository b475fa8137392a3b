use serde_json::json;

use super::*;

const NOW: UnixTime = UnixTime::from_secs(1_795_305_600);
const TENANT: &str = "dca11c8d-0000-4000-8000-00000000000a";

fn token(header: &Value, payload: &Value) -> String {
    let part = |value: &Value| LENIENT.encode(value.to_string()).trim_end_matches('=').to_owned();
    format!("{}.{}.c2ln", part(header), part(payload))
}

fn of(payload: &Value) -> String {
    text(&token(&json!({ "alg": "RS256", "kid": "k1", "typ": "JWT" }), payload), NOW)
}

fn entra(more: Value) -> Value {
    let mut claims = json!({
        "iss": format!("https://login.microsoftonline.com/{TENANT}/v2.0"), "tid": TENANT, "ver": "2.0",
        "aud": "api://podinfo", "sub": "s", "oid": "o", "iat": 1_795_302_000, "nbf": 1_795_302_000,
        "exp": 1_795_309_200, "rh": "0.x",
    });
    claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    claims
}

#[test]
fn a_delegated_token_of_entra_id_is_annotated() {
    let page =
        of(&entra(json!({ "scp": "read", "azp": "c1", "preferred_username": "alice@dev.test", "groups": ["g1"] })));
    let expected = format!(
        "\
header    alg RS256, kid k1, typ JWT
issuer    https://login.microsoftonline.com/{TENANT}/v2.0
          Microsoft Entra ID, a version 2 token of tenant {TENANT} in the public cloud
tenant    {TENANT}
audience  api://podinfo
kind      access token, delegated: a client acts for a person (`scp`)
subject   s
user      alice@dev.test
object id o
client    c1
scopes    read
groups    1: g1
issued    2026-11-21T23:00:00Z, 60 minutes ago
from      2026-11-21T23:00:00Z, 60 minutes ago
expires   2026-11-22T01:00:00Z, in 60 minutes (it lives 2 hours)
other     rh 0.x

Nothing of this is verified. `gangplank token verify --config FILE` says who would accept it.
"
    );
    assert_eq!(page, expected);
}

#[test]
fn kinds_are_told_apart() {
    for (more, kind) in [
        (json!({ "roles": ["r"], "idtyp": "app", "azp": "c" }), "app-only"),
        (json!({ "roles": ["r"], "appid": "c" }), "app-only"),
        (json!({ "nonce": "n", "preferred_username": "a" }), "ID token"),
        (json!({ "preferred_username": "a" }), "ID token of Entra ID"),
        (json!({ "kubernetes.io": {} }), "service account"),
    ] {
        let page = of(&entra(more.clone()));
        assert!(page.lines().any(|line| line.starts_with("kind") && line.contains(kind)), "{more}\n{page}");
    }
    let plain = of(&json!({ "iss": "https://idp.test", "aud": ["a", "b"], "sub": "s", "exp": 1, "client_id": "c" }));
    assert!(plain.contains("kind      access token\n") && plain.contains("audience  a b\n"), "{plain}");
    assert!(plain.contains("EXPIRED"), "{plain}");
}

#[test]
fn what_will_be_refused_is_said() {
    for (payload, said) in [
        (entra(json!({ "_claim_names": { "groups": "src1" }, "_claim_sources": {} })), "overage"),
        (entra(json!({ "cnf": { "jkt": "x" } })), "bound to a key"),
        (entra(json!({ "nbf": 1_795_309_000 })), "not yet valid"),
        (entra(json!({ "tid": "other" })), "another tenant"),
        (json!({ "exp": "1795309200" }), "no usable `exp`"),
        (json!({ "exp": "1795309200" }), "what to do"),
    ] {
        let page = of(&payload);
        assert!(page.contains(said), "{payload}\n{page}");
    }
    let unsigned = text(&token(&json!({ "alg": "none" }), &entra(json!({}))), NOW);
    assert!(unsigned.contains("unsigned") && unsigned.contains("token-algorithm-none"), "{unsigned}");
    let shared = text(&token(&json!({ "alg": "HS256" }), &entra(json!({}))), NOW);
    assert!(shared.contains("shared secret"), "{shared}");
}

#[test]
fn what_is_no_token_is_named_and_nothing_moves_the_cursor() {
    for (found, said) in [
        ("a.b.c.d.e", "encrypted"),
        ("a.b.c", "not base64url of JSON"),
        ("gpk_abc", "static key"),
        ("{\"payload\":\"\"}", "compact form"),
        ("opaque", "opaque"),
        ("", "opaque"),
        ("....", "encrypted"),
    ] {
        assert!(text(found, NOW).contains(said), "{found}");
    }
    let hostile = of(&json!({ "sub": "a\u{1b}[2J\nforged line", "x\u{7}": "\u{202e}" }));
    assert!(!hostile.contains('\u{1b}') && !hostile.contains('\u{7}') && !hostile.contains("\nforged"), "{hostile:?}");
    assert!(!of(&entra(json!({}))).contains("c2ln"), "the signature is not shown");
}
