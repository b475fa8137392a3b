//! A file of keys, understood: a line per key; blank lines and lines that begin with `#` say nothing.
//!
//! An id, and a hash, stands there once: of two meanings of one key nobody knows which was meant.

use std::collections::HashMap;

use super::entry::KeyEntry;
use super::key::KeyDigest;
use crate::file::{FileError, lines};

/// The keys of a file, by their hashes.
#[derive(Debug, Default)]
pub struct KeyList(HashMap<KeyDigest, KeyEntry>);

impl KeyList {
    /// The largest file that is read: some 100,000 keys without attributes.
    pub const LARGEST: u64 = 8 << 20;

    /// Understands the content of a file.
    ///
    /// # Errors
    /// Any line is wrong: then every wrong line is told.
    pub fn parse(bytes: &[u8]) -> Result<Self, Vec<FileError>> {
        let mut keys = HashMap::new();
        let mut errors = Vec::new();
        let mut by_id: HashMap<String, usize> = HashMap::new();
        let mut by_hash: HashMap<KeyDigest, usize> = HashMap::new();
        for (number, line) in lines(bytes) {
            let entry = line.and_then(|line| line.parse().map_err(|e| FileError::on(number, format!("{e}"))));
            let entry: KeyEntry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    errors.push(error);
                    continue;
                }
            };
            if let Some(first) = by_id.get(&entry.id) {
                errors.push(FileError::on(number, format!("has the key id of line {first}")));
            }
            if let Some(first) = by_hash.get(&entry.digest) {
                errors.push(FileError::on(number, format!("has the hash of line {first}: it is the same key")));
            }
            by_id.entry(entry.id.clone()).or_insert(number);
            by_hash.entry(entry.digest).or_insert(number);
            keys.insert(entry.digest, entry);
        }
        if errors.is_empty() { Ok(KeyList(keys)) } else { Err(errors) }
    }

    /// The key with this hash.
    pub fn get(&self, digest: &KeyDigest) -> Option<&KeyEntry> {
        self.0.get(digest)
    }

    /// All keys, in no order.
    pub fn entries(&self) -> impl Iterator<Item = &KeyEntry> {
        self.0.values()
    }
}

#[cfg(test)]
mod tests {
    use super::super::key::digest_of;
    use super::*;

    fn line(id: &str, key: &str) -> String {
        KeyEntry::new(id, digest_of(key)).unwrap().to_string()
    }

    #[test]
    fn a_file_as_berth_has_it_is_understood() {
        let text = format!("# keys of CI\n\n{}\r\n  {}  \n# {}\n", line("a", "1"), line("b", "2"), line("c", "3"));
        let list = KeyList::parse(text.as_bytes()).unwrap();
        let mut ids: Vec<&str> = list.entries().map(|entry| entry.id.as_str()).collect();
        ids.sort_unstable();
        assert_eq!(ids, ["a", "b"]);
        assert_eq!(list.get(&digest_of("2")).unwrap().id, "b");
        assert!(list.get(&digest_of("3")).is_none());
        assert_eq!(KeyList::parse(b"").unwrap().entries().count(), 0, "the last key may be withdrawn");
    }

    #[test]
    fn every_wrong_line_is_told_with_its_number() {
        let text = format!("{}\nnonsense\n{}\n{}\n\n", line("a", "1"), line("a", "2"), line("b", "1"));
        let mut bytes = text.into_bytes();
        bytes.extend(b"\xff\xfe\n");
        bytes.extend(line("a", "1").as_bytes());
        let said: Vec<String> = KeyList::parse(&bytes).unwrap_err().iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "line 2: there is no colon between key id and hash",
                "line 3: has the key id of line 1",
                "line 4: has the hash of line 1: it is the same key",
                "line 6: is not UTF-8 text",
                "line 7: has the key id of line 1",
                "line 7: has the hash of line 1: it is the same key",
            ]
        );
    }
}
