//! The API server's file, as YAML or JSON: read, judged, its expressions compiled.
//!
//! No panic; a configuration or mistakes, never neither; the mistakes are bounded in number and length and print no control
//! character. What is accepted has different issuers, each by https, and makes an authenticator.

#![no_main]

use std::sync::Arc;

use gangplank_authn::kubernetes::{AuthenticationConfiguration, KubernetesAuthenticator, Policy, Ports};
use gangplank_fuzz::{Silence, Still};
use gangplank_oauth::Transport;
use gangplank_oauth::config::ConfigError;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    match AuthenticationConfiguration::parse(data, &["https://kubernetes.default.svc".to_owned()]) {
        Ok(configuration) => {
            let issuers: Vec<&str> = configuration.issuers().collect();
            assert!(issuers.len() <= 64 && issuers.iter().all(|issuer| issuer.starts_with("https://")));
            assert!((1..issuers.len()).all(|i| !issuers[..i].contains(&issuers[i])));
            assert!(!issuers.contains(&"https://kubernetes.default.svc"));
            let connect = |_: Option<&str>| Ok(Arc::new(Silence) as Arc<dyn Transport>);
            let ports = Ports { connect: &connect, clock: Arc::new(Still), groups: None };
            let built = KubernetesAuthenticator::new("fuzz", &configuration, Policy::default(), ports, None);
            assert_eq!(built.unwrap().hash(), configuration.hash());
        }
        Err(errors) => {
            assert!(!errors.is_empty() && errors.len() <= AuthenticationConfiguration::MAX_ERRORS);
            for error in errors {
                let text = error.to_string();
                assert!(text.len() < 8192 && !text.chars().any(char::is_control), "{text:?}");
                assert!(!ConfigError::from(error).message.is_empty());
            }
        }
    }
});
