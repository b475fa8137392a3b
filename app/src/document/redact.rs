//! What of a configuration may be shown. An error quotes the line it is about, and that line may hold a secret that
//! should not be there in the first place.
//!
//! 1. The value of a key whose name speaks of secrets is masked, except `{ file = "…" }` and `{ env = "…" }`.
//! 2. Text that looks like a secret (a private key, a token, a URL with a password) is masked under any key.
//! 3. The value of a key that nobody reads is masked: the key may be the misspelt name of a secret.
//! 4. A file that is not even TOML has no keys to go by: there, everything in quotes is masked, every
//!    line that begins no key or table, and everything from a line that names a secret up to the next that begins one.

use super::tree::{Node, Path, Step, Table, Value};

/// Keys that hold no secret although their name sounds like it.
const HARMLESS: [&str; 2] = ["secret_method", "federated_token_file"];

/// Whether the value at `path` may be a secret.
pub(super) fn is_secret(path: &Path) -> bool {
    path.0.iter().any(|step| matches!(step, Step::Key(key) if names_a_secret(key)))
}

/// Whether a text is a secret by its looks.
pub(super) fn is_secret_text(text: &str) -> bool {
    let password = text
        .split_once("://")
        .is_some_and(|(_, rest)| rest.split(['/', '?', '#']).next().is_some_and(|authority| authority.contains('@')));
    password || text.contains("-----BEGIN") || text.contains("eyJ") || text.to_ascii_lowercase().contains("bearer ")
}

fn names_a_secret(key: &str) -> bool {
    let key = key.to_lowercase();
    if HARMLESS.contains(&key.as_str()) {
        return false;
    }
    let part = ["secret", "passw", "passphrase", "credential", "apikey"].iter().any(|p| key.contains(p));
    part || key.split(['_', '-']).any(|word| matches!(word, "token" | "tokens" | "key" | "keys" | "private" | "jwt"))
}

/// The text of a file with its secrets masked, byte for byte as long as it was.
pub(super) fn masked(text: &str, tree: &Node, broken: bool) -> String {
    let mut bytes = text.as_bytes().to_vec();
    mask_node(tree, false, &mut bytes);
    if broken {
        mask_lines(text, &mut bytes);
    }
    // Only whole characters are masked, so this is UTF-8 again.
    String::from_utf8(bytes).unwrap_or_default()
}

/// The text of a file with one more value masked.
pub(super) fn masked_value(text: &str, value: &Node) -> String {
    let mut bytes = text.as_bytes().to_vec();
    mask_node(value, true, &mut bytes);
    String::from_utf8(bytes).unwrap_or_default()
}

fn mask_node(node: &Node, secret: bool, bytes: &mut [u8]) {
    match &node.value {
        Value::Table(table) if secret && is_reference(table) => {}
        Value::Table(table) => {
            for (key, value) in table {
                mask_node(value, secret || names_a_secret(key), bytes);
            }
        }
        Value::Array(list) => list.iter().for_each(|value| mask_node(value, secret, bytes)),
        Value::String(text) if secret && is_path(text) => {}
        Value::String(text) if secret || is_secret_text(text) => mask(bytes, node.place.start, node.place.end),
        _ if secret => mask(bytes, node.place.start, node.place.end),
        _ => {}
    }
}

/// `{ file = "…" }` or `{ env = "…" }`.
fn is_reference(table: &Table) -> bool {
    table.len() == 1 && table.keys().all(|key| key == "file" || key == "env")
}

/// The name of a file, which `key = "/etc/…/tls.key"` asks for.
fn is_path(text: &str) -> bool {
    text.starts_with('/') && text.contains('.') && text.len() < 256 && !text.contains(|c: char| c.is_whitespace())
}

fn mask(bytes: &mut [u8], start: usize, end: usize) {
    for byte in bytes.get_mut(start..end).into_iter().flatten() {
        if !matches!(byte, b'\n' | b'\r' | b'"' | b'\'') {
            *byte = b'*';
        }
    }
}

