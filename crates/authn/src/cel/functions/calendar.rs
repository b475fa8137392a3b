//! Time spans and points in time.
//!
//! 1. A span is written as in Go: `1h30m`, `-1.5s`, `100ms`, `0`. It counts nanoseconds in 64 bits.
//! 2. A point in time is written as in RFC 3339, from the year 1 to the year 9999.
//! 3. Getters answer in UTC, or in a zone of the form `+02:00`. Names of zones are not known: there is no table of them
//!    here.

use super::super::meter::Fault;
use super::super::value::{Instant, Val};
use super::{Table, text, value, wrong};

pub(super) const SECOND: i128 = 1_000_000_000;
const FIRST: i64 = -62_135_596_800;
const LAST: i64 = 253_402_300_799;

pub(super) const TABLE: Table = &[
    ("timestamp.getFullYear(): int", |_, a| part(a, |t| t.year)),
    ("timestamp.getFullYear(string): int", |_, a| part(a, |t| t.year)),
    ("timestamp.getMonth(): int", |_, a| part(a, |t| t.month - 1)),
    ("timestamp.getMonth(string): int", |_, a| part(a, |t| t.month - 1)),
    ("timestamp.getDate(): int", |_, a| part(a, |t| t.day)),
    ("timestamp.getDate(string): int", |_, a| part(a, |t| t.day)),
    ("timestamp.getDayOfMonth(): int", |_, a| part(a, |t| t.day - 1)),
    ("timestamp.getDayOfMonth(string): int", |_, a| part(a, |t| t.day - 1)),
    ("timestamp.getDayOfWeek(): int", |_, a| part(a, |t| (t.days + 4).rem_euclid(7))),
    ("timestamp.getDayOfWeek(string): int", |_, a| part(a, |t| (t.days + 4).rem_euclid(7))),
    ("timestamp.getDayOfYear(): int", |_, a| part(a, |t| t.days - days(t.year, 1, 1))),
    ("timestamp.getDayOfYear(string): int", |_, a| part(a, |t| t.days - days(t.year, 1, 1))),
    ("timestamp.getHours(): int", |_, a| part(a, |t| t.second / 3600)),
    ("timestamp.getHours(string): int", |_, a| part(a, |t| t.second / 3600)),
    ("timestamp.getMinutes(): int", |_, a| part(a, |t| t.second / 60 % 60)),
    ("timestamp.getMinutes(string): int", |_, a| part(a, |t| t.second / 60 % 60)),
    ("timestamp.getSeconds(): int", |_, a| part(a, |t| t.second % 60)),
    ("timestamp.getSeconds(string): int", |_, a| part(a, |t| t.second % 60)),
    ("timestamp.getMilliseconds(): int", |_, a| part(a, |t| i64::from(t.nanos / 1_000_000))),
    ("timestamp.getMilliseconds(string): int", |_, a| part(a, |t| i64::from(t.nanos / 1_000_000))),
    ("duration.getHours(): int", |_, a| span(a, |nanos| nanos / 3_600_000_000_000)),
    ("duration.getMinutes(): int", |_, a| span(a, |nanos| nanos / 60_000_000_000)),
    ("duration.getSeconds(): int", |_, a| span(a, |nanos| nanos / 1_000_000_000)),
    ("duration.getMilliseconds(): int", |_, a| span(a, |nanos| nanos / 1_000_000)),
];

fn span(arguments: &[Val], take: fn(i64) -> i64) -> Result<Val, Fault> {
    if let Val::Duration(nanos) = value(arguments, 0)? { Ok(Val::Int(take(*nanos))) } else { Err(wrong()) }
}

struct Civil {
    year: i64,
    month: i64,
    day: i64,
    /// Since 1970.
    days: i64,
    /// Of the day.
    second: i64,
    nanos: u32,
}

fn part(arguments: &[Val], take: fn(&Civil) -> i64) -> Result<Val, Fault> {
    let Val::Timestamp(at) = value(arguments, 0)? else { return Err(wrong()) };
    let shift = if arguments.len() > 1 { offset(text(arguments, 1)?).ok_or_else(wrong)? } else { 0 };
    Ok(Val::Int(take(&civil(Instant { seconds: at.seconds + shift, nanos: at.nanos }))))
}

/// The seconds that a zone of the form `UTC`, `+02:00` or `02:00` is ahead.
pub(in super::super) fn offset(zone: &str) -> Option<i64> {
    if matches!(zone, "UTC" | "utc" | "Z") {
        return Some(0);
    }
    let (sign, rest) = match zone.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, zone.strip_prefix('+').unwrap_or(zone)),
    };
    let (hours, minutes) = rest.split_once(':')?;
    Some(sign * (digits(hours, 2, 0..=14)? * 3600 + digits(minutes, 2, 0..=59)? * 60))
}

pub(super) fn nanos(at: Instant) -> i128 {
    i128::from(at.seconds) * SECOND + i128::from(at.nanos)
}

/// The point in time so many nanoseconds after 1970, if it is one of the four-digit years.
pub(super) fn instant(nanos: i128) -> Option<Instant> {
    let seconds = i64::try_from(nanos.div_euclid(SECOND)).ok().filter(|seconds| (FIRST..=LAST).contains(seconds))?;
    Some(Instant { seconds, nanos: u32::try_from(nanos.rem_euclid(SECOND)).ok()? })
}

/// Days from 1970 to a date; years begin in March here so that leap days come last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year.div_euclid(400) * 146_097 + year.rem_euclid(400) * 365 + year.rem_euclid(400) / 4 - year.rem_euclid(400) / 100
        + day_of_year
        - 719_468
}

