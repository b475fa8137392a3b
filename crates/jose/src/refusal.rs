//! placeholder
/// Why a token was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefusal {
    /// `exp` has passed.
    #[error("expired at {at}, {ago:?} before now")]
    Expired {
        /// `exp`.
        at: crate::UnixTime,
        /// How long ago.
        ago: std::time::Duration,
    },
}
impl TokenRefusal {
    /// All entries of the catalogue.
    pub const REASONS: &'static [&'static crate::Reason] = &[];
    /// The catalogue entry.
    pub fn reason(&self) -> &'static crate::Reason {
        todo!()
    }
}
