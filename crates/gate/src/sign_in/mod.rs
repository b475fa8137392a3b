//! Signing in: from a page that needs to know who it is, through the provider, back to that page.

mod refusal;

pub(crate) use refusal::SignInRefusal;
