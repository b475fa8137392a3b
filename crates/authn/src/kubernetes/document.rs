//! YAML or JSON → a tree of plain values, nothing chosen and nothing lost.
//!
//! 1. At most [`MAX_OCTETS`] octets of UTF-8.
//! 2. What begins with `{` and is JSON is read as JSON; anything else is YAML.
//! 3. Exactly one document. Kubernetes reads the first and ignores the others, which hides half of a file.
//! 4. At most [`MAX_DEPTH`] levels. Aliases and merge keys are followed within narrow bounds, so that a small file
//!    cannot become a large tree.
//! 5. A key that is there twice stays there twice: the reader of the tree reports it with its path.

use std::fmt;

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde_saphyr::options::{DuplicateKeyPolicy, NonFiniteFloatPolicy};

use crate::refusal::fact;

/// The largest file that is read.
pub(super) const MAX_OCTETS: usize = 1 << 20;
/// How deep lists and maps may nest.
const MAX_DEPTH: u8 = 32;
/// The most values that a file may hold, aliases resolved.
const MAX_NODES: usize = 100_000;

/// One value of the file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node {
    Null,
    Bool(bool),
    Number,
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

impl Node {
    /// With its article, for sentences.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Node::Null => "null",
            Node::Bool(_) => "a boolean",
            Node::Number => "a number",
            Node::Text(_) => "a string",
            Node::List(_) => "a list",
            Node::Map(_) => "a map",
        }
    }
}

/// Reads a file. The error is one sentence, without what the file holds.
pub(crate) fn parse(bytes: &[u8]) -> Result<Node, String> {
    if bytes.len() > MAX_OCTETS {
        return Err(format!("the file has {} bytes; at most {MAX_OCTETS} are read", bytes.len()));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| "the file is not UTF-8".to_owned())?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim().is_empty() {
        return Err("the file is empty".to_owned());
    }
    if text.trim_start().starts_with('{')
        && let Ok(node) = json(text)
    {
        return Ok(node);
    }
    match yaml(text) {
        Ok(Node::Null) => Err("the file is empty".to_owned()),
        other => other,
    }
}

fn json(text: &str) -> Result<Node, serde_json::Error> {
    let mut parser = serde_json::Deserializer::from_str(text);
    let node = Levels(MAX_DEPTH).deserialize(&mut parser)?;
    parser.end().map(|()| node)
}

fn yaml(text: &str) -> Result<Node, String> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: usize::from(MAX_DEPTH),
            flow_nesting_limit: usize::from(MAX_DEPTH),
            max_nodes: MAX_NODES,
            max_events: 4 * MAX_NODES,
            max_documents: 2,
            max_aliases: 1_000,
            max_anchors: 1_000,
            max_merge_keys: 1_000,
            max_total_scalar_bytes: 2 * MAX_OCTETS,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 4 * MAX_NODES,
            max_replay_stack_depth: usize::from(MAX_DEPTH),
        },
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
        with_snippet: false,
    };
    serde_saphyr::with_deserializer_from_str_with_options(text, options, |yaml| Levels(MAX_DEPTH).deserialize(yaml))
        .map_err(|error| match &error {
            serde_saphyr::Error::MultipleDocuments { .. } => "the file has more than one document".to_owned(),
            // The place stands at the end of it.
            other => fact(other.to_string().lines().next().unwrap_or_default()),
        })
}

/// Reads any value that may still open this many levels.
#[derive(Clone, Copy)]
struct Levels(u8);

impl Levels {
    fn inner<E: Error>(self) -> Result<Levels, E> {
        self.0.checked_sub(1).map(Levels).ok_or_else(|| E::custom("nested too deeply"))
    }
}

impl<'de> DeserializeSeed<'de> for Levels {
    type Value = Node;
    fn deserialize<D: serde::Deserializer<'de>>(self, from: D) -> Result<Node, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Levels {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Node, E> {
        Ok(Node::Number)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Node, E> {
        Ok(Node::Number)
    }

