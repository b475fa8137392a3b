use serde_json::{Value, json};

use super::*;

fn question(json: &Value) -> Result<TokenReviewRequest, NotAReview> {
    TokenReviewRequest::parse(json.to_string().as_bytes())
}

/// What kube-apiserver 1.33 sends with `--authentication-token-webhook-version` at its default and at v1.
const FROM_AN_API_SERVER: [(&str, ReviewVersion); 2] = [
    (
        r#"{"kind":"TokenReview","apiVersion":"authentication.k8s.io/v1beta1","metadata":{"creationTimestamp":null},"spec":{"token":"a.b.c","audiences":["https://kubernetes.default.svc","api"]},"status":{"user":{}}}"#,
        ReviewVersion::V1Beta1,
    ),
    (
        r#"{"kind":"TokenReview","apiVersion":"authentication.k8s.io/v1","metadata":{},"spec":{"token":"a.b.c","audiences":["https://kubernetes.default.svc","api"]},"status":{"user":{}}}"#,
        ReviewVersion::V1,
    ),
];

#[test]
fn what_api_servers_send_is_read() {
    for (json, version) in FROM_AN_API_SERVER {
        let read = TokenReviewRequest::parse(json.as_bytes()).unwrap();
        assert_eq!(read.version, version);
        assert_eq!(read.token.expose_secret(), "a.b.c");
        assert_eq!(read.audiences, ["https://kubernetes.default.svc", "api"]);
    }
}

#[test]
fn what_is_answered_is_what_api_servers_read() {
    let status = TokenReviewStatus {
        authenticated: true,
        user: Some(UserInfo {
            username: "ada".into(),
            uid: "7".into(),
            groups: vec!["crew".into()],
            extra: [("example.com/tenant".to_owned(), vec!["t".to_owned()])].into(),
        }),
        audiences: vec!["api".into()],
        error: String::new(),
    };
    for (version, name) in [(ReviewVersion::V1, "v1"), (ReviewVersion::V1Beta1, "v1beta1")] {
        let golden = format!(
            r#"{{"apiVersion":"authentication.k8s.io/{name}","kind":"TokenReview","spec":{{}},"status":{{"authenticated":true,"user":{{"username":"ada","uid":"7","groups":["crew"],"extra":{{"example.com/tenant":["t"]}}}},"audiences":["api"]}}}}"#
        );
        let json = status.to_json(version);
        assert_eq!(std::str::from_utf8(&json).unwrap(), golden);
        assert_eq!(TokenReviewStatus::parse(&json, version), Some(status.clone()));
    }
    assert_eq!(
        std::str::from_utf8(&TokenReviewStatus::default().to_json(ReviewVersion::V1)).unwrap(),
        r#"{"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","spec":{},"status":{"authenticated":false}}"#
    );
}

#[test]
fn a_question_is_read_as_it_was_written_and_does_not_print_its_token() {
    let asked = TokenReviewRequest {
        version: ReviewVersion::V1,
        token: SecretString::from("secret"),
        audiences: vec!["api".to_owned()],
    };
    let json = asked.to_json();
    assert_eq!(
        std::str::from_utf8(&json).unwrap(),
        r#"{"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","spec":{"token":"secret","audiences":["api"]}}"#
    );
    let read = TokenReviewRequest::parse(&json).unwrap();
    assert_eq!((read.token.expose_secret(), &read.audiences), ("secret", &asked.audiences));
    assert!(!format!("{read:?}").contains("secret"));
}

#[test]
fn what_is_not_known_is_passed_over_and_null_is_nothing() {
    let read = question(&json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "metadata": null, "status": null,
        "later": [{}], "spec": { "token": "t", "audiences": null, "later": 1 },
    }))
    .unwrap();
    assert!(read.audiences.is_empty());
}

#[test]
fn what_is_no_question_is_none() {
    let review = |version: &str, kind: &str, spec: Value| {
        question(&json!({ "apiVersion": version, "kind": kind, "spec": spec })).map(|_| ())
    };
    let v1 = "authentication.k8s.io/v1";
    assert_eq!(review(v1, "TokenReview", json!({ "token": "t" })), Ok(()));
    for spec in [json!({}), json!(null), json!({ "token": "" }), json!({ "token": null })] {
        assert_eq!(review(v1, "TokenReview", spec), Err(NotAReview::NoToken));
    }
    for spec in [json!({ "token": 1 }), json!({ "token": "t", "audiences": "a" }), json!([]), json!("t")] {
        assert_eq!(review(v1, "TokenReview", spec), Err(NotAReview::Malformed));
    }
    for (version, kind) in [
        ("authentication.k8s.io/v1alpha1", "TokenReview"),
        ("v1", "TokenReview"),
        ("AUTHENTICATION.K8S.IO/v1", "TokenReview"),
        ("", "TokenReview"),
        (v1, "tokenreview"),
        (v1, "SubjectAccessReview"),
        (v1, ""),
    ] {
        assert_eq!(review(version, kind, json!({ "token": "t" })), Err(NotAReview::OtherKind), "{version} {kind}");
    }
    for text in [
        "",
        "{",
        "null",
        "[]",
        r#"{"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","spec":{"token":"t"}} x"#,
        r#"{"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","spec":{"token":"t","token":"u"}}"#,
        r#"{"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","spec":{"token":"t"},"spec":{"token":"u"}}"#,
    ] {
        assert_eq!(TokenReviewRequest::parse(text.as_bytes()).map(|_| ()), Err(NotAReview::Malformed), "{text}");
    }
    assert_eq!(
        TokenReviewRequest::parse(&[b'[', 0xff]).map(|_| ()),
        Err(NotAReview::Malformed),
        "what is not UTF-8 is no JSON"
    );
}

#[test]
fn an_answer_of_another_kind_or_version_is_none() {
    let answer = TokenReviewStatus { authenticated: true, ..TokenReviewStatus::default() };
    assert_eq!(TokenReviewStatus::parse(&answer.to_json(ReviewVersion::V1Beta1), ReviewVersion::V1), None);
    for text in [
        r#"{"kind":"Status","apiVersion":"v1","status":"Failure"}"#,
        r#"{"kind":"TokenReview","apiVersion":"authentication.k8s.io/v1"}"#,
        r#"{"kind":"TokenReview","apiVersion":"authentication.k8s.io/v1","status":{"authenticated":"true"}}"#,
        "",
    ] {
        assert_eq!(TokenReviewStatus::parse(text.as_bytes(), ReviewVersion::V1), None, "{text}");
    }
    let null =
        r#"{"kind":"TokenReview","apiVersion":"authentication.k8s.io/v1","status":{"authenticated":null,"user":null}}"#;
    let status = TokenReviewStatus::parse(null.as_bytes(), ReviewVersion::V1).unwrap();
    assert_eq!(status, TokenReviewStatus::default());
}
