//! From the tree to steps that can be run, or the reason why not.
//!
//! 1. Names are variables of the scope, variables of macros, types, or functions; nothing else.
//! 2. Each function is called with a number and with types of arguments that one of its signatures takes. What is open
//!    (`dyn`, such as every claim) suits everywhere and is compared again when it runs.
//! 3. The elements of a list literal have one type, as have the keys and the values of a map literal. (`claims.a` and
//!    `"a"` do not; the argument of `format` is excepted.)
//! 4. Time spans, points in time, zones and regular expressions that stand there as literals are read now.

use super::Problem;
use super::ast::{Element, Entry, Form, Loop, Node, What};
use super::functions::{self, Overload};
use super::kind::{Bindings, Kind};
use super::meter;
use super::value::Val;

/// Something to run, and where it was written.
pub(super) struct Step {
    pub(super) at: usize,
    pub(super) op: Op,
}

pub(super) enum Op {
    Constant(Val),
    /// A variable of the scope, by its place there.
    Root(usize),
    /// A variable of a macro, by its place among those that are open.
    Local(usize),
    Select {
        of: Box<Step>,
        field: String,
        optional: bool,
    },
    Has {
        of: Box<Step>,
        field: String,
    },
    Index {
        of: Box<Step>,
        key: Box<Step>,
        optional: bool,
    },
    Call {
        overloads: Vec<&'static Overload>,
        arguments: Vec<Step>,
    },
    List(Vec<(bool, Step)>),
    Map(Vec<(bool, Step, Step)>),
    And(Vec<Step>),
    Or(Vec<Step>),
    Choice(Box<[Step; 3]>),
    Loop(Box<Each>),
    IfPresent {
        of: Box<Step>,
        body: Box<Step>,
        flat: bool,
    },
}

pub(super) struct Each {
    pub(super) what: What,
    pub(super) over: Step,
    /// Whether there are two variables.
    pub(super) two: bool,
    pub(super) filter: Option<Step>,
    pub(super) body: Step,
}

/// A variable of a scope.
pub(super) struct Variable {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// Its fields, if they are known; such a variable cannot be used as a whole.
    pub(super) fields: Vec<(&'static str, Kind)>,
}

pub(super) fn check(node: &Node, variables: &[Variable]) -> Result<(Step, Kind), Problem> {
    Checker { variables, locals: Vec::new() }.step(node)
}

struct Checker<'v> {
    variables: &'v [Variable],
    locals: Vec<(String, Kind)>,
}

type Checked = Result<(Step, Kind), Problem>;