fn civil(at: Instant) -> Civil {
    let days = at.seconds.div_euclid(86_400);
    let shifted = days + 719_468;
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    Civil {
        year: year_of_era + shifted.div_euclid(146_097) * 400 + i64::from(month <= 2),
        month,
        day: day_of_year - (153 * shifted_month + 2) / 5 + 1,
        days,
        second: at.seconds.rem_euclid(86_400),
        nanos: at.nanos,
    }
}

pub(super) fn rfc3339(at: Instant) -> String {
    let t = civil(at);
    let (hour, minute, second) = (t.second / 3600, t.second / 60 % 60, t.second % 60);
    let fraction = fraction(t.nanos);
    format!("{:04}-{:02}-{:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z", t.year, t.month, t.day)
}

/// `1.5s`.
pub(super) fn seconds(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let nanos = nanos.unsigned_abs();
    let fraction = fraction(u32::try_from(nanos % 1_000_000_000).unwrap_or_default());
    format!("{sign}{}{fraction}s", nanos / 1_000_000_000)
}

fn fraction(nanos: u32) -> String {
    if nanos == 0 { String::new() } else { format!(".{nanos:09}").trim_end_matches('0').to_owned() }
}

/// Reads a point in time.
pub(in super::super) fn timestamp(text: &str) -> Option<Instant> {
    let (date, rest) = text.split_at_checked(10)?;
    let time = rest.strip_prefix(['T', 't'])?;
    let (clock, rest) = time.split_at_checked(8)?;
    let [year, month, day] = three(date, '-', 4)?;
    let [hour, minute, second] = three(clock, ':', 2)?;
    let month_days = match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=month_days).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (nanos, zone) = match rest.strip_prefix('.') {
        None => (0, rest),
        Some(after) => {
            let length = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
            let nine: String = after[..length].chars().chain("000000000".chars()).take(9).collect();
            (nine.parse::<i128>().ok().filter(|_| length > 0)?, &after[length..])
        }
    };
    let ahead = match zone {
        "Z" | "z" => 0,
        zone if zone.starts_with(['+', '-']) => offset(zone)?,
        _ => return None,
    };
    let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - ahead;
    instant(i128::from(seconds) * SECOND + nanos)
}

fn three(text: &str, between: char, first: usize) -> Option<[i64; 3]> {
    let mut parts = text.split(between);
    let mut next = |length| digits(parts.next()?, length, 0..=9999);
    let three = [next(first)?, next(2)?, next(2)?];
    parts.next().is_none().then_some(three)
}

fn digits(text: &str, length: usize, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
    let whole = text.len() == length && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|value| whole && range.contains(value))
}

/// Reads a time span.
pub(in super::super) fn duration(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut nanos = 0_i128;
    while !rest.is_empty() {
        let number = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (amount, after) = rest.split_at_checked(number)?;
        let unit = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        nanos = nanos.checked_add(of_unit(amount, &after[..unit])?)?;
        rest = &after[unit..];
    }
    i64::try_from(if negative { -nanos } else { nanos }).ok()
}

fn of_unit(amount: &str, unit: &str) -> Option<i128> {
    let scale: i128 = match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => SECOND,
        "m" => 60 * SECOND,
        "h" => 3600 * SECOND,
        _ => return None,
    };
    let (whole, fraction) = amount.split_once('.').unwrap_or((amount, ""));
    if whole.is_empty() && fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let whole: i128 = if whole.is_empty() { 0 } else { i128::from(whole.parse::<i64>().ok()?) };
    // Nothing smaller than 10^-15 of an hour is a nanosecond.
    let fraction = fraction.get(..15).unwrap_or(fraction);
    let part = if fraction.is_empty() {
        0
    } else {
        fraction.parse::<i128>().ok()? * scale / 10_i128.pow(fraction.len() as u32)
    };
    Some(whole * scale + part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans() {
        for (text, wanted) in [
            ("0", Some(0)),
            ("1h30m", Some(5_400 * 1_000_000_000)),
            ("-1.5s", Some(-1_500_000_000)),
            (".5ms", Some(500_000)),
            ("1µs", Some(1_000)),
            ("2562047h", Some(2_562_047 * 3_600 * 1_000_000_000)),
            ("2562048h", None),
            ("", None),
            ("-", None),
            ("1", None),
            ("1d", None),
            ("h", None),
            (".s", None),
            ("1.2.3s", None),
        ] {
            assert_eq!(duration(text), wanted, "{text}");
        }
        assert_eq!(seconds(-1_500_000_000), "-1.5s");
    }

    #[test]
    fn points_in_time() {
        for (text, back) in [
            ("1970-01-01T00:00:00Z", Some("1970-01-01T00:00:00Z")),
            ("2024-02-29T23:59:59.120Z", Some("2024-02-29T23:59:59.12Z")),
            ("2026-11-22T04:05:00+02:00", Some("2026-11-22T02:05:00Z")),
            ("0001-01-01T00:00:00Z", Some("0001-01-01T00:00:00Z")),
            ("9999-12-31T23:59:59Z", Some("9999-12-31T23:59:59Z")),
            ("0001-01-01T00:00:00+01:00", None),
            ("2023-02-29T00:00:00Z", None),
            ("2023-02-28T24:00:00Z", None),
            ("2023-02-28T00:00:00", None),
            ("2023-02-28", None),
            ("２０23-02-28T00:00:00Z", None),
        ] {
            assert_eq!(timestamp(text).map(rfc3339).as_deref(), back, "{text}");
        }
        let sunday = timestamp("2026-11-22T00:00:00Z").unwrap();
        assert_eq!((civil(sunday).days + 4).rem_euclid(7), 0);
    }
}
