//! A serde deserializer over the tree. What it adds to the usual one is its error: it knows what kind of mistake was
//! made, at which path and place, so that it can be explained and the search for further mistakes can go on.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Unexpected, Visitor};
use serde::forward_to_deserialize_any;

use super::tree::{Node, Path, Step, Value};

/// Why a value could not be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A key that nobody reads.
    UnknownKey {
        /// The keys that are read here.
        accepted: &'static [&'static str],
    },
    /// A key that has to be there.
    MissingKey(&'static str),
    /// Not the kind of value that is read here.
    WrongValue {
        /// What is accepted.
        accepted: String,
    },
    /// One of a fixed set of words was expected.
    UnknownWord {
        /// The set.
        accepted: &'static [&'static str],
    },
    /// Whatever else the type says.
    Other(String),
}

/// A mistake and the path to it.
#[derive(Clone, Debug)]
pub(super) struct Mistake {
    /// What kind.
    pub kind: Kind,
    /// The value it concerns; for [`Kind::MissingKey`] the table that lacks the key.
    pub path: Path,
}

impl Mistake {
    fn new(kind: Kind) -> Self {
        Mistake { kind, path: Path::default() }
    }

    fn inside(mut self, step: Step) -> Self {
        self.path.0.insert(0, step);
        self
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:?}", self.path, self.kind)
    }
}

impl std::error::Error for Mistake {}

impl de::Error for Mistake {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Mistake::new(Kind::Other(message.to_string()))
    }

    // What was found is looked up in the tree when the mistake is explained: there it is known whether it is secret.
    fn invalid_type(_: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Mistake::new(Kind::WrongValue { accepted: in_toml(&expected.to_string()) })
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Mistake::new(Kind::WrongValue { accepted: in_toml(&expected.to_string()) })
    }

    fn unknown_variant(_: &str, accepted: &'static [&'static str]) -> Self {
        Mistake::new(Kind::UnknownWord { accepted })
    }

    fn unknown_field(_: &str, accepted: &'static [&'static str]) -> Self {
        Mistake::new(Kind::UnknownKey { accepted })
    }

    fn missing_field(field: &'static str) -> Self {
        Mistake::new(Kind::MissingKey(field))
    }
}

/// What serde and Rust call a thing, as TOML and people call it.
fn in_toml(expected: &str) -> String {
    match expected {
        "a sequence" => "a list".to_owned(),
        "a map" => "a table".to_owned(),
        "path string" => "a path".to_owned(),
        rust if rust.starts_with("struct ") => "a table".to_owned(),
        plain => plain.to_owned(),
    }
}

/// Reads one value of the tree.
#[derive(Clone, Copy)]
pub(super) struct Decoder<'t>(pub &'t Node);

impl<'de> Deserializer<'de> for Decoder<'de> {
    type Error = Mistake;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match &self.0.value {
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Integer(Ok(number)) => visitor.visit_i64(*number),
            Value::Integer(Err(digits)) => Err(Mistake::new(Kind::Other(format!("{digits} is too large a number")))),
            Value::Float(number) => visitor.visit_f64(*number),
            Value::Boolean(truth) => visitor.visit_bool(*truth),
            Value::Datetime(_) => Err(Mistake::new(Kind::WrongValue { accepted: "a date is read nowhere".into() })),
            Value::Array(list) => visitor.visit_seq(Elements(list.iter())),
            Value::Table(table) => visitor.visit_map(Entries { left: table.iter(), value: None }),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mistake> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Mistake> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        match &self.0.value {
            Value::String(word) => visitor.visit_enum(word.as_str().into_deserializer()),
            _ => Err(Mistake::new(Kind::WrongValue { accepted: "a string".into() })),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

struct Elements<'t>(std::slice::Iter<'t, Node>);

impl<'de> SeqAccess<'de> for Elements<'de> {
    type Error = Mistake;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Mistake> {
        let Some(node) = self.0.next() else { return Ok(None) };
        seed.deserialize(Decoder(node)).map(Some).map_err(|m| m.inside(Step::Index(node.index)))
    }
}

struct Entries<'t> {
    left: std::collections::btree_map::Iter<'t, String, Node>,
    value: Option<(&'t String, &'t Node)>,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Mistake;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Mistake> {
        let Some((key, node)) = self.left.next() else { return Ok(None) };
        self.value = Some((key, node));
        let decoder: de::value::StrDeserializer<'_, Mistake> = key.as_str().into_deserializer();
        seed.deserialize(decoder).map(Some).map_err(|m| m.inside(Step::Key(key.clone())))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Mistake> {
        let Some((key, node)) = self.value.take() else {
            return Err(de::Error::custom("a value was asked for before its key"));
        };
        seed.deserialize(Decoder(node)).map_err(|m| m.inside(Step::Key(key.clone())))
    }
}
