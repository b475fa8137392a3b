//! How a session is written: compact JSON, deflated, sealed.

use std::io::{Read as _, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flate2::{Compression, read::DeflateDecoder, write::DeflateEncoder};
use gangplank_jose::UnixTime;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::record::{SessionId, SessionRecord};
use crate::seal::KeyRing;
use crate::{Identity, Refusal};

/// The most that name and value of our cookie take. Browsers keep 4 KiB with the attributes, and nginx must get the
/// whole header block of an answer into 4 KiB.
pub const MAX_COOKIE: usize = 3584;

/// The most that a session inflates to.
const MAX_PLAIN: usize = 16 * 1024;

const VERSION: u8 = 1;

#[derive(Serialize, Deserialize)]
struct Wire {
    v: u8,
    i: String,
    #[serde(default, skip_serializing_if = "is_default")]
    g: u32,
    c: String,
    n: String,
    u: String,
    s: String,
    un: String,
    #[serde(default, skip_serializing_if = "is_default")]
    e: Option<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    ev: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    d: Option<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    o: Option<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    t: Option<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    r: Vec<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    gs: Vec<String>,
    /// Groups that are GUIDs, sixteen bytes each: Entra's, which would otherwise fill the cookie.
    #[serde(default, skip_serializing_if = "is_default")]
    gg: String,
    gd: String,
    /// started, ends, fresh from, fresh until.
    at: [u64; 4],
    #[serde(default, skip_serializing_if = "is_default")]
    rt: Option<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    ac: Option<String>,
}

impl Drop for Wire {
    fn drop(&mut self) {
        use zeroize::Zeroize as _;
        self.rt.zeroize();
        self.ac.zeroize();
    }
}

pub(super) fn encode(record: &SessionRecord, ring: &KeyRing, cookie_name: &str) -> Result<String, Refusal> {
    let wire = Wire::from(record);
    let json = serde_json::to_vec(&wire).map(Zeroizing::new).map_err(|_| failed("serialisation"))?;
    let mut deflated = DeflateEncoder::new(Vec::with_capacity(json.len()), Compression::best());
    let packed = deflated.write_all(&json).and_then(|()| deflated.finish()).map_err(|_| failed("compression"))?;
    let value = ring.seal(&purpose(cookie_name), &Zeroizing::new(packed))?;
    let size = cookie_name.len() + 1 + value.len();
    if size > MAX_COOKIE || json.len() > MAX_PLAIN {
        let (largest, largest_size) = wire.largest();
        return Err(Refusal::SessionTooLarge { size, limit: MAX_COOKIE, largest, largest_size });
    }
    Ok(value)
}

pub(super) fn decode(ring: &KeyRing, cookie_name: &str, value: &str) -> Result<SessionRecord, Refusal> {
    let purpose = purpose(cookie_name);
    if value.len() > MAX_COOKIE {
        return Err(Refusal::SealedMalformed { purpose, problem: "is too long" });
    }
    let packed = ring.open(&purpose, value)?;
    let mut json = Zeroizing::new(Vec::with_capacity(2 * packed.len()));
    let inflating = DeflateDecoder::new(packed.as_slice()).take(MAX_PLAIN as u64 + 1).read_to_end(&mut json);
    if inflating.is_err() || json.len() > MAX_PLAIN {
        return Err(malformed("does not inflate, or to too much"));
    }
    let wire: Wire = serde_json::from_slice(&json).map_err(|_| malformed("is not a session"))?;
    wire.into_record()
}

impl Wire {
    fn from(record: &SessionRecord) -> Wire {
        let SessionRecord { identity, .. } = record;
        let (guids, others): (Vec<_>, Vec<_>) =
            identity.groups.iter().map(|g| (guid(g), g)).partition(|(g, _)| g.is_some());
        let guids: Vec<u8> = guids.into_iter().filter_map(|(g, _)| g).flatten().collect();
        let exposed = |token: &Option<SecretString>| token.as_ref().map(|t| t.expose_secret().to_owned());
        Wire {
            v: VERSION,
            i: URL_SAFE_NO_PAD.encode(record.id.0),
            g: record.generation,
            c: record.client.clone(),
            n: identity.issuer.clone(),
            u: identity.issuer_url.clone(),
            s: identity.subject.clone(),
            un: identity.username.clone(),
            e: identity.email.clone(),
            ev: identity.email_verified,
            d: identity.display_name.clone(),
            o: identity.uid.clone(),
            t: identity.tenant.clone(),
            r: identity.roles.clone(),
            gs: others.into_iter().map(|(_, g)| g.clone()).collect(),
            gg: URL_SAFE_NO_PAD.encode(guids),
            gd: URL_SAFE_NO_PAD.encode(record.rule_groups),
            at: [record.started, record.ends, record.fresh_from, record.fresh_until].map(UnixTime::as_secs),
            rt: exposed(&record.refresh_token),
            ac: exposed(&record.access_token),
        }
    }

    fn into_record(mut self) -> Result<SessionRecord, Refusal> {
        use std::mem::take;
        if self.v != VERSION {
            return Err(malformed("is of another version"));
        }
        let [started, ends, fresh_from, fresh_until] = self.at.map(UnixTime::from_secs);
        if ends < started || self.un.is_empty() || self.s.is_empty() {
            return Err(malformed("contradicts itself"));
        }
        let guids = URL_SAFE_NO_PAD.decode(&self.gg).map_err(|_| malformed("has unreadable groups"))?;
        let (guids, rest) = guids.as_chunks::<16>();
        if !rest.is_empty() {
            return Err(malformed("has unreadable groups"));
        }
        let mut groups: Vec<String> = guids.iter().map(guid_text).collect();
        groups.append(&mut self.gs);
        Ok(SessionRecord {
            id: SessionId(fixed(&self.i)?),
            generation: self.g,
            client: take(&mut self.c),
            identity: Identity {
                issuer: take(&mut self.n),
                issuer_url: take(&mut self.u),
                subject: take(&mut self.s),
                username: take(&mut self.un),
                email: self.e.take(),
                email_verified: self.ev,
                display_name: self.d.take(),
                groups,
                uid: self.o.take(),
                tenant: self.t.take(),
                roles: take(&mut self.r),
                ..Identity::default()
            },
            rule_groups: fixed(&self.gd)?,
            started,
            ends,
            fresh_from,
            fresh_until,
            refresh_token: self.rt.take().map(SecretString::from),
            access_token: self.ac.take().map(SecretString::from),
        })
    }

    fn largest(&self) -> (&'static str, usize) {
        let strings = |many: &[String]| many.iter().map(|s| s.len() + 3).sum::<usize>();
        let length = |one: &Option<String>| one.as_ref().map_or(0, String::len);
        let parts = [
            ("groups", strings(&self.gs) + self.gg.len()),
            ("refresh token", length(&self.rt)),
            ("access token", length(&self.ac)),
            ("roles", strings(&self.r)),
            ("names", self.s.len() + self.un.len() + length(&self.e) + length(&self.d) + length(&self.o)),
        ];
        parts.into_iter().max_by_key(|(_, size)| *size).unwrap_or(("names", 0))
    }
}

/// A GUID as Entra writes it; anything that would not come back the same is left as text.
fn guid(text: &str) -> Option<[u8; 16]> {
    let digits: Vec<u8> = text.bytes().filter(|b| *b != b'-').collect();
    if digits.len() != 32 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut bytes = [0; 16];
    for (byte, pair) in bytes.iter_mut().zip(digits.as_chunks::<2>().0) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    (guid_text(&bytes) == text).then_some(bytes)
}

fn guid_text(bytes: &[u8; 16]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(36);
    for (i, byte) in bytes.iter().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn fixed<const N: usize>(text: &str) -> Result<[u8; N], Refusal> {
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| malformed("has an unreadable id"))?;
    bytes.try_into().map_err(|_| malformed("has an unreadable id"))
}

fn purpose(cookie_name: &str) -> String {
    format!("session:{cookie_name}")
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn malformed(problem: &str) -> Refusal {
    Refusal::SessionMalformed { problem: problem.to_owned() }
}

fn failed(what: &'static str) -> Refusal {
    Refusal::CryptoFailed { what }
}