    fn visit_i128<E>(self, _: i128) -> Result<Node, E> {
        Ok(Node::Number)
    }

    fn visit_u128<E>(self, _: u128) -> Result<Node, E> {
        Ok(Node::Number)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Node, E> {
        Ok(Node::Number)
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }

    fn visit_bytes<E: Error>(self, _: &[u8]) -> Result<Node, E> {
        Err(E::custom("binary data has no place here"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let inner = self.inner()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let inner = self.inner()?;
        let mut map = Vec::new();
        while let Some(key) = entries.next_key::<String>()? {
            map.push((key, entries.next_value_seed(inner)?));
        }
        Ok(Node::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> Node {
        Node::Text(value.to_owned())
    }

    #[test]
    fn yaml_and_json_make_the_same_tree() {
        let tree = Node::Map(vec![
            ("a".into(), Node::List(vec![text("x"), Node::Number, Node::Bool(true), Node::Null])),
            ("b".into(), Node::Map(vec![("c".into(), text("d: e"))])),
        ]);
        for document in [
            "a: [x, 1, true, null]\nb:\n  c: 'd: e'\n",
            "---\na:\n- x\n- 1.5\n- yes\n-\nb: {c: \"d: e\"}\n...\n",
            r#"{"a":["x",1,true,null],"b":{"c":"d: e"}}"#,
            "\u{feff}{a: [x, 0x10, true, ~], b: {c: 'd: e'}}",
            "\n\t{\"a\":[\"x\",\n\t1e400,true,null],\"b\":{\"c\":\"d\\u003a e\"}}".replace("1e400", "1").as_str(),
        ] {
            assert_eq!(parse(document.as_bytes()), Ok(tree.clone()), "{document}");
        }
    }

    #[test]
    fn a_key_given_twice_stays() {
        let twice = Node::Map(vec![("a".into(), text("x")), ("a".into(), text("z"))]);
        for document in ["a: x\na: z\n", r#"{"a":"x","a":"z"}"#] {
            assert_eq!(parse(document.as_bytes()), Ok(twice.clone()));
        }
    }

    #[test]
    fn what_is_no_single_document_of_reasonable_size_is_refused() {
        let problem = |document: &str| parse(document.as_bytes()).unwrap_err();
        for empty in ["", " \n\t", "# nothing\n", "---\n", "null", "~"] {
            assert!(problem(empty).contains("empty"), "{empty:?}: {}", problem(empty));
        }
        for broken in
            ["a: [", "a: b: c", "{\"a\":1} {\"b\":2}", "a: x\n---\nb: y\n", "*nobody", "%", "a: !!binary /w=="]
        {
            assert!(parse(broken.as_bytes()).is_err(), "{broken:?}");
        }
        assert_eq!(problem("a: x\nb: [\n"), "unclosed bracket '[' at line 2, column 4");
        assert!(problem("a: x\n---\nb: y\n").contains("more than one document"));
        assert!(problem(&"x".repeat(MAX_OCTETS + 1)).contains("at most"));
        assert!(parse(b"a: \xff").is_err());
    }

    #[test]
    fn depth_and_aliases_are_bounded() {
        let nested = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels - 1), "]".repeat(levels - 1));
        assert!(parse(nested(usize::from(MAX_DEPTH) - 1).as_bytes()).is_ok());
        for levels in [usize::from(MAX_DEPTH) + 1, 10_000] {
            assert!(parse(nested(levels).as_bytes()).is_err());
        }
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for i in 1..12 {
            let before = format!("*a{}", i - 1);
            bomb += &format!("a{i}: &a{i} [{}]\n", [before.as_str(); 10].join(", "));
        }
        assert!(parse(bomb.as_bytes()).is_err());
        assert!(parse(b"a: &a [x]\nb: *a\n").is_ok());
    }
}
