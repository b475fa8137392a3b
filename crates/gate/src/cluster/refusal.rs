//! Why a caller does not get through to a cluster.

use gangplank_jose::{Fault, Reason};

/// A refusal of this room. Facts are bounded, and none is a token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClusterRefusal {
    /// The caller asks to act as somebody else.
    #[error("the request has {header}")]
    ImpersonationAsked {
        /// The header.
        header: String,
    },
    /// A page of another origin asks, by what a browser sends by itself.
    #[error("a page of {origin} asks for a change")]
    CrossOrigin {
        /// The page's.
        origin: String,
    },
    /// Nobody was asked who they are, and the cluster is to be told who it is.
    #[error("{cluster} is told who calls, and the caller is nobody in particular")]
    Nobody {
        /// The configuration's name of the cluster.
        cluster: String,
    },
    /// A name that only Kubernetes may give.
    #[error("the {what} {name:?} is Kubernetes' own, and {issuer} may not give it in {cluster}")]
    NameReserved {
        /// The configuration's name of the cluster.
        cluster: String,
        /// A user name or a group.
        what: &'static str,
        /// Which.
        name: String,
        /// Who gave it.
        issuer: String,
    },
    /// A name that can't be written into a header so that it is read as it is.
    #[error("the {what} of the caller is empty, or has other than visible ASCII characters")]
    NameUnfit {
        /// Of what.
        what: &'static str,
    },
    /// More than an API server is asked to judge.
    #[error("the caller has {found}, more than {most}")]
    TooMany {
        /// How many, and of what.
        found: String,
        /// The bound.
        most: usize,
    },
    /// The token names too many groups to carry them, and nobody has got them.
    #[error("the groups of {user} are not known")]
    GroupsUnknown {
        /// The caller.
        user: String,
    },
    /// The caller is known by something that can't be passed on.
    #[error("{cluster} is shown the caller's token, and the caller has none: known by {by}")]
    NoToken {
        /// The configuration's name of the cluster.
        cluster: String,
        /// How the caller is known.
        by: &'static str,
    },
    /// The caller's token is not for this cluster.
    #[error("the token is for {found:?}, and {cluster} takes {wanted:?}")]
    AudienceElsewhere {
        /// The configuration's name of the cluster.
        cluster: String,
        /// The token's first few.
        found: Vec<String>,
        /// `token_audiences`.
        wanted: Vec<String>,
    },
    /// The caller's token is for this cluster, and for another as well.
    #[error("the token is for {audience:?} as well, which is another cluster's than {cluster}")]
    AudienceOfAnother {
        /// The configuration's name of the cluster.
        cluster: String,
        /// The one that is too many.
        audience: String,
    },
    /// The API server does not know our own credential.
    #[error("{cluster} answered 401 to our own credential")]
    OwnRefused {
        /// The configuration's name of the cluster.
        cluster: String,
    },
    /// Our own credential can't be read.
    #[error("{cluster}: {cause}")]
    OwnCredential {
        /// The configuration's name of the cluster.
        cluster: String,
        /// Why.
        cause: String,
    },
}

macro_rules! catalogue {
    ($($konst:ident = $name:literal, $fault:ident, $summary:literal, $remedy:literal;)*) => {
        $(const $konst: Reason = Reason { name: $name, fault: Fault::$fault, summary: $summary, remedy: $remedy };)*
        impl ClusterRefusal {
            /// This room's entries of the catalogue.
            pub const REASONS: &'static [&'static Reason] = &[$(&$konst),*];
        }
    };
}

catalogue! {
    ASKED = "cluster-impersonation-asked", Caller, "The caller asks to act as somebody else (kubectl --as), which the gate does not pass on.",
        "Leave --as, --as-group and --as-uid out; the cluster's own policy says what the caller may do.";
    CROSS_ORIGIN = "cluster-cross-origin", Caller, "A page of another origin asked a cluster for a change with this browser's session, password or certificate.",
        "Ask from a page of the gate's own hosts, or by a program with a bearer token.";
    NOBODY = "cluster-caller-anonymous", Operator, "The cluster is told who calls, and this route asks nobody who they are.",
        "Let the route know its callers, or say auth_mode = \"kubeconfig\" if everybody may act as the gate's own user.";
    RESERVED = "cluster-name-reserved", Token, "The caller's user name or a group begins with system: or kubeadm:, which only Kubernetes may give.",
        "Give the provider's names a prefix; allow_reserved on the authenticator allows them, all but system:masters and those of anonymous and authenticated users. A cluster's word about its own names (token_review) holds at that cluster.";
    UNFIT = "cluster-name-unfit", Token, "The caller's user name, uid, a group or an attribute can't be written into an impersonation header.",
        "Map a claim to the user name that is visible ASCII; leave attributes that are not out of impersonate.extra.";
    MANY = "cluster-groups-too-many", Token, "The caller has more groups and attributes than an API server is asked to judge.",
        "Limit the application's groups claim to groups that are assigned to it.";
    UNKNOWN = "cluster-groups-unknown", Token, "The token has too many groups to name them, and the cluster would judge the caller by fewer.",
        "Set issuers.NAME.entra.groups_from, so that the gate asks Graph; or limit the application's groups claim.";
    NO_TOKEN = "cluster-token-none", Caller, "The cluster is shown the caller's own token, and the caller is known by something else.",
        "Come with a bearer token; or let the cluster be told who calls: auth_mode = \"impersonate\".";
    ELSEWHERE = "cluster-audience-elsewhere", Token, "The caller's token is not for this cluster.",
        "Ask for a token whose audience is in the cluster's token_audiences; or let the gate exchange it (clusters.NAME.exchange).";
    ANOTHER = "cluster-audience-of-another", Token, "The caller's token is good at another cluster, too, and this one could use it there.",
        "Ask for a token for this cluster alone; or let the gate exchange it (clusters.NAME.exchange).";
    OWN_REFUSED = "cluster-own-credential-refused", Operator, "The API server does not take the gate's own credential.",
        "Renew the token or certificate of the kubeconfig; see that the service account is still there. It is not the caller's credential that is bad.";
    OWN = "cluster-own-credential", Operator, "The gate's own credential for the cluster can't be read.",
        "See that the token file of the kubeconfig or of the service account is there, readable and not empty.";
}

impl ClusterRefusal {
    /// The catalogue entry.
    pub fn reason(&self) -> &'static Reason {
        match self {
            ClusterRefusal::ImpersonationAsked { .. } => &ASKED,
            ClusterRefusal::CrossOrigin { .. } => &CROSS_ORIGIN,
            ClusterRefusal::Nobody { .. } => &NOBODY,
            ClusterRefusal::NameReserved { .. } => &RESERVED,
            ClusterRefusal::NameUnfit { .. } => &UNFIT,
            ClusterRefusal::TooMany { .. } => &MANY,
            ClusterRefusal::GroupsUnknown { .. } => &UNKNOWN,
            ClusterRefusal::NoToken { .. } => &NO_TOKEN,
            ClusterRefusal::AudienceElsewhere { .. } => &ELSEWHERE,
            ClusterRefusal::AudienceOfAnother { .. } => &ANOTHER,
            ClusterRefusal::OwnRefused { .. } => &OWN_REFUSED,
            ClusterRefusal::OwnCredential { .. } => &OWN,
        }
    }
}
