//! The catalogue of token refusals: what is said to whoever has to mend one.

use super::{Fault, Reason};

pub(crate) const ALGORITHM_KEY_MISMATCH: Reason = Reason {
    name: "token-algorithm-key-mismatch",
    fault: Fault::Token,
    summary: "The key that the token names is not for the algorithm that the token names.",
    remedy: "Treat it as a forgery attempt unless the provider has just changed its algorithm; then check alg, kty and crv of that key in the provider's JWKS.",
};

pub(crate) const ALGORITHM_MISSING: Reason = Reason {
    name: "token-algorithm-missing",
    fault: Fault::Token,
    summary: "The header does not say how the token is signed.",
    remedy: "Find out what made the token: every JWT library writes alg, so this one was put together by hand or damaged.",
};

pub(crate) const ALGORITHM_NONE: Reason = Reason {
    name: "token-algorithm-none",
    fault: Fault::Token,
    summary: "The token says that it is not signed.",
    remedy: "Treat it as a forgery attempt; if it is your own test client, let it sign with a key of the issuer.",
};

pub(crate) const ALGORITHM_NOT_ALLOWED: Reason = Reason {
    name: "token-algorithm-not-allowed",
    fault: Fault::Operator,
    summary: "The token is signed with an algorithm that this issuer's configuration does not allow.",
    remedy: "Add the algorithm to the issuer's algorithms if the provider really signs with it, or configure the provider to sign with an allowed one.",
};

pub(crate) const ALGORITHM_UNKNOWN: Reason = Reason {
    name: "token-algorithm-unknown",
    fault: Fault::Token,
    summary: "The token is signed with an algorithm that is not verified here: symmetric (HS256 …), outdated or unheard of.",
    remedy: "Configure the provider to sign with RS256, PS256, ES256 or EdDSA; an HS256 token can be made by whoever can check it, and is never accepted.",
};

pub(crate) const AUDIENCE_MISMATCH: Reason = Reason {
    name: "token-audience-mismatch",
    fault: Fault::Operator,
    summary: "The token was issued for another service.",
    remedy: "Request the token for this service (scope api://APP-ID/.default), or add the found audience to the issuer's audiences if it names this service: Entra writes the client id into v2 tokens and the App ID URI into v1 tokens. Never add the audience of another service, such as Microsoft Graph's.",
};

pub(crate) const AUDIENCE_MISSING: Reason = Reason {
    name: "token-audience-missing",
    fault: Fault::Token,
    summary: "The token does not say for which service it was issued.",
    remedy: "Configure the provider to put this service into aud (in Keycloak: an audience mapper on the client scope).",
};

pub(crate) const CLAIM_MALFORMED: Reason = Reason {
    name: "token-claim-malformed",
    fault: Fault::Token,
    summary: "A registered claim has the wrong type.",
    remedy: "Correct the issuer or claim mapper that writes the claim: times are numbers of seconds and never strings or milliseconds, aud is a string or an array of strings.",
};

pub(crate) const CRITICAL_EXTENSION: Reason = Reason {
    name: "token-critical-extension",
    fault: Fault::Token,
    summary: "The token demands an extension to be understood, and none is.",
    remedy: "Configure the provider to issue plain signed JWTs, without crit.",
};

pub(crate) const ENCRYPTED: Reason = Reason {
    name: "token-encrypted",
    fault: Fault::Token,
    summary: "The token is encrypted (JWE), so nobody but its addressee can read it.",
    remedy: "Turn token encryption off for this application at the provider (in Entra: remove tokenEncryptionKeyId from the app registration).",
};

pub(crate) const EXPIRED: Reason = Reason {
    name: "token-expired",
    fault: Fault::Caller,
    summary: "The token has expired.",
    remedy: "Obtain a new token; if it was new, compare the clocks of this machine and of the provider.",
};

pub(crate) const EXPIRY_MISSING: Reason = Reason {
    name: "token-expiry-missing",
    fault: Fault::Token,
    summary: "The token would never expire.",
    remedy: "Configure the provider to give its tokens a lifetime; tokens without exp are never accepted.",
};

