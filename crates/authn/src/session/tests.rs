use std::time::Duration;

use gangplank_jose::UnixTime;
use secrecy::{ExposeSecret as _, SecretString};

use super::*;
use crate::seal::KeyRing;
use crate::testing::NOW;
use crate::{Identity, Method, Refusal, SignedIn};

const NAME: &str = "__Host-gangplank";

fn ring() -> KeyRing {
    KeyRing::generate().unwrap()
}

fn after(seconds: u64) -> UnixTime {
    NOW + Duration::from_secs(seconds)
}

fn ada(groups: &[String]) -> SignedIn {
    let identity = Identity {
        issuer: "corp".into(),
        issuer_url: "https://login.microsoftonline.com/dca11c8d-0000-4000-8000-00000000000a/v2.0".into(),
        subject: "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ".into(),
        username: "ada.lovelace@corp.example".into(),
        email: Some("ada.lovelace@corp.example".into()),
        email_verified: true,
        display_name: Some("Ada Lovelace".into()),
        groups: groups.to_vec(),
        uid: Some("7a2c6d2e-4a4f-4a4f-9c1c-0f0e0d0c0b0a".into()),
        tenant: Some("dca11c8d-0000-4000-8000-00000000000a".into()),
        roles: vec!["Admin".into()],
        ..Identity::default()
    };
    SignedIn::new(identity, after(3600))
}

fn tokens<'p>(rule_groups: &'p RuleGroups, refresh: Option<&str>) -> TokenParams<'p> {
    TokenParams {
        rule_groups,
        refresh_every: None,
        refresh_token: refresh.map(SecretString::from),
        access_token: None,
        expires_in: Some(Duration::from_secs(1000)),
    }
}

fn begin(signed_in: &SignedIn, rules: &RuleGroups, refresh: Option<&str>) -> SessionRecord {
    let params =
        StartParams { client: "corp".into(), lifetime: Duration::from_secs(36_000), tokens: tokens(rules, refresh) };
    SessionRecord::begin(signed_in, params, NOW).unwrap()
}

fn random_text(bytes: usize) -> String {
    use base64::Engine as _;
    let mut raw = vec![0; bytes];
    aws_lc_rs::rand::fill(&mut raw).unwrap();
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(raw)
}

fn guids(count: usize) -> Vec<String> {
    (0..count)
        .map(|_| {
            let mut b = [0; 16];
            aws_lc_rs::rand::fill(&mut b).unwrap();
            let hex: String = b.iter().map(|b| format!("{b:02x}")).collect();
            format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
        })
        .collect()
}

#[test]
fn a_session_comes_back_as_it_was() {
    let groups = ["g1".to_owned(), "0c7a0c7a-0000-4000-8000-00000000000f".to_owned(), "~odd".to_owned()];
    let rules = RuleGroups::new(groups.clone());
    let record = begin(&ada(&groups), &rules, Some("refresh-me"));
    let ring = ring();
    let value = record.encode(&ring, NAME).unwrap();
    let opened = OpenedSession::open(&ring, NAME, &value, after(5)).unwrap();
    let back = opened.record();
    assert_eq!((back.id(), back.generation(), back.client()), (record.id(), 0, "corp"));
    assert_eq!((back.started(), back.ends(), back.fresh_until()), (NOW, after(36_000), after(1000)));
    assert_eq!(back.refresh_token().unwrap().expose_secret(), "refresh-me");
    let mut expected = record.identity().clone();
    let mut found = back.identity().clone();
    expected.groups.sort();
    found.groups.sort();
    assert_eq!(found, expected);
    let who = opened.authenticated(after(5)).unwrap();
    assert_eq!((who.method(), who.expires()), (Method::Session, Some(after(36_000))));
}

#[test]
fn a_long_refresh_token_and_fifty_rule_groups_fit() {
    let groups = guids(50);
    let rules = RuleGroups::new(groups.iter().cloned().chain(guids(200)));
    let record = begin(&ada(&groups), &rules, Some(&random_text(900)));
    assert_eq!(record.refresh_token().unwrap().expose_secret().len(), 1200);
    let value = record.encode(&ring(), NAME).unwrap();
    assert!(NAME.len() + 1 + value.len() <= MAX_COOKIE, "{}", value.len());
    println!("cookie of {} bytes", NAME.len() + 1 + value.len());
}

