//! SPIFFE IDs: no panic, and what is accepted is its own only spelling, to a URL parser too.

#![no_main]

use gangplank_jose::SpiffeId;
use libfuzzer_sys::fuzz_target;
use url::Url;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Some(id) = SpiffeId::parse(text) else { return };
    assert_eq!(format!("spiffe://{}{}", id.trust_domain(), id.path()), text);
    assert_eq!(format!("{}{}", id.trust_domain_id(), id.path()), text);
    let url = Url::parse(text).unwrap();
    assert_eq!((url.as_str(), url.path()), (text, id.path()));
    assert_eq!(url.host_str(), Some(id.trust_domain()));
    assert!(url.port().is_none() && url.query().is_none() && url.fragment().is_none() && url.username().is_empty());
});
