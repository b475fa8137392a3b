//! A compact JWS (RFC 7515 §7.1) that carries a JWT (RFC 7519), taken apart before anything is believed:
//!
//! 1. At most 64 KiB, before anything else is looked at.
//! 2. Three parts. Five are an encrypted token (JWE); anything else, JSON serialisations included, is no token.
//! 3. The header: canonical base64url of one strict JSON object.
//! 4. `crit` is refused whatever it lists: no extension is understood here (RFC 7515 §4.1.11). So are `b64` (RFC 7797),
//!    `zip`, and a `cty` that says another token is inside (RFC 8725 §3.8).
//! 5. `alg` is the exact name of an asymmetric algorithm. `none`, in any case, has a refusal of its own.
//! 6. `kid`, if given, is a string of at most 1 KiB; `typ`, if given, is a string. No other member is read: not `jwk`,
//!    `jku`, `x5c` or `x5u`.
//! 7. The payload: canonical base64url of one strict JSON object whose registered claims have their types.
//! 8. The signature: canonical base64url, not empty.

use crate::excerpt::Excerpt;
use crate::json::Document;
use crate::jwk::MAX_KEY_ID;
use crate::{Algorithm, Claims, KeySet, Rules, TokenRefusal, UnixTime, Verified, encoding, verify};

/// The header members this verifier looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// `alg`.
    pub algorithm: Algorithm,
    /// `kid`.
    pub kid: Option<String>,
    /// `typ`, as sent.
    pub typ: Option<String>,
}

/// A well-formed token of which nothing is known to be true.
pub struct Unverified<'t> {
    pub(crate) signing_input: &'t str,
    pub(crate) header: Header,
    pub(crate) claims: Claims,
    pub(crate) signature: Vec<u8>,
}

impl<'t> Unverified<'t> {
    /// The longest token that is looked at.
    pub const MAX_OCTETS: usize = 64 * 1024;

    /// Takes a compact JWS apart.
    pub fn parse(token: &'t str) -> Result<Self, TokenRefusal> {
        if token.len() > Self::MAX_OCTETS {
            return Err(TokenRefusal::TooLarge { octets: token.len() });
        }
        let (header, payload, signature) = three_parts(token)?;
        let signing_input = &token[..header.len() + 1 + payload.len()];
        let header = parse_header(header)?;
        let payload = encoding::decode(payload).ok_or(TokenRefusal::NotBase64Url { part: "payload" })?;
        let members = Document::parse(&payload).map_err(|problem| TokenRefusal::PayloadMalformed { problem })?;
        let claims = Claims::from_members(members)?;
        let signature = encoding::decode(signature).ok_or(TokenRefusal::NotBase64Url { part: "signature" })?;
        if signature.is_empty() {
            return Err(TokenRefusal::SignatureMissing);
        }
        Ok(Unverified { signing_input, header, claims, signature })
    }

    /// The header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// What the token claims, to find out which keys and rules are to judge it. Never evidence of anything.
    pub fn claims_unverified(&self) -> &Claims {
        &self.claims
    }

    /// Judges it by the rules that the module `verify` lists.
    pub fn verify(self, keys: &KeySet, rules: &Rules, now: UnixTime) -> Result<Verified<Claims>, TokenRefusal> {
        verify::judge(self, keys, rules, None, now)
    }

    /// As [`verify`](Self::verify), where many issuers share keys and rules: `issuer` is the one that it must be from,
    /// instead of the rules' own.
    pub fn verify_from(
        self,
        issuer: &str,
        keys: &KeySet,
        rules: &Rules,
        now: UnixTime,
    ) -> Result<Verified<Claims>, TokenRefusal> {
        verify::judge(self, keys, rules, Some(issuer), now)
    }
}

/// Neither claims nor signature: the one are personal data, the other makes a credential.
impl std::fmt::Debug for Unverified<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Unverified").field("header", &self.header).finish_non_exhaustive()
    }
}

fn three_parts(token: &str) -> Result<(&str, &str, &str), TokenRefusal> {
    let mut dots = memchr::memchr_iter(b'.', token.as_bytes());
    match (dots.next(), dots.next(), dots.count()) {
        (Some(first), Some(second), 0) => Ok((&token[..first], &token[first + 1..second], &token[second + 1..])),
        (Some(_), Some(_), 2) => Err(TokenRefusal::Encrypted),
        (Some(_), Some(_), more) => Err(TokenRefusal::NotCompact { parts: more + 3 }),
        (first, ..) => Err(TokenRefusal::NotCompact { parts: 1 + usize::from(first.is_some()) }),
    }
}

fn parse_header(part: &str) -> Result<Header, TokenRefusal> {
    let octets = encoding::decode(part).ok_or(TokenRefusal::NotBase64Url { part: "header" })?;
    let members = Document::parse(&octets).map_err(|problem| TokenRefusal::HeaderMalformed { problem })?;
    refuse_extensions(&members)?;
    let alg = members.str("alg").ok_or(TokenRefusal::AlgorithmMissing)?;
    let algorithm = Algorithm::from_name(alg).ok_or_else(|| unknown_algorithm(alg))?;
    let kid = string(&members, "kid")?;
    if let Some(kid) = kid.as_ref().filter(|kid| kid.len() > MAX_KEY_ID) {
        return Err(TokenRefusal::KeyIdTooLong { octets: kid.len() });
    }
    let typ = string(&members, "typ")?;
    Ok(Header { algorithm, kid, typ })
}

fn refuse_extensions(header: &Document) -> Result<(), TokenRefusal> {
    if header.has("crit") {
        return Err(TokenRefusal::CriticalExtension);
    }
    if header.has("b64") {
        return Err(TokenRefusal::PayloadUnencoded);
    }
    if header.has("zip") {
        return Err(TokenRefusal::PayloadCompressed);
    }
    match header.str("cty") {
        None if !header.has("cty") => Ok(()),
        Some(cty) if !names_a_token(cty) => Ok(()),
        cty => Err(TokenRefusal::PayloadNested { content_type: Excerpt::of(cty.unwrap_or("(not a string)")) }),
    }
}

/// `JWT`, `application/at+jwt`, `JOSE` and the like: a payload that is itself a token (RFC 7519 §5.2).
fn names_a_token(content_type: &str) -> bool {
    let content_type = content_type.to_ascii_lowercase();
    content_type.contains("jwt") || content_type.contains("jose")
}

fn unknown_algorithm(alg: &str) -> TokenRefusal {
    if alg.eq_ignore_ascii_case("none") {
        TokenRefusal::AlgorithmNone
    } else {
        TokenRefusal::AlgorithmUnknown { found: Excerpt::of(alg) }
    }
}

fn string(header: &Document, name: &'static str) -> Result<Option<String>, TokenRefusal> {
    match header.str(name) {
        Some(text) => Ok(Some(text.to_owned())),
        None if !header.has(name) => Ok(None),
        None => Err(TokenRefusal::HeaderMalformed { problem: Excerpt::of(&format!("{name} is not a string")) }),
    }
}