#[test]
fn what_does_not_fit_is_refused_and_the_largest_part_named() {
    let rules = RuleGroups::default();
    let refused = begin(&ada(&[]), &rules, Some(&random_text(3000))).encode(&ring(), NAME).unwrap_err();
    assert!(
        matches!(refused, Refusal::SessionTooLarge { largest: "refresh token", largest_size: 4000, .. }),
        "{refused}"
    );
    let groups: Vec<String> = (0..400).map(|_| random_text(12)).collect();
    let rules = RuleGroups::new(groups.clone());
    let refused = begin(&ada(&groups), &rules, None).encode(&ring(), NAME).unwrap_err();
    assert!(matches!(refused, Refusal::SessionTooLarge { largest: "groups", .. }), "{refused}");
    // Each of the switches that make it keep so much is in the remedy.
    for switch in ["groups", "pass.access_token", "offline_access", "exchange"] {
        assert!(refused.reason().remedy.contains(switch), "{switch}");
    }
}

#[test]
fn only_groups_of_rules_are_kept_and_a_changed_list_shows() {
    let rules = RuleGroups::new(["b".to_owned(), "a".to_owned()]);
    let record = begin(&ada(&["a".into(), "z".into()]), &rules, None);
    assert_eq!(record.identity().groups, ["a"]);
    assert!(record.knows(&RuleGroups::new(["a".to_owned(), "b".to_owned()])));
    assert!(!record.knows(&RuleGroups::new(["a".to_owned(), "b".to_owned(), "z".to_owned()])));
    assert!(!record.knows(&RuleGroups::new(["ab".to_owned()])));
}

#[test]
fn a_session_does_not_open_outside_its_time() {
    let ring = ring();
    let value = begin(&ada(&[]), &RuleGroups::default(), None).encode(&ring, NAME).unwrap();
    let at = |now| OpenedSession::open(&ring, NAME, &value, now).map(drop).map_err(|r| r.reason().name);
    assert_eq!(at(after(35_999)), Ok(()));
    assert_eq!(at(after(36_000)), Err("session-expired"));
    assert_eq!(at(NOW - Duration::from_secs(60)), Ok(()));
    assert_eq!(at(NOW - Duration::from_secs(61)), Err("session-not-yet-valid"));
    let opened = OpenedSession::open(&ring, NAME, &value, NOW).unwrap();
    assert!(opened.authenticated(after(36_000)).is_err(), "an opened session ends too");
}

#[test]
fn a_session_is_for_its_cookie_and_its_kind() {
    let ring = ring();
    let value = begin(&ada(&[]), &RuleGroups::default(), None).encode(&ring, NAME).unwrap();
    let name = |r: Refusal| r.reason().name;
    assert_eq!(OpenedSession::open(&ring, "other", &value, NOW).map(drop).map_err(name), Err("sealed-tampered"));
    assert_eq!(BrowserId::open(&ring, NAME, &value).map(drop).map_err(name), Err("sealed-tampered"));
    let id = BrowserId::generate().unwrap();
    let browser = id.seal(&ring, NAME).unwrap();
    assert!(matches!(OpenedCookie::open(&ring, NAME, &browser, NOW), Ok(OpenedCookie::Browser(found)) if found == id));
    assert!(matches!(OpenedCookie::open(&ring, NAME, &value, NOW), Ok(OpenedCookie::Session(_))));
    assert!(OpenedSession::open(&ring, NAME, &browser, NOW).is_err());
    assert!(OpenedCookie::open(&ring, NAME, "nonsense", NOW).is_err());
}

#[test]
fn a_bomb_and_garbage_inside_a_good_seal_are_refused() {
    use std::io::Write as _;
    let ring = ring();
    let purpose = format!("session:{NAME}");
    let mut bomb = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    bomb.write_all(&vec![b' '; 1 << 20]).unwrap();
    for plain in [bomb.finish().unwrap(), b"garbage".to_vec(), Vec::new()] {
        let value = ring.seal(&purpose, &plain).unwrap();
        let refused = OpenedSession::open(&ring, NAME, &value, NOW).map(drop).unwrap_err();
        assert_eq!(refused.reason().name, "session-malformed");
    }
}

#[test]
fn every_session_has_an_id_of_its_own() {
    let rules = RuleGroups::default();
    let (one, two) = (begin(&ada(&[]), &rules, None), begin(&ada(&[]), &rules, None));
    assert_ne!(one.id(), two.id());
    assert_ne!(one.id().binding(), two.id().binding());
}

