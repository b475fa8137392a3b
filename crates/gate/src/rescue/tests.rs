//! Every refusal there is, and what is said of it outside: a change of the table has to be made twice.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use gangplank_authn::Refusal as Authn;
use gangplank_jose::{Fault, Reason, UnixTime};
use gangplank_oauth::{CallbackError, ExchangeError, ProviderError, TransportError};

use super::*;
use crate::return_target::ReturnTargetRefusal;
use crate::sign_in::SignInRefusal as SignIn;

const GOLDEN: &str = include_str!("outward.golden");

#[test]
fn the_table_is_the_golden_one() {
    let mut table = String::new();
    for refusal in samples() {
        let verdict = verdict(&refusal);
        let status = verdict.status();
        writeln!(table, "{} | {} | {} | {}", refusal.reason().name, status.as_u16(), word(status), verdict.words().0)
            .unwrap();
    }
    assert_eq!(table, GOLDEN, "\n{table}");
}

#[test]
fn every_entry_of_both_catalogues_is_in_the_table() {
    let sampled: BTreeSet<&str> = samples().iter().map(|refusal| refusal.reason().name).collect();
    let here = [
        Refusal::REASONS,
        SignIn::REASONS,
        ExchangeRefusal::REASONS,
        McpRefusal::REASONS,
        ToolRefusal::REASONS,
        ClusterRefusal::REASONS,
    ];
    for reason in here.into_iter().flatten() {
        assert!(sampled.contains(reason.name), "{} is not sampled", reason.name);
    }
}

#[test]
fn every_bad_credential_is_the_same_verdict() {
    let bad = samples().into_iter().filter(|r| verdict(r).status() == StatusCode::UNAUTHORIZED);
    assert!(bad.map(|r| verdict(&r)).all(|v| v == Verdict::Unauthorized));
}

/// One of each, and of those whose answer depends on what is in them, one of each answer.
pub(super) fn samples() -> Vec<Refusal> {
    let text = || "x".to_owned();
    let authn = || Authn::SessionExpired { at: UnixTime::EPOCH };
    let mut all = vec![
        Refusal::Host("x"),
        Refusal::PathAmbiguous("x"),
        Refusal::Forwarded { header: "x", problem: "x" },
        Refusal::HostUnknown(text()),
        Refusal::EndpointUnknown,
        Refusal::EndpointMethod { method: text(), allow: "GET" },
        Refusal::RouteNone,
        Refusal::RouteMethod { method: text(), allow: text() },
        Refusal::RouteWithoutUpstream(text()),
        Refusal::ForwardAuthAmbiguous { peer: text(), problem: "x" },
        Refusal::ForwardAuthRoute(text()),
        Refusal::ForwardAuthRules("x"),
        Refusal::ForwardAuthNoRoute(Box::new(Refusal::RouteNone)),
        Refusal::NotSignedIn,
        Refusal::BearerNotAccepted(text()),
        Refusal::SessionOfOtherClient { route: text(), client: text() },
        Refusal::Authentication(authn()),
        Refusal::Undecided(Authn::KeysUnavailable { issuer: text(), cause: text() }),
        Refusal::Forbidden { route: text(), user: text(), unmet: "x" },
        Refusal::ForbiddenGroupsUnknown { route: text(), user: text() },
        Refusal::IdentityUnfit("x"),
        Refusal::CrossOriginUpgrade(text()),
        Refusal::ForbiddenScopes { route: text(), user: text(), needed: vec![] },
        Refusal::FormTooLarge(1),
        Refusal::BodyBroken,
        Refusal::UpstreamConnect { upstream: text(), cause: text() },
        Refusal::UpstreamProtocol { upstream: text(), cause: text() },
        Refusal::UpstreamTimeout { upstream: text(), after: Duration::ZERO },
        Refusal::EndedWaiting(text()),
        Refusal::Defect("x"),
    ];
    all.extend(sign_in().into_iter().map(Refusal::SignIn));
    all.extend(mcp().into_iter().map(Refusal::Mcp));
    all.extend(exchange().into_iter().map(Refusal::Exchange));
    all.extend(tools().into_iter().map(|refusal| Refusal::Mcp(refusal.into())));
    all.extend(cluster().into_iter().map(Refusal::Cluster));
    all
}

fn exchange() -> Vec<ExchangeRefusal> {
    let exchange = || "x".to_owned();
    vec![
        ExchangeRefusal::NoSubject { exchange: exchange(), by: "x" },
        ExchangeRefusal::AppOnly { exchange: exchange() },
        ExchangeRefusal::Ended { exchange: exchange() },
        ExchangeRefusal::Resting { exchange: exchange(), after: Duration::ZERO },
        ExchangeRefusal::Unfit { exchange: exchange(), problem: exchange() },
        ExchangeRefusal::Lost { exchange: exchange() },
        ExchangeRefusal::SessionUnfit { exchange: exchange(), error: Arc::new(refused(50013)) },
        ExchangeRefusal::Provider { exchange: exchange(), error: Arc::new(refused(50173)) },
    ]
}

/// By Entra ID, with this code.
fn refused(code: u32) -> ExchangeError {
    ExchangeError::from(ProviderError {
        status: 400,
        error: "invalid_grant".into(),
        description: None,
        codes: vec![code],
        claims: None,
        suberror: None,
        retry_after: None,
    })
}

