//! Requests to the dev tenant: method, target, header lines, an empty line, a body.
//!
//! No panic, whatever faults the requests ask for; every answer is bounded and can be written.

#![no_main]

use std::time::Duration;

use gangplank_fuzz::{NOW, request, tenant};
use libfuzzer_sys::fuzz_target;

/// The largest body that a fault may ask for.
const LARGEST: usize = 64 << 20;

fuzz_target!(|data: &[u8]| {
    let Some(request) = request(data) else { return };
    // Drawing new keys takes too long to be done here.
    if request.uri().path().contains("rotate") {
        return;
    }
    let reply = tenant().handle(request, NOW);
    assert!(reply.response.body().len() <= LARGEST);
    assert!(reply.delay <= Duration::from_secs(3600), "{:?}", reply.delay);
    for (name, value) in reply.response.headers() {
        assert!(value.to_str().is_ok(), "{name}");
    }
    tenant().clear_faults();
});
