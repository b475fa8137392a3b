//! A provider made of a queue: each expected request with its answer, in order. A request that nobody expected and
//! one that never came are both failures.

use std::collections::VecDeque;
use std::sync::Mutex;

use bytes::Bytes;
use http::{Request, Response};
use serde_json::{Value, json};

use crate::{BoxFuture, Budget, Transport, TransportError};

pub(crate) type Answer = Result<Response<Bytes>, TransportError>;
type Step = Box<dyn FnOnce(Request<Bytes>) -> Answer + Send>;

#[derive(Default)]
pub(crate) struct FakeTransport {
    steps: Mutex<VecDeque<Step>>,
}

impl FakeTransport {
    pub(crate) fn expect(&self, step: impl FnOnce(Request<Bytes>) -> Answer + Send + 'static) -> &Self {
        self.steps.lock().unwrap().push_back(Box::new(step));
        self
    }

    /// Expects the metadata of `issuer` to be asked for, and gives them.
    pub(crate) fn expect_discovery(&self, issuer: &str) -> &Self {
        let (url, document) =
            (format!("{issuer}/.well-known/openid-configuration"), metadata_document(issuer).to_string());
        self.expect(move |request| {
            assert_eq!(request.uri().to_string(), url);
            Ok(Response::new(Bytes::from(document)))
        })
    }

    pub(crate) fn is_done(&self) -> bool {
        self.steps.lock().unwrap().is_empty()
    }
}

impl Transport for FakeTransport {
    fn send(&self, request: Request<Bytes>, _: Budget) -> BoxFuture<'_, Answer> {
        let step = self.steps.lock().unwrap().pop_front();
        let step = step.unwrap_or_else(|| panic!("an unexpected request: {} {}", request.method(), request.uri()));
        Box::pin(async move {
            // As on a network, the answer is not there at once: others get their turn first.
            tokio::task::yield_now().await;
            step(request)
        })
    }
}

impl Drop for FakeTransport {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert!(self.is_done(), "{} expected requests never came", self.steps.lock().unwrap().len());
        }
    }
}

/// Metadata with every member that is read.
pub(crate) fn metadata_document(issuer: &str) -> Value {
    json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/keys"),
        "end_session_endpoint": format!("{issuer}/logout"),
        "userinfo_endpoint": format!("{issuer}/userinfo"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
        "code_challenge_methods_supported": ["S256"],
        "id_token_signing_alg_values_supported": ["RS256"],
    })
}

pub(crate) fn metadata(issuer: &str) -> crate::Metadata {
    let response = Response::new(Bytes::from(metadata_document(issuer).to_string()));
    crate::discovery::parse(&crate::IssuerUrl::parse(issuer).unwrap(), &response, Budget::DEFAULT).unwrap()
}

/// The pairs of a form body, decoded.
pub(crate) fn form(request: &Request<Bytes>) -> Vec<(String, String)> {
    url::form_urlencoded::parse(request.body()).into_owned().collect()
}

pub(crate) fn answer(status: u16, body: &Value) -> Answer {
    Ok(Response::builder().status(status).body(Bytes::from(body.to_string())).unwrap())
}
