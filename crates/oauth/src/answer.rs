//! Reading what a provider answered: one JSON object, no member twice, nothing trusted.

use std::fmt;
use std::time::Duration;

use http::Response;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::{Map, Value};

/// The members of the JSON object that `body` is. The error says what is wrong and quotes nothing of the body.
pub(crate) fn object(body: &[u8]) -> Result<Map<String, Value>, String> {
    match serde_json::from_slice::<Strict>(body) {
        Ok(Strict(members)) => Ok(members),
        Err(error) if error.is_syntax() || error.is_eof() => {
            Err(format!("not JSON (line {}, column {})", error.line(), error.column()))
        }
        Err(error) => Err(error.to_string()),
    }
}

/// Whether the answer says that it is JSON, or says nothing: used for explanations only.
pub(crate) fn content_type<B>(response: &Response<B>) -> &str {
    response.headers().get(http::header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or("no content type")
}

/// `Retry-After`, if it is a number of seconds (RFC 9110 §10.2.3). A date is not read: clocks differ.
pub(crate) fn retry_after<B>(response: &Response<B>) -> Option<Duration> {
    let said = response.headers().get(http::header::RETRY_AFTER)?.to_str().ok()?;
    let digits = (1..=9).contains(&said.len()) && said.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| said.parse().ok().map(Duration::from_secs)).flatten()
}

/// Takes a member that is a string out of `members`; `null` counts as absent.
pub(crate) fn take_string(members: &mut Map<String, Value>, name: &str) -> Result<Option<String>, String> {
    match members.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("`{name}` is not a string")),
    }
}

struct Strict(Map<String, Value>);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Strict;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Strict, A::Error> {
                let mut members = Map::new();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    if members.contains_key(&name) {
                        return Err(A::Error::custom("a member occurs twice"));
                    }
                    members.insert(name, value);
                }
                Ok(Strict(members))
            }
            // The default would quote what was found instead, and that may be a secret.
            fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<Strict, E> {
                Err(E::custom("a string instead of a JSON object"))
            }
        }
        deserializer.deserialize_any(Members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_object_without_duplicates_is_read() {
        assert_eq!(object(br#"{"a":1}"#).unwrap().len(), 1);
        for bad in [
            &br#"{"a":1,"a":1}"#[..],
            br#"{"a":1,"\u0061":1}"#,
            b"[]",
            b"",
            b"null",
            b"{",
            b"{} {}",
            b"<html>",
            b"\xff\xfe{}",
            br#""s3cret""#,
        ] {
            let error = object(bad).unwrap_err();
            assert!(!error.contains("s3cret"), "{error}");
        }
        assert!(object("[".repeat(100_000).as_bytes()).is_err());
        assert!(object(format!("{{\"a\":{}", "[".repeat(100_000)).as_bytes()).is_err());
    }

    #[test]
    fn only_seconds_say_when_to_come_back() {
        let read = |said: &str| retry_after(&Response::builder().header("retry-after", said).body(()).unwrap());
        assert_eq!((read("0"), read("120")), (Some(Duration::ZERO), Some(Duration::from_secs(120))));
        for bad in ["", "-1", "1.5", " 1", "soon", "Fri, 31 Dec 1999 23:59:59 GMT", "9999999999"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
