//! Faults on demand, set by the API and over HTTP, and the tenant as a transport.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod support;

use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use gangplank_idp::{Endpoint, Fault, FaultKind, InProcess, Rotation, TENANT_ID, WEB_APP_ID};
use gangplank_jose::{Purpose, UnixTime, Unverified};
use gangplank_oauth::{Budget, Clock, Transport, TransportError};
use http::{Request, Response, StatusCode};
use serde_json::json;
use support::*;

struct Still;

impl Clock for Still {
    fn now(&self) -> UnixTime {
        NOW
    }
}

fn send(transport: &InProcess, url: &str, budget: Budget) -> Result<Response<Bytes>, TransportError> {
    let mut future = transport.send(Request::get(url).body(Bytes::new()).unwrap(), budget);
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("nothing here waits"),
    }
}

#[test]
fn the_transport_fails_as_a_socket_would() {
    let tenant = Arc::new(tenant());
    let transport = InProcess::new(Arc::clone(&tenant), Arc::new(Still));
    let url = format!("{BASE}/{TENANT_ID}/discovery/v2.0/keys");
    let budget = Budget { time: Duration::from_secs(1), body: 1 << 16 };
    assert_eq!(send(&transport, &url, budget).unwrap().status(), StatusCode::OK);
    let elsewhere = send(&transport, "http://127.0.0.1:9/x", budget);
    assert!(matches!(elsewhere, Err(TransportError::Connect { .. })));
    type Expected = fn(&TransportError) -> bool;
    let cases: [(FaultKind, Expected); 3] = [
        (FaultKind::Slow { millis: 1_001 }, |e| matches!(e, TransportError::Timeout { .. })),
        (FaultKind::HangUp, |e| matches!(e, TransportError::Protocol { .. })),
        (FaultKind::Huge { bytes: 1 << 17 }, |e| matches!(e, TransportError::TooLarge { .. })),
    ];
    for (kind, expected) in cases {
        tenant.set_fault(Fault::new(kind).times(1));
        assert!(expected(&send(&transport, &url, budget).unwrap_err()));
        assert_eq!(send(&transport, &url, budget).unwrap().status(), StatusCode::OK);
    }
    tenant.set_fault(Fault::new(FaultKind::Slow { millis: 999 }));
    assert_eq!(send(&transport, &url, budget).unwrap().status(), StatusCode::OK);
    assert_eq!(tenant.counts().jwks, 8);
}

#[test]
fn answers_go_wrong_as_asked() {
    let tenant = tenant();
    let keys = format!("{BASE}/{TENANT_ID}/discovery/v2.0/keys");
    let metadata = format!("{BASE}/{TENANT_ID}/v2.0/.well-known/openid-configuration");
    tenant.set_fault(Fault::new(FaultKind::Gone));
    assert_eq!(get(&tenant, &keys, &[], NOW).response.status(), StatusCode::NOT_FOUND);
    assert_eq!(get(&tenant, &metadata, &[], NOW).response.status(), StatusCode::OK);
    tenant.clear_faults();
    tenant.set_fault(Fault::new(FaultKind::WrongIssuerInDiscovery));
    tenant.set_fault(Fault::new(FaultKind::Garbage).on(Endpoint::Jwks));
    assert_ne!(body(&get(&tenant, &metadata, &[], NOW).response)["issuer"], tenant.issuer());
    assert!(serde_json::from_slice::<serde_json::Value>(get(&tenant, &keys, &[], NOW).response.body()).is_err());
    let slow = Fault::new(FaultKind::Slow { millis: 20 });
    tenant.set_fault(slow.clone());
    tenant.set_fault(slow);
    assert_eq!(get(&tenant, &metadata, &[], NOW).delay, Duration::from_millis(40));
}

