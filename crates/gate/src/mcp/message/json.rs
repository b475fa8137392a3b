//! Strict JSON: what two readers could take in two ways is nothing.
//!
//! 1. UTF-8 and nothing before or behind the one value, not even a byte order mark.
//! 2. No member twice in an object, at any level.
//! 3. At most [`MAX_DEPTH`] levels and [`MAX_VALUES`] values, so that what is made of a body takes a small multiple of
//!    its size.
//! 4. No lone surrogates, no number that a double cannot hold, no `NaN`: the parser's own rules.

use std::fmt;

use gangplank_jose::Excerpt;
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// How deep objects and arrays may nest. Manifests of Kubernetes have about fifteen levels.
const MAX_DEPTH: u8 = 64;
/// How many values there may be, members' values and elements included.
const MAX_VALUES: u32 = 100_000;

/// Reads one value. The error says what is wrong and where, without repeating values.
pub(crate) fn read(bytes: &[u8]) -> Result<Value, Excerpt> {
    let text = std::str::from_utf8(bytes).map_err(|_| Excerpt::of("not UTF-8"))?;
    let mut left = MAX_VALUES;
    let mut parser = serde_json::Deserializer::from_str(text);
    let value = Strict { levels: MAX_DEPTH, left: &mut left }.deserialize(&mut parser);
    let value = value.map_err(|error| Excerpt::of(&error.to_string()))?;
    parser.end().map_err(|_| Excerpt::of("something follows the JSON value"))?;
    Ok(value)
}

/// Any value that may still open this many levels and hold this many values.
struct Strict<'l> {
    levels: u8,
    left: &'l mut u32,
}

impl Strict<'_> {
    fn inner<E: Error>(&mut self) -> Result<Strict<'_>, E> {
        let levels = self.levels.checked_sub(1).ok_or_else(|| E::custom("nested too deeply"))?;
        Ok(Strict { levels, left: self.left })
    }

    fn again(&mut self) -> Strict<'_> {
        Strict { levels: self.levels, left: self.left }
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;
    fn deserialize<D: serde::Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        *self.left = self.left.checked_sub(1).ok_or_else(|| D::Error::custom("too many values"))?;
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
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

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<Value, A::Error> {
        let mut inner = self.inner()?;
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(inner.again())? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut entries: A) -> Result<Value, A::Error> {
        let mut inner = self.inner()?;
        let mut members = Map::new();
        while let Some(name) = entries.next_key::<String>()? {
            if members.contains_key(&name) {
                return Err(A::Error::custom(format_args!("member {:?} appears twice", Excerpt::of(&name))));
            }
            members.insert(name, entries.next_value_seed(inner.again())?);
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn problem(json: impl AsRef<[u8]>) -> String {
        read(json.as_ref()).unwrap_err().to_string()
    }

    #[test]
    fn keeps_every_kind_of_value() {
        let read = read(r#" [null,true,-1,18446744073709551615,1.5,"é\u00e9\u0000",{"a":{}}] "#.as_bytes()).unwrap();
        assert_eq!(read, json!([null, true, -1, u64::MAX, 1.5, "éé\0", {"a": {}}]));
    }

    #[test]
    fn refuses_what_two_readers_could_take_in_two_ways() {
        assert!(problem(r#"{"a":1,"a":1}"#).contains("appears twice"));
        assert!(problem(r#"{"x":[{"a":1,"b":2,"\u0061":1}]}"#).contains("appears twice"));
        assert!(problem(b"{\"a\":\"\xff\"}").contains("UTF-8"));
        assert!(problem(b"\xff\xfe[\0]\0").contains("UTF-8"));
        for json in [
            "",
            "\u{feff}{}",
            "{} {}",
            "{}\0",
            "[1,]",
            "{\"a\":1,}",
            "{'a':1}",
            "[/**/]",
            "[NaN]",
            "[Infinity]",
            "[1e400]",
            "[01]",
            "[+1]",
            "[.5]",
            r#"["\ud800"]"#,
            r#"["\x41"]"#,
            "[\"\u{1}\"]",
            "[\0]",
        ] {
            assert!(read(json.as_bytes()).is_err(), "{json:?}");
        }
        // UTF-16 without a mark.
        assert!(read(b"[\0]\0").is_err());
    }

    #[test]
    fn bounds_depth_and_number() {
        let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        assert!(read(nested(MAX_DEPTH.into()).as_bytes()).is_ok());
        assert!(problem(nested(usize::from(MAX_DEPTH) + 1)).contains("nested too deeply"));
        assert!(problem("[".repeat(1 << 20)).contains("nested too deeply"));
        let many = |values: usize| format!("[{}0]", "0,".repeat(values - 2));
        assert!(read(many(MAX_VALUES as usize).as_bytes()).is_ok());
        assert!(problem(many(MAX_VALUES as usize + 1)).contains("too many values"));
    }

    #[test]
    fn problems_do_not_repeat_values_or_control_characters() {
        assert!(!problem("{\"a\":\"secret\" \"b\"}").contains("secret"));
        let twice = problem("{\"\\u001b[2J\":1,\"\\u001b[2J\":2}");
        assert!(twice.chars().all(|c| !c.is_control()), "{twice}");
    }
}
