//! From a known caller to what an API server may be told of them.

use gangplank_authn::token_review::TokenReviewStatus;
use gangplank_authn::{Authenticated, Identity, Method, UserInfo};

use super::refusal::TokenReviewRefusal;
use crate::reserved::{AUTHENTICATED, is_nobodys_to_give, is_reserved};

/// What every answer of a webhook is made by.
#[derive(Clone, Debug, Default)]
pub(super) struct Terms {
    pub(super) audiences: Vec<String>,
    pub(super) allow_reserved: bool,
}

impl Terms {
    /// The answer to a question for `wanted`.
    pub(super) fn judge(
        &self,
        caller: &Authenticated,
        wanted: &[String],
    ) -> Result<TokenReviewStatus, TokenReviewRefusal> {
        let user = self.user(caller)?;
        let audiences = self.audiences(caller.identity(), wanted)?;
        Ok(TokenReviewStatus { authenticated: true, user: Some(user), audiences, error: String::new() })
    }

    /// Which of the wanted audiences the token is for.
    fn audiences(&self, identity: &Identity, wanted: &[String]) -> Result<Vec<String>, TokenReviewRefusal> {
        let own = &identity.audiences;
        if wanted.is_empty() {
            return Ok(if self.audiences.is_empty() { own.clone() } else { self.audiences.clone() });
        }
        let found: Vec<&String> = self.audiences.iter().chain(own).collect();
        let both: Vec<String> = wanted.iter().filter(|audience| found.contains(audience)).cloned().collect();
        if both.is_empty() {
            let cut = |audiences: &mut dyn Iterator<Item = &String>| {
                audiences.take(8).map(|a| a.chars().take(128).collect()).collect()
            };
            let (wanted, found) = (cut(&mut wanted.iter()), cut(&mut found.into_iter()));
            return Err(TokenReviewRefusal::Audience { wanted, found });
        }
        Ok(both)
    }

    fn user(&self, caller: &Authenticated) -> Result<UserInfo, TokenReviewRefusal> {
        let mut user = caller.identity().user_info();
        if user.username.is_empty() || caller.method() == Method::Anonymous {
            return Err(TokenReviewRefusal::Nobody);
        }
        // The word of a cluster: its authenticator has judged which of its own names it may give.
        let of_a_cluster = caller.method() == Method::TokenReview;
        if of_a_cluster {
            user.groups.retain(|group| group != AUTHENTICATED);
        }
        let refused =
            |name: &str| is_nobodys_to_give(name) || (is_reserved(name) && !self.allow_reserved && !of_a_cluster);
        let mut names = [("user name", &user.username)].into_iter().chain(user.groups.iter().map(|g| ("group", g)));
        if let Some((what, name)) = names.find(|(_, name)| refused(name)) {
            return Err(TokenReviewRefusal::NameReserved { what, value: name.chars().take(128).collect() });
        }
        drop(names);
        Ok(user)
    }
}
