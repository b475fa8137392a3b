//! What a provider's refusal means: from `error`, and at Entra ID from the `AADSTS` codes, to one entry of the
//! catalogue.

use gangplank_jose::Reason;
use serde_json::Value;

use crate::reasons as r;

/// Values of `error` that say: the person has to come back to the provider (OpenID Connect Core §3.1.2.6).
pub(crate) const INTERACTION: &[&str] =
    &["interaction_required", "login_required", "consent_required", "account_selection_required"];

/// Codes that pass by themselves: a part of the provider is away, or it was asked for the same too often.
pub(crate) const TRANSIENT: &[u32] = &[LOOP, 90033];

/// The same was asked for the same person too often.
pub(crate) const LOOP: u32 = 50196;

/// No answer needs more, and a hostile one shall not make us keep more.
const MAX_CODES: usize = 8;

/// The catalogue entry for a refusal: that of the first code that is known here, else that of `error`.
pub fn reason(error: &str, codes: &[u32]) -> &'static Reason {
    codes.iter().find_map(|code| of_code(*code)).unwrap_or_else(|| of_error(error))
}

/// The codes in an error answer: `error_codes`, and those that its description begins with or names
/// (`AADSTS50011: …`), without repetition.
pub fn codes(error_codes: Option<&Value>, description: &str) -> Vec<u32> {
    let listed = error_codes.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_u64);
    let named = description.split("AADSTS").skip(1).filter_map(|rest| {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        rest[..digits].parse::<u64>().ok()
    });
    let mut codes = Vec::new();
    for code in listed.chain(named).filter_map(|code| u32::try_from(code).ok()) {
        if codes.len() < MAX_CODES && !codes.contains(&code) {
            codes.push(code);
        }
    }
    codes
}

fn of_code(code: u32) -> Option<&'static Reason> {
    Some(match code {
        50011 => &r::REDIRECT_URI,
        50013 | 240002 | 500131 => &r::ASSERTION,
        500133 => &r::ASSERTION_EXPIRED,
        50034 | 500_341 | 50057 => &r::USER_GONE,
        50027 | 700021 | 700023 => &r::CLIENT_ASSERTION,
        50072 | 50074 | 50076 | 50079 | 50158 => &r::MFA,
        50105 => &r::UNASSIGNED,
        50173 | 70008 | 700082 | 700084 => &r::REFRESH_EXPIRED,
        53000..=53003 | 53011 | 530_003 => &r::ACCESS_BLOCKED,
        54005 => &r::CODE_REDEEMED,
        65001 => &r::CONSENT,
        65004 => &r::CONSENT_DECLINED,
        70011 | 1002012 => &r::SCOPE,
        90009 => &r::SCOPE_OWN,
        70021 | 700211..=700213 => &r::FEDERATION,
        90002 => &r::TENANT,
        500011 => &r::RESOURCE,
        700016 => &r::APPLICATION,
        700024 => &r::ASSERTION_TIME,
        700025 => &r::CLIENT_PUBLIC,
        700027 => &r::CERTIFICATE,
        7000114 => &r::ASSERTION_APP_ONLY,
        7000215 => &r::SECRET_WRONG,
        7000218 => &r::SECRET_MISSING,
        7000222 => &r::SECRET_EXPIRED,
        9002313 => &r::BAD_REQUEST,
        9002325..=9002327 => &r::SPA,
        901_002 | 9010010 => &r::RESOURCE_CONFLICT,
        _ => return None,
    })
}

fn of_error(error: &str) -> &'static Reason {
    match error {
        "invalid_grant" => &r::GRANT_INVALID,
        "invalid_client" => &r::CLIENT_REJECTED,
        "unauthorized_client" => &r::CLIENT_UNAUTHORIZED,
        "invalid_scope" => &r::SCOPE,
        "access_denied" => &r::DENIED,
        "temporarily_unavailable" | "server_error" => &r::OVERLOADED,
        _ if INTERACTION.contains(&error) => &r::INTERACTION,
        _ => &r::REFUSED,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn codes_come_from_the_list_and_from_the_text() {
        let text = "AADSTS7000215: Invalid client secret provided. See AADSTS90002 and AADSTSx.\r\nTrace ID: 1";
        assert_eq!(codes(None, text), [7_000_215, 90002]);
        assert_eq!(codes(Some(&json!([7_000_215])), text), [7_000_215, 90002]);
        assert!(codes(Some(&json!("7000215")), "").is_empty());
        let odd = json!([-1, 1.5, 99_999_999_999_u64, "1"]);
        assert!(codes(Some(&odd), "AADSTS AADSTS99999999999999999999999").is_empty());
        let many: Vec<u32> = (0..10_000).collect();
        assert_eq!(codes(Some(&json!(many)), "").len(), MAX_CODES);
    }

    #[test]
    fn the_codes_that_matter_have_their_own_remedy() {
        for (code, name) in [
            (50011, "redirect-uri-unregistered"),
            (50013, "assertion-invalid"),
            (50076, "mfa-required"),
            (50079, "mfa-required"),
            (50034, "user-unknown"),
            (50158, "mfa-required"),
            (530_003, "conditional-access-blocked"),
            (90009, "scope-own-application"),
            (901_002, "scope-resource-conflict"),
            (700_212, "federated-credential-unmatched"),
            (65001, "consent-missing"),
            (500131, "assertion-invalid"),
            (500133, "assertion-expired"),
            (700_023, "client-assertion-refused"),
            (1_002_012, "scope-refused"),
            (7_000_114, "assertion-app-only"),
            (700016, "application-unknown"),
            (700024, "client-assertion-time"),
            (700027, "certificate-unregistered"),
            (7_000_215, "client-secret-wrong"),
            (7_000_222, "client-secret-expired"),
            (90002, "tenant-unknown"),
            (9_002_313, "provider-request-invalid"),
        ] {
            assert_eq!(reason("invalid_request", &[code]).name, name);
        }
    }

    #[test]
    fn without_a_known_code_the_oauth_error_decides() {
        assert_eq!(reason("invalid_grant", &[1]).name, "grant-invalid");
        assert_eq!(reason("invalid_grant", &[1, 70008]).name, "refresh-token-expired");
        assert_eq!(reason("login_required", &[]).name, "interaction-required");
        assert_eq!(reason("access_denied", &[]).name, "sign-in-denied");
        assert_eq!(reason("something_new", &[]).name, "provider-refused");
    }

    #[test]
    fn every_entry_that_can_be_given_is_in_the_catalogue() {
        for code in (0..10_000_000).filter(|c| of_code(*c).is_some()) {
            assert!(r::EXCHANGE.contains(&reason("", &[code])), "{code}");
        }
        for error in ["invalid_grant", "invalid_client", "unauthorized_client", "invalid_scope", "access_denied", "x"] {
            assert!(r::EXCHANGE.contains(&reason(error, &[])), "{error}");
        }
    }
}
