//! Which groups a session needs to know.

use std::collections::BTreeSet;

use aws_lc_rs::digest::{Context, SHA256};

/// The groups that some rule of the configuration names, and a digest of the list.
#[derive(Clone, Debug, Default)]
pub struct RuleGroups {
    names: BTreeSet<String>,
    pub(super) digest: [u8; 8],
}

impl RuleGroups {
    /// From every rule there is, in any order.
    pub fn new(names: impl IntoIterator<Item = String>) -> Self {
        let names: BTreeSet<String> = names.into_iter().collect();
        let mut context = Context::new(&SHA256);
        for name in &names {
            context.update(&(name.len() as u64).to_be_bytes());
            context.update(name.as_bytes());
        }
        let mut digest = [0; 8];
        digest.copy_from_slice(&context.finish().as_ref()[..8]);
        RuleGroups { names, digest }
    }

    /// Whether no rule names a group.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Whether a rule names this group.
    pub fn contains(&self, group: &str) -> bool {
        self.names.contains(group)
    }

    pub(super) fn keep(&self, groups: &[String]) -> Vec<String> {
        groups.iter().filter(|g| self.names.contains(*g)).cloned().collect()
    }
}
