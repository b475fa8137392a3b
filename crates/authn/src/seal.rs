//! Values that leave with the browser and come back: encrypted, authenticated, and bound to what they are for.
//!
//! 1. A secret is at least 32 bytes of text, taken as it is: the output of `openssl rand -base64 32` serves. One with
//!    fewer than eight different bytes is refused, for it was typed and not drawn.
//! 2. From each secret HKDF-SHA256 (RFC 5869) derives, with a fixed salt, an AES-256-GCM-SIV key and a four-byte key
//!    id. GCM-SIV (RFC 8452) since many replicas draw nonces for one key without knowing of each other.
//! 3. A sealed value is base64url without padding of: version (1) ‖ key id (4) ‖ nonce (12) ‖ ciphertext and tag.
//! 4. The additional data is version ‖ key id ‖ purpose, so a value sealed for one purpose opens for no other.
//! 5. The first key of the ring seals, all open, each only what names its id: rotation signs nobody out.
//! 6. A text longer than [`MAX_SEALED`] is refused before it is decoded.
//! 7. What need not be hidden, only be known again, is *tagged*: HMAC-SHA-256, by a third key of each secret, over the purpose
//!    and the parts, each behind its length. The first key of the ring tags, and each key's tag is good.

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::{hkdf, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gangplank_oauth::config::ConfigError;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Serialize, de::DeserializeOwned};
use zeroize::Zeroizing;

use crate::Refusal;

/// The longest sealed text that is looked at: twice what a browser keeps in one cookie.
pub const MAX_SEALED: usize = 8 * 1024;

const VERSION: u8 = 1;
const ID: usize = 4;
const NONCE: usize = 12;
const TAG: usize = 16;
const HEAD: usize = 1 + ID + NONCE;
const MIN_SECRET: usize = 32;
const MIN_DIFFERENT: usize = 8;

/// How many bytes a tag has.
pub const TAGGED: usize = 32;

/// The keys that seal and open.
pub struct KeyRing {
    keys: Vec<Key>,
}

struct Key {
    id: [u8; ID],
    cipher: RandomizedNonceKey,
    tags: hmac::Key,
}

impl KeyRing {
    /// A ring of configured secrets, the sealing one first. Errors are at `cookies.keys[i]` and show no secret.
    pub fn from_secrets(secrets: Vec<SecretString>) -> Result<KeyRing, Vec<ConfigError>> {
        let mut errors = Vec::new();
        let mut keys: Vec<Key> = Vec::new();
        for (i, secret) in secrets.iter().enumerate() {
            let path = format!("cookies.keys[{i}]");
            match Key::from_secret(secret.expose_secret().as_bytes(), &path) {
                Ok(key) if keys.iter().any(|k| k.id == key.id) => errors.push(ConfigError::new(
                    path,
                    "the key is in the list twice",
                    "to rotate, put a new key first and keep the old one behind it",
                )),
                Ok(key) => keys.push(key),
                Err(error) => errors.push(error),
            }
        }
        if secrets.is_empty() {
            errors.push(ConfigError::new("cookies.keys", "there is no key", "give at least one"));
        }
        if errors.is_empty() { Ok(KeyRing { keys }) } else { Err(errors) }
    }

    /// A ring of one key that nobody else has: sessions end with the process.
    pub fn generate() -> Result<KeyRing, Refusal> {
        let mut secret = Zeroizing::new([0_u8; 32]);
        aws_lc_rs::rand::fill(secret.as_mut_slice()).map_err(|_| Refusal::CryptoFailed { what: "random key" })?;
        Ok(KeyRing { keys: vec![Key::derive(secret.as_slice())?] })
    }

