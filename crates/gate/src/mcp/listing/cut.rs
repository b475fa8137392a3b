//! Takes out of an answer the tools that the caller may not use.
//!
//! 1. What can hold no list (there is no `tools` in it, in any case or escape) is left as it is, unread.
//! 2. So is what is not JSON in the form of an object or an array, such as the address in an `endpoint` event.
//! 3. A list is `result.tools` of a message, or of a message of a batch, if that is an array. Of its elements those stay that
//!    are objects with a `name` that is shown, octet by octet; everything around the array stays, cursors too. Arrays of
//!    that name in other places are none.
//! 4. What is left is this caller's: a `cacheScope` of another kind than `private` becomes that.
//! 5. On the way to a list no member may be there twice, nor a known name in another case: a client could find another
//!    list than we. Such an answer is not passed on.

use std::borrow::Cow;
use std::ops::Range;

use gangplank_jose::Excerpt;
use memchr::{memchr2_iter, memmem};
use serde::de::{Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::super::message::folded;
use crate::mcp::ToolRefusal;

/// Which tools are shown, by name.
pub trait Shows {
    /// Whether this one is.
    fn shows(&self, tool: &str) -> bool;
}

/// The answer without what is not shown; `None` if it stays as it is.
///
/// # Errors
/// It seems to list tools, and cannot be read in one way only.
pub fn cut(answer: &[u8], shown: &impl Shows) -> Result<Option<Vec<u8>>, ToolRefusal> {
    let first = answer.iter().find(|octet| !matches!(octet, b' ' | b'\t' | b'\r' | b'\n'));
    if !matches!(first, Some(b'{' | b'[')) || !may_list(answer) {
        return Ok(None);
    }
    let text = std::str::from_utf8(answer).map_err(|_| unreadable("not UTF-8"))?;
    let mut edits = Vec::new();
    if first == Some(&b'[') {
        for message in read::<Vec<&RawValue>>(text)? {
            if message.get().starts_with('{') {
                of_message(text, message, shown, &mut edits)?;
            }
        }
    } else {
        of_message(text, read::<&RawValue>(text)?, shown, &mut edits)?;
    }
    if edits.is_empty() {
        return Ok(None);
    }
    edits.sort_unstable_by_key(|edit: &Edit| edit.at.start);
    let mut out = Vec::with_capacity(answer.len());
    let mut done = 0;
    for Edit { at, instead } in edits {
        out.extend_from_slice(&answer[done..at.start]);
        out.extend_from_slice(instead.as_bytes());
        done = at.end;
    }
    out.extend_from_slice(&answer[done..]);
    Ok(Some(out))
}

/// What stands where, instead of what is there.
struct Edit {
    at: Range<usize>,
    instead: Cow<'static, str>,
}

/// Whether the word could be in it.
fn may_list(answer: &[u8]) -> bool {
    let word = |at: usize| answer.get(at..at + 4).is_some_and(|word| word.eq_ignore_ascii_case(b"tool"));
    memchr2_iter(b't', b'T', answer).any(word) || memmem::find(answer, b"\\u").is_some()
}

fn of_message(text: &str, message: &RawValue, shown: &impl Shows, edits: &mut Vec<Edit>) -> Result<(), ToolRefusal> {
    let envelope: Members<'_> = read(message.get())?;
    let Some(result) = envelope.only("result")?.filter(|result| result.get().starts_with('{')) else { return Ok(()) };
    let members: Members<'_> = read(result.get())?;
    let Some(list) = members.only("tools")?.filter(|list| list.get().starts_with('[')) else { return Ok(()) };
    let tools: Vec<&RawValue> = read(list.get())?;
    let mut kept = Vec::with_capacity(tools.len());
    for tool in &tools {
        if is_shown(tool, shown)? {
            kept.push(tool.get());
        }
    }
    if kept.len() < tools.len() {
        edits.push(Edit { at: place(text, list), instead: format!("[{}]", kept.join(",")).into() });
    }
    if let Some(scope) = members.only("cacheScope")?
        && scope.get() != PRIVATE
    {
        edits.push(Edit { at: place(text, scope), instead: PRIVATE.into() });
    }
    Ok(())
}

const PRIVATE: &str = "\"private\"";

/// A tool without a name could be any.
fn is_shown(tool: &RawValue, shown: &impl Shows) -> Result<bool, ToolRefusal> {
    if !tool.get().starts_with('{') {
        return Ok(false);
    }
    let members: Members<'_> = read(tool.get())?;
    let Some(name) = members.only("name")?.filter(|name| name.get().starts_with('"')) else { return Ok(false) };
    Ok(shown.shows(&read::<String>(name.get())?))
}

/// Where a part of the text is.
fn place(text: &str, part: &RawValue) -> Range<usize> {
    let start = part.get().as_ptr() as usize - text.as_ptr() as usize;
    start..start + part.get().len()
}

fn read<'t, T: serde::Deserialize<'t>>(text: &'t str) -> Result<T, ToolRefusal> {
    serde_json::from_str(text).map_err(|error| unreadable(&error.to_string()))
}

fn unreadable(why: &str) -> ToolRefusal {
    ToolRefusal::AnswerUnreadable(Excerpt::of(why))
}

/// The members of an object, unread.
struct Members<'t>(Vec<(Cow<'t, str>, &'t RawValue)>);

impl<'t> Members<'t> {
    /// The one member of this name, if no other could be taken for it.
    fn only(&self, name: &str) -> Result<Option<&'t RawValue>, ToolRefusal> {
        let mut found = None;
        for (other, value) in &self.0 {
            if other == name && found.replace(*value).is_some() {
                return Err(unreadable(&format!("member {name:?} appears twice")));
            }
            if other != name && other.len() <= 2 * name.len() && folded(other) == folded(name) {
                return Err(unreadable(&format!("member {name:?} is there in another case")));
            }
        }
        Ok(found)
    }
}

