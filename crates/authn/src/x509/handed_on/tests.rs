use http::HeaderValue;

use super::*;

/// PEM whose DER is these octets, percent-encoded: here nobody looks inside.
fn pem_of(octets: &[u8]) -> String {
    let body = STANDARD.encode(octets);
    format!("-----BEGIN%20CERTIFICATE-----%0A{body}%0A-----END%20CERTIFICATE-----%0A").replace('=', "%3D")
}

fn chain(source: CertificateSource, headers: &[(&'static str, &str)]) -> Result<Vec<Vec<u8>>, &'static str> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(*name, HeaderValue::from_str(value).unwrap());
    }
    match read(source, &map) {
        Ok(chain) => Ok(chain.iter().map(|der| der.to_vec()).collect()),
        Err(refusal) => Err(refusal.reason().name),
    }
}

const MALFORMED: &str = "certificate-header-malformed";

#[test]
fn envoys_last_element_counts_and_only_its_certificates() {
    let (a, b, c) = (pem_of(b"a"), pem_of(b"b"), pem_of(b"c"));
    let both = format!("{a}{b}");
    let xfcc = |lines: &[&str]| {
        let lines: Vec<_> = lines.iter().map(|line| ("x-forwarded-client-cert", *line)).collect();
        chain(CertificateSource::ForwardedClientCert, &lines)
    };
    let found = |list: &[&[u8]]| Ok(list.iter().map(|der| der.to_vec()).collect::<Vec<_>>());
    let more = r#"By=spiffe://x/y;Hash=00;Subject="/C=\"US\"/CN=x,y;Cert=z";URI=,"#;
    for (lines, expected) in [
        (&[][..], found(&[])),
        (&[""], found(&[])),
        (&[&format!("Cert=\"{a}\"")], found(&[b"a"])),
        (&[&format!("Hash=1;cert=\"{a}\";Chain=\"{both}\"")], found(&[b"a", b"b"])),
        (&[&format!("Chain=\"{both}\";DNS=a;DNS=b")], found(&[b"a", b"b"])),
        (&[&format!("Cert=\"{a}\",Cert=\"{b}\"")], found(&[b"b"])),
        (&[&format!("Cert=\"{a}\""), &format!("Cert=\"{c}\"")], found(&[b"c"])),
        (&[&format!("{more}Hash=2 ; Cert=\"{b}\" ")], found(&[b"b"])),
        (&[&format!("Cert={a}")], found(&[b"a"])),
        (&["By=x;Hash=1;Subject=\"CN=ada\";URI=spiffe://x/y"], Err("certificate-not-handed-on")),
        (&[&format!("Cert=\"{a}\",Hash=1")], Err("certificate-not-handed-on")),
    ] {
        assert_eq!(xfcc(lines), expected, "{lines:?}");
    }
    let added = format!("Hash=1;Cert=\"{a}\";Subject=\"CN=\\\",Cert=\\\"{b}\\\"\"");
    assert_eq!(xfcc(&[&added]), found(&[b"a"]), "a subject with quotes in it stays a subject");
    for bad in [
        "Cert",
        "=x",
        "Cert=\"\"",
        "Cert=x",
        "Hash=1;",
        ",",
        "Cert=\"%GG\"",
        "Cert=\"%4",
        "Cert=\"x\"y",
        "Hash=a\"b\"",
        &format!("Cert=\"{a}\";Cert=\"{a}\""),
        &format!("Cert=\"{a}\";Chain=\"{b}\""),
        // What a client sends in front of what the proxy adds.
        &format!("X=\",{added}"),
        &format!("X=\"\\,{added}"),
        &format!("X=\"a\\\\\"\",{added}"),
        &format!("\",{added}"),
    ] {
        assert_eq!(xfcc(&[bad]), Err(MALFORMED), "{bad}");
    }
}

#[test]
fn nginx_sends_one_certificate() {
    let nginx = |values: &[&str]| {
        let lines: Vec<_> = values.iter().map(|value| ("ssl-client-cert", *value)).collect();
        chain(CertificateSource::SslClientCert, &lines)
    };
    let plus = [0xfb, 0xef, 0xbe];
    assert!(pem_of(&plus).contains("++++"), "{}", pem_of(&plus));
    assert_eq!(nginx(&[&pem_of(&plus)]), Ok(vec![plus.to_vec()]));
    assert_eq!(
        nginx(&[&pem_of(&plus).replace('+', "%2B").replace("-----", "%2D%2D%2D%2D%2D")]),
        Ok(vec![plus.to_vec()])
    );
    assert_eq!(nginx(&[""]), Ok(vec![]));
    assert_eq!(nginx(&[]), Ok(vec![]));
    let key = pem_of(b"k").replace("CERTIFICATE", "PRIVATE KEY");
    for bad in [&["x"][..], &["(null)"], &[&pem_of(b"a"), &pem_of(b"a")], &[&key], &["%"]] {
        assert_eq!(nginx(bad), Err(MALFORMED), "{bad:?}");
    }
}

#[test]
fn rfc_9440_is_followed_to_the_letter() {
    let client = |headers: &[(&'static str, &str)]| chain(CertificateSource::ClientCert, headers);
    let der = |list: &[&str]| Ok(list.iter().map(|s| s.as_bytes().to_vec()).collect::<Vec<_>>());
    let (one, rest) = ("client-cert", "client-cert-chain");
    assert_eq!(client(&[(one, ":YQ==:")]), der(&["a"]));
    assert_eq!(client(&[(one, ":YQ==:"), (rest, ":Yg==:, :Yw==:")]), der(&["a", "b", "c"]));
    assert_eq!(client(&[(one, ":YQ==:"), (rest, ":Yg==:"), (rest, ":Yw==:")]), der(&["a", "b", "c"]));
    assert_eq!(client(&[(rest, ":Yg==:")]), der(&[]), "a chain of nobody");
    assert_eq!(client(&[]), der(&[]));
    for bad in [
        &[(one, "YQ==")][..],
        &[(one, ":YQ==")],
        &[(one, ":YQ==:;x=1")],
        &[(one, "::")],
        &[(one, ":YQ:")],
        &[(one, ":YQ==:, :Yg==:")],
        &[(one, ":YQ==:"), (one, ":Yg==:")],
        &[(one, ":YQ==:"), (rest, "x")],
    ] {
        assert_eq!(client(bad), Err(MALFORMED), "{bad:?}");
    }
}
