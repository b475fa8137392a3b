//! Nobody in particular, where a configuration says by name that this is enough.

use gangplank_jose::UnixTime;
use gangplank_oauth::BoxFuture;
use http::HeaderName;

use crate::{Authenticated, Authenticator, Credentials, Identity, Method, Outcome};

/// Accepts everybody as `anonymous`. It looks at nothing: behind others it belongs to the end of a
/// [`Chain`](crate::Chain) ([`or_anonymous`](crate::Chain::or_anonymous)), which refuses a bad credential before it
/// gets here.
#[derive(Clone, Copy, Debug, Default)]
pub struct Anonymous;

impl Anonymous {
    /// The user name of everybody who did not say.
    pub const USERNAME: &'static str = "anonymous";

    /// The evidence that nobody was asked.
    pub fn authenticated() -> Authenticated {
        let identity = Identity { username: Self::USERNAME.to_owned(), ..Identity::default() };
        Authenticated::new(identity, Method::Anonymous, None)
    }
}

impl Authenticator for Anonymous {
    fn name(&self) -> &str {
        "anonymous"
    }

    fn authenticate<'a>(&'a self, _: Credentials<'a>, _: UnixTime) -> BoxFuture<'a, Outcome> {
        Box::pin(async { Outcome::Authenticated(Anonymous::authenticated()) })
    }

    fn reads(&self) -> &[HeaderName] {
        &[]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anonymous_has_a_name_and_nothing_else() {
        let somebody = Anonymous::authenticated();
        assert_eq!(somebody.method(), Method::Anonymous);
        assert_eq!(somebody.identity(), &Identity { username: "anonymous".into(), ..Identity::default() });
        assert_eq!(somebody.expires(), None);
    }
}
