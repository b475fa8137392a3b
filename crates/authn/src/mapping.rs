//! Claims → identity.

/// Which claim says what, where the configuration departs from the defaults.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClaimNames {
    /// The user name.
    pub username: Option<String>,
    /// The groups.
    pub groups: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
}