impl Checker<'_> {
    fn step(&mut self, node: &Node) -> Checked {
        let (op, kind) = match &node.form {
            Form::Literal(value) => (Op::Constant(value.clone()), kind_of(value)),
            Form::Name(name) => self.name(node.at, name)?,
            Form::Select { of, field, optional } => self.select(node, of, field, *optional)?,
            Form::Has { of, field } => {
                let (of, _) = self.operand(of, field)?;
                (Op::Has { of: Box::new(of), field: field.clone() }, Kind::Bool)
            }
            Form::Index { of, key, optional } => self.index(node.at, of, key, *optional)?,
            Form::Call { target, name, arguments } => self.call(node.at, target.as_deref(), name, arguments)?,
            Form::List(elements) => self.list(elements, true)?,
            Form::Map(entries) => self.map(entries)?,
            Form::And(terms) => (Op::And(self.terms(node.at, "_&&_", terms)?), Kind::Bool),
            Form::Or(terms) => (Op::Or(self.terms(node.at, "_||_", terms)?), Kind::Bool),
            Form::Choice(three) => self.choice(node.at, three)?,
            Form::Loop(each) => self.each(node.at, each)?,
            Form::IfPresent { of, variable, body, flat } => self.if_present(node.at, of, variable, body, *flat)?,
        };
        Ok((Step { at: node.at, op }, kind))
    }

    fn name(&self, at: usize, name: &str) -> Result<(Op, Kind), Problem> {
        if let Some(place) = self.locals.iter().rposition(|(local, _)| local == name) {
            return Ok((Op::Local(place), self.locals[place].1.clone()));
        }
        if let Some((place, variable)) = self.root(name) {
            if variable.fields.is_empty() {
                return Ok((Op::Root(place), variable.kind.clone()));
            }
            let fields = names(&variable.fields);
            return Err(Problem::new(
                at,
                format!("'{name}' cannot be used as a whole; select one of its fields: {fields}"),
            ));
        }
        match type_named(name) {
            Some(named) => Ok((Op::Constant(Val::Type(named)), Kind::Type)),
            None => Err(self.undeclared(at, name)),
        }
    }

    fn root(&self, name: &str) -> Option<(usize, &Variable)> {
        self.variables.iter().enumerate().find(|(_, variable)| variable.name == name)
    }

    fn undeclared(&self, at: usize, name: &str) -> Problem {
        let accepted: Vec<_> = self.variables.iter().map(|variable| format!("'{}'", variable.name)).collect();
        let are = if accepted.len() == 1 { "the variable here is" } else { "the variables here are" };
        let (shown, accepted) = (gangplank_jose::Excerpt::of(name), accepted.join(", "));
        Problem::new(at, format!("undeclared reference to '{shown}' (in container ''); {are} {accepted}"))
    }

    /// What a field is selected from, and what the field is.
    fn operand(&mut self, of: &Node, field: &str) -> Checked {
        if let Form::Name(name) = &of.form
            && !self.locals.iter().any(|(local, _)| local == name)
            && let Some((place, variable)) = self.root(name)
            && !variable.fields.is_empty()
        {
            let kind = variable.fields.iter().find(|(known, _)| *known == field).map(|(_, kind)| kind.clone());
            let kind = kind.ok_or_else(|| {
                let (shown, fields) = (gangplank_jose::Excerpt::of(field), names(&variable.fields));
                Problem::new(of.at, format!("undefined field '{shown}'; '{name}' has {fields}"))
            })?;
            return Ok((Step { at: of.at, op: Op::Root(place) }, kind));
        }
        let (step, kind) = self.step(of)?;
        let kind = field_of(&kind).ok_or_else(|| {
            Problem::new(of.at, format!("type '{kind}' does not support field selection; maps and optionals do"))
        })?;
        Ok((step, kind))
    }

    fn select(&mut self, node: &Node, of: &Node, field: &str, optional: bool) -> Result<(Op, Kind), Problem> {
        if let Some(named) = qualified(node).filter(|name| self.is_free(name)).as_deref().and_then(type_named) {
            return Ok((Op::Constant(Val::Type(named)), Kind::Type));
        }
        let (of, kind) = self.operand(of, field)?;
        let kind = if optional && !matches!(kind, Kind::Optional(_)) { Kind::optional(kind) } else { kind };
        Ok((Op::Select { of: Box::new(of), field: field.to_owned(), optional }, kind))
    }

    /// Whether the first part of a dotted name is no variable.
    fn is_free(&self, qualified: &str) -> bool {
        let first = qualified.split('.').next().unwrap_or_default();
        self.root(first).is_none() && !self.locals.iter().any(|(local, _)| local == first)
    }

    fn index(&mut self, at: usize, of: &Node, key: &Node, optional: bool) -> Result<(Op, Kind), Problem> {
        let (of, of_kind) = self.step(of)?;
        let (key, key_kind) = self.step(key)?;
        let kind = element_at(&of_kind, &key_kind).ok_or_else(|| {
            let what = "a list takes a whole number, a map a key of its kind";
            Problem::new(
                at,
                format!("found no matching overload for '_[_]' applied to '({of_kind}, {key_kind})'; {what}"),
            )
        })?;
        let kind = if optional && !matches!(kind, Kind::Optional(_)) { Kind::optional(kind) } else { kind };
        Ok((Op::Index { of: Box::new(of), key: Box::new(key), optional }, kind))
    }

    fn call(
        &mut self,
        at: usize,
        target: Option<&Node>,
        name: &str,
        arguments: &[Node],
    ) -> Result<(Op, Kind), Problem> {
        // A name with dots may be that of a function; it comes before a value with a function called on it.
        let dotted = target.and_then(qualified).map(|before| format!("{before}.{name}"));
        let function = dotted.as_deref().map(functions::named).filter(|found| !found.is_empty());
        let (member, all) = match function {
            Some(found) => (false, found),
            None => (target.is_some(), functions::named(name)),
        };
        let candidates: Vec<_> = all.iter().filter(|overload| overload.member == member).collect();
        if candidates.is_empty() {
            return Err(unknown_function(at, name, member, all));
        }
        let (mut steps, mut kinds) = (Vec::new(), Vec::new());
        for argument in target.filter(|_| member).into_iter().chain(arguments) {
            let (step, kind) = match &argument.form {
                Form::List(elements) if name == "format" && member && !steps.is_empty() => {
                    let (op, _) = self.list(elements, false)?;
                    (Step { at: argument.at, op }, Kind::list(Kind::Dyn))
                }
                _ => self.step(argument)?,
            };
            steps.push(step);
            kinds.push(kind);
        }
        let (overloads, kind) =
            matching(&candidates, &kinds).ok_or_else(|| no_overload(at, name, member, &kinds, &candidates))?;
        literals(name, &mut steps)?;
        Ok((Op::Call { overloads, arguments: steps }, kind))
    }

    fn terms(&mut self, at: usize, name: &str, terms: &[Node]) -> Result<Vec<Step>, Problem> {
        let checked: Vec<_> = terms.iter().map(|term| self.step(term)).collect::<Result<_, _>>()?;
        match checked.iter().find(|(_, kind)| !kind.may_be_bool()) {
            None => Ok(checked.into_iter().map(|(step, _)| step).collect()),
            Some((step, kind)) => {
                let applied: Vec<_> = checked.iter().take(4).map(|(_, kind)| kind.to_string()).collect();
                let at = if step.at > 0 { step.at } else { at };
                let found = format!("found no matching overload for '{name}' applied to '({})'", applied.join(", "));
                Err(Problem::new(at, format!("{found}; each side must be bool, this is {kind}")))
            }
        }
    }

    fn choice(&mut self, at: usize, three: &[Node; 3]) -> Result<(Op, Kind), Problem> {
        let (condition, if_kind) = self.step(&three[0])?;
        let (yes, yes_kind) = self.step(&three[1])?;
        let (no, no_kind) = self.step(&three[2])?;
        match yes_kind.join(&no_kind).filter(|_| if_kind.may_be_bool()) {
            Some(kind) => Ok((Op::Choice(Box::new([condition, yes, no])), kind)),
            None => Err(Problem::new(
                at,
                format!(
                    "found no matching overload for '_?_:_' applied to '({if_kind}, {yes_kind}, {no_kind})'; the condition must be \
                     bool, and both results of one type"
                ),
            )),
        }
    }

    /// The kind that an element contributes: what is in it, where it is optional.
    fn element(&mut self, node: &Node, optional: bool) -> Checked {
        let (step, kind) = self.step(node)?;
        match (optional, kind) {
            (false, kind) => Ok((step, kind)),
            (true, Kind::Optional(of)) => Ok((step, *of)),
            (true, Kind::Dyn) => Ok((step, Kind::Dyn)),
            (true, kind) => Err(Problem::new(node.at, format!("expected an optional behind '?', found '{kind}'"))),
        }
    }

    fn list(&mut self, elements: &[Element], homogeneous: bool) -> Result<(Op, Kind), Problem> {
        let mut steps = Vec::new();
        let mut of = None;
        for element in elements {
            let (step, kind) = self.element(&element.value, element.optional)?;
            if homogeneous {
                same(&mut of, kind, element.value.at)?;
            }
            steps.push((element.optional, step));
        }
        Ok((Op::List(steps), Kind::list(of.unwrap_or(Kind::Dyn))))
    }

    fn map(&mut self, entries: &[Entry]) -> Result<(Op, Kind), Problem> {
        let mut steps = Vec::new();
        let (mut keys, mut values) = (None, None);
        for entry in entries {
            let (key, key_kind) = self.step(&entry.key)?;
            if !matches!(key_kind, Kind::Bool | Kind::Int | Kind::Uint | Kind::String | Kind::Dyn) {
                return Err(Problem::new(
                    entry.key.at,
                    format!("a key of a map is a string, a whole number or a bool, not '{key_kind}'"),
                ));
            }
            same(&mut keys, key_kind, entry.key.at)?;
            let (value, value_kind) = self.element(&entry.value, entry.optional)?;
            same(&mut values, value_kind, entry.value.at)?;
            steps.push((entry.optional, key, value));
        }
        Ok((Op::Map(steps), Kind::map(keys.unwrap_or(Kind::Dyn), values.unwrap_or(Kind::Dyn))))
    }

    fn each(&mut self, at: usize, each: &Loop) -> Result<(Op, Kind), Problem> {
        let (over, over_kind) = self.step(&each.over)?;
        let two = each.second.is_some();
        let (first, second) = match &over_kind {
            Kind::List(of) if two => (Kind::Int, (**of).clone()),
            Kind::List(of) => ((**of).clone(), Kind::Dyn),
            Kind::Map(key, value) if each.what != What::SortBy => ((**key).clone(), (**value).clone()),
            Kind::Dyn => (Kind::Dyn, Kind::Dyn),
            other => {
                let what = "must be list, map, or dynamic";
                return Err(Problem::new(
                    at,
                    format!("expression of type '{other}' cannot be range of a comprehension ({what})"),
                ));
            }
        };
        let open = self.locals.len();
        self.locals.push((each.first.clone(), first.clone()));
        if let Some(name) = &each.second {
            self.locals.push((name.clone(), second));
        }
        let filter = match &each.filter {
            Some(filter) => Some(self.predicate(filter)?),
            None => None,
        };
        let predicate = matches!(each.what, What::All | What::Exists | What::ExistsOne | What::Filter);
        let (body, body_kind) =
            if predicate { (self.predicate(&each.body)?, Kind::Bool) } else { self.step(&each.body)? };
        self.locals.truncate(open);
        let kind = match each.what {
            What::All | What::Exists | What::ExistsOne => Kind::Bool,
            What::Each => Kind::list(body_kind),
            What::Filter => Kind::list(first),
            What::TransformMap => Kind::map(first, body_kind),
            What::TransformMapEntry if matches!(body_kind, Kind::Map(..) | Kind::Dyn) => body_kind,
            What::TransformMapEntry => {
                return Err(Problem::new(
                    each.body.at,
                    format!("transformMapEntry() takes a map such as {{k: v}}, not '{body_kind}'"),
                ));
            }
            What::SortBy if body_kind.may_have_order() => Kind::list(first),
            What::SortBy => {
                return Err(Problem::new(each.body.at, format!("type '{body_kind}' has no order to sort by")));
            }
        };
        Ok((Op::Loop(Box::new(Each { what: each.what, over, two, filter, body })), kind))
    }

    fn predicate(&mut self, node: &Node) -> Result<Step, Problem> {
        let (step, kind) = self.step(node)?;
        if kind.may_be_bool() {
            Ok(step)
        } else {
            Err(Problem::new(node.at, format!("expected type 'bool' but found '{kind}'")))
        }
    }

    fn if_present(
        &mut self,
        at: usize,
        of: &Node,
        variable: &str,
        body: &Node,
        flat: bool,
    ) -> Result<(Op, Kind), Problem> {
        let (of, of_kind) = self.step(of)?;
        let inner = match of_kind {
            Kind::Optional(inner) => *inner,
            Kind::Dyn => Kind::Dyn,
            other => {
                return Err(Problem::new(
                    at,
                    format!("type '{other}' is no optional; a claim's optional form is claims.?name"),
                ));
            }
        };
        self.locals.push((variable.to_owned(), inner));
        let (step, kind) = self.step(body)?;
        self.locals.pop();
        let kind = match (flat, kind) {
            (false, kind) => Kind::optional(kind),
            (true, kind @ (Kind::Optional(_) | Kind::Dyn)) => kind,
            (true, kind) => return Err(Problem::new(body.at, format!("optFlatMap() takes an optional, not '{kind}'"))),
        };
        Ok((Op::IfPresent { of: Box::new(of), body: Box::new(step), flat }, kind))
    }
}

