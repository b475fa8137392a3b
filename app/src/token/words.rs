//! Times in words.

use std::time::Duration;

use gangplank_jose::UnixTime;

/// `2026-11-22T03:00:00Z, 12 minutes ago`, `…, in 3 hours`.
pub(super) fn moment(at: UnixTime, now: UnixTime) -> String {
    if at == now {
        format!("{at}, now")
    } else if at > now {
        format!("{at}, in {}", span(at.since(now)))
    } else {
        format!("{at}, {} ago", span(now.since(at)))
    }
}

/// The largest unit of which there are two, or the smallest.
pub(super) fn span(length: Duration) -> String {
    let seconds = length.as_secs();
    let units = [(86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];
    let (unit, name) = units.into_iter().find(|(unit, _)| seconds >= 2 * unit).unwrap_or((1, "second"));
    let count = seconds / unit;
    format!("{count} {name}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_words() {
        let now = UnixTime::from_secs(1_795_305_600);
        for (offset, text) in [
            (0_i64, "2026-11-22T00:00:00Z, now"),
            (1, "2026-11-22T00:00:01Z, in 1 second"),
            (90, "2026-11-22T00:01:30Z, in 90 seconds"),
            (3_600, "2026-11-22T01:00:00Z, in 60 minutes"),
            (-7_200, "2026-11-21T22:00:00Z, 2 hours ago"),
            (-172_800, "2026-11-20T00:00:00Z, 2 days ago"),
        ] {
            let at = UnixTime::from_secs(now.as_secs().checked_add_signed(offset).unwrap());
            assert_eq!(moment(at, now), text);
        }
    }
}
