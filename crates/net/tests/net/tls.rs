//! The certificate: read, judged, exchanged.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use gangplank_jose::UnixTime;
use gangplank_net::{
    ClientCertificate, ClientCertificateError, HttpClient, ReloadingTls, Roots, RootsError, ServerLimits, TlsError,
};
use gangplank_oauth::{Budget, Transport as _, TransportError};
use http::Request;

use crate::support::{Authority, Running, TlsFiles, soon, start, tell};

/// Asks over a connection of its own.
async fn ask(server: &Running, trusting: &std::path::Path) -> Result<(), TransportError> {
    let client = HttpClient::new(&Roots::File(trusting.to_path_buf())).unwrap();
    let request = Request::get(server.url("https", "/")).body(Bytes::new()).unwrap();
    soon(client.send(request, Budget::DEFAULT)).await.map(|_| ())
}

#[tokio::test]
async fn a_reload_exchanges_the_certificate_and_a_failed_one_keeps_it() {
    let files = TlsFiles::for_name("localhost");
    let tls = files.load();
    let server = start(ServerLimits::default(), Some(tls.clone()), tell);
    ask(&server, &files.ca).await.unwrap();
    assert_eq!(tls.reload(), Ok(false));

    let next = Authority::new();
    let next_ca = files.dir.join("next-ca.pem");
    next.write(&next_ca);
    next.issue("localhost", &files.certificate, &files.key);
    assert!(ask(&server, &next_ca).await.is_err());
    assert_eq!(tls.reload(), Ok(true));
    ask(&server, &next_ca).await.unwrap();
    assert!(ask(&server, &files.ca).await.is_err());

    // Half of an exchange: the certificate is there, its key is not yet.
    next.issue("localhost", &files.certificate, &files.dir.join("elsewhere.key"));
    let mismatch = TlsError::Mismatch { certificate: files.certificate.clone(), key: files.key.clone() };
    assert_eq!(tls.reload(), Err(mismatch));
    std::fs::write(&files.certificate, "").unwrap();
    assert_eq!(tls.reload(), Err(TlsError::NoCertificate { path: files.certificate.clone() }));
    std::fs::remove_file(&files.certificate).unwrap();
    assert!(matches!(tls.reload(), Err(TlsError::Certificate { .. })));
    ask(&server, &next_ca).await.unwrap();
}

#[test]
fn what_cannot_be_used_is_refused_by_name() {
    let files = TlsFiles::for_name("localhost");
    let other = TlsFiles::for_name("localhost");
    let refused = ReloadingTls::load(&files.certificate, &other.key).unwrap_err();
    assert!(matches!(refused, TlsError::Mismatch { .. }), "{refused}");
    let refused = ReloadingTls::load(&files.certificate, &files.certificate).unwrap_err();
    assert!(matches!(refused, TlsError::Key { .. }), "{refused}");
    let refused = ReloadingTls::load(&files.key, &files.key).unwrap_err();
    assert!(matches!(refused, TlsError::NoCertificate { .. }), "{refused}");
    std::fs::write(&files.certificate, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
    let refused = ReloadingTls::load(&files.certificate, &files.key).unwrap_err();
    assert!(matches!(refused, TlsError::Certificate { .. }), "{refused}");
}

#[test]
fn the_expiry_can_be_read_and_the_files_are_named() {
    let files = TlsFiles::for_name("localhost");
    let tls = files.load();
    assert_eq!(tls.not_after(), Some(UnixTime::from_secs(4_102_531_200)));
    assert_eq!(tls.files().collect::<Vec<_>>(), [files.certificate.as_path(), files.key.as_path()]);
    assert!(!format!("{tls:?}").contains("PRIVATE"));
}

/// Asks with the certificate in these files.
async fn ask_as(server: &Running, trusting: &Path, own: &TlsFiles) -> Result<(), TransportError> {
    let read = |path: &Path| std::fs::read(path).unwrap();
    let own = ClientCertificate::from_pem(&read(&own.certificate), &read(&own.key)).unwrap();
    let client = HttpClient::known_as(&Roots::Pem(read(trusting)), Some(own), Some("webhook.test")).unwrap();
    let request = Request::get(server.url("https", "/")).body(Bytes::new()).unwrap();
    soon(client.send(request, Budget::DEFAULT)).await.map(|_| ())
}

#[tokio::test]
async fn only_clients_of_the_authority_get_in_and_the_authority_can_be_exchanged() {
    let files = TlsFiles::for_name("webhook.test");
    let (ours, others) = (TlsFiles::for_name("kube-apiserver"), TlsFiles::for_name("kube-apiserver"));
    let authorities = files.dir.join("clients.pem");
    std::fs::copy(&ours.ca, &authorities).unwrap();
    let tls = ReloadingTls::load(&files.certificate, &files.key).unwrap().requiring(&authorities).unwrap();
    assert!(tls.files().any(|file| file == authorities));
    let tls = Arc::new(tls);
    let server = start(ServerLimits::default(), Some(tls.clone()), tell);

    ask_as(&server, &files.ca, &ours).await.unwrap();
    assert!(ask_as(&server, &files.ca, &others).await.is_err());
    assert!(ask(&server, &files.ca).await.is_err(), "without any");
    let named = HttpClient::known_as(&Roots::File(files.ca.clone()), None, Some("webhook.test")).unwrap();
    let request = Request::get(server.url("https", "/")).body(Bytes::new()).unwrap();
    assert!(soon(named.send(request, Budget::DEFAULT)).await.is_err(), "the right name, and no certificate");

    std::fs::copy(&others.ca, &authorities).unwrap();
    assert_eq!(tls.reload(), Ok(true));
    assert!(ask_as(&server, &files.ca, &ours).await.is_err());
    ask_as(&server, &files.ca, &others).await.unwrap();
    std::fs::write(&authorities, "").unwrap();
    assert!(matches!(tls.reload(), Err(TlsError::ClientAuthority { .. })));
    ask_as(&server, &files.ca, &others).await.unwrap();
}

#[test]
fn what_a_client_cannot_use_is_refused_by_name() {
    let (files, other) = (TlsFiles::for_name("a"), TlsFiles::for_name("b"));
    let [certificate, key, other] =
        [&files.certificate, &files.key, &other.key].map(|file| std::fs::read(file).unwrap());
    assert!(ClientCertificate::from_pem(&certificate, &key).is_ok());
    assert!(matches!(ClientCertificate::from_pem(b"", &key), Err(ClientCertificateError::Certificate(_))));
    for wrong in [&other[..], &certificate, b""] {
        assert!(matches!(ClientCertificate::from_pem(&certificate, wrong), Err(ClientCertificateError::Key(_))));
    }
    assert!(matches!(HttpClient::known_as(&Roots::System, None, Some("a b")), Err(RootsError::NotAName { .. })));
    assert!(matches!(HttpClient::new(&Roots::Pem(key)), Err(RootsError::Inline { .. })));
}
