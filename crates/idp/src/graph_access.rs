//! Who asks Graph, and what they may see there.
//!
//! 1. A token with `scp` is a user's, and may what its scopes say; one without is an application's, and may what its
//!    `roles` say: the permissions that its registration has as application permissions. Neither counts as the other.
//! 2. A user sees oneself, groups included, with `User.Read`.
//! 3. Anybody else: a user takes `User.ReadBasic.All` or `User.Read.All`, a service principal `Application.Read.All`.
//! 4. Groups take besides, of a user, `GroupMember.Read.All` or `Group.Read.All`.
//! 5. `Directory.Read.All` is enough for all of it. What is lacking is answered with 403, before it is looked whether there
//!    is such an object.

use std::sync::Arc;

use gangplank_jose::Claims;
use http::StatusCode;

use crate::claims::Subject;
use crate::directory::{Directory, User};
use crate::graph::{GraphError, Object};

/// The bearer of a verified token for Graph.
pub(crate) struct Caller {
    /// None: an application.
    user: Option<Arc<User>>,
    client: String,
    permissions: Vec<String>,
}

impl Caller {
    /// Rule 1. None if the user or application is gone.
    pub(crate) fn of(directory: &Directory, claims: &Claims) -> Option<Caller> {
        let client = claims.str("appid").unwrap_or_default().to_owned();
        let id = claims.str("oid")?;
        match claims.str("scp") {
            Some(scopes) => Some(Caller {
                user: Some(Arc::clone(directory.user(id)?)),
                client,
                permissions: scopes.split(' ').map(str::to_owned).collect(),
            }),
            None => {
                directory.service_principal(id)?;
                let roles = claims.strings("roles").unwrap_or_default();
                Some(Caller { user: None, client, permissions: roles.into_iter().map(str::to_owned).collect() })
            }
        }
    }

    /// Who signed in, if the token is a user's.
    pub(crate) fn user(&self) -> Option<&Arc<User>> {
        self.user.as_ref()
    }

    /// The client that the token was issued to.
    pub(crate) fn client(&self) -> &str {
        &self.client
    }

    /// Whether it has a scope, or, as an application, a role.
    pub(crate) fn has(&self, permission: &str) -> bool {
        self.permissions.iter().any(|p| p == permission)
    }

    /// Rules 2, 3 and 5. `users` is whether a user is meant, whom there need not be.
    pub(crate) fn may_see(&self, object: Option<&Object>, users: bool) -> Result<(), GraphError> {
        let oneself = object.is_some_and(|object| self.is(object.subject()));
        let enough = match users {
            true => oneself || self.has("User.ReadBasic.All") || self.has("User.Read.All"),
            false => self.has("Application.Read.All"),
        };
        self.granted(enough)
    }

    /// Rules 2, 4 and 5, for somebody whom the caller may see.
    pub(crate) fn may_read_groups_of(&self, subject: Subject<'_>) -> Result<(), GraphError> {
        let enough = match subject {
            Subject::User(_) => {
                (self.is(subject) && self.has("User.Read"))
                    || self.has("GroupMember.Read.All")
                    || self.has("Group.Read.All")
            }
            Subject::Application(_) => true,
        };
        self.granted(enough)
    }

    fn is(&self, subject: Subject<'_>) -> bool {
        self.user.as_ref().is_some_and(|user| user.id == subject.object_id())
    }

    fn granted(&self, enough: bool) -> Result<(), GraphError> {
        if enough || self.has("Directory.Read.All") {
            return Ok(());
        }
        let message = "Insufficient privileges to complete the operation.";
        Err(GraphError(StatusCode::FORBIDDEN, "Authorization_RequestDenied", message))
    }
}