impl<'t> serde::Deserialize<'t> for Members<'t> {
    fn deserialize<D: serde::Deserializer<'t>>(from: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'t> Visitor<'t> for Each {
            type Value = Members<'t>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'t>>(self, mut entries: A) -> Result<Members<'t>, A::Error> {
                let mut members = Vec::new();
                while let Some(Name(name)) = entries.next_key()? {
                    if members.len() == MOST {
                        return Err(A::Error::custom("too many members"));
                    }
                    members.push((name, entries.next_value()?));
                }
                Ok(Members(members))
            }
        }
        from.deserialize_map(Each)
    }
}

/// How many members an object on the way to a list may have.
const MOST: usize = 10_000;

/// A name, borrowed where it has no escapes.
#[derive(serde::Deserialize)]
struct Name<'t>(#[serde(borrow)] Cow<'t, str>);

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Shows what begins with `a`.
    #[derive(Clone)]
    pub(in crate::mcp::listing) struct BeginningWithA;

    impl Shows for BeginningWithA {
        fn shows(&self, tool: &str) -> bool {
            tool.starts_with('a')
        }
    }

    fn outcome(answer: &str) -> String {
        match cut(answer.as_bytes(), &BeginningWithA) {
            Ok(Some(cut)) => String::from_utf8(cut).unwrap(),
            Ok(None) => "as it is".to_owned(),
            Err(refusal) => format!("{}: {refusal}", refusal.reason().name),
        }
    }

    #[test]
    fn tools_are_taken_out_and_all_else_stays_as_it_is() {
        for (answer, wanted) in [
            (
                r#" {"jsonrpc":"2.0", "id":1.50,"result":{"nextCursor":"c\u0062","tools": [ {"name":"a1","x":1e2} , {"name":"b"},{"inputSchema":{"tools":[1]},"name":"a2"}],"_meta":{"tools":[{"name":"b"}]}}} "#,
                r#" {"jsonrpc":"2.0", "id":1.50,"result":{"nextCursor":"c\u0062","tools": [{"name":"a1","x":1e2},{"inputSchema":{"tools":[1]},"name":"a2"}],"_meta":{"tools":[{"name":"b"}]}}} "#,
            ),
            (r#"{"id":1,"result":{"tools":[{"name":"b"}]}}"#, r#"{"id":1,"result":{"tools":[]}}"#),
            (
                r#"{"id":1,"result":{"tools":[{"name":"\u0061"},{"\u006eame":"b"}]}}"#,
                r#"{"id":1,"result":{"tools":[{"name":"\u0061"}]}}"#,
            ),
            (
                r#"{"id":1,"r\u0065sult":{"\u0074\u006f\u006fls":[{"name":"b"}]}}"#,
                r#"{"id":1,"r\u0065sult":{"\u0074\u006f\u006fls":[]}}"#,
            ),
            (
                r#"{"id":1,"result":{"tools":[{"name":["a"]},{"title":"a"},"a",null,[{"name":"a"}],{"name":"a"}]}}"#,
                r#"{"id":1,"result":{"tools":[{"name":"a"}]}}"#,
            ),
            (
                r#"[{"id":1,"result":{"tools":[{"name":"b"}]}},{"id":2,"result":{}}, {"id":3,"result":{"tools":[{"name":"a"},{"name":"b"}]}}]"#,
                r#"[{"id":1,"result":{"tools":[]}},{"id":2,"result":{}}, {"id":3,"result":{"tools":[{"name":"a"}]}}]"#,
            ),
            // A list of this caller is no list for all.
            (
                r#"{"id":1,"result":{"cacheScope":"public","tools":[{"name":"a"}],"ttlMs":9}}"#,
                r#"{"id":1,"result":{"cacheScope":"private","tools":[{"name":"a"}],"ttlMs":9}}"#,
            ),
            (
                r#"{"id":1,"result":{"tools":[{"name":"b"}],"cacheScope":7}}"#,
                r#"{"id":1,"result":{"tools":[],"cacheScope":"private"}}"#,
            ),
            (r#"{"id":1,"result":{"cacheScope":"private","tools":[{"name":"a"}]}}"#, "as it is"),
            // No lists.
            (r#"{"id":1,"result":{"content":[],"structuredContent":{"tools":[{"name":"b"}]}}}"#, "as it is"),
            (r#"{"id":1,"result":{"tools":{"name":"b"}}}"#, "as it is"),
            (r#"{"method":"sampling/createMessage","params":{"tools":[{"name":"b"}]}}"#, "as it is"),
            (r#"{"id":1,"error":{"tools":[{"name":"b"}]}}"#, "as it is"),
            (r#"{"id":1,"result":"tools"}"#, "as it is"),
            (r#"{"id":1,"result":{"tools":[]}}"#, "as it is"),
            (r#"{"id":1,"result":{"x":NaN}}"#, "as it is"),
            ("/messages?session=tools", "as it is"),
            ("", "as it is"),
            ("[1,\"tools\",[{\"result\":{\"tools\":[{\"name\":\"b\"}]}}]]", "as it is"),
        ] {
            assert_eq!(outcome(answer), wanted, "{answer}");
        }
    }

    #[test]
    fn a_list_that_a_client_could_find_elsewhere_is_not_passed_on() {
        for answer in [
            r#"{"id":1,"result":{"tools":[]},"result":{"tools":[{"name":"b"}]}}"#,
            r#"{"id":1,"result":{"tools":[],"\u0074ools":[{"name":"b"}]}}"#,
            r#"{"id":1,"result":{"tools":[],"Tools":[{"name":"b"}]}}"#,
            r#"{"id":1,"result":{"TOOLS":[{"name":"b"}]}}"#,
            r#"{"id":1,"result":{"toolſ":[{"name":"b"}]}}"#,
            r#"{"id":1,"Result":{"tools":[{"name":"b"}]}}"#,
            r#"{"id":1,"result":{"tools":[{"name":"a","name":"b"}]}}"#,
            r#"{"id":1,"result":{"tools":[{"name":"a","Name":"b"}]}}"#,
            r#"{"id":1,"result":{"tools":[{"name":"a"}],"x":NaN}}"#,
            r#"{"id":1,"result":{"tools":[{"name":"a"}]}}{"id":2}"#,
            r#"{"id":1,"result":{"tools":[{"name":"b"}"#,
            r#"{"id":1,"result":{"tools":[{"name":"\ud800"}]}}"#,
        ] {
            assert!(outcome(answer).starts_with("mcp-answer-unreadable"), "{answer}: {}", outcome(answer));
        }
        assert!(cut(b"{\"result\":{\"tools\":[{\"name\":\"a\xff\"}]}}", &BeginningWithA).is_err());
    }
}
