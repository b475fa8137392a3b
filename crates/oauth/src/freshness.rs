//! When to get a new one, and when to try again.
//!
//! Both are pure: the caller brings the time and the jitter, `0.0 ..= 1.0` (see [`random_unit`](crate::random_unit)).

use std::time::Duration;

use gangplank_jose::UnixTime;

/// When something that was issued and expires then is due for renewal: after 70 % of its life, and up to 80 % with
/// jitter, so that many who got theirs together don't come back together. Never before `now` and, unless it has
/// expired already, never after `expires`. If it was issued in the future, its life is counted from `now`.
pub fn refresh_at(issued: UnixTime, expires: UnixTime, now: UnixTime, jitter: f64) -> UnixTime {
    let issued = issued.min(now);
    let life = expires.since(issued).as_secs();
    // Permille in integers: a life too long for a float's mantissa must not overshoot its end.
    let permille = 700 + (100.0 * unit(jitter)) as u64;
    let part = life / 1000 * permille + life % 1000 * permille / 1000;
    (issued + Duration::from_secs(part)).min(expires).max(now)
}

/// How long to wait before attempt number `attempt` (the first retry is 0): `base` doubled each time, at most `max`,
/// less up to a quarter of jitter, and never less than `base`.
pub fn back_off(base: Duration, max: Duration, attempt: u32, jitter: f64) -> Duration {
    let doubled = base.saturating_mul(2_u32.saturating_pow(attempt)).min(max);
    doubled.mul_f64(1.0 - unit(jitter) / 4.0).max(base.min(max))
}

/// `NaN` and whatever is outside becomes an end of the range.
fn unit(jitter: f64) -> f64 {
    if jitter > 0.0 { jitter.min(1.0) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> UnixTime {
        UnixTime::from_secs(secs)
    }

    #[test]
    fn renewal_is_due_between_70_and_80_percent() {
        for (jitter, due) in [(0.0, 1700), (0.5, 1750), (1.0, 1800), (-3.0, 1700), (7.0, 1800), (f64::NAN, 1700)] {
            assert_eq!(refresh_at(at(1000), at(2000), at(1000), jitter), at(due), "{jitter}");
        }
        assert_eq!(refresh_at(at(1000), at(4600), at(1100), 0.0), at(3520));
    }

    #[test]
    fn renewal_stays_between_now_and_the_end() {
        assert_eq!(refresh_at(at(1000), at(2000), at(1900), 0.0), at(1900));
        assert_eq!(refresh_at(at(1000), at(2000), at(3000), 0.0), at(3000));
        assert_eq!(refresh_at(at(2000), at(1000), at(1500), 1.0), at(1500));
        assert_eq!(refresh_at(at(1000), at(1001), at(1000), 1.0), at(1000));
        assert_eq!(refresh_at(at(5000), at(2000), at(1000), 0.0), at(1700));
        let never = at(u64::MAX);
        let due = refresh_at(at(0), never, at(0), 1.0);
        assert!(due > at(u64::MAX / 10 * 7) && due < never);
    }

    #[test]
    fn back_off_doubles_between_its_ends() {
        let (base, max) = (Duration::from_secs(10), Duration::from_secs(120));
        let waits: Vec<u64> = (0..6).map(|attempt| back_off(base, max, attempt, 0.0).as_secs()).collect();
        assert_eq!(waits, [10, 20, 40, 80, 120, 120]);
        assert_eq!(back_off(base, max, 0, 1.0), base);
        assert_eq!(back_off(base, max, 2, 1.0), Duration::from_secs(30));
        assert_eq!(back_off(base, max, u32::MAX, f64::INFINITY), Duration::from_secs(90));
        assert_eq!(back_off(Duration::MAX, Duration::from_secs(1), 99, 0.0), Duration::from_secs(1));
    }
}