fn mask_lines(text: &str, bytes: &mut [u8]) {
    let mut start = 0;
    // Inside what a line before began: a secret's value, or a string of several lines.
    let (mut hiding, mut quoted) = (false, false);
    for line in text.split_inclusive('\n') {
        let head = line.split('=').next().unwrap_or(line);
        let begins = line.contains('=') && head.trim().bytes().all(is_key_byte) || line.trim_start().starts_with('[');
        hiding &= !begins;
        if names_a_secret_somewhere(line) {
            hiding = true;
            // Behind the key, if there is one; what is neither key nor value may be either.
            let key = head.len() < line.len() && head.trim().bytes().all(|b| b != b' ' && is_key_byte(b));
            let value = if key { &line[head.len() + 1..] } else { line };
            mask(bytes, start + line.len() - value.trim_start().len(), start + line.len());
        } else if !begins || hiding || quoted || is_secret_text(line) {
            mask(bytes, start, start + line.len());
        } else if let Some(quote) = line.find(['"', '\'']) {
            // From the first quote on: which of the others close what is anybody's guess.
            mask(bytes, start + quote, start + line.len());
        }
        quoted ^= line.matches("\"\"\"").count() % 2 == 1 || line.matches("'''").count() % 2 == 1;
        start += line.len();
    }
}

fn names_a_secret_somewhere(line: &str) -> bool {
    let words = line.split(|c: char| !c.is_ascii() || !is_key_byte(c as u8));
    words.flat_map(|word| word.split(['.', '"', ' '])).any(names_a_secret)
}

fn is_key_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'"' | b' ')
}

#[cfg(test)]
mod tests {
    use super::super::tree::from_toml;
    use super::*;
    use toml::de::DeTable;

    fn shown(text: &str) -> String {
        let (table, errors) = DeTable::parse_recoverable(text);
        let masked = masked(text, &from_toml(0, &table), !errors.is_empty());
        assert_eq!(masked.len(), text.len());
        masked
    }

    #[test]
    fn a_secret_is_masked_wherever_it_stands_and_a_reference_is_not() {
        let text = "[clients.a]\nid = 'x'\nsecret = 'hunter2'\n[cookies]\nkeys = ['hünter3', { file = '/run/k' }]\n";
        let shown = shown(text);
        assert!(!shown.contains("hunter2") && !shown.contains("nter3"), "{shown}");
        assert!(shown.contains("id = 'x'") && shown.contains("/run/k"), "{shown}");
    }

    #[test]
    fn secrets_are_known_by_their_looks_too() {
        for text in [
            "a = 'https://me:hunter2@host/'",
            "a = '''-----BEGIN PRIVATE KEY-----\nhunter2\n'''",
            "a = 'Bearer hunter2'",
            "clientSecret = 'hunter2'",
            "b = { secret = 'hunter2', x = 1 }",
            "[secrets]\na.b = 'hunter2'",
            "secret = { file = 'hunter2', x = 1 }",
        ] {
            assert!(!shown(text).contains("hunter2"), "{text}");
        }
        assert!(shown("tls = { key = '/etc/tls/tls.key' }").contains("/etc/tls"));
    }

    #[test]
    fn a_file_that_is_not_toml_hides_more_rather_than_less() {
        for text in [
            "secret = hunter2\n",
            "x = \"unclosed\nclients.a.secret = \"hunter2\n",
            "secret = '''\nhunter2\n",
            "a = { secret = 'hunter2'\nb = 1",
            "password: hunter2",
            "secret =\n  hunter2\n",
            "a = = 1\napi_key = hunter2\n",
            "a = { b = 1\nrefresh_token = hunter2\n",
            "a = = 1\n\"private\" = hunter2\n",
            "keys  [\"hunter2\", { file = \"/run/key\" }]\n",
            "secret hunter2 = 1\n= 2",
        ] {
            assert!(!shown(text).contains("hunter2"), "{text}: {}", shown(text));
        }
        assert!(shown("a = = 1\nb = shown\n").contains("b = shown"));
        assert!(!shown("a = = 1\nsecert = 'hunter2'\n").contains("hunter2"));
        assert!(!shown("a = = 1\nsecert = '''\nhunter2\n'''\n").contains("hunter2"));
    }
}
