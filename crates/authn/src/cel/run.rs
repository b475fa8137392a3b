//! Runs the steps of an expression.
//!
//! 1. `&&`, `||`, `all` and `exists` give their result where one of their parts decides it, whatever error another part
//!    has. Nothing swallows the end of the budget.
//! 2. A key that is not there is an error, except behind `?`, in `has()` and in `in`.
//! 3. What is selected behind an optional is optional.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::ast::What;
use super::check::{Each, Op, Step};
use super::functions;
use super::input::Input;
use super::meter::{Fault, Meter};
use super::value::{Entries, Key, Val};

/// What making a list and making a map costs, as in the API server.
const A_LIST: u64 = 10;
const A_MAP: u64 = 30;

pub(super) struct Run<'i> {
    pub(super) input: Input<'i>,
    pub(super) meter: Meter,
    pub(super) locals: Vec<Val>,
}

fn no_overload() -> Fault {
    Fault::failed("no such overload")
}

impl Run<'_> {
    pub(super) fn value(&mut self, step: &Step) -> Result<Val, Fault> {
        self.meter.charge(1)?;
        self.op(&step.op).map_err(|fault| fault.at(step.at))
    }

    fn op(&mut self, op: &Op) -> Result<Val, Fault> {
        match op {
            Op::Constant(value) => Ok(value.clone()),
            Op::Root(place) => {
                let whole = self.input.whole(*place)?;
                self.meter.charge(whole.size())?;
                Ok(whole)
            }
            Op::Local(place) => self.locals.get(*place).cloned().ok_or_else(no_overload),
            Op::Select { of, field, optional } => self.select(of, field, *optional),
            Op::Has { of, field } => self.has(of, field),
            Op::Index { of, key, optional } => self.index(of, key, *optional),
            Op::Call { overloads, arguments } => {
                let values: Vec<Val> = arguments.iter().map(|step| self.value(step)).collect::<Result<_, _>>()?;
                let overload = overloads.iter().find(|overload| overload.takes(&values)).ok_or_else(no_overload)?;
                overload.run(&mut self.meter, &values)
            }
            Op::List(elements) => self.list(elements),
            Op::Map(entries) => self.map(entries),
            Op::And(terms) => self.logic(terms, false),
            Op::Or(terms) => self.logic(terms, true),
            Op::Choice(three) => match self.value(&three[0])? {
                Val::Bool(true) => self.value(&three[1]),
                Val::Bool(false) => self.value(&three[2]),
                _ => Err(no_overload()),
            },
            Op::Loop(each) => self.each(each),
            Op::IfPresent { of, body, flat } => self.if_present(of, body, *flat),
        }
    }

    /// The field of a variable without looking at the others, or of a value.
    fn field(&mut self, of: &Step, field: &str) -> Result<Selected, Fault> {
        if let Op::Root(place) = of.op {
            let (found, cost) = self.input.field(place, field)?;
            self.meter.charge(cost)?;
            return Ok(Selected { of_optional: false, found });
        }
        match self.value(of)? {
            Val::Optional(inner) => {
                let found = inner.as_deref().map(|inner| of_map(inner, field)).transpose()?.flatten();
                Ok(Selected { of_optional: true, found })
            }
            other => Ok(Selected { of_optional: false, found: of_map(&other, field)? }),
        }
    }

    fn select(&mut self, of: &Step, field: &str, optional: bool) -> Result<Val, Fault> {
        let selected = self.field(of, field)?;
        let optional = optional || selected.of_optional;
        match selected.found {
            Some(already @ Val::Optional(_)) if optional => Ok(already),
            Some(found) if optional => Ok(Val::some(found)),
            Some(found) => Ok(found),
            None if optional => Ok(Val::NONE),
            None => Err(Fault::failed(format!("no such key: {}", gangplank_jose::Excerpt::of(field)))),
        }
    }

    fn has(&mut self, of: &Step, field: &str) -> Result<Val, Fault> {
        Ok(Val::Bool(self.field(of, field)?.found.is_some()))
    }

    fn index(&mut self, of: &Step, key: &Step, optional: bool) -> Result<Val, Fault> {
        // A key that is a name: no need to look at the other claims.
        if let (Op::Root(_), Op::Constant(Val::Text(name))) = (&of.op, &key.op) {
            self.meter.charge(1)?;
            return self.select(of, name, optional);
        }
        let of = self.value(of)?;
        let key = self.value(key)?;
        let (found, optional) = match &of {
            Val::Optional(None) => (None, true),
            Val::Optional(Some(inner)) => (at(inner, &key)?, true),
            other => (at(other, &key)?, optional),
        };
        match found {
            Some(already @ Val::Optional(_)) if optional => Ok(already),
            Some(found) if optional => Ok(Val::some(found)),
            Some(found) => Ok(found),
            None if optional => Ok(Val::NONE),
            None if matches!(of, Val::List(_)) => Err(Fault::failed("index out of bounds")),
            None => Err(Fault::failed("no such key")),
        }
    }

    fn list(&mut self, elements: &[(bool, Step)]) -> Result<Val, Fault> {
        self.meter.charge(A_LIST)?;
        let mut values = Vec::with_capacity(elements.len());
        for (optional, step) in elements {
            values.extend(unwrapped(self.value(step)?, *optional)?);
        }
        Ok(Val::list(values))
    }

    fn map(&mut self, entries: &[(bool, Step, Step)]) -> Result<Val, Fault> {
        self.meter.charge(A_MAP)?;
        let mut of = BTreeMap::new();
        for (optional, key, value) in entries {
            let key = self.value(key)?.key().ok_or_else(|| Fault::failed("unsupported key type"))?;
            if let Some(value) = unwrapped(self.value(value)?, *optional)? {
                insert(&mut of, key, value)?;
            }
        }
        Ok(Val::Map(Arc::new(Entries { of, escaped: false })))
    }

    /// Decided by the first term that is `deciding`.
    fn logic(&mut self, terms: &[Step], deciding: bool) -> Result<Val, Fault> {
        let mut fault = None;
        for term in terms {
            let outcome = self.value(term);
            if decides(outcome, deciding, &mut fault)? {
                return Ok(Val::Bool(deciding));
            }
        }
        fault.map_or(Ok(Val::Bool(!deciding)), Err)
    }

    fn if_present(&mut self, of: &Step, body: &Step, flat: bool) -> Result<Val, Fault> {
        let inner = match self.value(of)? {
            Val::Optional(Some(inner)) => inner,
            Val::Optional(None) => return Ok(Val::NONE),
            _ => return Err(no_overload()),
        };
        let value = self.with(&[inner.as_ref().clone()], |run| run.value(body))?;
        match value {
            already @ Val::Optional(_) if flat => Ok(already),
            _ if flat => Err(no_overload()),
            value => Ok(Val::some(value)),
        }
    }

    /// Runs with these variables open.
    fn with<T>(&mut self, variables: &[Val], run: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        let open = self.locals.len();
        self.locals.extend_from_slice(variables);
        let outcome = run(self);
        self.locals.truncate(open);
        outcome
    }

    fn each(&mut self, each: &Each) -> Result<Val, Fault> {
        let over = self.value(&each.over)?;
        let mut gathered = Gathered::default();
        match &over {
            Val::List(values) => {
                for (at, value) in values.iter().enumerate() {
                    let key = Key::Whole(at as i128);
                    let done = if each.two {
                        self.one(each, &key, &[key.value(), value.clone()], &mut gathered)?
                    } else {
                        self.one(each, &key, std::slice::from_ref(value), &mut gathered)?
                    };
                    if done {
                        break;
                    }
                }
            }
            Val::Map(entries) if each.what != What::SortBy => {
                for (key, value) in &entries.of {
                    let variables = [key.value(), value.clone()];
                    let variables = if each.two { &variables[..] } else { &variables[..1] };
                    if self.one(each, key, variables, &mut gathered)? {
                        break;
                    }
                }
            }
            _ => return Err(no_overload()),
        }
        self.gathered(each, gathered)
    }

    /// One turn; whether it was the last.
    fn one(&mut self, each: &Each, key: &Key, variables: &[Val], gathered: &mut Gathered) -> Result<bool, Fault> {
        self.meter.charge(1)?;
        if let Some(filter) = &each.filter {
            match self.with(variables, |run| run.value(filter))? {
                Val::Bool(true) => {}
                Val::Bool(false) => return Ok(false),
                _ => return Err(no_overload()),
            }
        }
        let outcome = self.with(variables, |run| run.value(&each.body));
        if let What::All | What::Exists = each.what {
            gathered.decided = decides(outcome, each.what == What::Exists, &mut gathered.fault)?;
            return Ok(gathered.decided);
        }
        let value = outcome?;
        match (each.what, value) {
            (What::Each, value) => gathered.values.push(value),
            (What::SortBy, value) => gathered.keyed.extend(variables.last().map(|one| (value, one.clone()))),
            (What::TransformMap, value) => insert(&mut gathered.entries, key.clone(), value)?,
            (What::TransformMapEntry, Val::Map(made)) => {
                for (key, value) in &made.of {
                    self.meter.charge(1)?;
                    insert(&mut gathered.entries, key.clone(), value.clone())?;
                }
            }
            (What::ExistsOne, Val::Bool(holds)) => gathered.count += u64::from(holds),
            (What::Filter, Val::Bool(true)) => gathered.values.extend(variables.first().cloned()),
            (What::Filter, Val::Bool(false)) => {}
            _ => return Err(no_overload()),
        }
        Ok(false)
    }

    fn gathered(&mut self, each: &Each, gathered: Gathered) -> Result<Val, Fault> {
        match each.what {
            What::All | What::Exists => match gathered.fault {
                Some(fault) if !gathered.decided => Err(fault),
                _ => Ok(Val::Bool(gathered.decided == (each.what == What::Exists))),
            },
            What::ExistsOne => Ok(Val::Bool(gathered.count == 1)),
            What::Each | What::Filter => Ok(Val::list(gathered.values)),
            What::SortBy => functions::sorted(&mut self.meter, gathered.keyed),
            What::TransformMap | What::TransformMapEntry => {
                Ok(Val::Map(Arc::new(Entries { of: gathered.entries, escaped: false })))
            }
        }
    }
}