fn names(fields: &[(&str, Kind)]) -> String {
    fields.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

fn kind_of(value: &Val) -> Kind {
    match value {
        Val::Null => Kind::Null,
        Val::Bool(_) => Kind::Bool,
        Val::Int(_) => Kind::Int,
        Val::Uint(_) => Kind::Uint,
        Val::Double(_) => Kind::Double,
        Val::Text(_) => Kind::String,
        Val::Bytes(_) => Kind::Bytes,
        _ => Kind::Dyn,
    }
}

fn type_named(name: &str) -> Option<&'static str> {
    const NAMES: [&str; 18] = [
        "bool",
        "int",
        "uint",
        "double",
        "string",
        "bytes",
        "list",
        "map",
        "null_type",
        "type",
        "optional_type",
        "google.protobuf.Duration",
        "google.protobuf.Timestamp",
        "kubernetes.URL",
        "kubernetes.Quantity",
        "kubernetes.Semver",
        "net.IP",
        "net.CIDR",
    ];
    NAMES.into_iter().find(|known| *known == name)
}

/// The names that a node consists of, with dots.
fn qualified(node: &Node) -> Option<String> {
    match &node.form {
        Form::Name(name) => Some(name.clone()),
        Form::Select { of, field, optional: false } => Some(format!("{}.{field}", qualified(of)?)),
        _ => None,
    }
}

