//! The pages, as templates. Everything in them is escaped.

use askama::Template;

use crate::reply::SUBMIT_SCRIPT;

/// The style sheet of all pages.
pub(crate) const STYLE: &str = include_str!("../templates/style.css");

/// A user to pick.
pub(crate) struct Choice<'a> {
    pub(crate) username: &'a str,
    pub(crate) name: &'a str,
    pub(crate) groups: usize,
    /// Whether the browser is signed in as this one.
    pub(crate) current: bool,
    /// Whether the application hinted at this one.
    pub(crate) hinted: bool,
}

/// Pick a user.
#[derive(Template)]
#[template(path = "sign_in.html")]
pub(crate) struct SignIn<'a> {
    pub(crate) tenant: &'a str,
    pub(crate) application: &'a str,
    pub(crate) scopes: &'a str,
    pub(crate) action: &'a str,
    pub(crate) request: &'a str,
    pub(crate) choices: Vec<Choice<'a>>,
}

/// Enter a device's code and pick a user.
#[derive(Template)]
#[template(path = "device.html")]
pub(crate) struct Device<'a> {
    pub(crate) tenant: &'a str,
    /// Whose device waits, if that is known yet.
    pub(crate) application: &'a str,
    pub(crate) user_code: &'a str,
    pub(crate) problem: &'a str,
    pub(crate) choices: Vec<Choice<'a>>,
}

/// `response_mode=form_post`.
#[derive(Template)]
#[template(path = "form_post.html")]
pub(crate) struct FormPost<'a> {
    pub(crate) tenant: &'a str,
    pub(crate) action: &'a str,
    pub(crate) fields: &'a [(&'static str, String)],
    pub(crate) script: &'static str,
}

impl<'a> FormPost<'a> {
    pub(crate) fn new(tenant: &'a str, action: &'a str, fields: &'a [(&'static str, String)]) -> Self {
        FormPost { tenant, action, fields, script: SUBMIT_SCRIPT }
    }
}

/// A failure that has nowhere safe to go, or any other thing to say.
#[derive(Template)]
#[template(path = "message.html")]
pub(crate) struct Message<'a> {
    pub(crate) tenant: &'a str,
    pub(crate) title: &'a str,
    pub(crate) text: &'a str,
    pub(crate) detail: &'a str,
}

/// What there is in this tenant.
#[derive(Template)]
#[template(path = "home.html")]
pub(crate) struct Home<'a> {
    pub(crate) tenant: &'a str,
    pub(crate) tenant_id: &'a str,
    pub(crate) base: &'a str,
    pub(crate) users: Vec<Choice<'a>>,
    pub(crate) applications: Vec<(&'a str, &'a str, &'a str)>,
}
