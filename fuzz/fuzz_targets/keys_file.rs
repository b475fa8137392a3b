//! A file of static keys.
//!
//! No panic; what is wrong is told by lines, bounded and without control characters; what is understood has each id and
//! each key once, and is the same when it is written and read again.

#![no_main]

use std::collections::BTreeSet;

use gangplank_authn::static_keys::{KeyEntry, KeyList};
use gangplank_fuzz::is_clean;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let lines = data.split(|b| *b == b'\n').count();
    match KeyList::parse(data) {
        Ok(keys) => {
            let mut ids = BTreeSet::new();
            for entry in keys.entries() {
                assert!(ids.insert(entry.id.clone()), "an id twice");
                assert_eq!(keys.get(&entry.digest), Some(entry));
                let line = entry.to_string();
                assert_eq!(line.parse::<KeyEntry>().as_ref(), Ok(entry), "{line}");
                assert!(is_clean(&line), "{line:?}");
                let names = entry.user.iter().chain(&entry.groups).chain(&entry.roles).chain(&entry.scopes);
                assert!(names.chain([&entry.id]).all(|name| !name.is_empty() && !name.starts_with("system:")));
            }
            assert!(ids.len() <= lines);
        }
        Err(errors) => {
            assert!(!errors.is_empty() && errors.len() <= 2 * lines);
            for error in errors {
                assert!(error.line.is_some_and(|line| (1..=lines).contains(&line)), "{error}");
                let text = error.to_string();
                assert!(text.len() < 256 && is_clean(&text), "{text:?}");
            }
        }
    }
});
