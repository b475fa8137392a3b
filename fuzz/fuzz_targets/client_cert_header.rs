//! The headers in which proxies hand client certificates on. The first octet chooses which; the rest are its lines.
//!
//! No panic; refusals are bounded and without control characters; nothing is good that no authority signed; and whatever
//! a client sends in front, Envoy's own element is what counts, or nothing does.

#![no_main]

use std::sync::LazyLock;

use gangplank_authn::Outcome;
use gangplank_authn::x509::{CertificateSettings, CertificateSource, ClientCertificates, handed_on};
use gangplank_fuzz::{NOW, is_clean};
use gangplank_idp::DevCa;
use http::header::{HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;

const SOURCES: [CertificateSource; 3] =
    [CertificateSource::ForwardedClientCert, CertificateSource::SslClientCert, CertificateSource::ClientCert];
/// What Envoy adds: PEM of the octet 0x2a.
const ADDED: &str = "Hash=1;Cert=\"-----BEGIN%20CERTIFICATE-----%0AKg%3D%3D%0A-----END%20CERTIFICATE-----%0A\";Subject=\"CN=\\\"a\\\",b\"";

fuzz_target!(|data: &[u8]| {
    let Some((&kind, rest)) = data.split_first() else { return };
    let source = SOURCES[usize::from(kind) % SOURCES.len()];
    let mut headers = HeaderMap::new();
    let names = source.headers();
    for (i, line) in rest.split(|b| *b == b'\n').take(8).enumerate() {
        let Ok(value) = HeaderValue::from_bytes(line) else { return };
        headers.append(&names[i.min(names.len() - 1)], value);
    }
    match handed_on(source, &headers) {
        Ok(chain) => {
            let outcome = clients().verify(&chain, NOW);
            assert!(!matches!(outcome, Outcome::Authenticated(_)), "nobody signed this");
            if let Outcome::Rejected(refusal) = outcome {
                clean(&refusal.to_string());
            }
        }
        Err(refusal) => clean(&refusal.to_string()),
    }
    if source == CertificateSource::ForwardedClientCert {
        headers.append(&names[0], HeaderValue::from_static(ADDED));
        if let Ok(chain) = handed_on(source, &headers) {
            assert_eq!(chain.iter().map(|der| der.as_ref()).collect::<Vec<_>>(), [[0x2a]]);
        }
    }
});

fn clean(text: &str) {
    assert!(text.len() < 1024 && is_clean(text), "{text:?}");
}

fn clients() -> &'static ClientCertificates {
    static CLIENTS: LazyLock<ClientCertificates> = LazyLock::new(|| {
        let file = std::env::temp_dir().join(format!("gangplank-fuzz-ca-{}", std::process::id()));
        std::fs::write(&file, DevCa::generate(&["app.example.com"], NOW).unwrap().ca_pem).unwrap();
        let settings = CertificateSettings {
            name: "clients".into(),
            source: CertificateSource::Tls,
            spiffe_trust_domains: Vec::new(),
            allow_reserved: true,
        };
        let clients = ClientCertificates::load(settings, &file, NOW).unwrap();
        let _ = std::fs::remove_file(&file);
        clients
    });
    &CLIENTS
}
