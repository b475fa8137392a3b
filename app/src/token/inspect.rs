//! What a token says of itself, annotated. Nothing of it is verified, and the text says so.
//!
//! 1. What is no compact JWS is named for what it is, as far as that can be told: encrypted, one of our static keys, opaque.
//! 2. Header and payload are shown even where the strict verifier would refuse them; then it says what it refuses.
//! 3. Dates are told in words, and issuers, kinds and overage of Entra ID in its own terms.
//!
//! The signature is not shown: what is printed here can't be used as a token.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use gangplank_jose::{UnixTime, Unverified};
use serde_json::{Map, Value};

use super::words::{moment, span};
use crate::tell;

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The longest value of a claim that is shown whole.
const LONGEST: usize = 200;

/// All of it.
pub(super) fn text(token: &str, now: UnixTime) -> String {
    let parts: Vec<&str> = token.split('.').collect();
    let [header, payload, _] = parts.as_slice() else { return no_jws(token, parts.len()) };
    let (Some(header), Some(payload)) = (object(header), object(payload)) else { return no_jws(token, 3) };
    let mut page = Page { text: String::new(), told: BTreeSet::new(), payload: &payload, now };
    page.header(&header);
    page.issuer();
    page.kind();
    page.people();
    page.rights();
    page.dates();
    page.rest();
    page.verdict(token);
    page.text
}

fn object(part: &str) -> Option<Map<String, Value>> {
    serde_json::from_slice(&LENIENT.decode(part).ok()?).ok()
}

fn no_jws(token: &str, parts: usize) -> String {
    let what = match parts {
        5 => "an encrypted token (JWE, five parts): only its recipient can read it, and no verifier here accepts one",
        3 => "not a JWT: it has three parts, and they are not base64url of JSON objects",
        _ if token.starts_with("gpk_") => {
            "a static key of Gangplank: `gangplank keys hash` makes the line for the keys file of it"
        }
        _ if token.starts_with('{') => "JSON, not the compact form of a token",
        _ => {
            "no JWT: an opaque token says nothing by itself; whoever issued it can be asked (TokenReview, introspection)"
        }
    };
    format!("{what}\n")
}

struct Page<'p> {
    text: String,
    /// Claims that were told of.
    told: BTreeSet<&'static str>,
    payload: &'p Map<String, Value>,
    now: UnixTime,
}

