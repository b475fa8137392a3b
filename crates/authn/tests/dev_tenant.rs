//! Sign-in, refresh, bearer tokens and overage against the offline tenant, without a socket.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use gangplank_authn::seal::KeyRing;
use gangplank_authn::session::{OpenedSession, RuleGroups, SessionRecord, StartParams, TokenParams};
use gangplank_authn::{BearerAuthenticator, Denial, Issuer, IssuerKind, IssuerSettings, Outcome, SignedIn, Tenants};
use gangplank_idp::{
    API_ID, API_V1_ID, DEMO_GROUP_ID, InProcess, Rotation, TENANT_ID, Tenant, TenantConfig, WEB_APP_ID,
};
use gangplank_jose::UnixTime;
use gangplank_oauth::callback::{self, Callback};
use gangplank_oauth::{
    AuthorizationParams, Client, ClientAuthentication, ClientSettings, Clock, Pkce, TokenResponse, Transport,
};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

const NOW: UnixTime = UnixTime::from_secs(1_795_305_600);
const BASE: &str = "http://127.0.0.1:4181";
const REDIRECT: &str = "http://127.0.0.1:4180/oauth2/callback";

struct Hand(AtomicU64);

impl Clock for Hand {
    fn now(&self) -> UnixTime {
        UnixTime::from_secs(self.0.load(SeqCst))
    }
}

struct World {
    tenant: Arc<Tenant>,
    transport: Arc<dyn Transport>,
    issuer: Arc<Issuer>,
}

fn world() -> World {
    let tenant = Arc::new(Tenant::new(TenantConfig::built_in(), Url::parse(BASE).unwrap()).unwrap());
    let clock: Arc<dyn Clock> = Arc::new(Hand(AtomicU64::new(NOW.as_secs())));
    let transport: Arc<dyn Transport> = Arc::new(InProcess::new(Arc::clone(&tenant), Arc::clone(&clock)));
    let kind = IssuerKind::Entra { tenants: Tenants::One(TENANT_ID.into()), authority: Some(BASE.into()), graph: None };
    let settings = IssuerSettings {
        audiences: [API_ID, "api://podinfo-v1", API_V1_ID, WEB_APP_ID].map(str::to_owned).to_vec(),
        ..IssuerSettings::new("dev", kind)
    };
    let issuer = Issuer::new(settings, Arc::clone(&transport), clock).unwrap();
    World { tenant, transport, issuer }
}

impl World {
    fn client(&self) -> Client {
        let secret = self.tenant.client_secret(WEB_APP_ID).unwrap().clone();
        let settings = ClientSettings {
            provider: Arc::clone(self.issuer.provider().unwrap()),
            id: WEB_APP_ID.into(),
            authentication: ClientAuthentication::SecretPost(secret),
            scopes: self.issuer.default_scopes(),
            prompt: None,
        };
        Client::new(settings, Arc::clone(&self.transport))
    }

    async fn sign_in(&self, user: &str) -> (SignedIn, TokenResponse) {
        let (client, pkce) = (self.client(), Pkce::generate());
        let metadata = self.issuer.provider().unwrap().discover().await.unwrap();
        let params = AuthorizationParams {
            state: "state",
            nonce: "nonce",
            challenge: &pkce.challenge,
            redirect_uri: REDIRECT,
            login_hint: None,
        };
        let url = client.authorization_url(&metadata, &params);
        let back = Url::parse(&self.tenant.drive_sign_in(url.as_str(), user, NOW).unwrap()).unwrap();
        let Ok(Callback::Code { code, .. }) = callback::parse(back.query().unwrap()) else { panic!("{back}") };
        let verifier = pkce.verifier.expose_secret();
        let tokens = client.redeem_code(code.expose_secret(), verifier, REDIRECT, NOW).await.unwrap();
        let id_token = tokens.id_token.as_ref().unwrap().expose_secret();
        let who = self.issuer.verify_id_token(id_token, WEB_APP_ID, Some("nonce"), NOW).await.unwrap();
        (who, tokens)
    }
}

fn token_params<'p>(rules: &'p RuleGroups, tokens: &TokenResponse) -> TokenParams<'p> {
    TokenParams {
        rule_groups: rules,
        refresh_every: None,
        refresh_token: tokens.refresh_token.clone(),
        access_token: None,
        expires_in: tokens.expires_in,
    }
}

