//! placeholder
/// A JWK set (RFC 7517 §5), its keys parsed once and shared.
#[derive(Clone, Debug, Default)]
pub struct KeySet {}

/// Why a JWK set was not usable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// Not a JSON object with an array `keys`.
    #[error("not a JWK set: {0}")]
    Malformed(String),
}

impl KeySet {
    /// Parses a JWK set. Keys of unknown type or use are passed over; a set without any usable key is empty, not an error.
    pub fn parse(_json: &[u8]) -> Result<KeySet, KeySetError> {
        todo!()
    }
    /// How many usable keys there are.
    pub fn len(&self) -> usize {
        todo!()
    }
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Whether a usable key has this key id.
    pub fn contains(&self, _kid: &str) -> bool {
        todo!()
    }
}