pub(crate) const HEADER_MALFORMED: Reason = Reason {
    name: "token-header-malformed",
    fault: Fault::Token,
    summary: "The header is not one JSON object without repeated members.",
    remedy: "Look at what sent the token: no token service writes this; it was damaged, cut off or made by hand.",
};

pub(crate) const ID_TOKEN_PRESENTED: Reason = Reason {
    name: "token-id-token-presented",
    fault: Fault::Caller,
    summary: "An ID token was presented where an access token belongs.",
    remedy: "Send the access_token of the token response, not its id_token; request a scope of this service if there is none for it.",
};

pub(crate) const ISSUED_IN_FUTURE: Reason = Reason {
    name: "token-issued-in-future",
    fault: Fault::Operator,
    summary: "The token was issued at a time that has not come yet.",
    remedy: "Compare the clocks of this machine and of the provider (chronyc tracking, timedatectl): one of them is wrong.",
};

pub(crate) const ISSUER_MISMATCH: Reason = Reason {
    name: "token-issuer-mismatch",
    fault: Fault::Operator,
    summary: "The token was issued by another provider or tenant than the configured ones.",
    remedy: "Obtain the token from a configured issuer, or correct the issuer or tenant in the configuration: it must equal iss to the last character, slash at the end included.",
};

pub(crate) const ISSUER_MISSING: Reason = Reason {
    name: "token-issuer-missing",
    fault: Fault::Token,
    summary: "The token does not say who issued it.",
    remedy: "Configure the provider to write iss; without it the token cannot be tied to any keys.",
};

pub(crate) const ISSUER_VERSION: Reason = Reason {
    name: "token-issuer-version",
    fault: Fault::Operator,
    summary: "The token is an Entra token of the right tenant, but of the other version (v1 or v2) than the configured issuer.",
    remedy: "Accept both versions (entra = { tenant = … } does), or set api.requestedAccessTokenVersion in the app registration's manifest: 2 for issuers that end in /v2.0, null or 1 for those of sts.windows.net.",
};

pub(crate) const KEY_ID_MISSING: Reason = Reason {
    name: "token-key-id-missing",
    fault: Fault::Token,
    summary: "The token does not say which key signed it, and the issuer has too many to try or the token is a JWT-SVID, which has to say it.",
    remedy: "Configure the provider to write kid into the header of its tokens.",
};

pub(crate) const KEY_ID_TOO_LONG: Reason = Reason {
    name: "token-key-id-too-long",
    fault: Fault::Token,
    summary: "The key id is longer than any real one.",
    remedy: "Treat it as an attack on the look-up of keys; no provider has key ids of more than 1 KiB.",
};

pub(crate) const KEY_UNKNOWN: Reason = Reason {
    name: "token-key-unknown",
    fault: Fault::Token,
    summary: "The issuer's published keys do not include the one that the token names.",
    remedy: "Check that the token comes from the configured issuer and that its JWKS lists the kid; a key that was just rotated in is found at the next fetch of the JWKS.",
};

pub(crate) const KEY_UNUSABLE: Reason = Reason {
    name: "token-key-unusable",
    fault: Fault::Provider,
    summary: "The provider publishes the token's key in a form that must not be trusted.",
    remedy: "Have the provider publish a proper signature key: RSA of 2048 bits or more, P-256, P-384, P-521 or Ed25519, without private members, with a kid of its own and use sig.",
};

pub(crate) const NOT_BASE64URL: Reason = Reason {
    name: "token-not-base64url",
    fault: Fault::Token,
    summary: "A part of the token is not canonical base64url without padding.",
    remedy: "Pass the token on exactly as it was received: line breaks, quotes, padding or a cut-off end are the usual damage.",
};

