//! What comes after a 101: bytes both ways, until either side or the caller's session or token ends.
//!
//! HTTP/2's extended CONNECT (RFC 8441) is not offered: browsers then open a WebSocket over HTTP/1.1.

use std::sync::Arc;

use gangplank_oauth::Clock;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::copy_bidirectional;

use crate::session::Life;

/// Joins both sides, once both have switched.
pub(super) fn tunnel(client: OnUpgrade, upstream: OnUpgrade, life: Option<Arc<Life>>, clock: Arc<dyn Clock>) {
    tokio::spawn(async move {
        let (client, upstream) = match tokio::try_join!(client, upstream) {
            Ok(both) => both,
            Err(error) => {
                tracing::debug!(%error, "one side did not switch protocols after all");
                return;
            }
        };
        let (mut client, mut upstream) = (TokioIo::new(client), TokioIo::new(upstream));
        let ended = async {
            match &life {
                Some(life) => life.until_end(&*clock).await,
                None => std::future::pending().await,
            }
        };
        // Dropping both closes both.
        tokio::select! {
            _ = copy_bidirectional(&mut client, &mut upstream) => {}
            () = ended => tracing::debug!("a tunnel was closed with the session or token that opened it"),
        }
    });
}
