//! The claims of ID and access tokens, in both shapes.
//!
//! 1. An ID token has the shape of the endpoint that issues it; an access token the shape that the *resource's*
//!    registration asks for. Graph's are v1.
//! 2. v1: issuer `{base}/{tenant}/`, audience as the resource was asked for, `appid`, `upn`, `unique_name`.
//!    v2: issuer `{base}/{tenant}/v2.0`, audience the client id, `azp`, `preferred_username`.
//! 3. `sub` is pairwise: another value for each audience. `oid` and `tid` are not.
//! 4. An application's own token has the service principal's `oid` as `sub`, `roles` instead of `scp`, and no names.
//! 5. Groups and roles are those of the audience's registration; above [`MOST_GROUPS`] groups `_claim_names` and
//!    `_claim_sources` stand in for them.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gangplank_jose::UnixTime;
use serde_json::{Map, Value, json};

use crate::client::Proof;
use crate::directory::{Application, User};
use crate::random;
use crate::scopes::{GRAPH_ID, Granted, Resource};
use crate::tenant::Tenant;

/// How many groups a token holds at most.
pub const MOST_GROUPS: usize = 200;

/// Which generation of endpoint or token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// `/oauth2/…`
    V1,
    /// `/oauth2/v2.0/…`
    V2,
}

/// Whom a token is about.
#[derive(Clone, Copy)]
pub(crate) enum Subject<'a> {
    User(&'a User),
    /// The service principal of an application.
    Application(&'a Application),
}

impl<'a> Subject<'a> {
    pub(crate) fn object_id(self) -> &'a str {
        match self {
            Subject::User(user) => &user.id,
            Subject::Application(application) => &application.object_id,
        }
    }

    pub(crate) fn groups(self) -> &'a [String] {
        match self {
            Subject::User(user) => &user.groups,
            Subject::Application(application) => &application.groups,
        }
    }

    /// The collection of Graph that it is in.
    pub(crate) fn collection(self) -> &'static str {
        match self {
            Subject::User(_) => "users",
            Subject::Application(_) => "servicePrincipals",
        }
    }
}

/// Everything that tokens are made from.
pub(crate) struct Issue<'a> {
    pub(crate) subject: Subject<'a>,
    pub(crate) client: &'a Application,
    pub(crate) proof: Proof,
    pub(crate) granted: &'a Granted,
    pub(crate) endpoint: Version,
    pub(crate) session: &'a str,
    pub(crate) nonce: Option<&'a str>,
    /// Whether the sign-in had a second factor.
    pub(crate) mfa: bool,
    /// What goes into the tokens: the present, plus whatever skew was asked for.
    pub(crate) now: UnixTime,
}

/// The claims of an ID token.
pub(crate) fn id_token(tenant: &Tenant, issue: &Issue<'_>) -> Value {
    let mut claims = common(tenant, issue, issue.endpoint, &issue.client.id);
    claims.insert("aud".to_owned(), json!(issue.client.id));
    claims.insert("exp".to_owned(), json!((issue.now + tenant.settings.id_token_lifetime).as_secs()));
    if let Some(nonce) = issue.nonce {
        claims.insert("nonce".to_owned(), json!(nonce));
    }
    if let Subject::User(user) = issue.subject {
        if issue.granted.email {
            claims.insert("email".to_owned(), json!(user.email));
        }
        match issue.endpoint {
            Version::V1 => names_v1(user, &mut claims),
            Version::V2 if issue.granted.profile => names_v2(user, &mut claims),
            Version::V2 => {}
        }
    }
    methods(issue, issue.endpoint, &mut claims);
    groups_and_roles(tenant, issue.client, issue.subject, &mut claims);
    Value::Object(claims)
}

