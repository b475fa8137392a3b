//! What is refused of an exchange when a configuration is read.

use super::*;

/// What is wrong with these lines beside what is good.
fn wrong(lines: &str) -> Vec<String> {
    let tenant = Arc::new(Tenant::new(TenantConfig::built_in(), Url::parse("https://login.test").unwrap()).unwrap());
    let clock = Arc::new(Hands(AtomicU64::new(1_800_000_000)));
    let way = Way { tenant: InProcess::new(tenant.clone(), clock.clone()), meddle: Mutex::default() };
    let dir = Dir::new();
    let keys = dir.write(KEYS, "");
    let document = document("127.0.0.1:1".parse().unwrap(), &keys, lines);
    let built = build(&document, &tenant, &clock, &Shared::new(), &Arc::new(way));
    built.err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

#[test]
fn contradictions_of_an_exchange_are_refused() {
    let public = "[clients.public]\nissuer = \"corp\"\nid = \"p\"\n";
    for (exchange, expected) in [
        ("client = \"web\"\nstrategy = \"on-behalf-of\"", "exchanges.x.scopes: is empty"),
        ("client = \"nobody\"\nstrategy = \"on-behalf-of\"\nscopes = [\"https://a/b\"]", "there is no client"),
        ("client = \"public\"\nstrategy = \"on-behalf-of\"\nscopes = [\"https://a/b\"]", "has no credential"),
        (
            "client = \"public\"\nstrategy = \"client-credentials\"\nscopes = [\"https://a/b\"]",
            "replaces_caller: is not set",
        ),
        (
            "client = \"web\"\nstrategy = \"token-exchange\"\naudience = \"a\"\nreplaces_caller = true",
            "keeps the caller",
        ),
        ("client = \"web\"\nstrategy = \"keycloak-v1\"\naudience = [\"a\", \"b\"]", "audience: has several"),
        (
            "client = \"web\"\nstrategy = \"keycloak-v1\"\naudience = \"a\"\nresource = \"https://b\"",
            "resource: has no meaning",
        ),
        ("client = \"web\"\nstrategy = \"token-exchange\"\naudience = \" \"", "audience[0]: is empty"),
        (
            "client = \"web\"\nstrategy = \"token-exchange\"\naudience = \"a\"\nsubject_token_type = \"x\"",
            "subject_token_type",
        ),
        (
            "client = \"web\"\nstrategy = \"token-exchange\"\naudience = \"a\"\nsubject_issuer = \"x\"",
            "subject_issuer: has no meaning",
        ),
        ("client = \"web\"\nstrategy = \"token-exchange\"", "token_audiences: is not set"),
        ("client = \"web\"\nstrategy = \"on-behalf-of\"\nscopes = [\"tools\"]", "token_audiences: is not set"),
    ] {
        let said = wrong(&format!("{public}[exchanges.x]\n{exchange}\n"));
        assert!(said.iter().any(|error| error.contains(expected)), "{exchange}: {said:#?}");
    }
    let all =
        wrong("[exchanges.x]\nclient = \"y\"\nstrategy = \"on-behalf-of\"\naudience = \"\"\nreplaces_caller = true\n");
    assert!(all.len() >= 5, "everything is said at once: {all:#?}");
    let good = "[exchanges.x]\nclient = \"web\"\nstrategy = \"token-exchange\"\nopaque_tokens = true\n";
    assert_eq!(wrong(good), Vec::<String>::new());
}

#[test]
fn an_exchange_on_a_route_where_it_could_give_nothing_is_refused() {
    let upstream = "upstream = \"http://127.0.0.1:1\"";
    for (route, expected) in [
        (
            format!("accept = [\"corp\"]\nallow.signed_in = true\nexchange = \"none\"\n{upstream}"),
            "there is no exchange",
        ),
        ("accept = [\"corp\"]\nallow.signed_in = true\nexchange = \"obo\"".to_owned(), "has no upstream"),
        (format!("allow.anonymous = true\nexchange = \"obo\"\n{upstream}"), "allow.anonymous"),
        (format!("accept = [\"keys\"]\nallow.signed_in = true\nexchange = \"obo\"\n{upstream}"), "could be exchanged"),
        (
            format!(
                "accept = [\"corp\"]\nallow.signed_in = true\nexchange = \"obo\"\npass.authorization = true\n{upstream}"
            ),
            "one token only",
        ),
    ] {
        let said = wrong(&format!("[[routes]]\npath = \"/x\"\n{route}\n"));
        assert!(said.iter().any(|error| error.contains("exchange") && error.contains(expected)), "{route}: {said:#?}");
    }
    let cluster = "[clusters.x]\nkubeconfig = \"/nowhere\"\nexchange = \"ours\"\n";
    let said = wrong(cluster);
    assert!(said.iter().any(|error| error.contains("clusters.x.exchange: replaces the caller")), "{said:#?}");
}

#[test]
fn the_credential_of_a_client_is_judged_with_all_that_is_said_of_it() {
    let dir = Dir::new();
    let made = |kind| {
        let key = KeyPair::generate_for(kind).unwrap();
        let certificate = CertificateParams::new(vec!["gate".to_owned()]).unwrap().self_signed(&key).unwrap();
        (certificate.pem(), key.serialize_pem())
    };
    let (rsa, ec) = (made(&rcgen::PKCS_RSA_SHA256), made(&rcgen::PKCS_ECDSA_P256_SHA256));
    let [rsa_cert, rsa_key] = [("rsa.crt", &rsa.0), ("rsa.key", &rsa.1)].map(|(name, text)| dir.write(name, text));
    let [ec_cert, ec_key] = [("ec.crt", &ec.0), ("ec.key", &ec.1)].map(|(name, text)| dir.write(name, text));
    let client = |credential: &str| wrong(&format!("[clients.x]\nissuer = \"corp\"\nid = \"x\"\n{credential}\n"));
    let assertion = |cert: &str, key: &str, more: &str| {
        client(&format!("certificate = {{ cert = \"{cert}\", key = \"{key}\"{more} }}"))
    };
    for more in [
        "",
        ", algorithm = \"RS256\", x5t = true",
        ", algorithm = \"PS256\", x5c = true, kid = \"k\", lifetime = \"5m\"",
    ] {
        assert_eq!(assertion(&rsa_cert, &rsa_key, more), Vec::<String>::new(), "{more}");
    }
    for (errors, expected) in [
        (assertion(&rsa_cert, &rsa_key, ", algorithm = \"HS256\""), "certificate.algorithm"),
        (assertion(&ec_cert, &ec_key, ", algorithm = \"RS256\""), "its key signs ES256, not RS256"),
        (assertion(&rsa_cert, &rsa_key, ", lifetime = \"1s\""), "certificate.lifetime"),
        (assertion(&rsa_cert, &rsa_key, ", kid = \"\""), "certificate.kid"),
        (assertion(&rsa_cert, &ec_key, ""), "clients.x.certificate"),
        (assertion("/nowhere", &ec_key, ""), "clients.x.certificate.cert: cannot read"),
        (
            client(&format!("tls_certificate = {{ cert = \"{rsa_cert}\", key = \"{ec_key}\" }}")),
            "clients.x.tls_certificate",
        ),
        (
            client(&format!(
                "federated_token_file = \"/f\"\ntls_certificate = {{ cert = \"{ec_cert}\", key = \"{ec_key}\" }}"
            )),
            "it is not clear which is meant",
        ),
    ] {
        assert!(errors.len() == 1 && errors[0].contains(expected), "{expected}: {errors:#?}");
    }
    assert_eq!(
        client(&format!("tls_certificate = {{ cert = \"{ec_cert}\", key = \"{ec_key}\" }}")),
        Vec::<String>::new()
    );
}
