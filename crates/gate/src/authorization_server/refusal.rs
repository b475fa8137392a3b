//! Why a client does not get what it asked an authorization server of ours for.
//!
//! What is said outside is one of three: a page, where the person has nowhere to go back to; the client's redirect URI with
//! an `error` (RFC 6749 §4.1.2.1), once it is known to be the client's; or an error document (RFC 6749 §5.2, RFC 7591
//! §3.2.2). Which words, [`AuthorizationServerRefusal::said`] decides for all of them: nothing of what the provider wrote
//! is among them.

use gangplank_jose::{Excerpt, Fault, Reason};
use gangplank_oauth::{CallbackError, ExchangeError};
use http::StatusCode;

use super::params::ParamProblem;

/// See the module.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AuthorizationServerRefusal {
    /// The parameters can't be understood in one way.
    #[error("`{name}` {problem}")]
    Request {
        /// What is wrong.
        problem: &'static str,
        /// With what.
        name: &'static str,
    },
    /// A form or document that broke off, or is larger than any.
    #[error("the body {0}")]
    Body(&'static str),
    /// A kind of answer or grant that there is not.
    #[error("{what} {found:?} is not offered")]
    NotOffered {
        /// `response_type`, `grant_type`, …
        what: &'static str,
        /// What was asked for.
        found: Excerpt,
    },
    /// The request is too long to be sent on.
    #[error("the redirect that is due has {0} bytes, more than 4096")]
    TooLong(usize),

    // The client.
    /// The client id is none of ours.
    #[error("the client id {id:?} {problem}")]
    ClientUnknown {
        /// Its beginning.
        id: Excerpt,
        /// Why not.
        problem: String,
    },
    /// The client id is the address of a document on a host that may have none here.
    #[error("the client {0:?} has its document on a host that client_id_metadata does not name")]
    ClientHost(Excerpt),
    /// The client's document is not what it should be.
    #[error("the document of the client {id:?} {problem}")]
    ClientDocument {
        /// Its address.
        id: Excerpt,
        /// What is wrong with it.
        problem: String,
    },
    /// The client's document can't be had.
    #[error("the document of the client {id:?} can't be had: {cause}")]
    ClientDocumentAway {
        /// Its address.
        id: Excerpt,
        /// Why.
        cause: String,
    },
    /// The redirect URI is not the client's, or not one that this gate sends codes to.
    #[error("the redirect URI {uri:?} {problem}")]
    RedirectUri {
        /// Its beginning.
        uri: Excerpt,
        /// Why not.
        problem: &'static str,
    },
    /// A registration that can't be had.
    #[error("a registration: {problem}")]
    Registration {
        /// What is wrong.
        problem: String,
        /// Whether that is about its redirect URIs.
        redirect: bool,
    },

    // What it asks for.
    /// The resource is none of ours, or none is named where there are several.
    #[error("the resource {0:?} is none that sends its clients here")]
    Resource(Excerpt),
    /// A scope that it may not have.
    #[error("the scope {0:?} is none of the resource's")]
    Scope(Excerpt),
    /// The person was to be asked nothing, and has to be.
    #[error("the person has not consented to this client yet, and the client says prompt=none")]
    ConsentNeeded,

    // The person.
    /// An answer to the question of consent that no page of ours sent.
    #[error("a consent that was not given on our page in this browser: {0}")]
    ConsentForged(&'static str),
    /// The person said no.
    #[error("the person declined")]
    ConsentDeclined,

    // The return from the provider.
    /// Not an authorization response, or another provider's.
    #[error(transparent)]
    Callback(#[from] CallbackError),
    /// Its state is not ours.
    #[error("the state of the return: {0}")]
    State(gangplank_authn::Refusal),
    /// It did not begin in this browser, or has come back already.
    #[error("the sign-in came back {0}")]
    OtherBrowser(&'static str),
    /// It took too long.
    #[error("the sign-in took longer than a quarter of an hour")]
    Late,
    /// The provider, or the person there, said no.
    #[error("the provider answered {error}: {description}")]
    Provider {
        /// The OAuth error.
        error: String,
        /// In the provider's own words.
        description: String,
        /// What is known of that.
        reason: &'static Reason,
    },

    // The token endpoint.
    /// A code or refresh token that is not this client's, not for this, or not good any more.
    #[error("the {what} {problem}")]
    Grant {
        /// `code` or `refresh token`.
        what: &'static str,
        /// Why not.
        problem: String,
    },
    /// The exchange with the provider failed.
    #[error(transparent)]
    Exchange(ExchangeError),
    /// The token is none that the resource would take.
    #[error("the token that came of it is not good for {resource}: {cause}")]
    TokenUnfit {
        /// The resource.
        resource: String,
        /// The refusal that it would meet there.
        cause: gangplank_authn::Refusal,
    },
    /// Whether the resource would take it could not be decided.
    #[error("whether the token is good for {resource} is undecided: {cause}")]
    TokenUndecided {
        /// The resource.
        resource: String,
        /// Why.
        cause: gangplank_authn::Refusal,
    },

    // Anywhere.
    /// One address asks too often.
    #[error("more {what} requests from one address than a minute has")]
    TooMany {
        /// What for.
        what: &'static str,
        /// In how many seconds it may come again.
        after: u64,
    },
    /// Something could not be sealed.
    #[error("sealing failed: {0}")]
    Sealing(gangplank_authn::Refusal),
}

macro_rules! catalogue {
    ($($konst:ident = $name:literal, $fault:ident, $summary:literal, $remedy:literal;)*) => {
        $(static $konst: Reason = Reason { name: $name, fault: Fault::$fault, summary: $summary, remedy: $remedy };)*
        impl AuthorizationServerRefusal {
            /// This room's own entries of the catalogue.
            pub const REASONS: &'static [&'static Reason] = &[$(&$konst),*];
        }
    };
}

catalogue! {
    REQUEST = "oauth-request-malformed", Caller, "A request to an authorization server of ours lacks a parameter, has it twice, or has it in a form that it can't have.",
        "Compare the client's request with OAuth 2.1; PKCE with S256 is demanded, and each parameter comes once.";
    BODY = "oauth-body-unusable", Caller, "The body of a request to an authorization server of ours broke off, is too large, or of another kind than the endpoint reads.",
        "Send a form to the token endpoint and JSON to the registration endpoint, of at most 16 KiB.";
    NOT_OFFERED = "oauth-not-offered", Caller, "A client asked for a kind of answer or grant that is not offered.",
        "Use response_type=code, and the grants authorization_code and refresh_token.";
    TOO_LONG = "oauth-request-too-long", Caller, "The redirect that a client's request leads to would not fit into 4 KiB.",
        "Let the client send a shorter state, fewer scopes and fewer resources.";
    CLIENT_UNKNOWN = "oauth-client-unknown", Caller, "The client id was not issued by this gate, or no longer opens.",
        "Let the client register again, or sign in anew; if all fail, give all replicas the same cookies.keys, and keep an old key as long as clients shall keep their registration.";
    CLIENT_HOST = "oauth-client-host", Caller, "The client's document is on a host that this authorization server fetches none from.",
        "Add the host to authorization_servers.NAME.client_id_metadata if its clients are welcome.";
    CLIENT_DOCUMENT = "oauth-client-document", Caller, "The client's metadata document is not what it must be.",
        "Tell whoever publishes the client: client_id is the document's own address, redirect_uris are usable, there is no secret.";
    CLIENT_DOCUMENT_AWAY = "oauth-client-document-unavailable", Caller, "The client's metadata document could not be fetched.",
        "See that the gate may reach that host over https at a public address; private addresses need client_id_metadata.private.";
    REDIRECT_URI = "oauth-redirect-uri", Caller, "The redirect URI is not one of the client's, or not one that codes are sent to.",
        "Compare it with what the client registered; add its host to authorization_servers.NAME.redirect_hosts if codes may go there.";
    REGISTRATION = "oauth-registration", Caller, "A client asked for a registration that it can't have.",
        "See the facts; add a host to redirect_hosts or a scheme to redirect_schemes if codes may go there.";
    RESOURCE = "oauth-resource", Caller, "The resource that a client names is none that sends its clients to this authorization server, or it names none of several.",
        "Compare it with routes.mcp.resource and with authorization_servers of that route.";
    SCOPE = "oauth-scope", Caller, "A client asked for a scope that the resource does not have.",
        "Add the scope to routes.mcp.scopes, or have the client ask for what the metadata name.";
    CONSENT_NEEDED = "oauth-consent-needed", Caller, "A client wanted to go on without asking, and the person has not consented to it.",
        "Let the client ask without prompt=none.";
    CONSENT_FORGED = "oauth-consent-forged", Caller, "A consent came that was not given on our page in this browser.",
        "Begin anew from the application; repeated, another site tries to consent in somebody's name, or the proxy in front drops cookies.";
    CONSENT_DECLINED = "oauth-consent-declined", Caller, "The person declined to give the client access.",
        "Nothing, if the person meant it.";
    STATE = "oauth-state-invalid", Caller, "The state that came back from the provider was not sealed by this gate.",
        "Begin anew from the application; if all fail, give all replicas the same cookies.keys.";
    OTHER_BROWSER = "oauth-other-browser", Caller, "A sign-in for a client came back in another browser than it began in, or a second time.",
        "Begin anew from the application, in one browser; see that the proxy in front passes Set-Cookie and Cookie on.";
    LATE = "oauth-late", Caller, "A sign-in for a client took longer than a quarter of an hour.",
        "Begin anew from the application.";
    GRANT = "oauth-grant", Caller, "The code or refresh token is not this client's, is not for this, or is no longer good.",
        "Sign in again from the application; if all fail, give all replicas the same cookies.keys.";
    TOKEN_UNFIT = "oauth-token-unfit", Operator, "The provider issued a token that the resource would refuse.",
        "The scopes lead to a token for somebody else: make routes.mcp.scopes (after authorization_servers.NAME.scopes) those of the API whose audience is in issuers.NAME.audiences, or add the audience that the facts name.";
    TOO_MANY = "oauth-too-many-requests", Caller, "One address asks an authorization server of ours more often than it may.",
        "Wait for a minute; if many people share the address, see that gate.trusted_proxies names the proxy in front.";
    SEALING = "oauth-sealing", Us, "What a client is to bring back could not be sealed.", "Report it, with the log line.";
}

/// What is said outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    /// The status, where it is no redirect.
    pub(crate) status: StatusCode,
    /// The OAuth error.
    pub(crate) error: &'static str,
    /// What the client's developer is told.
    pub(crate) description: &'static str,
}

impl AuthorizationServerRefusal {
    /// The catalogue entry.
    pub fn reason(&self) -> &'static Reason {
        use AuthorizationServerRefusal as R;
        match self {
            R::Request { .. } => &REQUEST,
            R::Body(_) => &BODY,
            R::NotOffered { .. } => &NOT_OFFERED,
            R::TooLong(_) => &TOO_LONG,
            R::ClientUnknown { .. } => &CLIENT_UNKNOWN,
            R::ClientHost(_) => &CLIENT_HOST,
            R::ClientDocument { .. } => &CLIENT_DOCUMENT,
            R::ClientDocumentAway { .. } => &CLIENT_DOCUMENT_AWAY,
            R::RedirectUri { .. } => &REDIRECT_URI,
            R::Registration { .. } => &REGISTRATION,
            R::Resource(_) => &RESOURCE,
            R::Scope(_) => &SCOPE,
            R::ConsentNeeded => &CONSENT_NEEDED,
            R::ConsentForged(_) => &CONSENT_FORGED,
            R::ConsentDeclined => &CONSENT_DECLINED,
            R::Callback(error) => error.reason(),
            R::State(_) => &STATE,
            R::OtherBrowser(_) => &OTHER_BROWSER,
            R::Late => &LATE,
            R::Provider { reason, .. } => reason,
            R::Grant { .. } => &GRANT,
            R::Exchange(error) => error.reason(),
            R::TokenUnfit { .. } => &TOKEN_UNFIT,
            R::TokenUndecided { cause, .. } => cause.reason(),
            R::TooMany { .. } => &TOO_MANY,
            R::Sealing(_) => &SEALING,
        }
    }

    /// The one match from what is known to what is said.
    pub(crate) fn said(&self) -> Said {
        use AuthorizationServerRefusal as R;
        let said = |status, error, description| Said { status, error, description };
        let bad = |error, description| said(StatusCode::BAD_REQUEST, error, description);
        match self {
            R::Request { .. } | R::Body(_) | R::TooLong(_) => {
                bad("invalid_request", "a parameter is missing, repeated, too long or malformed")
            }
            R::NotOffered { what: "response_type", .. } => {
                bad("unsupported_response_type", "only response_type=code is offered")
            }
            R::NotOffered { what: "grant_type", .. } => {
                bad("unsupported_grant_type", "only authorization_code and refresh_token are offered")
            }
            R::NotOffered { .. } => bad("invalid_request", "what was asked for is not offered"),
            R::ClientUnknown { .. } | R::ClientHost(_) | R::ClientDocument { .. } => {
                said(StatusCode::UNAUTHORIZED, "invalid_client", "the client is not known here; register again")
            }
            R::RedirectUri { .. } => bad("invalid_request", "the redirect URI is not one of the client's"),
            R::Registration { redirect: true, .. } => {
                bad("invalid_redirect_uri", "a redirect URI is not one that codes are sent to")
            }
            R::Registration { redirect: false, .. } => {
                bad("invalid_client_metadata", "the metadata are malformed, or ask for what is not offered")
            }
            R::Resource(_) => bad("invalid_target", "the resource is not served here"),
            R::Scope(_) => bad("invalid_scope", "a scope is not one of the resource's"),
            R::ConsentNeeded => bad("consent_required", "the person has to be asked"),
            R::ConsentDeclined | R::ConsentForged(_) | R::OtherBrowser(_) | R::Late => {
                bad("access_denied", "the sign-in was not completed")
            }
            R::Provider { error, .. } => provider_said(error),
            R::Grant { .. } => bad("invalid_grant", "the grant is not valid, or not any more"),
            R::Exchange(error) if error.is_invalid_grant() => {
                bad("invalid_grant", "the grant is not valid, or not any more")
            }
            R::Exchange(error) if error.is_unavailable() => unavailable(),
            R::ClientDocumentAway { .. } | R::TokenUndecided { .. } => unavailable(),
            R::Exchange(_) | R::TokenUnfit { .. } | R::Sealing(_) | R::Callback(_) | R::State(_) => {
                said(StatusCode::INTERNAL_SERVER_ERROR, "server_error", "the request could not be completed")
            }
            R::TooMany { .. } => {
                said(StatusCode::TOO_MANY_REQUESTS, "temporarily_unavailable", "too many requests; try again later")
            }
        }
    }

    /// The heading and the words of a page.
    pub(crate) fn words(&self) -> (StatusCode, &'static str, &'static str) {
        use AuthorizationServerRefusal as R;
        const AGAIN: &str = "Go back to the application and start the sign-in again. If it fails again, ask for help.";
        match self {
            R::ClientUnknown { .. } | R::ClientHost(_) | R::ClientDocument { .. } => (
                StatusCode::BAD_REQUEST,
                "Unknown application",
                "The application that sent you here is not known here, or no longer. Remove its stored sign-in, and connect it again.",
            ),
            R::RedirectUri { .. } => (
                StatusCode::BAD_REQUEST,
                "The application can’t be trusted with this",
                "The application wants you to be sent to a place that is not its own, so nothing was done.",
            ),
            R::ConsentForged(_) | R::OtherBrowser(_) | R::State(_) | R::Callback(_) => {
                (StatusCode::BAD_REQUEST, "The sign-in was not completed", AGAIN)
            }
            R::TooMany { .. } => (
                StatusCode::TOO_MANY_REQUESTS,
                "Too many attempts",
                "There were too many attempts from your network. Wait for a minute and try again.",
            ),
            _ => match self.said().status {
                StatusCode::SERVICE_UNAVAILABLE => (
                    StatusCode::SERVICE_UNAVAILABLE,
                    "Not available at the moment",
                    "The sign-in can’t be done just now. Wait a little and try again.",
                ),
                status if status.is_server_error() => (status, "The sign-in failed", AGAIN),
                _ => (StatusCode::BAD_REQUEST, "The sign-in can’t be started", AGAIN),
            },
        }
    }
}

