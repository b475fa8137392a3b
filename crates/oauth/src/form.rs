//! A form that is posted to a token endpoint. It remembers which of its values are secrets, so that an answer that
//! quotes them can be rid of them.

use bytes::Bytes;
use http::{HeaderValue, Request, header};
use secrecy::{ExposeSecret as _, SecretString};
use url::{Url, form_urlencoded};

use crate::{Endpoint, ExchangeError};

#[derive(Default)]
pub(crate) struct Form {
    plain: Vec<(&'static str, String)>,
    secret: Vec<(&'static str, SecretString)>,
    authorization: Option<HeaderValue>,
    /// Secrets that travel otherwise than in the form.
    elsewhere: Vec<SecretString>,
}

impl Form {
    pub(crate) fn plain(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.plain.push((name, value.into()));
        self
    }

    pub(crate) fn secret(mut self, name: &'static str, value: SecretString) -> Self {
        self.secret.push((name, value));
        self
    }

    /// HTTP Basic as RFC 6749 §2.3.1 wants it; `header` is what `secret` was made into.
    pub(crate) fn authorization(mut self, header: HeaderValue, secret: SecretString) -> Self {
        // Both spellings: the one that is sent and the one that people would recognise.
        self.elsewhere.extend(header.to_str().ok().and_then(|h| h.split_once(' ')).map(|(_, pair)| pair.into()));
        self.elsewhere.push(secret);
        self.authorization = Some(header);
        self
    }

    pub(crate) fn into_request(self, endpoint: &Url) -> Result<(Request<Bytes>, Secrets), ExchangeError> {
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(&self.plain);
        body.extend_pairs(self.secret.iter().map(|(name, value)| (name, value.expose_secret())));
        let mut request = Request::post(endpoint.as_str())
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::ACCEPT, "application/json");
        if let Some(value) = self.authorization {
            request = request.header(header::AUTHORIZATION, value);
        }
        let request = request.body(Bytes::from(body.finish())).map_err(|_| ExchangeError::Malformed {
            endpoint: Endpoint::Discovery,
            problem: "the token endpoint cannot be put into a request".into(),
        })?;
        Ok((request, Secrets(self.secret.into_iter().map(|(_, value)| value).chain(self.elsewhere).collect())))
    }
}

/// Secrets that were sent, and must not come back in somebody's error text.
#[derive(Debug, Default)]
pub struct Secrets(Vec<SecretString>);

impl Secrets {
    pub(crate) fn redact(&self, text: String) -> String {
        // Anything this short protects nothing, and would tear holes into words.
        let secrets = self.0.iter().map(|secret| secret.expose_secret()).filter(|secret| secret.len() >= 6);
        secrets.fold(text, |text, secret| if text.contains(secret) { text.replace(secret, "[redacted]") } else { text })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_percent_encoded_and_secrets_found_again() {
        let url = Url::parse("https://idp/token?p=x").unwrap();
        let form = Form::default().plain("a", "1 +&=é").secret("s", SecretString::from("p/w+%x&y"));
        let (request, secrets) = form.into_request(&url).unwrap();
        assert_eq!(request.body(), "a=1+%2B%26%3D%C3%A9&s=p%2Fw%2B%25x%26y");
        assert_eq!((request.method().as_str(), request.uri().to_string().as_str()), ("POST", "https://idp/token?p=x"));
        assert_eq!(request.headers()["content-type"], "application/x-www-form-urlencoded");
        assert_eq!(secrets.redact("you sent p/w+%x&y, no?".into()), "you sent [redacted], no?");
        assert!(!format!("{secrets:?}").contains("p/w"));
    }
}
