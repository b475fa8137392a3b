//! Strict JSON (RFC 8259): one object, no member twice at any level, bounded nesting, nothing after it, UTF-8 only.
//!
//! Two parsers that disagree about a repeated member are an attack (RFC 8725 §3.10 and RFC 7519 §4 leave the choice
//! to the receiver); here nothing is chosen, it is refused. Lone surrogates and numbers beyond a double are refused
//! by `serde_json` itself.
//!
//! All names and strings of a document stand in one text, one after the other, and its nodes say where: a token of
//! which most is never looked at costs a few allocations instead of one or two for each of its members.

use std::fmt;
use std::ops::Range;

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::excerpt::Excerpt;

/// How deep objects and arrays may nest, the outermost included.
pub(crate) const MAX_DEPTH: u8 = 16;

/// Parses one JSON object. The error says what is wrong and where, without repeating values.
pub(crate) fn object(bytes: &[u8]) -> Result<Map<String, Value>, Excerpt> {
    Document::parse(bytes).map(|document| document.members())
}

/// One JSON object.
#[derive(Clone, Default)]
pub(crate) struct Document {
    text: String,
    members: Vec<Named>,
    /// Those of the members.
    marks: Marks,
}

/// A member: where its name stands, the [mark](mark) of that, and its value.
#[derive(Clone)]
struct Named {
    name: Range<usize>,
    mark: u8,
    node: Node,
}

impl Named {
    fn is(&self, name: &str, mark: u8, text: &str) -> bool {
        self.mark == mark && text[self.name.clone()] == *name
    }
}

/// A value of a document, wherever it stands in it.
#[derive(Clone, Copy)]
pub(crate) struct Member<'d> {
    document: &'d Document,
    node: &'d Node,
}

impl<'d> Member<'d> {
    /// If it is a string.
    pub(crate) fn str(self) -> Option<&'d str> {
        self.document.text_of(self.node)
    }

    /// If it is a string (one element) or an array of nothing but strings.
    pub(crate) fn strings(self) -> Option<Vec<&'d str>> {
        self.document.texts_of(self.node)
    }

    /// Whatever its type.
    pub(crate) fn value(self) -> Value {
        self.document.value(self.node)
    }
}

/// A value; names and strings stand in the document's text.
#[derive(Clone)]
enum Node {
    Null,
    Bool(bool),
    Number(Number),
    Text(Range<usize>),
    Array(Vec<Node>),
    Object(Vec<Named>),
}

impl Document {
    /// Parses one JSON object. The error says what is wrong and where, without repeating values.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Excerpt> {
        let json = std::str::from_utf8(bytes).map_err(|_| Excerpt::of("not UTF-8"))?;
        // What is in quotes is not longer without them and its escapes.
        let mut text = String::with_capacity(json.len());
        let mut parser = serde_json::Deserializer::from_str(json);
        let root = Parse { text: &mut text, levels_left: MAX_DEPTH }.deserialize(&mut parser);
        let root = root.map_err(|e| Excerpt::of(&e.to_string()))?;
        parser.end().map_err(|_| Excerpt::of("something follows the JSON object"))?;
        match root {
            Node::Object(members) => {
                let mut marks = Marks::default();
                members.iter().for_each(|member| marks.add(member.mark));
                Ok(Document { text, members, marks })
            }
            _ => Err(Excerpt::of("not a JSON object")),
        }
    }

    /// Whether there is such a member.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.node(name).is_some()
    }

    /// A member if it is a string.
    pub(crate) fn str(&self, name: &str) -> Option<&str> {
        self.node(name).and_then(|node| self.text_of(node))
    }

    /// A member that is a string (one element) or an array of nothing but strings.
    pub(crate) fn strings(&self, name: &str) -> Option<Vec<&str>> {
        self.node(name).and_then(|node| self.texts_of(node))
    }

    /// The value at a path: the first name is a member's, each further one that of a member of the object before it.
    pub(crate) fn at<S: AsRef<str>>(&self, path: &[S]) -> Option<Member<'_>> {
        let (first, below) = path.split_first()?;
        let node = below.iter().try_fold(self.node(first.as_ref())?, |node, name| match node {
            Node::Object(members) => self.find(members, name.as_ref()),
            _ => None,
        })?;
        Some(Member { document: self, node })
    }

    /// A member, whatever its type.
    pub(crate) fn get(&self, name: &str) -> Option<Value> {
        self.node(name).map(|node| self.value(node))
    }

    /// The names of all members, in the order of the document.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.members.iter().map(|member| &self.text[member.name.clone()])
    }

    fn members(&self) -> Map<String, Value> {
        self.map(&self.members)
    }

    fn node(&self, name: &str) -> Option<&Node> {
        if self.marks.hold(mark(name)) { self.find(&self.members, name) } else { None }
    }

    fn find<'d>(&'d self, members: &'d [Named], name: &str) -> Option<&'d Node> {
        let mark = mark(name);
        members.iter().find(|member| member.is(name, mark, &self.text)).map(|member| &member.node)
    }

    fn texts_of(&self, node: &Node) -> Option<Vec<&str>> {
        match node {
            Node::Text(one) => Some(vec![&self.text[one.clone()]]),
            Node::Array(many) => many.iter().map(|node| self.text_of(node)).collect(),
            _ => None,
        }
    }

    fn text_of(&self, node: &Node) -> Option<&str> {
        if let Node::Text(at) = node { Some(&self.text[at.clone()]) } else { None }
    }

    fn value(&self, node: &Node) -> Value {
        match node {
            Node::Null => Value::Null,
            Node::Bool(value) => Value::Bool(*value),
            Node::Number(value) => Value::Number(value.clone()),
            Node::Text(at) => Value::String(self.text[at.clone()].to_owned()),
            Node::Array(items) => items.iter().map(|item| self.value(item)).collect(),
            Node::Object(members) => Value::Object(self.map(members)),
        }
    }

    fn map(&self, members: &[Named]) -> Map<String, Value> {
        let name = |member: &Named| self.text[member.name.clone()].to_owned();
        members.iter().map(|member| (name(member), self.value(&member.node))).collect()
    }
}

