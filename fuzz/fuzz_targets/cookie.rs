//! Our cookie. The first octet says how the rest is used: 0, as the value itself; 1, as what is sealed as a session; 2,
//! as what is deflated and then sealed as one; 3, as what is sealed as a browser's mark. So everything behind the seal is
//! reached too.

#![no_main]

use std::io::Write as _;
use std::sync::LazyLock;

use flate2::{Compression, write::DeflateEncoder};
use gangplank_authn::seal::KeyRing;
use gangplank_authn::session::{MAX_COOKIE, OpenedCookie};
use gangplank_jose::UnixTime;
use libfuzzer_sys::fuzz_target;
use secrecy::SecretString;

const NAME: &str = "__Host-gangplank";
const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

static RING: LazyLock<KeyRing> = LazyLock::new(|| {
    KeyRing::from_secrets(vec![SecretString::from("rFqv3Yd1pZs7kT0wUxN5mB2cH8jL4gQe6aOiSy9VtXo=")]).unwrap()
});

fuzz_target!(|data: &[u8]| {
    let Some((how, rest)) = data.split_first() else { return };
    let session = format!("session:{NAME}");
    let value = match how {
        0 => String::from_utf8_lossy(rest).into_owned(),
        1 => RING.seal(&session, rest).unwrap(),
        2 => {
            let mut deflated = DeflateEncoder::new(Vec::new(), Compression::fast());
            deflated.write_all(rest).unwrap();
            RING.seal(&session, &deflated.finish().unwrap()).unwrap()
        }
        _ => RING.seal(&format!("browser:{NAME}"), rest).unwrap(),
    };
    match OpenedCookie::open(&RING, NAME, &value, NOW) {
        Err(refusal) => {
            let text = format!("{refusal} {refusal:?}");
            assert!(text.len() < 8192 && !text.chars().any(char::is_control), "{text:?}");
        }
        Ok(opened) => {
            assert_ne!(*how, 0, "nobody sealed this");
            if let OpenedCookie::Session(session) = opened {
                let record = session.record();
                assert!(record.ends() > NOW && record.authenticated(NOW).is_ok());
                assert!(!record.identity().username.is_empty());
                if let Ok(again) = record.encode(&RING, NAME) {
                    assert!(again.len() + NAME.len() < MAX_COOKIE + 1);
                    assert!(OpenedCookie::open(&RING, NAME, &again, NOW).is_ok());
                }
            }
        }
    }
});
