//! base64url as JOSE writes it (RFC 7515 §2): no padding, no other alphabet, no white space, no bits left over.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The base64url form of `bytes`.
pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The bytes of canonical base64url. `None` for anything else.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_form_of_every_value() {
        assert_eq!(decode(&encode([0xfb, 0xff])).unwrap(), [0xfb, 0xff]);
        for sin in ["-_8=", "+/8", "-_9", "-_8\n", " -_8", "-_8?", "-_8\0", "a", "é"] {
            assert_eq!(decode(sin), None, "{sin:?}");
        }
    }
}
