//! Names that are Kubernetes' own, for whoever tells an API server who somebody is.
//!
//! 1. What begins with `system:` is Kubernetes' own, and `kubeadm:` is kubeadm's, which binds a group
//!    `kubeadm:cluster-admins` to all power in every cluster that it makes. Only who was trusted with such names by the
//!    configuration may give them.
//! 2. Nobody gives all power (`system:masters`), and nobody says that somebody is nobody.
//! 3. `system:authenticated` is what an API server itself adds to everybody whom it knows.

const RESERVED: [&str; 2] = ["system:", "kubeadm:"];
const NEVER: [&str; 3] = ["system:masters", "system:unauthenticated", "system:anonymous"];

/// The group of everybody who is known.
pub(crate) const AUTHENTICATED: &str = "system:authenticated";

/// Whether it is Kubernetes' own to give.
pub(crate) fn is_reserved(name: &str) -> bool {
    RESERVED.iter().any(|reserved| name.starts_with(reserved))
}

/// Whether nobody outside may give it.
pub(crate) fn is_nobodys_to_give(name: &str) -> bool {
    NEVER.contains(&name) || name == AUTHENTICATED
}