fn field_of(kind: &Kind) -> Option<Kind> {
    Some(match kind {
        Kind::Dyn => Kind::Dyn,
        Kind::Map(key, value) if matches!(**key, Kind::String | Kind::Dyn) => (**value).clone(),
        Kind::Optional(of) => match field_of(of)? {
            already @ Kind::Optional(_) => already,
            field => Kind::optional(field),
        },
        _ => return None,
    })
}

fn element_at(of: &Kind, key: &Kind) -> Option<Kind> {
    Some(match of {
        Kind::Dyn => Kind::Dyn,
        Kind::List(element) if matches!(key, Kind::Int | Kind::Dyn) => (**element).clone(),
        Kind::Map(wanted, value) if wanted.join(key).is_some() => (**value).clone(),
        Kind::Optional(of) => match element_at(of, key)? {
            already @ Kind::Optional(_) => already,
            element => Kind::optional(element),
        },
        _ => return None,
    })
}

/// The kind of all elements so far, if this is of the same.
fn same(so_far: &mut Option<Kind>, kind: Kind, at: usize) -> Result<(), Problem> {
    match so_far {
        None => *so_far = Some(kind),
        Some(first) if *first == kind => {}
        Some(first) => {
            let hint = if Kind::Dyn == *first || kind == Kind::Dyn {
                "; a claim is of type dyn until it is converted, as in string(claims.a), or written dyn(…) is everything"
            } else {
                "; all elements of a literal are of one type"
            };
            return Err(Problem::new(at, format!("expected type '{first}' but found '{kind}'{hint}")));
        }
    }
    Ok(())
}