impl Page<'_> {
    fn line(&mut self, label: &str, text: &str) {
        let _ = writeln!(self.text, "{label:<10}{}", tell::plain(text));
    }

    fn tell(&mut self, label: &str, claim: &'static str) -> bool {
        self.told.insert(claim);
        let Some(value) = self.payload.get(claim) else { return false };
        self.line(label, &shown(value));
        true
    }

    fn str(&mut self, claim: &'static str) -> Option<&str> {
        self.told.insert(claim);
        self.payload.get(claim).and_then(Value::as_str)
    }

    fn header(&mut self, header: &Map<String, Value>) {
        let members: Vec<String> = header.iter().map(|(name, value)| format!("{name} {}", shown(value))).collect();
        self.line("header", &members.join(", "));
        match header.get("alg").and_then(Value::as_str) {
            Some("none" | "None" | "NONE") => self.line("", "unsigned: nobody accepts that"),
            Some(hmac) if hmac.starts_with("HS") => {
                self.line("", "signed with a shared secret: whoever can verify it can forge it, so it is refused");
            }
            _ => {}
        }
    }

    fn issuer(&mut self) {
        if !self.tell("issuer", "iss") {
            self.line("issuer", "none (`iss` is missing)");
        }
        let iss = self.str("iss").unwrap_or_default().to_owned();
        let tenant = self.str("tid").map(str::to_owned);
        if let Some(entra) = entra(&iss) {
            let agrees = tenant.as_deref().is_none_or(|tenant| iss.contains(tenant));
            self.line("", &entra);
            if !agrees {
                self.line("", "tid names another tenant than the issuer: refused");
            }
        }
        if let Some(tenant) = tenant {
            self.line("tenant", &tenant);
        }
        self.told.insert("ver");
        if !self.tell("audience", "aud") {
            self.line("audience", "none (`aud` is missing): refused everywhere");
        }
    }

    fn kind(&mut self) {
        let has = |claim: &str| self.payload.contains_key(claim);
        let app_only = self.payload.get("idtyp").and_then(Value::as_str) == Some("app");
        let is_entra = has("tid");
        let kind = if has("kubernetes.io") {
            "service account token of a Kubernetes cluster"
        } else if has("nonce") || has("at_hash") || has("c_hash") {
            "ID token: says who signed in at a client; an API should refuse it"
        } else if has("scp") {
            "access token, delegated: a client acts for a person (`scp`)"
        } else if app_only || (is_entra && has("roles") && !has("preferred_username") && !has("upn")) {
            "access token, app-only: a client acts for itself, and there is no person (`roles`, no `scp`)"
        } else if is_entra && !has("azp") && !has("appid") {
            "ID token of Entra ID (neither `azp` nor `appid`)"
        } else if has("scope") || has("client_id") || has("azp") || has("appid") {
            "access token"
        } else {
            "not said: neither the marks of an access token nor those of an ID token"
        };
        self.told.extend(["nonce", "at_hash", "c_hash", "idtyp"]);
        self.line("kind", kind);
        if self.payload.contains_key("cnf") {
            self.told.insert("cnf");
            self.line("", "bound to a key (`cnf`): worth nothing without a proof, so it is refused as a bearer token");
        }
    }

    fn people(&mut self) {
        if !self.tell("subject", "sub") {
            self.line("subject", "none (`sub` is missing): refused");
        }
        for (label, claim) in [
            ("user", "preferred_username"),
            ("user", "upn"),
            ("user", "unique_name"),
            ("e-mail", "email"),
            ("name", "name"),
            ("object id", "oid"),
            ("client", "azp"),
            ("client", "appid"),
            ("client", "client_id"),
        ] {
            self.tell(label, claim);
        }
    }

    fn rights(&mut self) {
        for (label, claim) in [("scopes", "scp"), ("scopes", "scope"), ("roles", "roles")] {
            self.tell(label, claim);
        }
        self.told.extend(["groups", "_claim_names", "_claim_sources", "hasgroups"]);
        match self.payload.get("groups").and_then(Value::as_array) {
            Some(groups) => {
                let named: Vec<String> = groups.iter().take(8).map(shown).collect();
                let more = groups.len().saturating_sub(8);
                let more = if more == 0 { String::new() } else { format!(" and {more} more") };
                self.line("groups", &format!("{}: {}{more}", groups.len(), named.join(" ")));
            }
            None if self.payload.contains_key("_claim_names") || self.payload.contains_key("hasgroups") => {
                self.line("groups", "overage: too many for a token; whoever needs them asks Microsoft Graph");
            }
            None => self.line("groups", "none in the token"),
        }
    }

    fn dates(&mut self) {
        let now = self.now;
        for (label, claim) in [("issued", "iat"), ("from", "nbf")] {
            if let Some(at) = self.date(claim) {
                let early = if at > now { ": not yet valid" } else { "" };
                self.line(label, &(moment(at, now) + early));
            }
        }
        match self.date("exp") {
            Some(at) => {
                let over = if at <= now { ": EXPIRED" } else { "" };
                let life =
                    self.date("iat").map(|from| format!(" (it lives {})", span(at.since(from)))).unwrap_or_default();
                self.line("expires", &format!("{}{over}{life}", moment(at, now)));
            }
            None => self.line("expires", "no usable `exp`: refused"),
        }
    }

    fn date(&mut self, claim: &'static str) -> Option<UnixTime> {
        self.told.insert(claim);
        let seconds = self.payload.get(claim)?.as_f64().filter(|s| (0.0..253_402_300_800.0).contains(s))?;
        Some(UnixTime::from_secs(seconds as u64))
    }

    fn rest(&mut self) {
        let rest: Vec<(&String, &Value)> =
            self.payload.iter().filter(|(name, _)| !self.told.contains(name.as_str())).collect();
        for (i, (name, value)) in rest.into_iter().enumerate() {
            let line = format!("{name} {}", shown(value));
            self.line(if i == 0 { "other" } else { "" }, &line);
        }
    }

    fn verdict(&mut self, token: &str) {
        self.text.push('\n');
        match Unverified::parse(token) {
            Ok(_) => self.text.push_str(
                "Nothing of this is verified. `gangplank token verify --config FILE` says who would accept it.\n",
            ),
            Err(refusal) => {
                self.text.push_str("Nothing of this is verified, and no verifier here would look further:\n");
                self.text.push_str(&tell::refusal(refusal.reason(), &refusal.to_string(), 0));
            }
        }
    }
}

/// A value on one line, cut if it is long.
fn shown(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Array(items) if items.iter().all(Value::is_string) => {
            items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ")
        }
        other => other.to_string(),
    };
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
        None => text,
    }
}

/// What an issuer of Entra ID is called by its documentation.
fn entra(iss: &str) -> Option<String> {
    let url = url::Url::parse(iss).ok()?;
    let (host, path) = (url.host_str()?, url.path().trim_matches('/'));
    let (version, cloud) = match host {
        "login.microsoftonline.com" => (2, "the public cloud"),
        "login.microsoftonline.us" => (2, "the US government cloud"),
        "login.partner.microsoftonline.cn" => (2, "the China cloud"),
        "sts.windows.net" => (1, "the public cloud"),
        "sts.chinacloudapi.cn" => (1, "the China cloud"),
        _ => return None,
    };
    let tenant = path.split('/').next().unwrap_or_default();
    Some(format!("Microsoft Entra ID, a version {version} token of tenant {tenant} in {cloud}"))
}

#[cfg(test)]
mod tests;
