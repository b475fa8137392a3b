//! TokenReviews, as a webhook is asked and as a cluster answers: no panic, and what is understood is the same when written
//! and read again.

#![no_main]

use gangplank_authn::token_review::{ReviewVersion, TokenReviewRequest, TokenReviewStatus};
use libfuzzer_sys::fuzz_target;
use secrecy::ExposeSecret;

fuzz_target!(|data: &[u8]| {
    if let Ok(asked) = TokenReviewRequest::parse(data) {
        let again = TokenReviewRequest::parse(&asked.to_json()).expect("a question");
        assert_eq!(again.version, asked.version);
        assert_eq!(again.token.expose_secret(), asked.token.expose_secret());
        assert_eq!(again.audiences, asked.audiences);
        assert!(!asked.token.expose_secret().is_empty());
    }
    for version in [ReviewVersion::V1, ReviewVersion::V1Beta1] {
        if let Some(status) = TokenReviewStatus::parse(data, version) {
            assert_eq!(TokenReviewStatus::parse(&status.to_json(version), version), Some(status));
        }
    }
});