#[test]
fn a_refresh_is_due_at_four_fifths_and_needs_a_refresh_token() {
    let rules = RuleGroups::default();
    let record = begin(&ada(&[]), &rules, Some("r"));
    assert_eq!((record.refresh_due(), record.fresh_until()), (after(800), after(1000)));
    assert_eq!(begin(&ada(&[]), &rules, None).fresh_until(), after(36_000));
    let often = TokenParams { refresh_every: Some(Duration::from_secs(1)), ..tokens(&rules, None) };
    assert_eq!(record.extended(often, after(10)).fresh_until(), after(40), "not more often than in half a minute");
}

#[test]
fn a_renewal_keeps_the_session_and_takes_the_new_identity() {
    let rules = RuleGroups::new(["g1".to_owned(), "g2".to_owned()]);
    let record = begin(&ada(&["g1".into()]), &rules, Some("first"));
    let next = record.renewed(&ada(&["g2".into()]), tokens(&rules, Some("second")), after(900)).unwrap();
    assert_eq!((next.id(), next.generation()), (record.id(), 1));
    assert_eq!((next.started(), next.ends(), next.fresh_until()), (NOW, after(36_000), after(1900)));
    assert_eq!(next.identity().groups, ["g2"]);
    assert_eq!(next.refresh_token().unwrap().expose_secret(), "second");
    let kept = record.extended(tokens(&rules, None), after(900));
    assert_eq!((kept.generation(), kept.identity()), (1, record.identity()));
    assert_eq!(kept.refresh_token().unwrap().expose_secret(), "first", "RFC 6749 §6: the old one stays good");
}

#[test]
fn a_renewal_by_somebody_else_is_refused() {
    let rules = RuleGroups::default();
    let record = begin(&ada(&[]), &rules, Some("r"));
    for change in [
        |i: &mut Identity| i.subject = "other".into(),
        |i: &mut Identity| i.issuer = "other".into(),
        |i: &mut Identity| i.issuer_url = "https://other".into(),
    ] {
        let mut identity = ada(&[]).identity().clone();
        change(&mut identity);
        let other = SignedIn::new(identity, after(3600));
        let refused = record.renewed(&other, tokens(&rules, None), NOW).unwrap_err();
        assert_eq!(refused.reason().name, "session-subject-changed");
    }
}

#[test]
fn unresolved_groups_begin_no_session_where_rules_ask_for_groups() {
    let mut identity = ada(&[]).identity().clone();
    identity.groups_unresolved = true;
    let signed_in = SignedIn::new(identity, after(3600));
    let rules = RuleGroups::new(["g".to_owned()]);
    let start =
        |rules| StartParams { client: "corp".into(), lifetime: Duration::from_secs(60), tokens: tokens(rules, None) };
    let refused = SessionRecord::begin(&signed_in, start(&rules), NOW).unwrap_err();
    assert_eq!(refused.reason().name, "groups-overage-unresolved");
    assert!(SessionRecord::begin(&signed_in, start(&RuleGroups::default()), NOW).is_ok());
}

#[test]
fn debug_shows_neither_person_nor_token() {
    let record = begin(&ada(&[]), &RuleGroups::default(), Some("refresh-me"));
    let shown = format!("{record:?} {:?}", record.refresh_token());
    assert!(!shown.contains("refresh-me") && !shown.contains("ada"), "{shown}");
}

#[test]
fn no_text_makes_opening_panic_or_succeed() {
    let ring = ring();
    let value = begin(&ada(&["g".into()]), &RuleGroups::default(), Some("r")).encode(&ring, NAME).unwrap();
    for cut in 0..value.len() {
        assert!(OpenedCookie::open(&ring, NAME, &value[..cut], NOW).is_err());
        let mut changed = value.clone();
        changed.replace_range(cut..=cut, if &value[cut..=cut] == "A" { "B" } else { "A" });
        assert!(OpenedCookie::open(&ring, NAME, &changed, NOW).is_err(), "at {cut}");
    }
    for length in [0, 1, 22, 43, 44, 100, 3_584, 3_585, 20_000] {
        assert!(OpenedCookie::open(&ring, NAME, &random_text(length), NOW).is_err());
    }
}
