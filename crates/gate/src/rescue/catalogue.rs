//! `docs/refusals.md` is written from the catalogue: `GANGPLANK_BLESS=1` writes it anew, and without that any difference
//! is a failure.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use gangplank_authn::basic::PasswordRefusal;
use gangplank_authn::kubernetes::KubernetesRefusal;
use gangplank_authn::static_keys::KeyRefusal;
use gangplank_authn::token_review::ClusterRefusal;
use gangplank_authn::x509::CertificateRefusal;
use gangplank_jose::{Reason, TokenRefusal};
use gangplank_oauth::{CallbackError, ExchangeError};

use super::tests::samples;
use super::*;
use crate::exchange::ExchangeRefusal;
use crate::mcp::{McpRefusal, ToolRefusal};
use crate::sign_in::SignInRefusal;
use crate::token_review::TokenReviewRefusal;

const OPENING: &str = "\
# Refusals

What the gate refuses, it says in two ways. **Outward** it gives a status and a request id, and never says why: whoever
probes it learns nothing. **Inward**, in the log and in metrics, each refusal has a stable name, whose fault it is, the facts, and
what to do. `gangplank explain REQUEST-ID` tells all of that for the request id that a person or a program reports: it asks the running
process (on the same machine, if `gate.metrics_listen` is set) or, with `--log FILE`, searches its log. For a token at hand,
`gangplank token verify --config gangplank.toml < token` says what each issuer and each route makes of it.

At fault is the `caller` (the request, or the person), the `token` as it was issued, the identity `provider`, the `upstream`
behind the gate, the `operator` (the configuration), or `us` (a defect of the gate). A 401 becomes a redirect to the sign-in for a browser on a page
where people sign in.
";

const REQUEST: &str = "
## On the way of a request

";

const EXCHANGE: &str = "
## Exchange

The caller's token is to become another one for the upstream. There is no call if it can't. What a provider refuses has an entry
under *Providers*, and is answered by whose fault it is: 401 with the provider's own challenge if the person has to come back to it,
401 if the token is not good for an exchange, 403 if the caller may not, 503 if the provider could not answer, else 502.

";

const MCP: &str = "
## MCP servers

";

const API_SERVER: &str = "
## In front of a cluster

