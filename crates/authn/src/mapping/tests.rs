use gangplank_jose::{Claims, KeySet, Purpose, Rules, Unverified};
use serde_json::{Value, json};

use super::*;
use crate::testing::{NOW, jwks, new_key, sign_as};

fn claims(members: &Value) -> Claims {
    let key = new_key();
    let mut all = json!({ "iss": "https://i", "sub": "s", "aud": "a", "exp": NOW.as_secs() + 60 });
    for (name, value) in members.as_object().unwrap() {
        all[name] = value.clone();
    }
    let rules = Rules {
        issuers: vec!["https://i".into()],
        audiences: vec!["a".into()],
        algorithms: vec![key.algorithm()],
        purpose: Purpose::IdToken,
        leeway: Rules::LEEWAY,
    };
    let token = sign_as("k", &key, &all);
    let keys = KeySet::parse(jwks(&[("k", &key)]).as_bytes()).unwrap();
    Unverified::parse(&token).unwrap().verify(&keys, &rules, NOW).unwrap().into_inner()
}

fn map(entra: bool, members: Value) -> Result<Identity, Refusal> {
    Mapping::new("corp", entra, None, ClaimNames::default()).identity(&claims(&members))
}

fn named(spelled: &str) -> Option<ClaimName> {
    Some(ClaimName::parse(spelled).unwrap())
}

fn map_by(names: ClaimNames, members: Value) -> Result<Identity, &'static str> {
    Mapping::new("corp", false, None, names).identity(&claims(&members)).map_err(|refusal| refusal.reason().name)
}

fn refused(members: Value) -> &'static str {
    map(true, members).unwrap_err().reason().name
}

#[test]
fn the_user_name_is_the_first_claim_that_is_there() {
    let mut all = json!({ "preferred_username": "p", "upn": "u", "unique_name": "n", "email": "e@x" });
    for expected in ["p", "u", "n", "e@x", "s"] {
        assert_eq!(map(true, all.clone()).unwrap().username, expected);
        let first = ["preferred_username", "upn", "unique_name", "email"].into_iter().find(|c| all.get(c).is_some());
        first.map(|claim| all.as_object_mut().unwrap().remove(claim));
    }
}

#[test]
fn a_configured_claim_stands_alone() {
    let names =
        ClaimNames { username: named("login"), groups: named("teams"), email: named("mail"), ..ClaimNames::default() };
    let mapping = Mapping::new("corp", false, None, names);
    let found =
        mapping.identity(&claims(&json!({ "login": "l", "teams": "t", "mail": "m@x", "groups": ["g"] }))).unwrap();
    assert_eq!(
        (found.username.as_str(), found.groups, found.email.as_deref()),
        ("l", vec!["t".to_owned()], Some("m@x"))
    );
    let refusal = mapping.identity(&claims(&json!({ "preferred_username": "p" }))).unwrap_err();
    assert_eq!(refusal.reason().name, "claim-missing");
}

#[test]
fn values_that_could_forge_or_flood_are_refused() {
    for name in ["", "a\nb", "a\0", "\u{7f}", &"x".repeat(1025)] {
        assert_eq!(refused(json!({ "preferred_username": name })), "claim-unusable", "{name:?}");
        assert_eq!(refused(json!({ "groups": ["ok", name] })), "claim-unusable", "{name:?}");
        assert_eq!(refused(json!({ "oid": name })), "claim-unusable", "{name:?}");
    }
    assert_eq!(refused(json!({ "preferred_username": 7 })), "claim-unusable");
    assert_eq!(refused(json!({ "groups": { "a": 1 } })), "claim-unusable");
    assert_eq!(refused(json!({ "groups": ["a", 1] })), "claim-unusable");
    assert_eq!(refused(json!({ "roles": 1 })), "claim-unusable");
    let many = |count: usize| json!({ "groups": vec!["g"; count] });
    assert_eq!(map(true, many(10_000)).unwrap().groups.len(), 10_000);
    assert_eq!(refused(many(10_001)), "claim-unusable");
}

#[test]
fn names_that_do_not_read_as_they_are_written_are_refused() {
    for c in [
        '\u{202e}',
        '\u{2066}',
        '\u{200b}',
        '\u{200f}',
        '\u{2028}',
        '\u{2060}',
        '\u{feff}',
        '\u{ad}',
        '\u{e0041}',
        '\u{85}',
    ] {
        let name = format!("ad{c}a");
        assert_eq!(refused(json!({ "preferred_username": name })), "claim-unusable", "{c:?}");
        assert_eq!(refused(json!({ "groups": ["ok", name] })), "claim-unusable", "{c:?}");
        let who = map(true, json!({ "preferred_username": "ada", "name": name })).unwrap();
        assert_eq!(who.display_name, None, "{c:?}");
    }
    for name in ["Zoë Łukasz", "李小龍", "نیم\u{200c}فاصله", "👩\u{200d}🚀"] {
        assert_eq!(map(true, json!({ "preferred_username": name })).unwrap().username, name);
    }
}