#[test]
fn the_token_endpoint_goes_wrong_as_asked() {
    let tenant = tenant();
    let id_token = |fault| {
        tenant.clear_faults();
        tenant.set_fault(Fault::new(fault));
        let tokens = body(&redeem(&tenant, &code(&tenant, "alice", &[])));
        let token = tokens["id_token"].as_str().unwrap().to_owned();
        Unverified::parse(&token).unwrap().claims_unverified().clone()
    };
    assert_eq!(id_token(FaultKind::ClockSkew { seconds: 600 }).issued_at(), Some(after(600)));
    assert_eq!(id_token(FaultKind::ClockSkew { seconds: -600 }).issued_at(), Some(NOW - Duration::from_secs(600)));
    assert_ne!(id_token(FaultKind::WrongIssuerInTokens).issuer(), Some(tenant.issuer().as_str()));
    tenant.clear_faults();
    let tokens = body(&redeem(&tenant, &code(&tenant, "alice", &[])));
    let token = tokens["refresh_token"].as_str().unwrap();
    tenant.set_fault(Fault::new(FaultKind::WithholdRotation).times(1));
    let withheld = refresh(&tenant, token, &[], NOW);
    assert!(withheld.status() == StatusCode::OK && body(&withheld).get("refresh_token").is_none());
    for (error, status) in [("invalid_grant", 400), ("server_error", 500), ("temporarily_unavailable", 503)] {
        tenant.set_fault(Fault::new(FaultKind::TokenError { error: error.to_owned() }).times(1));
        let answer = refresh(&tenant, token, &[], NOW);
        assert_eq!((answer.status().as_u16(), &body(&answer)["error"]), (status, &json!(error)));
    }
    assert_eq!(refresh(&tenant, token, &[], NOW).status(), StatusCode::OK, "a fault used nothing up");
}

#[test]
fn rotation_is_seen_in_the_keys_and_in_the_tokens() {
    let tenant = tenant();
    let kid = || {
        let token = tenant.mint_id_token("alice", WEB_APP_ID, None, NOW).unwrap();
        let kid = Unverified::parse(&token).unwrap().header().kid.clone().unwrap();
        (token, kid)
    };
    let (old, first) = kid();
    let before = key_set(&tenant);
    tenant.rotate(Rotation::Announced).unwrap();
    let (_, second) = kid();
    assert!(first != second && before.contains(&second));
    let check = |token: &str| verify(&tenant, token, tenant.issuer(), WEB_APP_ID, Purpose::IdToken, NOW);
    check(&old).unwrap();
    tenant.rotate(Rotation::Withdraw).unwrap();
    assert!(check(&old).is_err());
    tenant.rotate(Rotation::Unannounced).unwrap();
    let (new, third) = kid();
    assert!(!before.contains(&third));
    check(&new).unwrap();
}

#[test]
fn faults_are_set_over_http_from_here_only_and_only_where_allowed() {
    let tenant = tenant();
    let json_type = ("content-type", "application/json");
    let set = |headers: &[(&str, &str)], text: &str| post(&tenant, "/dev/faults", headers, text.to_owned(), NOW);
    let answer = set(&[json_type], r#"{"fault":"down","on":"token","times":3}"#);
    assert_eq!(body(&answer)["faults"], json!([{"fault": "down", "on": "token", "times": 3}]));
    let answer = set(&[], "fault=clock_skew&seconds=-90");
    assert_eq!(body(&answer)["faults"][1], json!({"fault": "clock_skew", "seconds": -90}));
    for bad in [
        r#"{"fault":"sleepy"}"#,
        r#"{"fault":"down","onn":"token"}"#,
        r#"{"fault":"huge","bytes":99999999999}"#,
        "[]",
        "{",
    ] {
        assert_eq!(set(&[json_type], bad).status(), StatusCode::BAD_REQUEST, "{bad}");
    }
    for from in [("sec-fetch-site", "cross-site"), ("origin", "http://evil.example"), ("origin", "null")] {
        assert_eq!(set(&[json_type, from], r#"{"fault":"down"}"#).status(), StatusCode::FORBIDDEN);
        assert_eq!(post(&tenant, "/dev/rotate", &[from], String::new(), NOW).status(), StatusCode::FORBIDDEN);
    }
    assert_eq!(body(&set(&[json_type], r#"{"fault":"none"}"#))["faults"], json!([]));
    let first = tenant.mint_id_token("alice", WEB_APP_ID, None, NOW).unwrap();
    assert_eq!(
        post(&tenant, "/dev/rotate", &[json_type], r#"{"how":"unannounced"}"#.to_owned(), NOW).status(),
        StatusCode::OK
    );
    assert!(verify(&tenant, &first, tenant.issuer(), WEB_APP_ID, Purpose::IdToken, NOW).is_err());
    assert_eq!(
        post(&tenant, "/dev/rotate", &[json_type], r#"{"how":"x"}"#.to_owned(), NOW).status(),
        StatusCode::BAD_REQUEST
    );
    let closed = tenant_with(|config| config.control = false);
    for path in ["/dev/faults", "/dev/rotate"] {
        assert_eq!(post(&closed, path, &[], String::new(), NOW).status(), StatusCode::NOT_FOUND);
    }
}