    /// Seals `plain` for `purpose`.
    pub fn seal(&self, purpose: &str, plain: &[u8]) -> Result<String, Refusal> {
        let key = self.keys.first().ok_or(Refusal::CryptoFailed { what: "no key" })?;
        let mut body = Zeroizing::new(Vec::with_capacity(plain.len() + TAG));
        body.extend_from_slice(plain);
        let nonce = key
            .cipher
            .seal_in_place_append_tag(Aad::from(additional(&key.id, purpose)), &mut *body)
            .map_err(|_| Refusal::CryptoFailed { what: "encryption" })?;
        let mut sealed = Vec::with_capacity(HEAD + body.len());
        sealed.push(VERSION);
        sealed.extend_from_slice(&key.id);
        sealed.extend_from_slice(nonce.as_ref());
        sealed.extend_from_slice(&body);
        Ok(URL_SAFE_NO_PAD.encode(sealed))
    }

    /// Opens what [`seal`](Self::seal) made for the same purpose. The plain text is wiped when dropped.
    pub fn open(&self, purpose: &str, sealed: &str) -> Result<Zeroizing<Vec<u8>>, Refusal> {
        let malformed = |problem| Refusal::SealedMalformed { purpose: purpose.to_owned(), problem };
        if sealed.len() > MAX_SEALED {
            return Err(malformed("is too long"));
        }
        let mut bytes =
            Zeroizing::new(URL_SAFE_NO_PAD.decode(sealed).map_err(|_| malformed("is not base64url without padding"))?);
        if bytes.len() < HEAD + TAG {
            return Err(malformed("is too short"));
        }
        let (head, body) = bytes.split_at_mut(HEAD);
        let (version, rest) = head.split_at(1);
        let (id, nonce) = rest.split_at(ID);
        if version != [VERSION] {
            return Err(malformed("is of another version"));
        }
        let key = self.keys.iter().find(|k| k.id == id).ok_or_else(|| self.unknown_key(purpose, id))?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| malformed("has no nonce"))?;
        let plain = key
            .cipher
            .open_in_place(nonce, Aad::from(additional(&key.id, purpose)), body)
            .map_err(|_| Refusal::SealedTampered { purpose: purpose.to_owned() })?;
        let (from, to) = (HEAD, HEAD + plain.len());
        bytes.truncate(to);
        bytes.drain(..from);
        Ok(bytes)
    }

    /// Seals a value as JSON: for the `state` of a sign-in and the like.
    pub fn seal_value<T: Serialize>(&self, purpose: &str, value: &T) -> Result<String, Refusal> {
        let json = serde_json::to_vec(value).map_err(|_| Refusal::CryptoFailed { what: "serialisation" })?;
        self.seal(purpose, &Zeroizing::new(json))
    }

    /// Opens what [`seal_value`](Self::seal_value) made.
    pub fn open_value<T: DeserializeOwned>(&self, purpose: &str, sealed: &str) -> Result<T, Refusal> {
        let plain = self.open(purpose, sealed)?;
        serde_json::from_slice(&plain).map_err(|_| Refusal::SealedMalformed {
            purpose: purpose.to_owned(),
            problem: "opens, but holds something else",
        })
    }

    /// Tags what `parts` say together for `purpose`.
    ///
    /// # Errors
    /// There is no key.
    pub fn tag(&self, purpose: &str, parts: &[&[u8]]) -> Result<[u8; TAGGED], Refusal> {
        let key = self.keys.first().ok_or(Refusal::CryptoFailed { what: "no key" })?;
        let made = hmac::sign(&key.tags, &tagged(purpose, parts));
        made.as_ref().try_into().map_err(|_| Refusal::CryptoFailed { what: "a tag" })
    }

    /// Knows again what [`tag`](Self::tag) tagged with a key of this ring, in constant time for each key.
    ///
    /// # Errors
    /// It is no tag of these parts for this purpose.
    pub fn check_tag(&self, purpose: &str, parts: &[&[u8]], tag: &[u8]) -> Result<(), Refusal> {
        let message = tagged(purpose, parts);
        let good = self.keys.iter().any(|key| hmac::verify(&key.tags, &message, tag).is_ok());
        if good { Ok(()) } else { Err(Refusal::SealedTampered { purpose: purpose.to_owned() }) }
    }

    /// The ids of the keys, in hexadecimal, the sealing one first: to compare replicas.
    pub fn key_ids(&self) -> Vec<String> {
        self.keys.iter().map(|k| hex(&k.id)).collect()
    }

    fn unknown_key(&self, purpose: &str, id: &[u8]) -> Refusal {
        Refusal::SealedWithUnknownKey {
            purpose: purpose.to_owned(),
            key: hex(id),
            ring: self.key_ids().iter().take(8).cloned().collect::<Vec<_>>().join(", "),
        }
    }
}