#[test]
fn names_of_kubernetes_are_refused_and_its_groups_dropped() {
    assert_eq!(refused(json!({ "preferred_username": "system:admin" })), "name-reserved");
    let found = map(true, json!({ "groups": ["system:masters", "g"] })).unwrap();
    assert_eq!(found.groups, ["g"]);
}

#[test]
fn a_name_that_differs_from_another_by_white_space_alone_is_refused() {
    for name in ["admin ", " admin", "admin\u{a0}", "\u{2003}admin", " "] {
        assert_eq!(refused(json!({ "preferred_username": name })), "claim-unusable", "{name:?}");
        let who = map(true, json!({ "preferred_username": "ada", "email": format!("a@x{name} ") })).unwrap();
        assert_eq!(who.email, None, "{name:?}");
    }
    assert_eq!(map(true, json!({ "preferred_username": "Ada L" })).unwrap().username, "Ada L");
}

#[test]
fn an_email_is_verified_only_where_somebody_vouches() {
    for (entra, members, verified) in [
        (false, json!({ "email": "a@x" }), true),
        (false, json!({ "email": "a@x", "email_verified": true }), true),
        (false, json!({ "email": "a@x", "email_verified": "true" }), true),
        (false, json!({ "email": "a@x", "email_verified": false }), false),
        (false, json!({ "email": "a@x", "email_verified": "no" }), false),
        (false, json!({ "email": "a@x", "email_verified": [] }), false),
        (true, json!({ "email": "a@x" }), false),
        (true, json!({ "email": "a@x", "email_verified": true }), false),
        (true, json!({ "email": "a@x", "xms_edov": true }), true),
        (true, json!({ "email": "a@x", "xms_edov": "1" }), true),
        (true, json!({ "email": "a@x", "xms_edov": 0 }), false),
        (false, json!({ "email_verified": true }), false),
    ] {
        assert_eq!(map(entra, members.clone()).unwrap().email_verified, verified, "{entra} {members}");
    }
    assert_eq!(map(false, json!({ "email": "no-address", "name": "a\nb" })).unwrap().email, None);
}

#[test]
fn an_address_that_the_provider_calls_unverified_is_nobodys() {
    for (entra, members, kept) in [
        (false, json!({ "email": "a@x" }), true),
        (false, json!({ "email": "a@x", "email_verified": true }), true),
        (false, json!({ "email": "a@x", "email_verified": false }), false),
        (false, json!({ "email": "a@x", "email_verified": "false" }), false),
        // Entra says it of one tenant's own directory, and mostly does not say it at all.
        (true, json!({ "email": "a@x" }), true),
        (true, json!({ "email": "a@x", "xms_edov": false }), false),
    ] {
        let found = map(entra, members.clone()).unwrap();
        let (email, name) = if kept { (Some("a@x"), "a@x") } else { (None, "s") };
        assert_eq!((found.email.as_deref(), found.username.as_str()), (email, name), "{entra} {members}");
    }
    let names = ClaimNames { username: named("email"), ..ClaimNames::default() };
    let mapping = Mapping::new("corp", false, None, names);
    let refused = mapping.identity(&claims(&json!({ "email": "a@x", "email_verified": false }))).unwrap_err();
    assert_eq!(refused.reason().name, "claim-unusable");
    assert_eq!(mapping.identity(&claims(&json!({ "email": "a@x" }))).unwrap().username, "a@x");
}

#[test]
fn scopes_roles_client_and_uid() {
    let found =
        map(true, json!({ "scp": "read  write", "roles": "Admin", "appid": "c", "oid": "o", "tid": "t" })).unwrap();
    assert_eq!((found.scopes, found.roles), (vec!["read".to_owned(), "write".to_owned()], vec!["Admin".to_owned()]));
    assert_eq!(
        (found.client.as_deref(), found.uid.as_deref(), found.tenant.as_deref()),
        (Some("c"), Some("o"), Some("t"))
    );
    let found = map(false, json!({ "scope": "a b", "client_id": "c" })).unwrap();
    assert_eq!((found.scopes.len(), found.client.as_deref(), found.uid.as_deref()), (2, Some("c"), Some("s")));
    assert_eq!(map(false, json!({ "scp": ["a", "b"], "scope": "x" })).unwrap().scopes, ["a", "b"]);
}

