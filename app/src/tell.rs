//! Why something was refused, told to a person: the same words wherever they are read.

use gangplank_jose::Reason;

/// `name`, whose fault, what happened, what was found, what to do: indented by `indent` spaces.
pub fn refusal(reason: &Reason, detail: &str, indent: usize) -> String {
    let lines = [
        format!("{} ({})", reason.name, fault(reason)),
        format!("  what happened  {}", reason.summary),
        format!("  what was found {}", plain(detail)),
        format!("  what to do     {}", reason.remedy),
    ];
    let margin = " ".repeat(indent);
    lines.iter().map(|line| format!("{margin}{line}\n")).collect()
}

/// Whose fault it is, for people.
pub fn fault(reason: &Reason) -> &'static str {
    use gangplank_jose::Fault;
    match reason.fault {
        Fault::Caller => "the caller's fault",
        Fault::Token => "the token's fault",
        Fault::Provider => "the identity provider's fault",
        Fault::Upstream => "the upstream's fault",
        Fault::Operator => "the configuration's fault",
        Fault::Us => "a defect of Gangplank",
    }
}

/// Text that came from outside, without what could move a cursor.
pub fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
