//! Why a cluster's word on a token is no, or is none.

use gangplank_jose::{Fault, Reason};

/// A refusal of this room. Facts are bounded, and none is the token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClusterRefusal {
    /// The cluster answered in a way that can't be used.
    #[error("{cluster}: {problem}")]
    AnswerUnusable {
        /// The configuration's name of the cluster.
        cluster: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The token is good, and for somebody else.
    #[error("{cluster} was asked for {wanted:?} and answered for {found:?}")]
    AudienceMismatch {
        /// The configuration's name of the cluster.
        cluster: String,
        /// The audiences that were asked for.
        wanted: Vec<String>,
        /// The first few that were answered.
        found: Vec<String>,
    },
    /// Too many questions are under way already.
    #[error("{cluster}: too many questions under way")]
    Busy {
        /// The configuration's name of the cluster.
        cluster: String,
    },
    /// The cluster does not take our own credentials.
    #[error("{cluster} answered 401 to our own credentials")]
    CredentialsRefused {
        /// The configuration's name of the cluster.
        cluster: String,
    },
    /// Our own credentials can't be read.
    #[error("{cluster}: {cause}")]
    CredentialsUnreadable {
        /// The configuration's name of the cluster.
        cluster: String,
        /// Why.
        cause: String,
    },
    /// We are known to the cluster, and may not ask.
    #[error("{cluster} answered 403: {cause}")]
    Forbidden {
        /// The configuration's name of the cluster.
        cluster: String,
        /// What the cluster says.
        cause: String,
    },
    /// The token is of an issuer that this cluster is not asked about.
    #[error("iss is {found:?}; {cluster} is asked about {known}")]
    IssuerNotListed {
        /// The configuration's name of the cluster.
        cluster: String,
        /// `iss`, if there is one.
        found: Option<String>,
        /// The issuers that it is asked about.
        known: String,
    },
    /// The cluster names somebody whom only it may name.
    #[error("{cluster} answered with the {what} {value:?}")]
    NameReserved {
        /// The configuration's name of the cluster.
        cluster: String,
        /// The user name or a group.
        what: &'static str,
        /// The name.
        value: String,
    },
    /// The cluster says that the token is not good.
    #[error("{cluster} does not know the token: {cause}")]
    NotAuthenticated {
        /// The configuration's name of the cluster.
        cluster: String,
        /// What the cluster says.
        cause: String,
    },
    /// The cluster can't be asked.
    #[error("{cluster} did not answer: {cause}")]
    Unreachable {
        /// The configuration's name of the cluster.
        cluster: String,
        /// What happened.
        cause: String,
    },
}

macro_rules! reasons {
    ($($variant:ident = $name:literal, $fault:ident, $summary:literal, $remedy:literal;)+) => {
        impl ClusterRefusal {
            /// The catalogue entries, in the order of the variants.
            pub const REASONS: &'static [&'static Reason] = &[$(
                &Reason { name: $name, fault: Fault::$fault, summary: $summary, remedy: $remedy }
            ),+];

            /// The catalogue entry.
            pub fn reason(&self) -> &'static Reason {
                match self {
                    $(ClusterRefusal::$variant { .. } => const {
                        &Reason { name: $name, fault: Fault::$fault, summary: $summary, remedy: $remedy }
                    },)+
                }
            }
        }
    };
}

reasons! {
    AnswerUnusable = "cluster-answer-unusable", Provider,
        "The cluster answered a TokenReview in a way that can't be used.",
        "See that the server of the kubeconfig is a Kubernetes API server, and not something in front of it that answers itself.";
    AudienceMismatch = "cluster-audience-mismatch", Token,
        "The cluster knows the token, and it is not for one of the audiences of this authenticator.",
        "Ask for a token for one of these audiences (kubectl create token --audience, or a projected volume with audience), or add the token's to token_review.audiences.";
    Busy = "cluster-busy", Provider,
        "So many tokens are being asked about that this one had to be given up.",
        "See why the cluster is slow, or who sends so many different tokens.";
    CredentialsRefused = "cluster-credentials-refused", Operator,
        "The cluster does not accept the credentials by which this process asks it.",
        "Renew the token or certificate of the kubeconfig's user; in a cluster, see that the service account still exists.";
    CredentialsUnreadable = "cluster-credentials-unreadable", Operator,
        "The file with the token by which this process asks the cluster can't be read.",
        "See that the file is there and readable by this process; in a cluster it is mounted unless automountServiceAccountToken is false.";
    Forbidden = "cluster-forbidden", Operator,
        "The cluster does not let this process ask whose tokens are whose.",
        "Bind the cluster role system:auth-delegator to the user or service account of this process.";
    IssuerNotListed = "cluster-issuer-not-listed", Caller,
        "The token is of an issuer that the cluster is not asked about.",
        "Add the issuer to token_review.issuers exactly as the token spells `iss`, or leave the list out to ask about any token.";
    NameReserved = "cluster-name-reserved", Token,
        "The cluster answered with a name that is its own (`system:…`).",
        "Use another account, or let token_review.allow_reserved be true, as it is by default; nobody is ever system:anonymous or system:unauthenticated.";
    NotAuthenticated = "cluster-not-authenticated", Caller,
        "The cluster says that the token is not good.",
        "Get a new token; what was issued for a pod or a secret ends with it.";
    Unreachable = "cluster-unreachable", Provider,
        "The cluster could not be asked whose a token is.",
        "Check that this process reaches the API server, and that its certificate is of the authority that is configured.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_is_named_after_the_room_and_can_be_acted_upon() {
        assert!(ClusterRefusal::REASONS.is_sorted_by_key(|reason| reason.name));
        for reason in ClusterRefusal::REASONS {
            assert!(reason.name.starts_with("cluster-") && reason.remedy.len() > 20, "{}", reason.name);
            assert!(reason.summary.ends_with('.') && reason.remedy.ends_with('.'), "{}", reason.name);
        }
    }
}