struct Selected {
    of_optional: bool,
    found: Option<Val>,
}

#[derive(Default)]
struct Gathered {
    values: Vec<Val>,
    keyed: Vec<(Val, Val)>,
    entries: BTreeMap<Key, Val>,
    count: u64,
    decided: bool,
    fault: Option<Fault>,
}

/// Whether this outcome decides; the first fault is kept for the case that none does.
fn decides(outcome: Result<Val, Fault>, deciding: bool, fault: &mut Option<Fault>) -> Result<bool, Fault> {
    match outcome {
        Ok(Val::Bool(value)) => return Ok(value == deciding),
        Err(Fault::Exhausted) => return Err(Fault::Exhausted),
        Ok(_) => fault.get_or_insert_with(no_overload),
        Err(failed) => fault.get_or_insert(failed),
    };
    Ok(false)
}

fn of_map(value: &Val, field: &str) -> Result<Option<Val>, Fault> {
    match value {
        Val::Map(entries) => Ok(entries.get(&Key::Text(field.into())).cloned()),
        _ => Err(no_overload()),
    }
}

fn at(of: &Val, key: &Val) -> Result<Option<Val>, Fault> {
    match (of, key.key()) {
        (Val::List(values), Some(Key::Whole(at))) => {
            Ok(usize::try_from(at).ok().and_then(|at| values.get(at)).cloned())
        }
        (Val::Map(entries), Some(key)) => Ok(entries.get(&key).cloned()),
        (Val::Map(_), None) => Ok(None),
        _ => Err(no_overload()),
    }
}

/// What is in an optional element, if it is one.
fn unwrapped(value: Val, optional: bool) -> Result<Option<Val>, Fault> {
    match (optional, value) {
        (false, value) => Ok(Some(value)),
        (true, Val::Optional(inner)) => Ok(inner.map(|inner| inner.as_ref().clone())),
        _ => Err(no_overload()),
    }
}

fn insert(entries: &mut BTreeMap<Key, Val>, key: Key, value: Val) -> Result<(), Fault> {
    match entries.insert(key, value) {
        None => Ok(()),
        Some(_) => Err(Fault::failed("the same key twice in a map")),
    }
}