To kubectl the answer has the form of an API server's own. Of a token that the cluster does not know (`review`), the reasons are
those of [tokens that a cluster vouches for](#tokens-that-a-cluster-vouches-for).
";

const TOOLS: &str = "
## Messages to MCP servers, and calls of tools

";

const SIGN_IN: &str = "
## Sign-in, session, sign-out

";

const AUTHORIZATION_SERVER: &str = "
## Clients of an authorization server

For programs that register, ask for authorization and redeem codes (`[authorization_servers]`). What is wrong with the client or its
redirect URI is told on a page (400); later it goes back to the client as an OAuth `error`, with 303 by the browser or as a JSON document (400, 401
for an unknown client, 429 for too many requests, 500 and 503). Which `error`, is in the [reference](configuration.md#authorization_serversname).

";

const CREDENTIAL: &str = "
## Tokens and sealed sessions

The answer is 401, the same for each of them, and 502 if it is the provider's own ID token at the end of a sign-in. What could not
be decided (`keys-unavailable`, `graph-unavailable`) is 503.

";

const KUBERNETES: &str = "
## Tokens judged by the API server's own file

The answer is 401; what could not be decided (`kubernetes-distributed-claim-unavailable`) is 503.

";

const CLUSTER: &str = "
## Tokens that a cluster vouches for

The answer is 401 for what the cluster said of a token, and 503 where it could not be asked.

";

const REVIEW: &str = "
## Token reviews

For the webhook (`gangplank token-review`). A bad token is HTTP 200 and `authenticated: false`, for these reasons and for those of
the tables before; what could not be decided is 503. 4xx is for what is no review.

";

const LOCAL: &str = "
## Keys, passwords and client certificates

The answer is 401, the same for each of them. What could not be decided (`password-queue-full`) is 503.

";

const PROVIDER: &str = "
## Exchanges with the provider

During a sign-in the answer is 503 if it may well work later, 403 if the person was refused or gave up, 400 if the code or what came back is
not good, else 502. During a refresh nobody sees it: the session goes on until it ends, unless the provider revoked it.

";

#[test]
#[expect(clippy::disallowed_methods, reason = "the switch that rewrites the page")]
fn the_page_of_refusals_is_what_the_catalogue_says() {
    let mut page = OPENING.to_owned();
    page.push_str(REQUEST);
    with_answers(&mut page, Refusal::REASONS);
    page.push_str(EXCHANGE);
    with_answers(&mut page, ExchangeRefusal::REASONS);
    page.push_str(MCP);
    with_answers(&mut page, McpRefusal::REASONS);
    page.push_str(API_SERVER);
    with_answers(&mut page, crate::ClusterRefusal::REASONS);
    page.push_str(TOOLS);
    with_answers(&mut page, ToolRefusal::REASONS);
    page.push_str(SIGN_IN);
    with_answers(&mut page, SignInRefusal::REASONS);
    page.push_str(AUTHORIZATION_SERVER);
    plain(&mut page, AuthorizationServerRefusal::REASONS.iter());
    page.push_str(CREDENTIAL);
    let own = gangplank_authn::Refusal::REASONS.iter().chain(gangplank_authn::IssuerRefusal::REASONS);
    plain(&mut page, TokenRefusal::REASONS.iter().chain(own));
    page.push_str(KUBERNETES);
    plain(&mut page, KubernetesRefusal::REASONS.iter());
    page.push_str(CLUSTER);
    plain(&mut page, ClusterRefusal::REASONS.iter());
    page.push_str(REVIEW);
    plain(&mut page, TokenReviewRefusal::REASONS.iter());
    page.push_str(LOCAL);
    let local = [KeyRefusal::REASONS, PasswordRefusal::REASONS, CertificateRefusal::REASONS];
    plain(&mut page, local.into_iter().flatten());
    page.push_str(PROVIDER);
    plain(&mut page, ExchangeError::REASONS.iter().chain(CallbackError::REASONS));

    for reason in crate::reasons() {
        assert!(page.contains(&format!("| `{}` |", reason.name)), "{} is not on the page", reason.name);
    }

    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/refusals.md");
    if std::env::var("GANGPLANK_BLESS").is_ok() {
        std::fs::write(&file, &page).unwrap();
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(written == page, "docs/refusals.md is not what the catalogue says: write it anew with GANGPLANK_BLESS=1");
}

fn with_answers(page: &mut String, reasons: &[&Reason]) {
    page.push_str("| name | at fault | answer | what it is | what to do |\n|---|---|---|---|---|\n");
    for reason in reasons {
        writeln!(
            page,
            "| `{}` | {} | {} | {} | {} |",
            reason.name,
            reason.fault.name(),
            answers(reason),
            cell(reason.summary),
            cell(reason.remedy)
        )
        .unwrap();
    }
}

fn plain<'r>(page: &mut String, reasons: impl Iterator<Item = &'r &'r Reason>) {
    page.push_str("| name | at fault | what it is | what to do |\n|---|---|---|---|\n");
    for reason in reasons {
        let (summary, remedy) = (cell(reason.summary), cell(reason.remedy));
        writeln!(page, "| `{}` | {} | {summary} | {remedy} |", reason.name, reason.fault.name()).unwrap();
    }
}

/// The statuses that it can have outside.
fn answers(reason: &Reason) -> String {
    if reason.name == "return-target-refused" {
        return "none: leads to `/`".to_owned();
    }
    let of_this = |refusal: &Refusal| refusal.reason().name == reason.name;
    let statuses: BTreeSet<u16> =
        samples().iter().filter(|refusal| of_this(refusal)).map(|refusal| verdict(refusal).status().as_u16()).collect();
    assert!(!statuses.is_empty(), "{} is not sampled", reason.name);
    statuses.iter().map(u16::to_string).collect::<Vec<_>>().join(", ")
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
