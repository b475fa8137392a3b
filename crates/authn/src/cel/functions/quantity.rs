//! Amounts as Kubernetes writes them: `1.5Gi`, `200m`, `3e2`.
//!
//! They are kept to a thousand-millionth, rounded up as there; beyond 2^63 they are refused.

use super::super::meter::Fault;
use super::super::value::Val;
use super::{Table, text, value, wrong};

const ONE: i128 = 1_000_000_000;
const MOST: i128 = (1 << 63) * ONE;

pub(super) const TABLE: Table = &[
    ("isQuantity(string): bool", |_, a| Ok(Val::Bool(parse(text(a, 0)?).is_some()))),
    ("quantity(string): Quantity", |_, a| {
        parse(text(a, 0)?).map(Val::Quantity).ok_or_else(|| Fault::failed("quantity parse error"))
    }),
    ("Quantity.sign(): int", |_, a| Ok(Val::Int(quantity(a, 0)?.signum() as i64))),
    ("Quantity.isInteger(): bool", |_, a| Ok(Val::Bool(whole(quantity(a, 0)?).is_some()))),
    ("Quantity.asInteger(): int", |_, a| {
        whole(quantity(a, 0)?).map(Val::Int).ok_or_else(|| Fault::failed("cannot convert value to integer"))
    }),
    ("Quantity.asApproximateFloat(): double", |_, a| Ok(Val::Double(quantity(a, 0)? as f64 / ONE as f64))),
    ("Quantity.add(Quantity): Quantity", |_, a| bounded(quantity(a, 0)? + quantity(a, 1)?)),
    ("Quantity.add(int): Quantity", |_, a| bounded(quantity(a, 0)? + i128::from(super::int(a, 1)?) * ONE)),
    ("Quantity.sub(Quantity): Quantity", |_, a| bounded(quantity(a, 0)? - quantity(a, 1)?)),
    ("Quantity.sub(int): Quantity", |_, a| bounded(quantity(a, 0)? - i128::from(super::int(a, 1)?) * ONE)),
    ("Quantity.isLessThan(Quantity): bool", |_, a| Ok(Val::Bool(quantity(a, 0)? < quantity(a, 1)?))),
    ("Quantity.isGreaterThan(Quantity): bool", |_, a| Ok(Val::Bool(quantity(a, 0)? > quantity(a, 1)?))),
    ("Quantity.compareTo(Quantity): int", |_, a| Ok(Val::Int(quantity(a, 0)?.cmp(&quantity(a, 1)?) as i64))),
];

fn quantity(arguments: &[Val], at: usize) -> Result<i128, Fault> {
    if let Val::Quantity(amount) = value(arguments, at)? { Ok(*amount) } else { Err(wrong()) }
}

fn whole(amount: i128) -> Option<i64> {
    if amount % ONE == 0 { i64::try_from(amount / ONE).ok() } else { None }
}

fn bounded(amount: i128) -> Result<Val, Fault> {
    if amount.abs() <= MOST { Ok(Val::Quantity(amount)) } else { Err(Fault::failed("quantity overflow")) }
}

fn parse(text: &str) -> Option<i128> {
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
    let (number, suffix) = rest.split_at(end);
    let (before, after) = number.split_once('.').unwrap_or((number, ""));
    if before.is_empty() && after.is_empty() || after.contains('.') || number.len() > 60 {
        return None;
    }
    let (numerator, tens) = scale(suffix)?;
    // The digits without their point, and how many powers of ten are missing to thousand-millionths.
    let digits = format!("{before}{after}").parse::<i128>().ok()?.checked_mul(numerator)?;
    let tens = tens + 9 - i32::try_from(after.len()).ok()?;
    let amount = if digits == 0 {
        0
    } else if tens >= 0 {
        digits.checked_mul(10_i128.checked_pow(tens.unsigned_abs())?)?
    } else {
        let divisor = 10_i128.checked_pow(tens.unsigned_abs())?;
        digits / divisor + i128::from(digits % divisor != 0)
    };
    let amount = if negative { -amount } else { amount };
    (amount.abs() <= MOST).then_some(amount)
}

/// A factor, and a power of ten.
fn scale(suffix: &str) -> Option<(i128, i32)> {
    Some(match suffix {
        "" => (1, 0),
        "n" => (1, -9),
        "u" => (1, -6),
        "m" => (1, -3),
        "k" => (1, 3),
        "M" => (1, 6),
        "G" => (1, 9),
        "T" => (1, 12),
        "P" => (1, 15),
        "E" => (1, 18),
        "Ki" => (1 << 10, 0),
        "Mi" => (1 << 20, 0),
        "Gi" => (1 << 30, 0),
        "Ti" => (1 << 40, 0),
        "Pi" => (1 << 50, 0),
        "Ei" => (1 << 60, 0),
        exponent => {
            let digits = exponent.strip_prefix(['e', 'E'])?;
            (1, digits.parse::<i32>().ok().filter(|tens| tens.abs() <= 30)?)
        }
    })
}
