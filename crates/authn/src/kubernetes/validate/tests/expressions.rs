//! Files with expressions.

use serde_json::json;

use super::judge;

#[test]
fn expressions() {
    let (rules, users) = ("~/claimValidationRules", "~/userValidationRules");
    let username = "~/claimMappings/username";
    let invalid_rule: &[&str] = &[".claimValidationRules[0].expression: Invalid value"];
    let invalid_user: &[&str] = &[".userValidationRules[0].expression: Invalid value"];
    judge(&[
        (&[(rules, json!([{"expression": "claims.hd == 'example.com'", "message": "m"}]))], &[]),
        (&[(rules, json!([{"expression": "claims.hd == 'a'"}, {"expression": "claims.hd == 'b'"}]))], &[]),
        (
            &[(rules, json!([{"expression": "claims.a == 1"}, {"expression": "claims.a == 1"}]))],
            &[".claimValidationRules[1].expression: Duplicate value"],
        ),
        (
            &[(rules, json!([{"expression": "claims.a == 1", "requiredValue": "x"}]))],
            &[".claimValidationRules[0].requiredValue: Invalid value"],
        ),
        (&[(rules, json!([{"expression": "claims.foo"}]))], invalid_rule),
        (&[(rules, json!([{"expression": "claims.?email_verified.orValue(true)"}]))], invalid_rule),
        (&[(rules, json!([{"expression": "claims.?email_verified.orValue(true) == true"}]))], &[]),
        (&[(rules, json!([{"expression": "'a string'"}]))], invalid_rule),
        (&[(rules, json!([{"expression": "claims.a =="}]))], invalid_rule),
        (&[(rules, json!([{"expression": " "}]))], invalid_rule),
        (&[(rules, json!([{"expression": "user.username == 'a'"}]))], invalid_rule),
        (&[(rules, json!([{"expression": "unknown == 'a'"}]))], invalid_rule),
        (&[(rules, json!([{"expression": "claims + 1 == 2"}]))], invalid_rule),
        (&[(users, json!([{"expression": "user.username != ''", "message": "m"}]))], &[]),
        (&[(users, json!([{"expression": "!user.groups.exists(g, g.startsWith('system:'))"}]))], &[]),
        (&[(users, json!([{"expression": "user.extra['example.com/a'] == ['b']"}]))], &[]),
        (&[(users, json!([{}]))], &[".userValidationRules[0].expression: Required value"]),
        (&[(users, json!([{"message": "m"}]))], &[".userValidationRules[0].expression: Required value"]),
        (&[(users, json!([{"expression": "user.username"}]))], invalid_user),
        (&[(users, json!([{"expression": "user.unknown == 'a'"}]))], invalid_user),
        (&[(users, json!([{"expression": "claims.sub == 'a'"}]))], invalid_user),
        (&[(users, json!([{"expression": "user.username =="}]))], invalid_user),
        (
            &[(users, json!([{"expression": "user.uid == ''"}, {"expression": "user.uid == ''"}]))],
            &[".userValidationRules[1].expression: Duplicate value"],
        ),
        (&[(username, json!({"expression": "claims.sub + '@' + claims.hd"}))], &[]),
        (&[(username, json!({"expression": "claims."}))], &[".claimMappings.username.expression: Invalid value"]),
        (&[(username, json!({"expression": "user.username"}))], &[".claimMappings.username.expression: Invalid value"]),
        (
            &[("~/claimMappings/groups", json!({"expression": "["}))],
            &[".claimMappings.groups.expression: Invalid value"],
        ),
        (
            &[("~/claimMappings/uid", json!({"expression": "claims + 1"}))],
            &[".claimMappings.uid.expression: Invalid value"],
        ),
        (
            &[("~/claimMappings/extra/0/valueExpression", json!("claims.("))],
            &[".claimMappings.extra[0].valueExpression: Invalid value"],
        ),
    ]);
}

#[test]
fn an_address_for_a_name_demands_that_somebody_verified_it() {
    let refused: &[&str] = &[".claimMappings.username.expression: Invalid value"];
    let username = |expression: &str| ("~/claimMappings/username", json!({"expression": expression}));
    judge(&[
        (&[username("claims.email")], refused),
        (&[username("claims.?email.orValue('x')")], refused),
        (&[username("has(claims.email) ? claims.email : claims.sub")], refused),
        (&[username("[claims.email][0]")], refused),
        (&[username("{'a': claims.email}['a']")], refused),
        (&[username("claims.email.split('@')[0]")], refused),
        (&[username("claims['email']")], &[]),
        (&[username("claims.other.claims.email")], &[]),
        (&[username("claims.sub + 'claims.email'")], &[]),
        (&[username("claims.sub // claims.email")], &[]),
        (&[username("claims.email_verified ? claims.email : claims.sub")], &[]),
        (&[username("claims.?email_verified.orValue(true) ? claims.email : claims.sub")], &[]),
        (
            &[
                username("claims.email"),
                ("~/claimValidationRules", json!([{"expression": "claims.email_verified == true"}])),
            ],
            &[],
        ),
        (
            &[
                username("claims.email"),
                ("~/claimValidationRules", json!([{"expression": "claims.?email_verified.orValue(true) == true"}])),
            ],
            &[],
        ),
        (
            &[
                username("claims.email"),
                ("~/claimMappings/extra/0/valueExpression", json!("string(claims.email_verified)")),
            ],
            &[],
        ),
        (
            &[
                username("claims.email"),
                ("~/claimMappings/groups", json!({"expression": "claims.email_verified ? ['a'] : []"})),
            ],
            refused,
        ),
        (
            &[
                username("claims.email"),
                ("~/claimValidationRules", json!([{"claim": "email_verified", "requiredValue": "true"}])),
            ],
            refused,
        ),
        (
            &[
                username("claims.email"),
                ("~/claimValidationRules", json!([{"expression": "claims['email_verified'] == true"}])),
            ],
            refused,
        ),
    ]);
}