pub(crate) const NOT_COMPACT: Reason = Reason {
    name: "token-not-compact",
    fault: Fault::Token,
    summary: "It is not a signed JWT (three parts with dots between).",
    remedy: "Send a JWT; an opaque token cannot be verified offline, so configure the provider to issue JWT access tokens for this service.",
};

pub(crate) const NOT_YET_VALID: Reason = Reason {
    name: "token-not-yet-valid",
    fault: Fault::Operator,
    summary: "The token is not valid yet.",
    remedy: "Compare the clocks of this machine and of the provider; raise the issuer's leeway only if they cannot be set right.",
};

pub(crate) const PAYLOAD_COMPRESSED: Reason = Reason {
    name: "token-payload-compressed",
    fault: Fault::Token,
    summary: "The payload is compressed, which no JWS may be.",
    remedy: "Configure the provider to issue plain signed JWTs, without zip.",
};

pub(crate) const PAYLOAD_MALFORMED: Reason = Reason {
    name: "token-payload-malformed",
    fault: Fault::Token,
    summary: "The payload is not one JSON object without repeated members.",
    remedy: "Look for a claim that two mappers of the provider both write; otherwise the token was damaged or made by hand.",
};

pub(crate) const PAYLOAD_NESTED: Reason = Reason {
    name: "token-payload-nested",
    fault: Fault::Token,
    summary: "The payload is not a set of claims but another token.",
    remedy: "Configure the provider to issue plain signed JWTs, without cty.",
};

pub(crate) const PAYLOAD_UNENCODED: Reason = Reason {
    name: "token-payload-unencoded",
    fault: Fault::Token,
    summary: "The payload is sent unencoded or apart from the token.",
    remedy: "Configure the provider to issue plain signed JWTs, without b64.",
};

pub(crate) const PROOF_REQUIRED: Reason = Reason {
    name: "token-proof-required",
    fault: Fault::Token,
    summary: "The token is bound to a key of its holder (cnf), and no proof of possession is checked here.",
    remedy: "Request a plain bearer token: turn DPoP, mTLS binding or SHR proof of possession off for this client.",
};

pub(crate) const SIGNATURE_INVALID: Reason = Reason {
    name: "token-signature-invalid",
    fault: Fault::Token,
    summary: "The signature was not made by the issuer over this header and payload.",
    remedy: "Request a token for this service if it is one for Microsoft Graph (those have a nonce in the header, and only Graph can verify them); otherwise it was altered on the way or is a forgery attempt.",
};

pub(crate) const SIGNATURE_MISSING: Reason = Reason {
    name: "token-signature-missing",
    fault: Fault::Token,
    summary: "The token has lost its signature.",
    remedy: "Pass the token on whole: some consoles and log filters cut the signature off.",
};

pub(crate) const SUBJECT_MISSING: Reason = Reason {
    name: "token-subject-missing",
    fault: Fault::Token,
    summary: "The token does not say about whom it is.",
    remedy: "Configure the provider to write sub (Keycloak's lightweight access tokens leave it out: add the basic scope).",
};

pub(crate) const TOO_LARGE: Reason = Reason {
    name: "token-too-large",
    fault: Fault::Caller,
    summary: "The token is longer than 64 KiB.",
    remedy: "Configure the provider to leave groups or roles that nobody asks for out of the token (in Entra: groups assigned to the application).",
};

pub(crate) const TRUST_DOMAIN_MISMATCH: Reason = Reason {
    name: "token-trust-domain-mismatch",
    fault: Fault::Operator,
    summary: "The token names a workload of a SPIFFE trust domain that is not accepted.",
    remedy: "Compare the trust domain with the configured one, character by character; configure the other domain's own bundle if its workloads are to be let in, and never let one bundle vouch for two domains.",
};

pub(crate) const TYPE_MISMATCH: Reason = Reason {
    name: "token-type-mismatch",
    fault: Fault::Caller,
    summary: "The token is of another kind than the one it is presented as.",
    remedy: "Send the kind of token that belongs here: an access token to a service (typ JWT or at+jwt), an ID token to the sign-in; a logout token or a DPoP proof is neither.",
};
