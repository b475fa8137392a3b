//! What the crypto library takes to verify one RS256 signature.

use std::fs;
use std::hint::black_box;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::KeyPair as _;
use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair};

use crate::Failure;

const BATCHES: usize = 25;
const BATCH: usize = 400;

/// The median over batches of the thread's own CPU time per verification of a token of `length` bytes, in µs.
///
/// # Errors
/// The key cannot be made, or the accounting cannot be read.
pub fn rs256_micros(length: usize) -> Result<f64, Failure> {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048)?;
    let message = vec![b'a'; length];
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), &message, &mut signature)?;
    let key = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref())?;
    let mut batches = Vec::with_capacity(BATCHES);
    for _ in 0..BATCHES {
        let before = cpu_nanos()?;
        for _ in 0..BATCH {
            black_box(key.verify_sig(black_box(&message), black_box(&signature)))?;
        }
        batches.push((cpu_nanos()? - before) as f64 / BATCH as f64 / 1000.0);
    }
    batches.sort_by(f64::total_cmp);
    Ok(batches[BATCHES / 2])
}

/// What the kernel has accounted to this thread: time on a processor, first field of schedstat.
fn cpu_nanos() -> Result<u64, Failure> {
    let accounted = fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(accounted.split_whitespace().next().ok_or("schedstat is empty")?.parse()?)
}
