//! The gate's part of the configuration. Either a gate comes of it, or every error has a place.

#![no_main]

use std::sync::Arc;

use gangplank_gate::config::Config;
use gangplank_gate::{Deps, Gate, Shared};
use gangplank_jose::UnixTime;
use gangplank_oauth::{BoxFuture, Budget, Clock, Transport, TransportError};
use libfuzzer_sys::fuzz_target;

struct Still;
impl Clock for Still {
    fn now(&self) -> UnixTime {
        UnixTime::from_secs(1_800_000_000)
    }
}

struct Nobody;
impl Transport for Nobody {
    fn send(
        &self,
        _: http::Request<bytes::Bytes>,
        _: Budget,
    ) -> BoxFuture<'_, Result<http::Response<bytes::Bytes>, TransportError>> {
        Box::pin(async { Err(TransportError::Connect { host: String::new(), cause: String::new() }) })
    }
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(config) = toml::from_str::<Config>(text) else { return };
    // Files are the machine's, not the input's: some of them never end.
    if !Gate::watched_files(&config).is_empty() {
        return;
    }
    Gate::warnings(&config);
    let built = Gate::build(
        &config,
        Deps {
            clock: Arc::new(Still),
            environment: &|name| (name == "KEY").then(|| "0123456789abcdef0123456789abcdef".to_owned()),
            shared: Shared::new(),
            transport: Some(Arc::new(Nobody)),
        },
    );
    if let Err(errors) = built {
        assert!(!errors.is_empty() && errors.iter().all(|e| !e.path.is_empty() && !e.message.is_empty()), "{errors:?}");
    }
});