/// Ids only.
impl std::fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("KeyRing").field(&self.key_ids()).finish()
    }
}

impl Key {
    fn from_secret(secret: &[u8], path: &str) -> Result<Key, ConfigError> {
        const HELP: &str = "use random text of at least 32 bytes, for instance from `openssl rand -base64 32`";
        if secret.len() < MIN_SECRET {
            let message = format!("the key has {} bytes, at least {MIN_SECRET} are needed", secret.len());
            return Err(ConfigError::new(path, message, HELP));
        }
        let mut seen = [false; 256];
        secret.iter().for_each(|b| seen[usize::from(*b)] = true);
        if seen.iter().filter(|s| **s).count() < MIN_DIFFERENT {
            return Err(ConfigError::new(path, "the key is not random: it repeats a few characters", HELP));
        }
        Key::derive(secret).map_err(|e| ConfigError::new(path, e.to_string(), ""))
    }

    fn derive(secret: &[u8]) -> Result<Key, Refusal> {
        let failed = |_| Refusal::CryptoFailed { what: "key derivation" };
        let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, b"gangplank seal v1").extract(secret);
        let mut key = Zeroizing::new([0_u8; 32]);
        let mut id = [0_u8; ID];
        prk.expand(&[b"aes-256-gcm-siv key"], Length(32))
            .and_then(|okm| okm.fill(key.as_mut_slice()))
            .map_err(failed)?;
        prk.expand(&[b"key id"], Length(ID)).and_then(|okm| okm.fill(&mut id)).map_err(failed)?;
        let cipher = RandomizedNonceKey::new(&AES_256_GCM_SIV, key.as_slice()).map_err(failed)?;
        let tags = prk.expand(&[b"hmac-sha-256 key"], hmac::HMAC_SHA256).map_err(failed)?.into();
        Ok(Key { id, cipher, tags })
    }
}

struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

fn additional(id: &[u8; ID], purpose: &str) -> Vec<u8> {
    let mut aad = Vec::with_capacity(1 + ID + purpose.len());
    aad.push(VERSION);
    aad.extend_from_slice(id);
    aad.extend_from_slice(purpose.as_bytes());
    aad
}

