//! Values that may be missing.

use super::super::meter::Fault;
use super::super::value::Val;
use super::{Table, value, wrong};

pub(super) const TABLE: Table = &[
    ("optional.of(A): optional(A)", |_, a| Ok(Val::some(value(a, 0)?.clone()))),
    ("optional.none(): optional(A)", |_, _| Ok(Val::NONE)),
    ("optional.ofNonZeroValue(A): optional(A)", |_, a| {
        let inner = value(a, 0)?;
        Ok(if inner.is_zero() { Val::NONE } else { Val::some(inner.clone()) })
    }),
    ("optional(A).hasValue(): bool", |_, a| Ok(Val::Bool(present(a)?.is_some()))),
    ("optional(A).value(): A", |_, a| present(a)?.cloned().ok_or_else(|| Fault::failed("optional.none() dereference"))),
    ("optional(A).or(optional(A)): optional(A)", |_, a| value(a, usize::from(present(a)?.is_none())).cloned()),
    ("optional(A).orValue(A): A", |_, a| match present(a)? {
        Some(inner) => Ok(inner.clone()),
        None => value(a, 1).cloned(),
    }),
];

fn present(arguments: &[Val]) -> Result<Option<&Val>, Fault> {
    if let Val::Optional(inner) = value(arguments, 0)? { Ok(inner.as_deref()) } else { Err(wrong()) }
}