fn cluster() -> Vec<ClusterRefusal> {
    let text = || "x".to_owned();
    vec![
        ClusterRefusal::ImpersonationAsked { header: text() },
        ClusterRefusal::CrossOrigin { origin: text() },
        ClusterRefusal::Nobody { cluster: text() },
        ClusterRefusal::NameReserved { cluster: text(), what: "x", name: text(), issuer: text() },
        ClusterRefusal::NameUnfit { what: "x" },
        ClusterRefusal::TooMany { found: text(), most: 1 },
        ClusterRefusal::GroupsUnknown { user: text() },
        ClusterRefusal::NoToken { cluster: text(), by: "x" },
        ClusterRefusal::AudienceElsewhere { cluster: text(), found: vec![], wanted: vec![] },
        ClusterRefusal::AudienceOfAnother { cluster: text(), audience: text() },
        ClusterRefusal::OwnRefused { cluster: text() },
        ClusterRefusal::OwnCredential { cluster: text(), cause: text() },
    ]
}

fn mcp() -> Vec<McpRefusal> {
    let text = || "x".to_owned();
    vec![
        McpRefusal::OriginForeign(text()),
        McpRefusal::MetadataUnknown(text()),
        McpRefusal::MetadataUnavailable { issuer: text(), cause: text() },
        McpRefusal::MessagesUnseen(text()),
        McpRefusal::SessionMalformed("x"),
        McpRefusal::SessionForeign { user: text(), problem: "x" },
        McpRefusal::SessionUnfit { upstream: text(), problem: "x" },
        McpRefusal::LegacyTransport(text()),
        McpRefusal::EventsEncoded(text()),
        McpRefusal::BodyTooLarge(1),
        McpRefusal::BodyEncoded,
        McpRefusal::InsufficientScope { user: text(), asked: text(), needed: vec![] },
    ]
}

fn tools() -> Vec<ToolRefusal> {
    let (text, cut) = (|| "x".to_owned(), || gangplank_jose::Excerpt::of("x"));
    vec![
        ToolRefusal::NotJson(cut()),
        ToolRefusal::NotJsonRpc("x"),
        ToolRefusal::MediaType("x"),
        ToolRefusal::Lookalike(cut()),
        ToolRefusal::HeaderMismatch("x"),
        ToolRefusal::HttpMethod(cut()),
        ToolRefusal::ToolName(cut()),
        ToolRefusal::Forbidden { user: text(), tool: cut(), unmet: text() },
        ToolRefusal::TargetMissing { argument: text(), accepted: text() },
        ToolRefusal::TargetUnknown { argument: text(), found: cut(), accepted: text() },
        ToolRefusal::TargetForbidden { user: text(), cluster: text(), unmet: text() },
        ToolRefusal::TargetsDiffer(text(), text()),
        ToolRefusal::AnswerCompressed,
        ToolRefusal::AnswerUnreadable(cut()),
        ToolRefusal::AnswerTooLarge(1),
    ]
}

fn sign_in() -> Vec<SignIn> {
    static CALLER: Reason = Reason { name: "refused-by-caller", fault: Fault::Caller, summary: "", remedy: "" };
    static OPERATOR: Reason = Reason { name: "refused-by-operator", fault: Fault::Operator, summary: "", remedy: "" };
    let text = || "x".to_owned();
    let authn = || Authn::SessionExpired { at: UnixTime::EPOCH };
    let provider = |status: u16, error: &str| {
        let error = error.to_owned();
        let answer = ProviderError {
            status,
            error,
            description: None,
            codes: vec![],
            claims: None,
            suberror: None,
            retry_after: None,
        };
        SignIn::Exchange(ExchangeError::Provider(Box::new(answer)))
    };
    let refused = |error: &str, reason| SignIn::Refused { error: error.to_owned(), description: text(), reason };
    vec![
        SignIn::HostUnknown { host: text() },
        SignIn::ClientUnknown { client: text() },
        SignIn::AuthorizationTooLarge { size: 1 },
        SignIn::LocationUnfit,
        SignIn::Exchange(ExchangeError::Transport(TransportError::Timeout { host: text(), after: Duration::ZERO })),
        provider(400, "invalid_grant"),
        provider(401, "invalid_client"),
        provider(503, "temporarily_unavailable"),
        SignIn::Callback(CallbackError::Empty),
        SignIn::StateInvalid(authn()),
        SignIn::StateElsewhere { began: text(), came: text() },
        SignIn::Loop { host: text(), attempts: 2, problem: "x", cookie: text(), attributes: text() },
        refused("access_denied", &CALLER),
        refused("server_error", &OPERATOR),
        refused("invalid_scope", &OPERATOR),
        SignIn::IdTokenMissing { client: text() },
        SignIn::Identity(authn()),
        SignIn::Undecided(authn()),
        SignIn::CookieRepeated { cookie: text() },
        SignIn::Session(authn()),
        SignIn::SessionSignedOut,
        SignIn::SessionNotRenewed { cause: text() },
        SignIn::SessionSuperseded { presented: 1, latest: 3 },
        SignIn::SessionClientGone { client: text() },
        SignIn::SessionRulesChanged,
        SignIn::ReturnTarget(ReturnTargetRefusal::Form),
        SignIn::SignOutCrossSite { evidence: text() },
    ]
}
