use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

const GOOD: &str = "
apiVersion: v1
kind: Config
preferences: {}
current-context: prod
contexts:
  - { name: prod, context: { cluster: c, user: u, namespace: default } }
  - { name: other, context: { cluster: c2, user: u2 } }
clusters:
  - name: c
    cluster:
      server: https://10.0.0.1:6443/k8s
      tls-server-name: kubernetes.default.svc
      certificate-authority-data: Q0E=
      extensions: [{ name: minikube }]
  - { name: c2, cluster: { server: 'https://c2', certificate-authority: ca.crt } }
users:
  - { name: u, user: { token: t0ken } }
  - { name: u2, user: { client-certificate: tls.crt, client-key: tls.key } }
  - { name: program, user: { exec: { command: kubelogin } } }
";

fn wrong(text: &str) -> String {
    Kubeconfig::parse(text.as_bytes(), None, Own::Required).unwrap_err().join("\n")
}

struct Directory(PathBuf);

impl Directory {
    fn with(files: &[(&str, &str)]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("gangplank-kubeconfig-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        for (file, text) in files {
            std::fs::write(path.join(file), text).unwrap();
        }
        Directory(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn the_current_context_and_a_named_one() {
    let directory = Directory::with(&[("config", GOOD), ("ca.crt", "A"), ("tls.crt", "C"), ("tls.key", "K")]);
    let file = directory.0.join("config");
    let current = ClusterAccess::from_kubeconfig(&file, None, Own::Required).unwrap();
    assert_eq!(current.server.as_str(), "https://10.0.0.1:6443/k8s");
    assert_eq!(current.server_name.as_deref(), Some("kubernetes.default.svc"));
    assert_eq!(current.authorities.as_deref(), Some(&b"CA"[..]));
    assert!(matches!(current.credential, OwnCredential::Token(_)) && current.certificate.is_none());
    assert_eq!(current.files, std::slice::from_ref(&file));
    assert!(!format!("{current:?}").contains("t0ken"));

    let other = ClusterAccess::from_kubeconfig(&file, Some("other"), Own::Required).unwrap();
    let certificate = other.certificate.unwrap();
    assert_eq!((&*certificate.certificate, &**certificate.key), (&b"C"[..], &b"K"[..]));
    assert!(matches!(other.credential, OwnCredential::Certificate));
    assert_eq!(other.files, ["config", "ca.crt", "tls.crt", "tls.key"].map(|name| directory.0.join(name)));

    std::fs::remove_file(directory.0.join("tls.key")).unwrap();
    let said = ClusterAccess::from_kubeconfig(&file, Some("other"), Own::Required).unwrap_err().join("\n");
    assert!(said.contains("tls.key"), "{said}");
}

#[test]
fn a_token_file_is_beside_the_kubeconfig_and_comes_before_a_token() {
    let text = GOOD.replace("token: t0ken", "token: old, tokenFile: token");
    let directory = Directory::with(&[("config", &text)]);
    let said = ClusterAccess::from_kubeconfig(&directory.0.join("config"), None, Own::Required).unwrap_err().join("\n");
    assert!(said.contains("cannot read") && said.contains("token"), "{said}");
    std::fs::write(directory.0.join("token"), "fresh\n").unwrap();
    let access = ClusterAccess::from_kubeconfig(&directory.0.join("config"), None, Own::Required).unwrap();
    assert_eq!(access.credential.authorization().unwrap().unwrap(), "Bearer fresh");
}

#[test]
fn what_is_not_supported_is_refused_by_name_and_only_where_it_is_used() {
    for (from, to, said) in [
        ("token: t0ken", "exec: { command: x }", "users \"u\" has exec: no program is run"),
        ("token: t0ken", "auth-provider: { name: gcp }", "users \"u\" has auth-provider"),
        ("token: t0ken", "username: a, password: b", "users \"u\" has username"),
        ("token: t0ken", "token: t0ken, as: root", "users \"u\" has as: this program asks as itself"),
        ("token: t0ken", "token: t0ken, later: x", "users \"u\" has \"later\", which is not known here"),
        ("token: t0ken", "token: 17", "users \"u\" has a number as token"),
        ("token: t0ken", "client-key: k", "both are needed"),
        ("token: t0ken", "client-certificate-data: '*', client-key: k", "other than base64"),
        ("token: t0ken", "", "has no token, tokenFile or client-certificate"),
        ("tls-server-name:", "insecure-skip-tls-verify: true\n      x:", "clusters \"c\" has insecure-skip-tls-verify"),
        ("tls-server-name:", "proxy-url: 'http://p'\n      x:", "clusters \"c\" has proxy-url"),
        ("https://10.0.0.1", "http://10.0.0.1", "no https URL"),
        ("https://10.0.0.1", "https://me@10.0.0.1", "no https URL"),
        ("server: https", "srv: https", "has no server"),
        ("current-context: prod", "current-context: absent", "contexts has no \"absent\""),
        ("current-context: prod", "x: y", "no current-context"),
        ("current-context: prod", "current-context: prod\ncurrent-context: other", "current-context is there twice"),
        ("- { name: program", "- { name: u, user: {} }\n  - { name: program", "users has \"u\" more than once"),
        ("cluster: c,", "cluster: gone,", "clusters has no \"gone\""),
        ("kind: Config", "kind: Pod", "not apiVersion v1, kind Config"),
    ] {
        assert!(GOOD.contains(from), "{from}");
        let found = wrong(&GOOD.replacen(from, to, 1));
        assert!(found.contains(said), "{to}: {found}");
        assert!(!found.contains("t0ken"), "{found}");
    }
    assert!(wrong("[]").contains("a list"));
    assert!(
        Kubeconfig::parse(GOOD.replace("current-context: prod", "").as_bytes(), Some("prod"), Own::Required).is_ok()
    );
    let unset = GOOD.replacen("tls-server-name:", "insecure-skip-tls-verify: false\n      tls-server-name:", 1);
    assert!(Kubeconfig::parse(unset.as_bytes(), None, Own::Required).is_ok(), "what is off is nothing");
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    let found = wrong(&GOOD.replace("https://10", "http://10").replace("token: t0ken", "exec: {}, as: root"));
    assert_eq!(found.lines().count(), 3, "{found}");
}

#[test]
fn a_pod_knows_its_cluster() {
    let directory = Directory::with(&[("token", "of-the-pod\n"), ("ca.crt", "CA")]);
    let environment = |host: &'static str| {
        move |name: &str| match name {
            "KUBERNETES_SERVICE_HOST" => Some(host.to_owned()),
            "KUBERNETES_SERVICE_PORT" => Some("443".to_owned()),
            _ => None,
        }
    };
    for (host, url) in [("10.0.0.1", "https://10.0.0.1/"), ("fd00::1", "https://[fd00::1]/")] {
        let access = ClusterAccess::of_service_account(&environment(host), &directory.0, Own::Required).unwrap();
        assert_eq!(access.server.as_str(), url);
        assert_eq!(access.authorities.as_deref(), Some(&b"CA"[..]));
        assert_eq!(access.credential.authorization().unwrap().unwrap(), "Bearer of-the-pod");
    }
    let said =
        ClusterAccess::of_service_account(&|_| None, Path::new("/nowhere"), Own::Required).unwrap_err().join("\n");
    for part in ["no pod of a cluster", "/nowhere/token", "/nowhere/ca.crt"] {
        assert!(said.contains(part), "{said}");
    }
}

#[test]
fn whoever_shows_nothing_needs_no_user_and_what_is_there_is_not_looked_at() {
    let read = |text: &str, own| Kubeconfig::parse(text.as_bytes(), None, own).map_err(|wrong| wrong.join("\n"));
    let without = GOOD.replacen("cluster: c, user: u,", "cluster: c,", 1);
    assert!(read(&without, Own::Required).unwrap_err().contains("contexts \"prod\" names no user"));
    for own in [Own::IfThere, Own::Nothing] {
        let read = read(&without, own).unwrap();
        assert!(read.token.is_none() && read.certificate.is_none());
        assert!(matches!(read.resolve(Path::new("")).unwrap().credential, OwnCredential::None));
    }
    let program = GOOD.replacen("user: u,", "user: program,", 1);
    assert!(read(&program, Own::IfThere).unwrap_err().contains("no program is run"));
    assert!(read(&program, Own::Nothing).is_ok());
    let here = read(GOOD, Own::IfThere).unwrap();
    assert!(matches!(here.token, Some(OwnCredential::Token(_))), "what is there is shown");
    let hidden = read(GOOD, Own::Nothing).unwrap();
    assert!(hidden.token.is_none(), "and not where nothing is to be");
    let nothing_in_it = GOOD.replacen("token: t0ken", "", 1);
    assert!(read(&nothing_in_it, Own::IfThere).unwrap().token.is_none());
}

#[test]
fn a_pod_without_a_mounted_token_still_knows_its_cluster() {
    let directory = Directory::with(&[("ca.crt", "CA")]);
    let environment = |name: &str| name.starts_with("KUBERNETES_SERVICE_").then(|| "443".to_owned());
    let read = |own| ClusterAccess::of_service_account(&environment, &directory.0, own);
    assert!(read(Own::Required).unwrap_err().join("\n").contains("token"));
    for own in [Own::IfThere, Own::Nothing] {
        assert!(matches!(read(own).unwrap().credential, OwnCredential::None));
    }
    std::fs::write(directory.0.join("token"), "of-the-pod").unwrap();
    assert!(matches!(read(Own::IfThere).unwrap().credential, OwnCredential::TokenFile(_)));
    assert!(matches!(read(Own::Nothing).unwrap().credential, OwnCredential::None));
}
