//! A point in time as tokens write it.

use std::fmt;
use std::ops::{Add, Sub};
use std::str::FromStr;
use std::time::Duration;

/// Whole seconds since 1970-01-01T00:00:00Z, never negative (RFC 7519 §2, NumericDate).
///
/// Arithmetic saturates: a time that cannot be represented is the end of time, not a wrap to its beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UnixTime(u64);

impl UnixTime {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: UnixTime = UnixTime(0);

    /// The time `seconds` after the epoch.
    pub const fn from_secs(seconds: u64) -> Self {
        UnixTime(seconds)
    }

    /// Seconds since the epoch.
    pub const fn as_secs(self) -> u64 {
        self.0
    }

    /// How long after `earlier` this is; zero if it is not.
    pub const fn since(self, earlier: UnixTime) -> Duration {
        Duration::from_secs(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for UnixTime {
    type Output = UnixTime;
    fn add(self, by: Duration) -> UnixTime {
        UnixTime(self.0.saturating_add(by.as_secs()))
    }
}

impl Sub<Duration> for UnixTime {
    type Output = UnixTime;
    fn sub(self, by: Duration) -> UnixTime {
        UnixTime(self.0.saturating_sub(by.as_secs()))
    }
}

/// RFC 3339 in UTC: `2026-11-21T09:30:00Z`.
impl fmt::Display for UnixTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, rest) = (self.0 / 86_400, self.0 % 86_400);
        // Civil date from a day count, with years that begin in March so that leap days come last.
        let z = days + 719_468;
        let era = z / 146_097;
        let day_of_era = z % 146_097;
        let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        let year = year_of_era + era * 400 + u64::from(month <= 2);
        let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
        if year > 9999 {
            return write!(f, "{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z");
        }
        let mut text = *b"0000-00-00T00:00:00Z";
        let places = [(0, year / 100), (2, year % 100), (5, month), (8, day), (11, hour), (14, minute), (17, second)];
        for (at, number) in places {
            // Both are below ten.
            text[at] += (number / 10) as u8;
            text[at + 1] += (number % 10) as u8;
        }
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

/// Not a point in time as it is printed here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a time in UTC such as 2027-01-01T00:00:00Z")]
pub struct TimeUnreadable;

/// Exactly what [`Display`](fmt::Display) prints, years of four digits from 1970 on: RFC 3339 in UTC, whole seconds.
impl FromStr for UnixTime {
    type Err = TimeUnreadable;

    fn from_str(text: &str) -> Result<Self, TimeUnreadable> {
        let bytes: &[u8; 20] = text.as_bytes().try_into().map_err(|_| TimeUnreadable)?;
        let number = |from: usize, to: usize| {
            bytes[from..to].iter().try_fold(0_u64, |n, b| b.is_ascii_digit().then(|| n * 10 + u64::from(b - b'0')))
        };
        let part = |from, to| number(from, to).ok_or(TimeUnreadable);
        let (year, month, day) = (part(0, 4)?, part(5, 7)?, part(8, 10)?);
        let (hour, minute, second) = (part(11, 13)?, part(14, 16)?, part(17, 19)?);
        if year < 1970 || !(1..=12).contains(&month) || day == 0 {
            return Err(TimeUnreadable);
        }
        // The inverse of what is done above for printing.
        let (shifted_year, shifted_month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
        let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
        let days = shifted_year * 365 + shifted_year / 4 - shifted_year / 100 + shifted_year / 400 + day_of_year;
        let time = UnixTime(((days - 719_468) * 24 + hour) * 3600 + minute * 60 + second);
        // A day, an hour or a second that does not exist is printed as another; and so is any other spelling.
        if time.to_string() == text { Ok(time) } else { Err(TimeUnreadable) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_prints_and_nothing_else() {
        for secs in [0, 951_782_399, 951_782_400, 951_868_800, 1_795_305_600, 4_107_542_400, 253_402_300_799] {
            let time = UnixTime::from_secs(secs);
            assert_eq!(time.to_string().parse(), Ok(time));
        }
        for day in 0..60_000 {
            let time = UnixTime::from_secs(day * 86_400 + day);
            assert_eq!(time.to_string().parse(), Ok(time));
        }
        for bad in [
            "",
            "2027-01-01",
            "2027-01-01T00:00:00",
            "2027-01-01T00:00:00z",
            "2027-01-01t00:00:00Z",
            "2027-01-01 00:00:00Z",
            "2027-01-01T00:00:00.0Z",
            "2027-01-01T00:00:00+00:00",
            "2027-02-29T00:00:00Z",
            "2027-00-01T00:00:00Z",
            "2027-13-01T00:00:00Z",
            "2027-01-00T00:00:00Z",
            "2027-01-01T24:00:00Z",
            "2027-01-01T00:60:00Z",
            "2027-01-01T00:00:60Z",
            "1969-12-31T23:59:59Z",
            "20é7-01-01T00:00:00",
            "+027-01-01T00:00:00Z",
        ] {
            assert_eq!(bad.parse::<UnixTime>(), Err(TimeUnreadable), "{bad}");
        }
    }

    #[test]
    fn prints_rfc_3339() {
        for (secs, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_795_305_600, "2026-11-22T00:00:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
            (253_402_300_800, "10000-01-01T00:00:00Z"),
        ] {
            assert_eq!(UnixTime::from_secs(secs).to_string(), text);
        }
    }

    #[test]
    fn arithmetic_saturates() {
        let end = UnixTime::from_secs(u64::MAX);
        assert_eq!(end + Duration::from_secs(1), end);
        assert_eq!(UnixTime::EPOCH - Duration::from_secs(1), UnixTime::EPOCH);
        assert_eq!(UnixTime::EPOCH.since(end), Duration::ZERO);
    }
}