/// The claims of an access token.
pub(crate) fn access_token(tenant: &Tenant, issue: &Issue<'_>) -> Value {
    let (version, audience_id, audience) = match &issue.granted.resource {
        Resource::Application(api) if api.v2_access_tokens => (Version::V2, api.id.as_str(), api.id.as_str()),
        Resource::Application(api) => (Version::V1, api.id.as_str(), issue.granted.audience.as_str()),
        Resource::Graph => (Version::V1, GRAPH_ID, issue.granted.audience.as_str()),
    };
    let mut claims = common(tenant, issue, version, audience_id);
    let (client, proof) = match version {
        Version::V1 => ("appid", "appidacr"),
        Version::V2 => ("azp", "azpacr"),
    };
    claims.insert("aud".to_owned(), json!(audience));
    claims.insert("exp".to_owned(), json!((issue.now + tenant.settings.access_token_lifetime).as_secs()));
    claims.insert(client.to_owned(), json!(issue.client.id));
    claims.insert(proof.to_owned(), json!(issue.proof.class()));
    let kind = match issue.subject {
        Subject::User(user) => {
            claims.insert("scp".to_owned(), json!(issue.granted.scp()));
            match version {
                Version::V1 => {
                    names_v1(user, &mut claims);
                    claims.insert("acr".to_owned(), json!("1"));
                }
                Version::V2 => names_v2(user, &mut claims),
            }
            methods(issue, version, &mut claims);
            "user"
        }
        Subject::Application(_) => {
            if version == Version::V1 {
                claims.insert("idp".to_owned(), json!(tenant.token_issuer(Version::V1)));
            }
            "app"
        }
    };
    let has_idtyp = match &issue.granted.resource {
        Resource::Graph => {
            claims.insert("app_displayname".to_owned(), json!(issue.client.name));
            if let Subject::Application(application) = issue.subject {
                claims.insert("roles".to_owned(), json!(application.graph_permissions));
            }
            matches!(issue.subject, Subject::Application(_))
        }
        Resource::Application(api) => {
            groups_and_roles(tenant, api, issue.subject, &mut claims);
            api.idtyp
        }
    };
    if has_idtyp {
        claims.insert("idtyp".to_owned(), json!(kind));
    }
    Value::Object(claims)
}

/// The pairwise subject of a user at one application.
pub(crate) fn pairwise(tenant_id: &str, user: &User, application_id: &str) -> String {
    let seed = format!("{tenant_id}|{}|{application_id}", user.id);
    URL_SAFE_NO_PAD.encode(digest(&SHA256, seed.as_bytes()))
}

fn common(tenant: &Tenant, issue: &Issue<'_>, version: Version, audience_id: &str) -> Map<String, Value> {
    let subject = match issue.subject {
        Subject::User(user) => pairwise(&tenant.settings.id, user, audience_id),
        Subject::Application(application) => application.object_id.clone(),
    };
    let mut members = vec![
        ("iss", json!(tenant.token_issuer(version))),
        ("iat", json!(issue.now.as_secs())),
        ("nbf", json!(issue.now.as_secs())),
        ("tid", json!(tenant.settings.id)),
        ("oid", json!(issue.subject.object_id())),
        ("sub", json!(subject)),
        ("ver", json!(if version == Version::V1 { "1.0" } else { "2.0" })),
        ("uti", json!(random::short())),
        ("rh", json!(format!("1.{}.", random::short()))),
        ("aio", json!(random::token())),
    ];
    if !issue.session.is_empty() {
        members.push(("sid", json!(issue.session)));
    }
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn names_v1(user: &User, claims: &mut Map<String, Value>) {
    let (given, family) = user.name.split_once(' ').unwrap_or((&user.name, ""));
    for (name, value) in [
        ("name", user.name.as_str()),
        ("upn", &user.username),
        ("unique_name", &user.username),
        ("given_name", given),
        ("family_name", family),
    ] {
        if !value.is_empty() {
            claims.insert(name.to_owned(), json!(value));
        }
    }
}

fn names_v2(user: &User, claims: &mut Map<String, Value>) {
    claims.insert("name".to_owned(), json!(user.name));
    claims.insert("preferred_username".to_owned(), json!(user.username));
}

/// How the user signed in: always in v1 tokens, in v2 tokens only if there is more to say than a password.
fn methods(issue: &Issue<'_>, version: Version, claims: &mut Map<String, Value>) {
    match (issue.mfa, version) {
        (true, _) => drop(claims.insert("amr".to_owned(), json!(["pwd", "mfa"]))),
        (false, Version::V1) => drop(claims.insert("amr".to_owned(), json!(["pwd"]))),
        (false, Version::V2) => {}
    }
}

fn groups_and_roles(tenant: &Tenant, audience: &Application, subject: Subject<'_>, claims: &mut Map<String, Value>) {
    let roles = audience.roles_of(subject.object_id());
    if !roles.is_empty() {
        claims.insert("roles".to_owned(), json!(roles));
    }
    let groups = subject.groups();
    if !audience.groups_in_tokens || groups.is_empty() {
        return;
    }
    if groups.len() <= MOST_GROUPS {
        claims.insert("groups".to_owned(), json!(groups));
        return;
    }
    let (base, id) = (&tenant.settings.base, &tenant.settings.id);
    let (collection, object_id) = (subject.collection(), subject.object_id());
    let endpoint = format!("{base}/graph.windows.net/{id}/{collection}/{object_id}/getMemberObjects");
    claims.insert("_claim_names".to_owned(), json!({ "groups": "src1" }));
    claims.insert("_claim_sources".to_owned(), json!({ "src1": { "endpoint": endpoint } }));
}
