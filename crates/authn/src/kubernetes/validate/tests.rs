mod expressions;

use serde_json::{Value, json};

use crate::kubernetes::AuthenticationConfiguration;

const CA: &str = include_str!("../../../tests/data/kubernetes-ca.pem");

/// A file that says all that can be said, and is good.
fn whole() -> Value {
    json!({
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "AuthenticationConfiguration",
        "jwt": [{
            "issuer": {
                "url": "https://login.example.com/tenant",
                "discoveryURL": "https://inside.example.com/keys/openid",
                "certificateAuthority": CA,
                "audiences": ["kubernetes", "other"],
                "audienceMatchPolicy": "MatchAny",
                "egressSelectorType": "controlplane",
            },
            "claimValidationRules": [{"claim": "hd", "requiredValue": "example.com"}],
            "claimMappings": {
                "username": {"claim": "sub", "prefix": "oidc:"},
                "groups": {"claim": "groups", "prefix": ""},
                "uid": {"claim": "sub"},
                "extra": [{"key": "example.com/tenant", "valueExpression": "claims.tenant"}],
            },
            "userValidationRules": [],
        }],
        "anonymous": {"enabled": true, "conditions": [{"path": "/livez"}]},
    })
}

/// `/jwt/0` is what most pointers begin with; `~` stands for it.
fn edited(edits: &[(&str, Value)]) -> Vec<u8> {
    let mut file = whole();
    for (pointer, value) in edits {
        let pointer = pointer.replacen('~', "/jwt/0", 1);
        let (parent, member) = pointer.rsplit_once('/').unwrap();
        match file.pointer_mut(parent).unwrap_or_else(|| panic!("{parent}")) {
            Value::Array(items) if member == "-" => items.push(value.clone()),
            parent => parent[member] = value.clone(),
        }
    }
    file.to_string().into_bytes()
}

fn errors(edits: &[(&str, Value)], disallowed: &[String]) -> Vec<String> {
    match AuthenticationConfiguration::parse(&edited(edits), disallowed) {
        Ok(_) => Vec::new(),
        Err(errors) => errors.iter().map(|e| format!("{}: {}", e.path, e.kind.words())).collect(),
    }
}

