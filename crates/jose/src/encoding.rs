//! base64url as JOSE writes it (RFC 7515 §2): no padding, no other alphabet, no white space, no bits left over.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The base64url form of `bytes`.
pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The bytes of canonical base64url. `None` for anything else. Every new token comes by here whole, so it is decoded many
/// octets at a time.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    base64_simd::URL_SAFE_NO_PAD.decode_to_vec(text).ok()
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

    /// Wherever in a text an octet stands: many at a time, or those that are left at the end.
    #[test]
    fn each_octet_is_taken_or_refused_as_by_a_plain_decoder() {
        for length in [2, 3, 4, 15, 16, 17, 31, 32, 33, 47, 64, 67, 130] {
            for at in 0..length {
                for octet in 0..=0x7f {
                    let mut text = vec![b'A'; length];
                    text[at] = octet;
                    let text = String::from_utf8(text).unwrap();
                    assert_eq!(decode(&text), URL_SAFE_NO_PAD.decode(&text).ok(), "{text:?}");
                }
                for beyond in ["é", "ÿ", "Ａ", "🦀"].iter().filter(|beyond| at + beyond.len() <= length) {
                    let text = ["A".repeat(at), (*beyond).to_owned(), "A".repeat(length - at - beyond.len())].concat();
                    assert_eq!(decode(&text), None, "{text:?}");
                }
            }
        }
    }
}
