//! `gangplank dev`: see it work in a minute, without a cloud account.

pub mod sample;