/// Any value that may still open this many levels. Its names and strings go to the end of `text`.
struct Parse<'t> {
    text: &'t mut String,
    levels_left: u8,
}

impl Parse<'_> {
    fn inner<E: Error>(&mut self) -> Result<Parse<'_>, E> {
        let levels_left = self.levels_left.checked_sub(1).ok_or_else(|| E::custom("nested too deeply"))?;
        Ok(Parse { text: self.text, levels_left })
    }

    fn again(&mut self) -> Parse<'_> {
        Parse { text: self.text, levels_left: self.levels_left }
    }
}

impl<'de> DeserializeSeed<'de> for Parse<'_> {
    type Value = Node;
    fn deserialize<D: serde::Deserializer<'de>>(self, from: D) -> Result<Node, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Parse<'_> {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Node, E> {
        Number::from_f64(value).map(Node::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(append(self.text, value)))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<Node, A::Error> {
        let mut inner = self.inner()?;
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(inner.again())? {
            array.push(item);
        }
        Ok(Node::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut entries: A) -> Result<Node, A::Error> {
        // The outermost object is the one with many members.
        let mut members = Vec::with_capacity(if self.levels_left == MAX_DEPTH { FEW } else { 0 });
        let mut inner = self.inner()?;
        while let Some(name) = entries.next_key_seed(Name(inner.text))? {
            let mark = mark(&inner.text[name.clone()]);
            members.push(Named { name, mark, node: entries.next_value_seed(inner.again())? });
        }
        match repeated(inner.text, &members) {
            Some(name) => Err(A::Error::custom(format_args!("member {name:?} appears twice"))),
            None => Ok(Node::Object(members)),
        }
    }
}

/// A member's name.
struct Name<'t>(&'t mut String);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = Range<usize>;
    fn deserialize<D: serde::Deserializer<'de>>(self, from: D) -> Result<Range<usize>, D::Error> {
        from.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Range<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Range<usize>, E> {
        Ok(append(self.0, name))
    }
}

fn append(text: &mut String, more: &str) -> Range<usize> {
    let start = text.len();
    text.push_str(more);
    start..text.len()
}

/// The members of which each is compared with each: fewer than it takes to make sorting them worth while.
const FEW: usize = 32;

