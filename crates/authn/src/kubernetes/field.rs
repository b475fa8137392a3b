//! What is wrong with a file, in the words that Kubernetes uses: `jwt[0].issuer.url: Required value: …`.

use std::fmt;

use gangplank_oauth::config::ConfigError;

use crate::refusal::fact;

/// The kinds of mistakes, as Kubernetes names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FieldErrorKind {
    /// The field must be there.
    Required,
    /// Its value cannot be.
    Invalid,
    /// It is there twice, or its value is.
    Duplicate,
    /// Its value is none of a few.
    NotSupported,
    /// It has too many elements.
    TooMany,
    /// No field has this name.
    Unknown,
    /// The file as a whole cannot be read.
    Unreadable,
}

impl FieldErrorKind {
    /// As it stands in a message.
    pub const fn words(self) -> &'static str {
        match self {
            FieldErrorKind::Required => "Required value",
            FieldErrorKind::Invalid => "Invalid value",
            FieldErrorKind::Duplicate => "Duplicate value",
            FieldErrorKind::NotSupported => "Unsupported value",
            FieldErrorKind::TooMany => "Too many",
            FieldErrorKind::Unknown => "Unknown field",
            FieldErrorKind::Unreadable => "Unreadable",
        }
    }
}

/// One mistake in an `AuthenticationConfiguration`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// Which field: `jwt[0].claimMappings.username.prefix`. Empty for the file as a whole.
    pub path: String,
    /// What kind of mistake.
    pub kind: FieldErrorKind,
    /// What was found, bounded and printable.
    pub found: Option<String>,
    /// Why it cannot be, or what to do. Empty if the kind says it.
    pub detail: String,
}

impl FieldError {
    pub(super) fn new(path: &Path, kind: FieldErrorKind, detail: impl Into<String>) -> Self {
        FieldError { path: path.to_string(), kind, found: None, detail: detail.into() }
    }

    pub(super) fn required(path: &Path, detail: impl Into<String>) -> Self {
        Self::new(path, FieldErrorKind::Required, detail)
    }

    pub(super) fn invalid(path: &Path, found: &str, detail: impl Into<String>) -> Self {
        FieldError { found: Some(fact(found)), ..Self::new(path, FieldErrorKind::Invalid, detail) }
    }

    pub(super) fn duplicate(path: &Path, found: &str) -> Self {
        FieldError { found: Some(fact(found)), ..Self::new(path, FieldErrorKind::Duplicate, "") }
    }

    pub(super) fn unsupported(path: &Path, found: &str, supported: &[&str]) -> Self {
        let detail = format!("supported values: {}", supported.join(", "));
        FieldError { found: Some(fact(found)), ..Self::new(path, FieldErrorKind::NotSupported, detail) }
    }

    /// Everything of it behind the path.
    fn message(&self) -> String {
        let found = self.found.as_ref().map(|found| format!(": \"{found}\"")).unwrap_or_default();
        let detail = if self.detail.is_empty() { String::new() } else { format!(": {}", self.detail) };
        format!("{}{found}{detail}", self.kind.words())
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() { f.write_str(&self.message()) } else { write!(f, "{}: {}", self.path, self.message()) }
    }
}

impl std::error::Error for FieldError {}

impl From<FieldError> for ConfigError {
    fn from(error: FieldError) -> Self {
        ConfigError::new(error.path.clone(), error.message(), "")
    }
}

/// The path of a field, for messages.
#[derive(Clone, Debug, Default)]
pub(super) struct Path(String);

impl Path {
    pub(super) fn child(&self, name: &str) -> Path {
        let name = fact(name);
        Path(if self.0.is_empty() { name } else { format!("{}.{name}", self.0) })
    }

    pub(super) fn index(&self, index: usize) -> Path {
        Path(format!("{}[{index}]", self.0))
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether the field `inner` is `outer` or lies within it.
pub(super) fn lies_within(inner: &str, outer: &str) -> bool {
    inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']) || outer.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_spelled_as_kubernetes_spells_them() {
        let url = Path::default().child("jwt").index(0).child("issuer").child("url");
        for (error, text) in [
            (FieldError::required(&url, ""), "jwt[0].issuer.url: Required value"),
            (FieldError::required(&url, "give it"), "jwt[0].issuer.url: Required value: give it"),
            (FieldError::invalid(&url, "x", "no URL"), "jwt[0].issuer.url: Invalid value: \"x\": no URL"),
            (FieldError::duplicate(&url, "x\n"), "jwt[0].issuer.url: Duplicate value: \"x\\n\""),
            (FieldError::new(&Path::default(), FieldErrorKind::Unreadable, "it is empty"), "Unreadable: it is empty"),
        ] {
            assert_eq!(error.to_string(), text);
            let config = ConfigError::from(error);
            assert_eq!(if config.path.is_empty() { config.message } else { config.to_string() }, text);
        }
    }

    #[test]
    fn a_field_lies_within_its_parents_and_not_within_its_namesakes() {
        assert!(
            lies_within("jwt[0].issuer.url", "jwt[0].issuer") && lies_within("jwt[0]", "jwt") && lies_within("a", "a")
        );
        assert!(lies_within("a", "") && !lies_within("jwt[10]", "jwt[1]") && !lies_within("issuerURL", "issuer"));
    }
}
