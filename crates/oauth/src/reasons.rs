//! The entries of the catalogue of refusals that are about an exchange with a provider.

use gangplank_jose::{Fault, Reason};

macro_rules! catalogue {
    ($table:ident: $($id:ident = $name:literal, $fault:ident, $summary:literal, $remedy:literal;)+) => {
        $(pub(crate) static $id: Reason =
            Reason { name: $name, fault: Fault::$fault, summary: $summary, remedy: $remedy };)+
        pub(crate) const $table: &[&Reason] = &[$(&$id),+];
    };
}

catalogue! { EXCHANGE:
    UNREACHABLE = "provider-unreachable", Provider, "The identity provider could not be connected to.",
        "Check DNS, egress rules and proxies from this process to the provider's host; it is retried.";
    TLS = "provider-tls", Provider, "The TLS handshake with the identity provider failed.",
        "Set the issuer's ca_file if it has a private authority, and check the certificate's names and dates.";
    TIMEOUT = "provider-timeout", Provider, "The identity provider did not answer in time.",
        "Look at the provider's status and at the network path to it; it is retried.";
    TOO_LARGE = "provider-answer-too-large", Provider, "The identity provider's answer is larger than is read.",
        "Check that the issuer's URL leads to an OpenID provider and not to some other service.";
    BROKE_OFF = "provider-broke-off", Provider, "The connection to the identity provider broke, or it did not speak HTTP.",
        "Check that the scheme and port of the issuer are right and that no proxy between cuts connections.";
    OVERLOADED = "provider-overloaded", Provider, "The identity provider says that it cannot answer at present.",
        "Wait; it is retried with growing pauses. If it lasts, look at the provider's status page.";
    NO_METADATA = "provider-metadata-missing", Operator, "There is no OpenID metadata where the issuer should have it.",
        "Correct the issuer's URL: {issuer}/.well-known/openid-configuration must answer 200.";
    STATUS = "provider-status", Provider, "The token endpoint answered neither with tokens nor with an OAuth error.",
        "Look at the provider's log, and for a proxy between that answers in its place.";
    MALFORMED = "provider-malformed", Provider, "The identity provider's answer is not what the protocol demands.",
        "Compare the facts with what the provider really sends; something between may have changed it.";
    ISSUER_MISMATCH = "issuer-mismatch", Operator, "The issuer's metadata carry another issuer's name.",
        "Write the issuer exactly as the metadata spell it, slash at the end included.";
    CREDENTIAL = "client-credential-unusable", Operator, "Our own client credential could not be read or used.",
        "Mount the certificate's key or the federated token file where the configuration says, readable by this process.";

    // Any OpenID provider.
    GRANT_INVALID = "grant-invalid", Caller, "The provider no longer accepts the code or refresh token.",
        "Sign in again; if it comes back at once, check that the redirect URI and the clocks agree.";
    INTERACTION = "interaction-required", Caller, "The provider wants to see the person again.",
        "Sign in again.";
    CLIENT_REJECTED = "client-rejected", Operator, "The provider does not accept our client id or credential.",
        "Compare the client's id, secret and method with its registration at the provider.";
    CLIENT_UNAUTHORIZED = "client-unauthorized", Operator, "Our client may not use this grant at the provider.",
        "Allow the grant in the client's registration: authorization code and refresh token for sign-in, client credentials or token exchange for machines.";
    SCOPE = "scope-refused", Operator, "The provider does not know or grant the scopes asked for.",
        "Correct the client's scopes; Entra ID takes those of one resource only, plus openid, profile, email and offline_access.";
    SCOPE_OWN = "scope-own-application", Operator, "The application asked for a token for itself by its URI (AADSTS90009).",
        "Write its client id into the scope, CLIENT-ID/.default: Entra ID takes no application id URI for an application's own tokens.";
    USER_GONE = "user-unknown", Caller, "The person is not in the tenant, or no longer enabled there (AADSTS50034, AADSTS50057).",
        "Sign in with an account of this tenant, or have the account enabled.";
    DENIED = "sign-in-denied", Caller, "The provider or the person declined the sign-in.",
        "Ask the provider's administrator for access to this application.";
    REFUSED = "provider-refused", Provider, "The provider refused the request.",
        "Read the provider's own description among the facts.";

    // Entra ID, by AADSTS code.
    REDIRECT_URI = "redirect-uri-unregistered", Operator, "Our redirect URI is not registered for the application (AADSTS50011).",
        "Add the exact redirect URI, public_url + prefix + /callback, to the application under Authentication, platform Web.";
    ASSERTION = "assertion-invalid", Token, "The assertion that was to be exchanged is not valid (AADSTS50013, AADSTS500131, AADSTS240002).",
        "Check that the assertion is an access token for the exchanging application, from this tenant.";
    ASSERTION_EXPIRED = "assertion-expired", Token, "The assertion that was to be exchanged is not within its time (AADSTS500133).",
        "Call with a new token; if it is new, correct this machine's clock.";
    ASSERTION_APP_ONLY = "assertion-app-only", Caller, "An application's own token cannot be exchanged on behalf of anybody (AADSTS7000114).",
        "Call with a person's token, or let the caller ask for a token of its own for the resource behind.";
    CONSENT = "consent-missing", Operator, "Nobody has consented to the permissions asked for (AADSTS65001).",
        "Grant admin consent to the application's API permissions, or consent as a user at sign-in.";
    CONSENT_DECLINED = "consent-declined", Caller, "The person declined the permissions asked for (AADSTS65004).",
        "Sign in again and accept, or ask an administrator for consent on behalf of all.";
    CERTIFICATE = "certificate-unregistered", Operator, "The certificate that signed is not registered for the application (AADSTS700027).",
        "Upload the certificate to the application under Certificates & secrets, or point to the registered one.";
    SECRET_WRONG = "client-secret-wrong", Operator, "The client secret is wrong (AADSTS7000215).",
        "Use the secret's value, not its id, of this very application.";
    SECRET_EXPIRED = "client-secret-expired", Operator, "The client secret has expired (AADSTS7000222).",
        "Create a new secret and roll it out, or go over to a certificate or a federated credential.";
    SECRET_MISSING = "client-secret-missing", Operator, "The application wants a client credential and got none (AADSTS7000218).",
        "Configure secret, certificate or federated_token_file, or allow public client flows for the application.";
    CLIENT_PUBLIC = "client-is-public", Operator, "The application is public and takes no client credential (AADSTS700025).",
        "Remove the credential from the client, or register the redirect URI under the platform Web.";
    CLIENT_ASSERTION = "client-assertion-refused", Operator, "Our client assertion is not for this client or this provider (AADSTS50027, AADSTS700021, AADSTS700023).",
        "Compare the client id and the issuer's URL with the app registration; nothing between may change the request.";
    ASSERTION_TIME = "client-assertion-time", Operator, "Our client assertion is not within its time (AADSTS700024).",
        "Correct this machine's clock; for federation, check that the token file is being renewed.";
    FEDERATION = "federated-credential-unmatched", Operator, "No federated credential of the application matches our token (AADSTS70021).",
        "Compare issuer, subject and audience of the token file with the application's federated credentials.";
    TENANT = "tenant-unknown", Operator, "The tenant does not exist in this cloud (AADSTS90002).",
        "Correct the tenant's id, and the authority if it is in a sovereign cloud.";
    APPLICATION = "application-unknown", Operator, "The application is not known in the tenant (AADSTS700016).",
        "Compare the client id and the tenant with the app registration.";
    RESOURCE = "resource-unknown", Operator, "The resource of a scope is not known in the tenant (AADSTS500011).",
        "Correct the application id URI in the scopes, or have the API's service principal created in the tenant.";
    MFA = "mfa-required", Caller, "The provider demands another factor (AADSTS50076, AADSTS50079).",
        "Sign in again interactively and complete the second factor.";
    ACCESS_BLOCKED = "conditional-access-blocked", Caller, "Conditional access does not let this sign-in through (AADSTS53003).",
        "Meet the policy (device, place, risk), or have the tenant's administrator look at the sign-in log.";
    UNASSIGNED = "user-unassigned", Caller, "The person is not assigned to the application (AADSTS50105).",
        "Assign the user or a group of theirs to the enterprise application, or turn off the demand for assignment.";
    CODE_REDEEMED = "code-redeemed", Caller, "The authorization code had been redeemed before (AADSTS54005).",
        "Begin the sign-in anew; a page that reloads the callback does this.";
    REFRESH_EXPIRED = "refresh-token-expired", Caller, "The refresh token has expired or was revoked (AADSTS70008, AADSTS700082, AADSTS50173).",
        "Sign in again.";
    SPA = "redirect-uri-platform", Operator, "The redirect URI is registered as that of a single-page application (AADSTS9002327).",
        "Register it under the platform Web instead.";
    BAD_REQUEST = "provider-request-invalid", Us, "The provider found the request malformed (AADSTS9002313).",
        "Check scopes, client id and endpoint for stray characters; if they are right, report it as a defect.";
    RESOURCE_CONFLICT = "scope-resource-conflict", Operator, "The scopes and the resource asked for do not belong together (AADSTS9010010, AADSTS901002).",
        "Ask for scopes of one resource only, and send no resource parameter to Entra ID.";
}

catalogue! { CALLBACK:
    CALLBACK_MALFORMED = "callback-malformed", Caller, "The return from the provider is not a well-formed authorization response.",
        "Begin the sign-in anew; if it comes back, look at what the provider puts into the redirect.";
    CALLBACK_ISSUER = "callback-issuer", Caller, "The return is not from the provider that was asked (RFC 9207).",
        "Begin the sign-in anew; repeated, it is a mix-up attack or a proxy that drops the parameter iss.";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_every_entry_says_what_to_do() {
        let all: Vec<_> = EXCHANGE.iter().chain(CALLBACK).collect();
        let names: BTreeSet<_> = all.iter().map(|r| r.name).collect();
        assert_eq!(names.len(), all.len());
        for reason in all {
            assert!(reason.name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{}", reason.name);
            assert!(reason.summary.ends_with('.') && reason.remedy.ends_with('.'), "{}", reason.name);
            assert!(reason.remedy.starts_with(char::is_uppercase), "{}", reason.name);
        }
    }
}