#[test]
fn overage_is_noticed_in_both_its_forms() {
    for members in [
        json!({ "_claim_names": { "groups": "src1" }, "_claim_sources": { "src1": { "endpoint": "http://evil" } } }),
        json!({ "hasgroups": true }),
        json!({ "hasgroups": "true" }),
    ] {
        let found = map(true, members).unwrap();
        assert!(found.groups_unresolved && found.groups.is_empty());
    }
    for members in [
        json!({}),
        json!({ "hasgroups": false }),
        json!({ "_claim_names": { "other": "src1" } }),
        json!({ "groups": ["g"], "hasgroups": true }),
    ] {
        assert!(!map(true, members).unwrap().groups_unresolved);
    }
}

#[test]
fn every_claim_can_be_another_and_stand_inside_one() {
    let names = ClaimNames {
        uid: named("employee"),
        tenant: named("/org/id"),
        roles: named("/realm_access/roles"),
        scopes: named("permissions"),
        groups: named("/org/teams"),
        extra: [("example.com/department".to_owned(), named("dept").unwrap())].into(),
        ..ClaimNames::default()
    };
    let all = json!({
        "employee": "7", "org": { "id": "o", "teams": ["t1", "t2"] }, "realm_access": { "roles": ["r"] },
        "permissions": ["a", "b c"], "dept": "eng", "oid": "x", "tid": "y", "roles": ["z"], "scp": "z",
    });
    let found = map_by(names.clone(), all.clone()).unwrap();
    assert_eq!((found.uid.as_deref(), found.tenant.as_deref()), (Some("7"), Some("o")));
    assert_eq!((found.roles, found.scopes), (vec!["r".to_owned()], ["a", "b", "c"].map(str::to_owned).to_vec()));
    assert_eq!((found.groups, found.groups_unresolved), (vec!["t1".to_owned(), "t2".to_owned()], false));
    assert_eq!(found.extra, [("example.com/department".to_owned(), vec!["eng".to_owned()])].into());

    let without = |member: &str| {
        let mut all = all.clone();
        all.as_object_mut().unwrap().remove(member);
        map_by(names.clone(), all)
    };
    assert_eq!(without("employee"), Err("claim-missing"), "a uid that was asked for is never another claim's");
    assert_eq!(without("org"), Err("claim-missing"));
    let found = without("dept").unwrap();
    assert!(found.extra.is_empty());
    assert!(without("realm_access").unwrap().roles.is_empty(), "a missing one is none, and not the default's");
    let mut bad = all.clone();
    bad["dept"] = json!({ "a": 1 });
    assert_eq!(map_by(names, bad), Err("claim-unusable"));
}

#[test]
fn a_claim_whose_name_looks_like_a_path_is_no_path() {
    let names = ClaimNames { groups: named("realm_access.roles"), ..ClaimNames::default() };
    let found = map_by(names.clone(), json!({ "realm_access": { "roles": ["admin"] } })).unwrap();
    assert!(found.groups.is_empty());
    assert_eq!(map_by(names, json!({ "realm_access.roles": ["g"] })).unwrap().groups, ["g"]);
    let names = ClaimNames { groups: named("/realm_access/roles"), ..ClaimNames::default() };
    assert!(map_by(names, json!({ "/realm_access/roles": ["admin"] })).unwrap().groups.is_empty());
}

#[test]
fn prefixes_come_before_the_look_at_reserved_names() {
    let by = |username: &str, groups: &str, allow_reserved| ClaimNames {
        username_prefix: username.to_owned(),
        groups_prefix: groups.to_owned(),
        allow_reserved,
        ..ClaimNames::default()
    };
    let system = json!({ "preferred_username": "system:admin", "groups": ["system:masters", "g"] });
    let found = map_by(by("corp:", "corp:", false), system.clone()).unwrap();
    assert_eq!(
        (found.username.as_str(), found.groups),
        ("corp:system:admin", vec!["corp:system:masters".to_owned(), "corp:g".to_owned()])
    );
    let masters = json!({ "preferred_username": "admin", "groups": ["masters"] });
    assert_eq!(map_by(by("system:", "", false), masters.clone()), Err("name-reserved"));
    assert!(map_by(by("", "system:", false), masters).unwrap().groups.is_empty());
    let found = map_by(by("", "", true), system.clone()).unwrap();
    assert_eq!((found.username.as_str(), found.groups.len()), ("system:admin", 2));
    assert_eq!(map_by(by("", "", false), system), Err("name-reserved"));
}

#[test]
fn a_workload_is_called_by_its_spiffe_id() {
    let mapping = Mapping::new("mesh", false, Some("spiffe://example.org".into()), ClaimNames::default());
    let found = mapping.identity(&claims(&json!({ "sub": "spiffe://example.org/a", "email": "root@x" }))).unwrap();
    assert_eq!(
        (found.username.as_str(), found.issuer_url.as_str()),
        ("spiffe://example.org/a", "spiffe://example.org")
    );
}