/// Only what a client can act on keeps its name.
fn provider_said(error: &str) -> Said {
    let bad = |error| Said {
        status: StatusCode::BAD_REQUEST,
        error,
        description: "the sign-in service did not let the person in, or the person cancelled",
    };
    match error {
        "access_denied" => bad("access_denied"),
        "login_required" => bad("login_required"),
        "consent_required" => bad("consent_required"),
        "interaction_required" => bad("interaction_required"),
        "account_selection_required" => bad("account_selection_required"),
        "temporarily_unavailable" => unavailable(),
        _ => Said {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            error: "server_error",
            description: "the request could not be completed",
        },
    }
}

fn unavailable() -> Said {
    Said {
        status: StatusCode::SERVICE_UNAVAILABLE,
        error: "temporarily_unavailable",
        description: "the sign-in service is not available at the moment",
    }
}

impl From<ParamProblem> for AuthorizationServerRefusal {
    fn from(ParamProblem { problem, name }: ParamProblem) -> Self {
        AuthorizationServerRefusal::Request { problem, name }
    }
}

/// A refusal, and the way in which it goes outside.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{refusal}")]
pub struct Refused {
    pub(crate) refusal: AuthorizationServerRefusal,
    pub(crate) way: Way,
}

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// To the person.
    Page,
    /// To the client, by the browser: the whole address.
    Back(String),
    /// To the client.
    Document,
}

