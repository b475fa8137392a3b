//! Strict JSON (RFC 8259): one object, no member twice at any level, bounded nesting, nothing after it, UTF-8 only.
//!
//! Two parsers that disagree about a repeated member are an attack (RFC 8725 §3.10 and RFC 7519 §4 leave the choice
//! to the receiver); here nothing is chosen, it is refused. Lone surrogates and numbers beyond a double are refused
//! by `serde_json` itself.

use std::fmt;

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde_json::map::Entry;
use serde_json::{Map, Number, Value};

use crate::excerpt::Excerpt;

/// How deep objects and arrays may nest, the outermost included.
pub(crate) const MAX_DEPTH: u8 = 16;

/// Parses one JSON object. The error says what is wrong and where, without repeating values.
pub(crate) fn object(bytes: &[u8]) -> Result<Map<String, Value>, Excerpt> {
    let text = std::str::from_utf8(bytes).map_err(|_| Excerpt::of("not UTF-8"))?;
    let mut parser = serde_json::Deserializer::from_str(text);
    let value = Node { levels_left: MAX_DEPTH }.deserialize(&mut parser).map_err(|e| Excerpt::of(&e.to_string()))?;
    parser.end().map_err(|_| Excerpt::of("something follows the JSON object"))?;
    match value {
        Value::Object(members) => Ok(members),
        _ => Err(Excerpt::of("not a JSON object")),
    }
}

/// Any value that may still open this many levels.
struct Node {
    levels_left: u8,
}

impl Node {
    fn inner<E: Error>(&self) -> Result<u8, E> {
        self.levels_left.checked_sub(1).ok_or_else(|| E::custom("nested too deeply"))
    }
}

impl<'de> DeserializeSeed<'de> for Node {
    type Value = Value;
    fn deserialize<D: serde::Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let levels_left = self.inner()?;
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(Node { levels_left })? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let levels_left = self.inner()?;
        let mut object = Map::new();
        while let Some(name) = entries.next_key::<String>()? {
            match object.entry(name) {
                Entry::Vacant(free) => {
                    free.insert(entries.next_value_seed(Node { levels_left })?);
                }
                Entry::Occupied(taken) => {
                    return Err(A::Error::custom(format_args!("member {:?} appears twice", taken.key())));
                }
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(json: impl AsRef<[u8]>) -> String {
        object(json.as_ref()).unwrap_err().to_string()
    }

    #[test]
    fn keeps_every_kind_of_value() {
        let parsed = object(r#" {"a":[null,true,-1,2,1.5,"é\u00e9"],"b":{"c":{}}} "#.as_bytes()).unwrap();
        assert_eq!(Value::Object(parsed), serde_json::json!({"a": [null, true, -1, 2, 1.5, "éé"], "b": {"c": {}}}));
    }

    #[test]
    fn refuses_a_member_given_twice_at_any_level() {
        assert!(problem(r#"{"a":1,"a":1}"#).contains("appears twice"));
        assert!(problem(r#"{"x":[{"a":1,"b":2,"\u0061":1}]}"#).contains("appears twice"));
    }

    #[test]
    fn bounds_the_nesting() {
        let nested = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1));
        assert!(object(nested(MAX_DEPTH.into()).as_bytes()).is_ok());
        assert!(problem(nested(usize::from(MAX_DEPTH) + 1)).contains("nested too deeply"));
        assert!(problem("[".repeat(60_000)).contains("nested too deeply"));
    }

    #[test]
    fn refuses_what_is_not_exactly_one_object() {
        for json in
            ["", "null", "[]", "\"a\"", "1", "{} {}", "{}x", "{,}", "{\"a\":1,}", "{'a':1}", "{/**/}", "\u{feff}{}"]
        {
            assert!(object(json.as_bytes()).is_err(), "{json}");
        }
    }

    #[test]
    fn refuses_text_that_is_not_unicode() {
        assert!(problem(b"{\"a\":\"\xff\"}").contains("UTF-8"));
        for json in [r#"{"a":"\ud800"}"#, r#"{"a":"\udc00\ud800"}"#, r#"{"\ud800":1}"#, "{\"a\":\"\u{1}\"}"] {
            assert!(object(json.as_bytes()).is_err(), "{json}");
        }
    }

    #[test]
    fn refuses_numbers_no_double_holds() {
        for json in [r#"{"a":1e400}"#, r#"{"a":NaN}"#, r#"{"a":Infinity}"#, r#"{"a":01}"#, r#"{"a":+1}"#] {
            assert!(object(json.as_bytes()).is_err(), "{json}");
        }
    }

    #[test]
    fn problems_do_not_repeat_values_or_control_characters() {
        assert!(!problem("{\"a\":\"secret\" \"b\"}").contains("secret"));
        let twice = problem("{\"\\u001b[2J\":1,\"\\u001b[2J\":2}");
        assert!(twice.chars().all(|c| !c.is_control()), "{twice}");
    }
}