/// A name that is there twice.
fn repeated<'t>(text: &'t str, members: &[Named]) -> Option<&'t str> {
    let name = |member: &Named| &text[member.name.clone()];
    if members.len() <= FEW {
        let mut before = Marks::default();
        let twice = |(at, member): &(usize, &Named)| {
            let is_it = |other: &Named| other.is(name(member), member.mark, text);
            let twice = before.hold(member.mark) && members[..*at].iter().any(is_it);
            before.add(member.mark);
            twice
        };
        return members.iter().enumerate().find(twice).map(|(_, member)| name(member));
    }
    let mut names: Vec<&str> = members.iter().map(name).collect();
    names.sort_unstable();
    names.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0])
}

/// One of 64 marks, by a name's length and ends: names with different marks differ. The factors keep the usual names of
/// three letters apart.
fn mark(name: &str) -> u8 {
    let octet = |octet: Option<&u8>| octet.copied().unwrap_or(0);
    let (first, last) = (octet(name.as_bytes().first()), octet(name.as_bytes().last()));
    // What does not fit is cut off: it is only about telling names apart.
    first.wrapping_add(last.wrapping_mul(7)).wrapping_add((name.len() as u8).wrapping_mul(5)) % 64
}

/// Which marks there are among some names. Most names that are looked for are not there, and most that are read are not
/// there twice: mostly this says so at once.
#[derive(Clone, Copy, Default)]
struct Marks(u64);

impl Marks {
    fn add(&mut self, mark: u8) {
        self.0 |= 1 << mark;
    }

    fn hold(self, mark: u8) -> bool {
        self.0 >> mark & 1 == 1
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
    fn finds_members_by_their_whole_name_and_type() {
        let document = Document::parse(r#"{"aud":"a","audi":["b","c\n"],"n":1,"m":["d",2],"":""}"#.as_bytes()).unwrap();
        assert_eq!((document.str("aud"), document.str("au"), document.str("n")), (Some("a"), None, None));
        assert_eq!(document.strings("audi"), Some(vec!["b", "c\n"]));
        assert_eq!((document.strings("aud"), document.strings("m")), (Some(vec!["a"]), None));
        assert_eq!((document.get("n"), document.get("x")), (Some(1.into()), None));
        assert_eq!((document.has("m"), document.has("b"), document.str("")), (true, false, Some("")));
    }

    #[test]
    fn follows_a_path_through_objects_only() {
        let document =
            Document::parse(r#"{"a":{"b":{"c":"x"},"b.c":"y"},"a.b":"z","l":[{"c":"x"}]}"#.as_bytes()).unwrap();
        let at = |path: &[&str]| document.at(path).and_then(Member::str);
        assert_eq!(at(&["a", "b", "c"]), Some("x"));
        assert_eq!((at(&["a", "b.c"]), at(&["a.b"])), (Some("y"), Some("z")));
        for nothing in [&["a", "b"][..], &["a", "c"], &["a.b", "c"], &["l", "c"], &["l", "0", "c"], &["b", "c"], &[]] {
            assert_eq!(at(nothing), None, "{nothing:?}");
        }
        assert_eq!(document.at(&["a", "b"]).unwrap().value(), serde_json::json!({"c": "x"}));
        assert_eq!(document.at(&["a", "b", "c"]).unwrap().strings(), Some(vec!["x"]));
    }

    #[test]
    fn refuses_a_member_given_twice_at_any_level() {
        assert!(problem(r#"{"a":1,"a":1}"#).contains("appears twice"));
        assert!(problem(r#"{"x":[{"a":1,"b":2,"\u0061":1}]}"#).contains("appears twice"));
        let many = |last: usize| {
            let members: Vec<_> = (0..100).chain([last]).map(|number| format!("\"{number}\":0")).collect();
            format!("{{{}}}", members.join(","))
        };
        assert!(object(many(100).as_bytes()).is_ok());
        for twice in [0, 50, 99] {
            assert!(problem(many(twice)).contains(&format!("member \"{twice}\" appears twice")));
        }
    }

    #[test]
    fn names_that_look_alike_are_told_apart() {
        let [one, two, absent] = ["sub", "sab", "szb"];
        assert!([two, absent].iter().all(|name| mark(name) == mark(one)));
        let document = Document::parse(br#"{"sub":"1","sab":"2"}"#).unwrap();
        assert_eq!((document.str(one), document.str(two), document.str(absent)), (Some("1"), Some("2"), None));
        assert!(problem(r#"{"sub":"1","sab":"2","sub":"3"}"#).contains("appears twice"));
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