impl AuthorizationServerRefusal {
    /// To the person.
    pub(crate) fn page(self) -> Refused {
        Refused { refusal: self, way: Way::Page }
    }

    /// To the client.
    pub(crate) fn document(self) -> Refused {
        Refused { refusal: self, way: Way::Document }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_every_remedy_is_a_sentence() {
        let mut names = BTreeSet::new();
        for reason in AuthorizationServerRefusal::REASONS {
            assert!(names.insert(reason.name), "{} twice", reason.name);
            assert!(reason.name.starts_with("oauth-"), "{}", reason.name);
            assert!(reason.summary.ends_with('.') && reason.remedy.ends_with('.'), "{}", reason.name);
        }
    }

    #[test]
    fn what_the_provider_writes_is_said_to_nobody_outside() {
        for (error, said) in [
            ("access_denied", "access_denied"),
            ("interaction_required", "interaction_required"),
            ("temporarily_unavailable", "temporarily_unavailable"),
            ("invalid_request", "server_error"),
            ("AADSTS50011: <script>", "server_error"),
        ] {
            let refusal = AuthorizationServerRefusal::Provider {
                error: error.into(),
                description: "AADSTS50011".into(),
                reason: &SEALING,
            };
            assert_eq!(refusal.said().error, said);
            assert!(!refusal.said().description.contains("AADSTS") && !refusal.words().2.contains("AADSTS"));
        }
    }
}
