//! Keys that are well formed and keep no secret:
//!
//! 1. RSA moduli of the Infineon generator (ROCA, CVE-2017-15361): their primes are powers of 65537 modulo many small
//!    primes, so that they can be found. Such a modulus is a power of 65537 modulo each of [`TELLING`]; of other moduli about
//!    one in 240 million is, and is refused with them.
//! 2. Ed25519 points of small order: whoever wants to can make a signature that verifies with one.

/// The odd primes up to 167 of which 65537 does not generate the whole group: the others tell nothing.
const TELLING: [u32; 17] = [11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157];

/// Rule 1. `n` is big-endian.
pub(super) fn is_roca(n: &[u8]) -> bool {
    TELLING.into_iter().all(|prime| {
        let remainder = n.iter().fold(0, |rest, octet| (rest << 8 | u32::from(*octet)) % prime);
        std::iter::successors(Some(1), |power| Some(power * 65537 % prime))
            .take(prime as usize)
            .any(|power| power == remainder)
    })
}

/// The points of order 1, 2, 4 and 8 by their y, little-endian, in every form that decodes: as it is, and as y + p where that
/// has room. The sign of x is the highest bit and is not looked at.
const SMALL_ORDER: [[u8; 32]; 7] = [
    [0; 32],
    first_and_rest(1, 0, 0),
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf,
        0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20,
        0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
    first_and_rest(0xec, 0xff, 0x7f),
    first_and_rest(0xed, 0xff, 0x7f),
    first_and_rest(0xee, 0xff, 0x7f),
];

/// Rule 2. `x` is the member of that name: the encoded point.
pub(super) fn has_small_order(x: &[u8]) -> bool {
    let Some((highest, others)) = x.split_last() else { return false };
    SMALL_ORDER.iter().any(|small| small[31] == highest & 0x7f && small[..31] == *others)
}

const fn first_and_rest(first: u8, rest: u8, last: u8) -> [u8; 32] {
    let mut octets = [rest; 32];
    octets[0] = first;
    octets[31] = last;
    octets
}