/// The ways to call that suit, and what they give.
fn matching(candidates: &[&'static Overload], kinds: &[Kind]) -> Option<(Vec<&'static Overload>, Kind)> {
    let mut suitable = Vec::new();
    let mut result: Option<Kind> = None;
    for overload in candidates.iter().filter(|overload| overload.parameters.len() == kinds.len()) {
        let mut bindings = Bindings::default();
        if overload.parameters.iter().zip(kinds).all(|(wanted, given)| given.suits(wanted, &mut bindings)) {
            let filled = bindings.fill(&overload.result);
            result = Some(match result {
                Some(before) if before != filled => Kind::Dyn,
                _ => filled,
            });
            suitable.push(*overload);
        }
    }
    result.map(|result| (suitable, result))
}

fn unknown_function(at: usize, name: &str, member: bool, all: &[Overload]) -> Problem {
    let shown = gangplank_jose::Excerpt::of(name);
    let hint = match all.first() {
        Some(other) if member => format!("; it is not called on a value: {}", other.text),
        Some(other) => format!("; it is called on a value: {}", other.text),
        None => "; there is no such function or macro in these libraries".to_owned(),
    };
    Problem::new(at, format!("undeclared reference to '{shown}' (in container ''){hint}"))
}

fn no_overload(at: usize, name: &str, member: bool, kinds: &[Kind], candidates: &[&Overload]) -> Problem {
    let texts: Vec<_> = kinds.iter().map(Kind::to_string).collect();
    let applied = match texts.split_first() {
        Some((receiver, rest)) if member => format!("{receiver}.({})", rest.join(", ")),
        _ => format!("({})", texts.join(", ")),
    };
    let mut accepted: Vec<_> = candidates.iter().take(6).map(|overload| overload.text).collect();
    if candidates.len() > 6 {
        accepted.push("…");
    }
    let accepted = accepted.join("; ");
    Problem::new(at, format!("found no matching overload for '{name}' applied to '{applied}'; accepted: {accepted}"))
}

/// Reads what stands there as a literal and has to be of a certain form.
fn literals(name: &str, steps: &mut [Step]) -> Result<(), Problem> {
    let literal = |step: Option<&Step>| match step {
        Some(Step { op: Op::Constant(Val::Text(text)), at }) => Some((text.clone(), *at)),
        _ => None,
    };
    match name {
        "duration" => match literal(steps.first()) {
            Some((text, at)) if functions::duration(&text).is_none() => {
                Err(Problem::new(at, "invalid duration argument; a duration is written like \"1h30m\" or \"1.5s\""))
            }
            _ => Ok(()),
        },
        "timestamp" => match literal(steps.first()) {
            Some((text, at)) if functions::timestamp(&text).is_none() => Err(Problem::new(
                at,
                "invalid timestamp argument; a timestamp is written like \"2026-11-22T04:05:06Z\"",
            )),
            _ => Ok(()),
        },
        "matches" | "find" | "findAll" => {
            let Some((text, at)) = literal(steps.get(1)) else { return Ok(()) };
            let made =
                meter::pattern(&text).map_err(|why| Problem::new(at, format!("invalid {name} argument: {why}")))?;
            steps[1].op = Op::Constant(Val::Pattern(made));
            Ok(())
        }
        getter if getter.starts_with("get") && steps.len() == 2 => match literal(steps.get(1)) {
            Some((zone, _)) if functions::offset(&zone).is_some() => Ok(()),
            _ => {
                let what =
                    "names of time zones are not known here; a zone is the literal \"UTC\", or one such as \"+02:00\"";
                Err(Problem::new(steps[1].at, format!("invalid {getter} argument: {what}")))
            }
        },
        _ => Ok(()),
    }
}
