//! Graph for tokens that the API server's own file judges: a resolver is asked only about members of a tenant that its
//! issuer admits, by a token of that very tenant.

use std::sync::Arc;

use gangplank_jose::{Claims, UnixTime};
use gangplank_oauth::BoxFuture;

use super::{GroupsResolver, Member};
use crate::Denial;
use crate::kubernetes::GroupsElsewhere;

impl GroupsElsewhere for GroupsResolver {
    fn groups<'a>(
        &'a self,
        token: &'a str,
        claims: &'a Claims,
        now: UnixTime,
    ) -> BoxFuture<'a, Option<Result<Vec<String>, Denial>>> {
        Box::pin(async move {
            let member = Member::of(claims).filter(|member| self.vouches(claims.issuer(), member))?;
            Some(self.groups(&member, token, now).await.map(|groups| groups.to_vec()))
        })
    }
}

/// The first that knows the issuer.
impl GroupsElsewhere for Vec<Arc<GroupsResolver>> {
    fn groups<'a>(
        &'a self,
        token: &'a str,
        claims: &'a Claims,
        now: UnixTime,
    ) -> BoxFuture<'a, Option<Result<Vec<String>, Denial>>> {
        Box::pin(async move {
            for resolver in self {
                let found = GroupsElsewhere::groups(&**resolver, token, claims, now).await;
                if found.is_some() {
                    return found;
                }
            }
            None
        })
    }
}