/// No two lists of parts are the same message.
fn tagged(purpose: &str, parts: &[&[u8]]) -> Vec<u8> {
    let mut message = Vec::with_capacity(256);
    for part in [purpose.as_bytes()].iter().chain(parts) {
        message.extend_from_slice(&(part.len() as u64).to_be_bytes());
        message.extend_from_slice(part);
    }
    message
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "rFqv3Yd1pZs7kT0wUxN5mB2cH8jL4gQe6aOiSy9VtXo=";
    const B: &str = "another-secret-of-sufficient-length-0123456789";

    fn ring(secrets: &[&str]) -> KeyRing {
        KeyRing::from_secrets(secrets.iter().map(|s| SecretString::from(*s)).collect()).unwrap()
    }

    #[test]
    fn what_was_sealed_opens_and_two_seals_differ() {
        let ring = ring(&[A]);
        let (one, two) = (ring.seal("session", b"hello").unwrap(), ring.seal("session", b"hello").unwrap());
        assert_ne!(one, two);
        assert_eq!(ring.open("session", &one).unwrap().as_slice(), b"hello");
        assert_eq!(ring.open("session", &ring.seal("session", b"").unwrap()).unwrap().as_slice(), b"");
    }

    #[test]
    fn rotation_opens_old_values_until_the_key_goes() {
        let old = ring(&[A]).seal("session", b"x").unwrap();
        let both = ring(&[B, A]);
        assert!(both.open("session", &old).is_ok());
        let new = both.seal("session", b"x").unwrap();
        assert!(ring(&[B]).open("session", &new).is_ok(), "the first key seals");
        let gone = ring(&[B]).open("session", &old).unwrap_err();
        assert_eq!(gone.reason().name, "sealed-with-unknown-key");
    }

    #[test]
    fn a_value_opens_for_its_own_purpose_only() {
        let ring = ring(&[A]);
        let sealed = ring.seal("state", b"x").unwrap();
        for other in ["session", "stat", "state2", ""] {
            assert_eq!(ring.open(other, &sealed).unwrap_err().reason().name, "sealed-tampered", "{other}");
        }
    }

    #[test]
    fn every_single_changed_bit_is_noticed() {
        let ring = ring(&[A]);
        let bytes = URL_SAFE_NO_PAD.decode(ring.seal("session", b"hello").unwrap()).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(ring.open("session", &URL_SAFE_NO_PAD.encode(changed)).is_err(), "bit {bit}");
        }
        for length in 0..bytes.len() {
            assert!(ring.open("session", &URL_SAFE_NO_PAD.encode(&bytes[..length])).is_err(), "cut to {length}");
        }
    }

    #[test]
    fn texts_that_are_no_seal_are_refused_by_name() {
        let ring = ring(&[A]);
        for text in ["", "!", "AAAA", "a=b", "AQ==", &"A".repeat(MAX_SEALED + 1), "ä"] {
            assert_eq!(ring.open("session", text).unwrap_err().reason().name, "sealed-malformed", "{text:.10}");
        }
    }

    #[test]
    fn weak_and_repeated_secrets_are_refused_without_being_shown() {
        for bad in [vec!["short-secret"], vec!["abababababababababababababababababab"], vec![A, A], vec![]] {
            let errors = KeyRing::from_secrets(bad.iter().map(|s| SecretString::from(*s)).collect()).unwrap_err();
            for error in errors {
                assert!(error.path.starts_with("cookies.keys"));
                assert!(bad.iter().all(|s| !error.to_string().contains(s)), "{error}");
            }
        }
    }

    #[test]
    fn debug_shows_ids_and_nothing_derived_from_the_key() {
        let shown = format!("{:?}", ring(&[A]));
        assert!(!shown.contains(A) && shown.len() < 40, "{shown}");
    }

    #[test]
    fn a_tag_is_for_its_purpose_and_its_parts_and_survives_a_rotation() {
        let tag = ring(&[A]).tag("session-id", &[b"ab", b"c"]).unwrap();
        let both = ring(&[B, A]);
        both.check_tag("session-id", &[b"ab", b"c"], &tag).unwrap();
        assert_ne!(both.tag("session-id", &[b"ab", b"c"]).unwrap(), tag, "the first key tags");
        let elsewhere: [(&str, &[&[u8]]); 5] = [
            ("session-id", &[b"a", b"bc"]),
            ("session-id", &[b"abc"]),
            ("session-id", &[b"ab", b"c", b""]),
            ("session-i", &[b"ab", b"c"]),
            ("", &[]),
        ];
        for (purpose, parts) in elsewhere {
            assert!(both.check_tag(purpose, parts, &tag).is_err(), "{purpose} {parts:?}");
        }
        assert!(ring(&[B]).check_tag("session-id", &[b"ab", b"c"], &tag).is_err(), "the key is gone");
        for bit in 0..tag.len() * 8 {
            let mut changed = tag;
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(both.check_tag("session-id", &[b"ab", b"c"], &changed).is_err(), "bit {bit}");
        }
        for short in 0..tag.len() {
            assert!(both.check_tag("session-id", &[b"ab", b"c"], &tag[..short]).is_err(), "cut to {short}");
        }
    }

    #[test]
    fn values_round_trip_as_json() {
        let ring = KeyRing::generate().unwrap();
        let sealed = ring.seal_value("state", &("a", 1)).unwrap();
        assert_eq!(ring.open_value::<(String, u8)>("state", &sealed), Ok(("a".to_owned(), 1)));
        assert_eq!(ring.open_value::<u8>("state", &sealed).unwrap_err().reason().name, "sealed-malformed");
    }
}
