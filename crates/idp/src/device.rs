//! The device code flow (RFC 8628): a client without a browser shows a code, and a person types it in somewhere else.
//!
//! 1. `devicecode` takes a registered client and its scopes, and gives a device code, a user code and the page's address.
//!    They last a quarter of an hour.
//! 2. On the page, whoever types the user code picks a user, or declines.
//! 3. The token endpoint answers a device code that is the client's own (AADSTS70018): pending (70016), expired (70020),
//!    declined (650040), or, once, with tokens.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gangplank_jose::UnixTime;
use http::{Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::bounded::Bounded;
use crate::claims::Version;
use crate::client::Client;
use crate::directory::User;
use crate::errors::{self, AuthError};
use crate::guid;
use crate::pages::{Choice, Device};
use crate::params::Params;
use crate::random;
use crate::refresh::Grant;
use crate::reply;
use crate::scopes::Granted;
use crate::step_up;
use crate::tenant::{Call, Tenant};
use crate::token;

const LIFETIME: Duration = Duration::from_secs(900);
/// What clients are told to wait between two questions.
const INTERVAL: u64 = 5;
const BOUND: usize = 10_000;
/// Letters and digits that nobody confuses.
const ALPHABET: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/// All device codes of the tenant.
pub(crate) struct DeviceCodes {
    requests: Bounded<Request>,
    /// User code → device code.
    by_user_code: Bounded<String>,
}

#[derive(Clone)]
struct Request {
    client_id: String,
    granted: Granted,
    issued: UnixTime,
    progress: Progress,
}

#[derive(Clone)]
enum Progress {
    Pending,
    Declined,
    Approved(Arc<User>),
}

impl DeviceCodes {
    pub(crate) fn new() -> Self {
        DeviceCodes { requests: Bounded::new(BOUND), by_user_code: Bounded::new(BOUND) }
    }

    /// A device code and a user code.
    fn issue(&mut self, client_id: &str, granted: Granted, now: UnixTime) -> (String, String) {
        let (device_code, user_code) = (random::token(), user_code());
        let request = Request { client_id: client_id.to_owned(), granted, issued: now, progress: Progress::Pending };
        self.requests.insert(device_code.clone(), request);
        self.by_user_code.insert(user_code.clone(), device_code.clone());
        (device_code, user_code)
    }

    /// The client that waits for a user code.
    fn waiting(&self, user_code: &str, now: UnixTime) -> Option<&str> {
        let request = self.requests.get(self.by_user_code.get(user_code)?)?;
        let open = matches!(request.progress, Progress::Pending) && now.since(request.issued) <= LIFETIME;
        open.then_some(request.client_id.as_str())
    }

    /// Rule 2. False if nothing waits for this code.
    pub(crate) fn decide(&mut self, user_code: &str, user: Option<&Arc<User>>, now: UnixTime) -> bool {
        if self.waiting(user_code, now).is_none() {
            return false;
        }
        let Some(request) = self.by_user_code.remove(user_code).and_then(|code| self.requests.get_mut(&code)) else {
            return false;
        };
        request.progress = user.map_or(Progress::Declined, |user| Progress::Approved(Arc::clone(user)));
        true
    }

    /// Rule 3.
    fn redeem(&mut self, device_code: &str, client_id: &str, now: UnixTime) -> Result<(Arc<User>, Granted), AuthError> {
        let request = self.requests.get(device_code).filter(|request| request.client_id == client_id);
        let request = request.ok_or_else(|| {
            errors::DEVICE_CODE_UNKNOWN
                .because("The provided value for the input parameter 'device_code' is not valid.")
        })?;
        if now.since(request.issued) > LIFETIME {
            return Err(errors::DEVICE_CODE_EXPIRED.because(
                "The provided value for the input parameter 'device_code' is not valid. This device code has expired.",
            ));
        }
        let found = match &request.progress {
            Progress::Pending => {
                let message = "OAuth 2.0 device flow error. Authorization is pending. Continue polling.";
                return Err(errors::DEVICE_PENDING.because(message));
            }
            Progress::Declined => {
                return Err(errors::DEVICE_DECLINED.because("The person declined the device's request."));
            }
            Progress::Approved(user) => (Arc::clone(user), request.granted.clone()),
        };
        self.requests.remove(device_code);
        Ok(found)
    }
}

/// Nine letters and digits: too many to be guessed within a quarter of an hour.
fn user_code() -> String {
    let bytes: [u8; 9] = random::random_bytes();
    bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect()
}

/// `/{tenant}/oauth2/[v2.0/]devicecode`: rule 1.
pub(crate) fn begin(tenant: &Tenant, call: &Call<'_>, version: Version) -> Response<Bytes> {
    let begun = (|| {
        if call.parts.method != Method::POST {
            return Err(errors::NOT_A_POST.because("The endpoint only accepts POST requests."));
        }
        let params = Params::of(call.parts, call.body)?;
        params.refuse_duplicates()?;
        let client = tenant.client(params.require("client_id")?)?;
        let granted = tenant.granted_to(&client, &params, version)?;
        Ok(tenant.state.device_codes().issue(&client.id, granted, call.now))
    })();
    let (device_code, user_code) = match begun {
        Ok(begun) => begun,
        Err(error) => return tenant.refuse(call, error),
    };
    let address = format!("{}/devicelogin", tenant.settings.base);
    let message = format!(
        "To sign in, use a web browser to open the page {address} and enter the code {user_code} to authenticate."
    );
    let body = match version {
        Version::V2 => json!({
            "user_code": user_code, "device_code": device_code, "verification_uri": address,
            "expires_in": LIFETIME.as_secs(), "interval": INTERVAL, "message": message,
        }),
        // Another name, and numbers as text: so is the original.
        Version::V1 => json!({
            "user_code": user_code, "device_code": device_code, "verification_url": address,
            "expires_in": LIFETIME.as_secs().to_string(), "interval": INTERVAL.to_string(), "message": message,
        }),
    };
    reply::json(StatusCode::OK, &body)
}

/// `/devicelogin`: rule 2.
pub(crate) fn page(tenant: &Tenant, call: &Call<'_>) -> Response<Bytes> {
    match call.parts.method {
        Method::GET => {
            let params = Params::parse(call.parts.uri.query().unwrap_or_default().as_bytes());
            form(tenant, call, params.get("user_code").unwrap_or_default(), "")
        }
        Method::POST if !call.comes_from_elsewhere(tenant) => decide(tenant, call),
        _ => tenant.error_page(call, &errors::NOT_A_POST.because("The form must be sent from its page.")),
    }
}

fn decide(tenant: &Tenant, call: &Call<'_>) -> Response<Bytes> {
    let params = match Params::of(call.parts, call.body) {
        Ok(params) => params,
        Err(error) => return tenant.error_page(call, &error),
    };
    let user_code = params.get("user_code").unwrap_or_default().trim().to_ascii_uppercase();
    let user = params.get("username").and_then(|name| tenant.directory.user(name));
    if user.is_none() && params.get("cancel").is_none() {
        return form(tenant, call, &user_code, "Pick a user.");
    }
    if !tenant.state.device_codes().decide(&user_code, user, call.now) {
        return form(tenant, call, &user_code, "Nobody waits for this code. It may have been used, or be too old.");
    }
    let title = if user.is_some() { "You have signed in" } else { "You have declined" };
    tenant.message(StatusCode::OK, title, "You can close this page and go back to your device.", "")
}

fn form(tenant: &Tenant, call: &Call<'_>, user_code: &str, problem: &str) -> Response<Bytes> {
    let waiting = tenant.state.device_codes().waiting(user_code, call.now).map(str::to_owned);
    let application = waiting.as_deref().and_then(|id| tenant.directory.application(id));
    let choices = tenant.directory.users.iter().map(|user| Choice {
        username: &user.username,
        name: &user.name,
        groups: user.groups.len(),
        current: false,
        hinted: false,
    });
    let page = Device {
        tenant: &tenant.settings.name,
        application: application.map_or("your device", |application| &application.name),
        user_code,
        problem,
        choices: choices.collect(),
    };
    let status = if problem.is_empty() { StatusCode::OK } else { StatusCode::BAD_REQUEST };
    reply::page(status, &page, None)
}

/// `grant_type=urn:ietf:params:oauth:grant-type:device_code`, or, as MSAL for Node says, `device_code`: rule 3.
pub(crate) fn grant(
    tenant: &Tenant,
    call: &Call<'_>,
    params: &Params,
    client: &Client,
    version: Version,
) -> Result<Value, AuthError> {
    let device_code = params.require("device_code")?;
    let application = &client.application;
    let (user, granted) = tenant.state.device_codes().redeem(device_code, &application.id, call.now)?;
    // The page is where a second factor is brought.
    let mfa = step_up::is_demanded(&granted, &user);
    let client_id = application.id.clone();
    let grant = Grant { client_id, user, granted, endpoint: version, session: guid::random(), mfa };
    let refresh_token = token::begin_family(tenant, call, &grant);
    token::respond(tenant, call, params, client, &grant, None, refresh_token)
}
