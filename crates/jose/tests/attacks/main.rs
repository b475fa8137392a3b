//! The known attacks on JWS and JWT (RFC 8725 and what has been published since), one test each, through the public
//! interface: what is refused, and under which stable name.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod claims;
mod header;
mod keys;
mod mutation;
mod shape;
mod signatures;
mod spiffe;
mod support;
