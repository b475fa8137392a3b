//! Our cookie. The first octet says what the rest is: 0 the value itself; 1 to 3 what is behind the seal, sealed
//! properly: octets, JSON (deflated here), a browser id; 4 a sealed session with octets of its value altered.
//!
//! No panic; what was not sealed by us is never opened; what is opened has not ended, and goes through the wire and back.

#![no_main]

use std::io::Write as _;

use flate2::{Compression, write::DeflateEncoder};
use gangplank_authn::session::OpenedCookie;
use gangplank_fuzz::{COOKIE, NOW, is_clean, ring};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&kind, rest)) = data.split_first() else { return };
    let session = format!("session:{COOKIE}");
    match kind % 5 {
        0 => {
            let Ok(text) = std::str::from_utf8(rest) else { return };
            assert!(open(text).is_none(), "nobody sealed this");
        }
        1 => drop(open(&ring().seal(&session, rest).unwrap())),
        2 => {
            let mut deflated = DeflateEncoder::new(Vec::new(), Compression::fast());
            deflated.write_all(rest).unwrap();
            drop(open(&ring().seal(&session, &deflated.finish().unwrap()).unwrap()));
        }
        3 => {
            let opened = open(&ring().seal(&format!("browser:{COOKIE}"), rest).unwrap());
            assert_eq!(matches!(opened, Some(OpenedCookie::Browser(_))), rest.len() == 16);
        }
        _ => altered(&ring().seal(&session, b"{}").unwrap(), rest),
    }
});

fn open(value: &str) -> Option<OpenedCookie> {
    match OpenedCookie::open(ring(), COOKIE, value, NOW) {
        Ok(opened) => {
            let _ = format!("{opened:?}");
            if let OpenedCookie::Session(session) = &opened {
                let record = session.record();
                assert!(record.ends() > NOW && record.started() <= record.ends());
                assert!(!record.identity().username.is_empty() && !record.identity().subject.is_empty());
                let _ = (record.refresh_due(), record.fresh_until(), session.authenticated(NOW).unwrap());
                // Not everything fits a cookie again; what does is the same.
                if let Ok(again) = record.encode(ring(), COOKIE) {
                    let Ok(OpenedCookie::Session(second)) = OpenedCookie::open(ring(), COOKIE, &again, NOW) else {
                        panic!("a session that was encoded does not open");
                    };
                    assert_eq!(second.record().identity(), record.identity());
                    assert_eq!(second.record().id(), record.id());
                }
            }
            Some(opened)
        }
        Err(refusal) => {
            let text = refusal.to_string();
            assert!(text.len() < 2048 && is_clean(&text), "{text:?}");
            None
        }
    }
}

/// Every second octet is a place, the one after it what to do there.
fn altered(sealed: &str, how: &[u8]) {
    let mut value = sealed.as_bytes().to_vec();
    for pair in how.chunks_exact(2) {
        let at = usize::from(pair[0]) % value.len();
        value[at] = pair[1];
    }
    let Ok(value) = String::from_utf8(value) else { return };
    if value != sealed {
        assert!(open(&value).is_none());
    }
}