/// Edits, and the mistakes they make: `path: kind`, where a path that begins with `.` is one of `jwt[0]`.
type Case<'c> = (&'c [(&'c str, Value)], &'c [&'c str]);

fn judge(cases: &[Case<'_>]) {
    for (edits, wanted) in cases {
        let wanted: Vec<String> =
            wanted.iter().map(|e| if e.starts_with('.') { format!("jwt[0]{e}") } else { (*e).to_owned() }).collect();
        assert_eq!(errors(edits, &[]), wanted, "{edits:?}");
    }
}

fn other() -> Value {
    let mut entry = whole()["jwt"][0].clone();
    entry["issuer"]["url"] = json!("https://other.example.com");
    entry["issuer"]["discoveryURL"] = Value::Null;
    entry
}

#[test]
fn issuers() {
    let url = "~/issuer/url";
    let discovery = "~/issuer/discoveryURL";
    let (audiences, policy) = ("~/issuer/audiences", "~/issuer/audienceMatchPolicy");
    let authority = "~/issuer/certificateAuthority";
    let invalid_url: &[&str] = &[".issuer.url: Invalid value"];
    let invalid_discovery: &[&str] = &[".issuer.discoveryURL: Invalid value"];
    judge(&[
        (&[], &[]),
        (&[("/jwt", json!([]))], &[]),
        (&[("/jwt", Value::Null)], &[]),
        (&[(url, json!(""))], &[".issuer.url: Required value"]),
        (&[(url, Value::Null)], &[".issuer.url: Required value"]),
        (&[(url, json!("https://login.example.com"))], &[]),
        (&[(url, json!("https://login.example.com/"))], &[]),
        (&[(url, json!("https://login.example.com:8443/a/b"))], &[]),
        (&[(url, json!("https://10.0.0.1"))], &[]),
        (&[(url, json!("http://login.example.com"))], invalid_url),
        (&[(url, json!("http://localhost:8080"))], invalid_url),
        (&[(url, json!("login.example.com"))], invalid_url),
        (&[(url, json!("/tenant"))], invalid_url),
        (&[(url, json!("https:// login"))], invalid_url),
        (&[(url, json!("https://login.example.com/ "))], invalid_url),
        (&[(url, json!("ftp://login.example.com"))], invalid_url),
        (&[(url, json!("https://user@login.example.com"))], invalid_url),
        (&[(url, json!("https://user:pw@login.example.com"))], invalid_url),
        (&[(url, json!("https://login.example.com?a=b"))], invalid_url),
        (&[(url, json!("https://login.example.com#a"))], invalid_url),
        (&[(url, json!("https://login.example.com?"))], invalid_url),
        (&[(url, json!("http://user:pw@login.example.com?a#b"))], &[".issuer.url: Invalid value"; 4]),
        (&[(discovery, Value::Null)], &[]),
        (&[(discovery, json!(""))], &[]),
        (&[(discovery, json!("https://inside.example.com/.well-known/openid-configuration"))], &[]),
        (&[(discovery, json!("https://login.example.com/tenant"))], invalid_discovery),
        (&[(discovery, json!("https://login.example.com/tenant/"))], invalid_discovery),
        (&[(discovery, json!("https://login.example.com/tenant///"))], invalid_discovery),
        (&[(discovery, json!("https://login.example.com/Tenant"))], &[]),
        (&[(discovery, json!("http://inside.example.com"))], invalid_discovery),
        (&[(discovery, json!("https://a@inside.example.com"))], invalid_discovery),
        (&[(discovery, json!("https://inside.example.com?x"))], invalid_discovery),
        (&[(discovery, json!("https://inside.example.com#x"))], invalid_discovery),
        (&[(discovery, json!("nonsense"))], invalid_discovery),
        (&[(audiences, json!([]))], &[".issuer.audiences: Required value"]),
        (&[(audiences, Value::Null), (policy, json!("x"))], &[".issuer.audiences: Required value"]),
        (&[(audiences, json!(["a"]))], &[]),
        (&[(audiences, json!(["a"])), (policy, json!(""))], &[]),
        (&[(audiences, json!(["a"])), (policy, json!("MatchAll"))], &[".issuer.audienceMatchPolicy: Invalid value"]),
        (&[(audiences, json!(["a"])), (policy, json!("matchany"))], &[".issuer.audienceMatchPolicy: Invalid value"]),
        (&[(policy, Value::Null)], &[".issuer.audienceMatchPolicy: Invalid value"]),
        (&[(policy, json!("MatchAll"))], &[".issuer.audienceMatchPolicy: Invalid value"]),
        (&[(audiences, json!(["a", ""]))], &[".issuer.audiences[1]: Required value"]),
        (&[(audiences, json!(["a", null]))], &[".issuer.audiences[1]: Required value"]),
        (&[(audiences, json!(["a", "b", "a"]))], &[".issuer.audiences[2]: Duplicate value"]),
        (
            &[(audiences, json!(["", ""]))],
            &[
                ".issuer.audiences[0]: Required value",
                ".issuer.audiences[1]: Required value",
                ".issuer.audiences[1]: Duplicate value",
            ],
        ),
        (&[(authority, Value::Null)], &[]),
        (&[(authority, json!(format!("# a comment\n{CA}\n{CA}")))], &[]),
        (&[(authority, json!("nonsense"))], &[".issuer.certificateAuthority: Invalid value"]),
        (
            &[(authority, json!("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"))],
            &[".issuer.certificateAuthority: Invalid value"],
        ),
        (&[(authority, json!(CA.replace("CERTIFICATE", "KEY")))], &[".issuer.certificateAuthority: Invalid value"]),
        (&[("~/issuer/egressSelectorType", json!("cluster"))], &[]),
        (&[("~/issuer/egressSelectorType", json!(""))], &[]),
        (&[("~/issuer/egressSelectorType", json!("etcd"))], &[".issuer.egressSelectorType: Invalid value"]),
        (&[("~/issuer/egressSelectorType", json!("ControlPlane"))], &[".issuer.egressSelectorType: Invalid value"]),
        (&[("~/issuer", Value::Null)], &[".issuer.url: Required value", ".issuer.audiences: Required value"]),
        (&[("~/issuer", json!(1))], &[".issuer: Invalid value"]),
        (&[("~/issuer/audiences", json!("kubernetes"))], &[".issuer.audiences: Invalid value"]),
        (&[("~/issuer/audiences", json!([1, "a"]))], &[".issuer.audiences[0]: Invalid value"]),
        (&[("~/issuer/jwksURL", json!("x"))], &[".issuer.jwksURL: Unknown field"]),
    ]);
}

#[test]
fn several_issuers() {
    let same_discovery = || {
        let mut entry = other();
        entry["issuer"]["discoveryURL"] = json!("https://inside.example.com/keys/openid");
        entry
    };
    judge(&[
        (&[("/jwt/-", other())], &[]),
        (
            &[("/jwt/-", whole()["jwt"][0].clone()), ("/jwt/1/issuer/discoveryURL", Value::Null)],
            &["jwt[1].issuer.url: Duplicate value"],
        ),
        (&[("/jwt/-", same_discovery())], &["jwt[1].issuer.discoveryURL: Duplicate value"]),
        (
            &[("/jwt/-", whole()["jwt"][0].clone())],
            &["jwt[1].issuer.url: Duplicate value", "jwt[1].issuer.discoveryURL: Duplicate value"],
        ),
        (
            &[
                ("/jwt/-", other()),
                ("/jwt/1/issuer/url", json!("")),
                ("/jwt/-", other()),
                ("/jwt/2/issuer/audiences", json!([])),
            ],
            &["jwt[1].issuer.url: Required value", "jwt[2].issuer.audiences: Required value"],
        ),
        (&[("/jwt/-", other()), ("/jwt/1/issuer/url", json!("https://login.example.com/tenant/"))], &[]),
    ]);
    let many = |count: usize| {
        let entries = (0..count).map(|i| {
            let mut entry = other();
            entry["issuer"]["url"] = json!(format!("https://{i}.example.com"));
            entry
        });
        errors(&[("/jwt", entries.collect())], &[])
    };
    assert_eq!(many(64), Vec::<String>::new());
    assert_eq!(many(65), ["jwt: Too many"]);
    let own = "https://login.example.com/tenant".to_owned();
    assert_eq!(errors(&[], std::slice::from_ref(&own)), ["jwt[0].issuer.url: Invalid value"]);
    let discovery = "https://inside.example.com/keys/openid".to_owned();
    assert_eq!(errors(&[], &[discovery]), Vec::<String>::new(), "only `url` is compared");
}

#[test]
fn mappings_by_claim() {
    let (username, groups, uid) = ("~/claimMappings/username", "~/claimMappings/groups", "~/claimMappings/uid");
    let key = "~/claimMappings/extra/0/key";
    let invalid_key: &[&str] = &[".claimMappings.extra[0].key: Invalid value"];
    judge(&[
        (&[("~/claimMappings", Value::Null)], &[".claimMappings.username: Required value"]),
        (&[(username, Value::Null)], &[".claimMappings.username: Required value"]),
        (&[(username, json!({}))], &[".claimMappings.username: Required value"]),
        (&[(username, json!({"prefix": "x"}))], &[".claimMappings.username: Required value"]),
        (&[(username, json!({"claim": "sub", "prefix": ""}))], &[]),
        (&[(username, json!({"claim": "sub"}))], &[".claimMappings.username.prefix: Required value"]),
        (&[(username, json!({"claim": "sub", "prefix": null}))], &[".claimMappings.username.prefix: Required value"]),
        (
            &[(username, json!({"claim": "sub", "expression": "claims.sub"}))],
            &[".claimMappings.username: Invalid value"],
        ),
        (
            &[(username, json!({"claim": "sub", "expression": "claims.sub", "prefix": "x"}))],
            &[".claimMappings.username: Invalid value"],
        ),
        (&[(username, json!({"expression": "claims.sub"}))], &[]),
        (
            &[(username, json!({"expression": "claims.sub", "prefix": ""}))],
            &[".claimMappings.username.prefix: Invalid value"],
        ),
        (&[(username, json!({"claim": 1, "prefix": ""}))], &[".claimMappings.username.claim: Invalid value"]),
        (&[(username, json!("sub"))], &[".claimMappings.username: Invalid value"]),
        (&[(username, json!({"claim": "email", "prefix": ""}))], &[]),
        (&[(groups, Value::Null)], &[]),
        (&[(groups, json!({}))], &[]),
        (&[(groups, json!({"prefix": "x"}))], &[]),
        (&[(groups, json!({"claim": "roles"}))], &[".claimMappings.groups.prefix: Required value"]),
        (
            &[(groups, json!({"claim": "roles", "expression": "claims.roles"}))],
            &[".claimMappings.groups: Invalid value"],
        ),
        (&[(groups, json!({"expression": "claims.roles"}))], &[]),
        (
            &[(groups, json!({"expression": "claims.roles", "prefix": "x"}))],
            &[".claimMappings.groups.prefix: Invalid value"],
        ),
        (&[(uid, Value::Null)], &[]),
        (&[(uid, json!({}))], &[]),
        (&[(uid, json!({"expression": "claims.sub"}))], &[]),
        (&[(uid, json!({"claim": "sub", "expression": "claims.sub"}))], &[".claimMappings.uid: Invalid value"]),
        (&[(uid, json!({"claim": "sub", "prefix": ""}))], &[".claimMappings.uid.prefix: Unknown field"]),
        (&[("~/claimMappings/extra", json!([]))], &[]),
        (&[(key, json!(""))], &[".claimMappings.extra[0].key: Required value"]),
        (&[(key, json!("tenant"))], invalid_key),
        (&[(key, json!("example.com/"))], invalid_key),
        (&[(key, json!("/tenant"))], invalid_key),
        (&[(key, json!("example.com/a/b"))], &[]),
        (&[(key, json!("example.com/~!$&'()*+,;=:%-._"))], &[]),
        (&[(key, json!("example.com/a b"))], invalid_key),
        (&[(key, json!("example.com/a?b"))], invalid_key),
        (&[(key, json!("exa_mple.com/a"))], invalid_key),
        (&[(key, json!("-example.com/a"))], invalid_key),
        (&[(key, json!("example..com/a"))], invalid_key),
        (&[(key, json!(format!("{}.com/a", "x".repeat(250))))], invalid_key),
        (&[(key, json!("example.com/Tenant"))], invalid_key),
        (&[(key, json!("Example.com/tenant"))], &[".claimMappings.extra[0].key: Invalid value"; 2]),
        (&[(key, json!("k8s.io/a"))], invalid_key),
        (&[(key, json!("kubernetes.io/a"))], invalid_key),
        (&[(key, json!("a.k8s.io/a"))], invalid_key),
        (&[(key, json!("authentication.kubernetes.io/credential-id"))], invalid_key),
        (&[(key, json!("notk8s.io/a"))], &[]),
        (&[(key, json!("example.com/k8s.io"))], &[]),
        (
            &[("~/claimMappings/extra/0/valueExpression", json!(""))],
            &[".claimMappings.extra[0].valueExpression: Required value"],
        ),
        (
            &[("~/claimMappings/extra/-", json!({"key": "example.com/tenant", "valueExpression": "claims.a"}))],
            &[".claimMappings.extra[1].key: Duplicate value"],
        ),
        (&[("~/claimMappings/extra/-", json!({"key": "example.com/b", "valueExpression": "claims.tenant"}))], &[]),
        (
            &[("~/claimMappings/extra/-", json!({}))],
            &[".claimMappings.extra[1].key: Required value", ".claimMappings.extra[1].valueExpression: Required value"],
        ),
    ]);
}

#[test]
fn rules_by_claim_and_anonymous() {
    let rules = "~/claimValidationRules";
    judge(&[
        (&[(rules, Value::Null)], &[]),
        (&[(rules, json!([{"claim": "hd"}]))], &[]),
        (&[(rules, json!([{"claim": "hd", "requiredValue": ""}]))], &[]),
        (&[(rules, json!([{}]))], &[".claimValidationRules[0]: Required value"]),
        (&[(rules, json!([{"requiredValue": "x"}]))], &[".claimValidationRules[0]: Required value"]),
        (&[(rules, json!([{"message": "x"}]))], &[".claimValidationRules[0]: Required value"]),
        (&[(rules, json!([{"claim": "hd", "expression": "true"}]))], &[".claimValidationRules[0]: Invalid value"]),
        (&[(rules, json!([{"claim": "hd", "message": "x"}]))], &[".claimValidationRules[0].message: Invalid value"]),
        (
            &[(rules, json!([{"claim": "hd"}, {"claim": "x"}, {"claim": "hd", "requiredValue": "y"}]))],
            &[".claimValidationRules[2].claim: Duplicate value"],
        ),
        (&[("/anonymous", Value::Null)], &[]),
        (&[("/anonymous", json!({}))], &[]),
        (&[("/anonymous", json!({"enabled": false}))], &[]),
        (&[("/anonymous", json!({"enabled": true}))], &[]),
        (&[("/anonymous/enabled", json!(false))], &["anonymous.conditions: Invalid value"]),
        (&[("/anonymous", json!({"conditions": [{"path": "/"}]}))], &["anonymous.conditions: Invalid value"]),
        (&[("/anonymous", json!({"conditions": []}))], &[]),
        (&[("/anonymous/enabled", json!("true"))], &["anonymous.enabled: Invalid value"]),
        (&[("/anonymous/conditions/0/method", json!("GET"))], &["anonymous.conditions[0].method: Unknown field"]),
        (&[("/apiVersion", json!("apiserver.config.k8s.io/v1alpha1"))], &[]),
        (&[("/apiVersion", json!("apiserver.config.k8s.io/v1beta1"))], &[]),
        (&[("/apiVersion", json!("apiserver.config.k8s.io/v2"))], &["apiVersion: Unsupported value"]),
        (&[("/kind", json!("AuthorizationConfiguration"))], &["kind: Unsupported value"]),
    ]);
}

#[test]
fn everything_is_reported_at_once_and_a_mistake_only_once() {
    let found = errors(
        &[
            ("~/issuer/url", json!("http://a")),
            ("~/issuer/audiences", json!(5)),
            ("~/claimMappings/username", json!({"claim": ["sub"]})),
            ("~/claimMapping", json!({})),
            ("/anonymous/enabled", json!(false)),
        ],
        &[],
    );
    let wanted = [
        "jwt[0].claimMapping: Unknown field",
        "jwt[0].issuer.audiences: Invalid value",
        "jwt[0].claimMappings.username.claim: Invalid value",
        "jwt[0].issuer.url: Invalid value",
        "anonymous.conditions: Invalid value",
    ];
    assert_eq!(found, wanted);
}

#[test]
fn the_hash_is_the_files() {
    let bytes = edited(&[]);
    let hash = |bytes: &[u8]| AuthenticationConfiguration::parse(bytes, &[]).unwrap().hash().to_owned();
    assert_eq!(hash(&bytes).len(), "sha256:".len() + 64);
    assert_ne!(hash(&bytes), hash(&[&bytes[..], b"\n"].concat()));
}
