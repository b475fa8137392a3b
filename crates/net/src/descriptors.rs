//! How many sockets and files this process may have open.

use std::io;

/// Two for each connection that a listener allows (the client's and the upstream's), and some for everything else.
const WANTED: u64 = 2 * 16_384 + 1024;

/// Raises the soft limit as far as the hard one lets it, and returns what it is then. Many systems begin with 1024, for
/// the sake of programs that use `select`: a gate would stop accepting at half as many callers.
///
/// # Errors
/// The system does not say, or does not let us.
pub fn raise_descriptor_limit() -> io::Result<u64> {
    rlimit::increase_nofile_limit(WANTED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_raised_to_what_is_wanted_or_to_what_is_allowed() {
        let (_, hard) = rlimit::getrlimit(rlimit::Resource::NOFILE).unwrap();
        assert_eq!(raise_descriptor_limit().unwrap().min(WANTED), hard.min(WANTED));
    }
}
