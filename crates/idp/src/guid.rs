//! GUIDs: checked, made up, or derived so that they are the same on every start.

use crate::random::random_bytes;
use aws_lc_rs::digest::{SHA256, digest};

/// Whether `text` is a GUID in lower-case hyphenated form.
pub(crate) fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(i, b)| match i {
            8 | 13 | 18 | 23 => b == b'-',
            _ => matches!(b, b'0'..=b'9' | b'a'..=b'f'),
        })
}

/// A random GUID.
pub(crate) fn random() -> String {
    format(random_bytes())
}

/// The GUID that always belongs to `seed`.
pub(crate) fn derived(seed: &str) -> String {
    let hash = digest(&SHA256, seed.as_bytes());
    let mut bytes = [0; 16];
    for (to, from) in bytes.iter_mut().zip(hash.as_ref()) {
        *to = *from;
    }
    format(bytes)
}

/// With the version and variant bits of a random UUID (RFC 9562 §5.4), which strict clients look at.
fn format(mut bytes: [u8; 16]) -> String {
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derived_ones_are_stable_and_well_formed() {
        assert_eq!(derived("a"), derived("a"));
        assert_ne!(derived("a"), derived("b"));
        assert!(is_guid(&derived("a")) && is_guid(&random()));
        for bad in ["", "A0000000-0000-4000-8000-000000000000", "00000000x0000-4000-8000-000000000000"] {
            assert!(!is_guid(bad), "{bad}");
        }
    }
}
