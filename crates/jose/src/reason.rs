//! Why something was refused: one entry of the catalogue that logs, pages for operators, `gangplank explain` and
//! the documentation all print from.

pub(crate) mod catalogue;

/// Whose fault a refusal is: the first question of whoever has to mend it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fault {
    /// The request or the person that sent it.
    Caller,
    /// The token, as it was issued.
    Token,
    /// The identity provider.
    Provider,
    /// The service behind the gate.
    Upstream,
    /// The configuration of this process.
    Operator,
    /// A defect of ours.
    Us,
}

impl Fault {
    /// The word that logs and metrics use.
    pub const fn name(self) -> &'static str {
        match self {
            Fault::Caller => "caller",
            Fault::Token => "token",
            Fault::Provider => "provider",
            Fault::Upstream => "upstream",
            Fault::Operator => "operator",
            Fault::Us => "us",
        }
    }
}

/// One entry of the catalogue of refusals. Names are stable: people put them into alerts.
#[derive(Debug, PartialEq, Eq)]
pub struct Reason {
    /// Stable, lower case, hyphenated: `token-expired`.
    pub name: &'static str,
    /// Whose fault it is.
    pub fault: Fault,
    /// What happened, in one sentence without the facts of the case.
    pub summary: &'static str,
    /// What to do about it, in one sentence that begins with a verb.
    pub remedy: &'static str,
}
