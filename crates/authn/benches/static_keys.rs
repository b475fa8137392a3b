//! What a static key costs: the aim is the same for 10,000 keys as for 10.
//!
//! `cargo bench -p gangplank-authn --bench static_keys`

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on has failed")]

use std::fmt::Write as _;

use divan::{Bencher, black_box};
use gangplank_authn::Outcome;
use gangplank_authn::static_keys::{KeyEntry, NewKey, StaticKeys, digest_of};
use gangplank_jose::UnixTime;

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
const COUNTS: [usize; 3] = [10, 1_000, 10_000];

fn main() {
    divan::main();
}

fn keys(count: usize) -> (StaticKeys, NewKey) {
    let known = NewKey::generate().unwrap();
    let mut text = KeyEntry::new("known", known.digest()).unwrap().to_string();
    for i in 1..count {
        let entry = KeyEntry::new(&format!("key-{i}"), digest_of(&format!("key {i}"))).unwrap();
        write!(text, "\n{entry}").unwrap();
    }
    let file = std::env::temp_dir().join(format!("gangplank-bench-keys-{}-{count}", std::process::id()));
    std::fs::write(&file, text).unwrap();
    let keys = StaticKeys::load("bench", &file, NOW).unwrap();
    std::fs::remove_file(&file).unwrap();
    (keys, known)
}

#[divan::bench(args = COUNTS, sample_count = 200, sample_size = 100)]
fn a_known_key(bencher: Bencher<'_, '_>, count: usize) {
    let (keys, known) = keys(count);
    bencher.bench(|| {
        let outcome = keys.verify(black_box(known.expose()), NOW);
        assert!(matches!(outcome, Outcome::Authenticated(_)));
    });
}

#[divan::bench(args = COUNTS, sample_count = 200, sample_size = 100)]
fn an_unknown_key(bencher: Bencher<'_, '_>, count: usize) {
    let (keys, _) = keys(count);
    bencher.bench(|| {
        let outcome = keys.verify(black_box("gpk_0000000000000000000000000000000000000000000000000"), NOW);
        assert!(matches!(outcome, Outcome::NotMine(_)));
    });
}