#[tokio::test]
async fn a_person_signs_in_is_remembered_and_refreshed() {
    let world = world();
    let (who, tokens) = world.sign_in("alice").await;
    assert_eq!((who.identity().username.as_str(), who.identity().groups.len()), ("alice@dev.test", 50));
    let rules = RuleGroups::new([DEMO_GROUP_ID.to_owned()]);
    let params = StartParams {
        client: "dev".into(),
        lifetime: Duration::from_secs(36_000),
        tokens: token_params(&rules, &tokens),
    };
    let record = SessionRecord::begin(&who, params, NOW).unwrap();
    let ring = KeyRing::generate().unwrap();
    let cookie = record.encode(&ring, "__Host-gangplank").unwrap();
    let opened = OpenedSession::open(&ring, "__Host-gangplank", &cookie, NOW).unwrap();
    assert_eq!(opened.authenticated(NOW).unwrap().identity().groups, [DEMO_GROUP_ID]);

    let refreshed = world.client().refresh(opened.record().refresh_token().unwrap(), NOW).await.unwrap();
    let id_token = refreshed.id_token.as_ref().unwrap().expose_secret();
    let again = world.issuer.verify_id_token(id_token, WEB_APP_ID, None, NOW).await.unwrap();
    let next = opened.record().renewed(&again, token_params(&rules, &refreshed), NOW).unwrap();
    assert_eq!((next.generation(), next.identity().subject.as_str()), (1, who.identity().subject.as_str()));
}

#[tokio::test]
async fn two_hundred_and_fifty_groups_come_from_graph() {
    let world = world();
    let (who, tokens) = world.sign_in("bob").await;
    assert!(who.groups_unresolved() && who.identity().groups.is_empty());
    let complete = world.issuer.complete_groups(who.clone(), None, &tokens.access_token, NOW).await.unwrap();
    assert_eq!(complete.identity().groups.len(), 250);
    assert!(complete.identity().groups.contains(&DEMO_GROUP_ID.to_owned()));
    let denial = world.issuer.complete_groups(who, None, &SecretString::from("not-for-graph"), NOW).await.unwrap_err();
    assert!(matches!(&denial, Denial::Rejected(r) if r.reason().name == "groups-overage-unresolved"), "{denial:?}");
}

#[tokio::test]
async fn access_tokens_of_both_versions_are_accepted_and_id_tokens_are_not() {
    let world = world();
    let bearer = BearerAuthenticator::new(vec![Arc::clone(&world.issuer)]);
    for api in [API_ID, API_V1_ID] {
        let token = world.tenant.mint_access_token("alice", WEB_APP_ID, &format!("{api}/access_as_user"), NOW).unwrap();
        let outcome = bearer.verify(&token, NOW).await;
        let Outcome::Authenticated(who) = outcome else { panic!("{api}: {outcome:?}") };
        assert_eq!(who.identity().username, "alice@dev.test");
        assert_eq!(who.identity().scopes, ["access_as_user"]);
        assert_eq!(who.identity().client.as_deref(), Some(WEB_APP_ID));
    }
    for nonce in [Some("n"), None] {
        let id_token = world.tenant.mint_id_token("alice", WEB_APP_ID, nonce, NOW).unwrap();
        assert!(matches!(bearer.verify(&id_token, NOW).await, Outcome::Rejected(_)));
    }
}

#[tokio::test]
async fn a_key_rotated_without_notice_costs_nobody_a_refusal() {
    let world = world();
    let bearer = BearerAuthenticator::new(vec![Arc::clone(&world.issuer)]);
    let mint =
        || world.tenant.mint_access_token("alice", WEB_APP_ID, &format!("{API_ID}/access_as_user"), NOW).unwrap();
    let old = mint();
    assert!(matches!(bearer.verify(&old, NOW).await, Outcome::Authenticated(_)));
    world.tenant.rotate(Rotation::Unannounced).unwrap();
    assert!(matches!(bearer.verify(&mint(), NOW).await, Outcome::Authenticated(_)));
    assert!(matches!(bearer.verify(&old, NOW).await, Outcome::Rejected(_)), "its key was withdrawn");
}
