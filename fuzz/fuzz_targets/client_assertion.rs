//! A client assertion: header and claims, between them `---`, signed properly with the key that is registered. `@` in the
//! header is the thumbprint of the certificate, which is another in every run.
//!
//! No panic. Tokens are given only to an assertion that names the client as issuer and subject, and the certificate that is
//! registered; and none at all where the signature is of another key.

#![no_main]

use std::sync::{Arc, LazyLock};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use gangplank_fuzz::NOW;
use gangplank_idp::{CertificateKey, ClientCertificate, TENANT_ID, Tenant, TenantConfig, WORKER_ID};
use gangplank_jose::{Algorithm, SigningKey};
use gangplank_oauth::{AssertionOptions, PrivateKeyJwt};
use http::{Request, StatusCode};
use libfuzzer_sys::fuzz_target;
use secrecy::ExposeSecret as _;
use serde_json::{Map, Value};
use url::{Url, form_urlencoded};

struct World {
    tenant: Arc<Tenant>,
    registered: SigningKey,
    thumbprint: String,
    other: SigningKey,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let made = ClientCertificate::generate(CertificateKey::P256).unwrap();
    let mut config = TenantConfig::built_in();
    assert!(config.register_certificate(WORKER_ID, &made.certificate_pem));
    World {
        tenant: Arc::new(Tenant::new(config, Url::parse("https://login.test").unwrap()).unwrap()),
        thumbprint: thumbprint(&made),
        registered: SigningKey::from_pem(&made.key_pem, Algorithm::ES256).unwrap(),
        other: SigningKey::generate(Algorithm::ES256).unwrap(),
    }
});

fuzz_target!(|data: &[u8]| {
    let split = data.windows(3).position(|window| window == b"---").unwrap_or(data.len());
    let (header, claims) = (&data[..split], data.get(split + 3..).unwrap_or_default());
    let header = &String::from_utf8_lossy(header).replace('@', &WORLD.thumbprint).into_bytes();
    if let Some(claims) = accepted(header, claims, &WORLD.registered) {
        assert_eq!((claims["iss"].as_str(), claims["sub"].as_str()), (Some(WORKER_ID), Some(WORKER_ID)));
        let header: Map<String, Value> = serde_json::from_slice(header).unwrap();
        assert!(["x5t", "x5t#S256", "x5c"].iter().any(|name| header.contains_key(*name)));
    }
    assert!(accepted(header, claims, &WORLD.other).is_none());
});

/// As our own client names it.
fn thumbprint(made: &ClientCertificate) -> String {
    let own = PrivateKeyJwt::from_pem(&made.certificate_pem, &made.key_pem, AssertionOptions::default()).unwrap();
    let jwt = own.assertion("c", "a", NOW).unwrap();
    let header = jwt.expose_secret().split('.').next().unwrap();
    let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
    header["x5t#S256"].as_str().unwrap().to_owned()
}

/// The claims, if they opened the door.
fn accepted(header: &[u8], claims: &[u8], key: &SigningKey) -> Option<Value> {
    let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = key.signature(input.as_bytes()).unwrap();
    let body = form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "client_credentials")
        .append_pair("client_id", WORKER_ID)
        .append_pair("scope", "api://podinfo/.default")
        .append_pair("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
        .append_pair("client_assertion", &format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature)))
        .finish();
    let request = Request::post(format!("https://login.test/{TENANT_ID}/oauth2/v2.0/token"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Bytes::from(body))
        .unwrap();
    let answer = WORLD.tenant.handle(request, NOW).response;
    (answer.status() == StatusCode::OK).then(|| serde_json::from_slice(claims).unwrap())
}
