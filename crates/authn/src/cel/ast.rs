//! An expression as it was parsed.

use std::collections::BTreeSet;

use super::value::Val;

pub(super) struct Node {
    /// Where it was written, in octets.
    pub(super) at: usize,
    /// How many nodes stand on top of each other here.
    pub(super) height: usize,
    pub(super) form: Form,
}

pub(super) enum Form {
    Literal(Val),
    Name(String),
    /// `of.field`, or `of.?field`.
    Select {
        of: Box<Node>,
        field: String,
        optional: bool,
    },
    /// `has(of.field)`.
    Has {
        of: Box<Node>,
        field: String,
    },
    /// `of[key]`, or `of[?key]`.
    Index {
        of: Box<Node>,
        key: Box<Node>,
        optional: bool,
    },
    /// Functions and operators (`_+_`).
    Call {
        target: Option<Box<Node>>,
        name: String,
        arguments: Vec<Node>,
    },
    List(Vec<Element>),
    Map(Vec<Entry>),
    And(Vec<Node>),
    Or(Vec<Node>),
    /// `a ? b : c`.
    Choice(Box<[Node; 3]>),
    Loop(Box<Loop>),
    /// `of.optMap(variable, body)`, or `optFlatMap`.
    IfPresent {
        of: Box<Node>,
        variable: String,
        body: Box<Node>,
        flat: bool,
    },
}

pub(super) struct Element {
    pub(super) optional: bool,
    pub(super) value: Node,
}

pub(super) struct Entry {
    pub(super) optional: bool,
    pub(super) key: Node,
    pub(super) value: Node,
}

/// A macro that does something for each element.
pub(super) struct Loop {
    pub(super) what: What,
    pub(super) over: Node,
    pub(super) first: String,
    /// The second variable, of the forms that have one.
    pub(super) second: Option<String>,
    pub(super) filter: Option<Node>,
    pub(super) body: Node,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    All,
    Exists,
    ExistsOne,
    /// `map` and `transformList`.
    Each,
    Filter,
    TransformMap,
    TransformMapEntry,
    SortBy,
}

impl Node {
    /// All nodes directly below this one.
    pub(super) fn children(&self) -> Vec<&Node> {
        match &self.form {
            Form::Literal(_) | Form::Name(_) => Vec::new(),
            Form::Select { of, .. } | Form::Has { of, .. } => vec![of],
            Form::Index { of, key, .. } => vec![of, key],
            Form::Call { target, arguments, .. } => target.as_deref().into_iter().chain(arguments).collect(),
            Form::List(elements) => elements.iter().map(|element| &element.value).collect(),
            Form::Map(entries) => entries.iter().flat_map(|entry| [&entry.key, &entry.value]).collect(),
            Form::And(terms) | Form::Or(terms) => terms.iter().collect(),
            Form::Choice(three) => three.iter().collect(),
            Form::Loop(each) => [&each.over, &each.body].into_iter().chain(&each.filter).collect(),
            Form::IfPresent { of, body, .. } => vec![of, body],
        }
    }

    /// What is selected from names, here and below: the name and the field.
    pub(super) fn selections(&self, all: &mut BTreeSet<(String, String)>) {
        if let Form::Select { of, field, .. } | Form::Has { of, field } = &self.form
            && let Form::Name(name) = &of.form
        {
            all.insert((name.clone(), field.clone()));
        }
        for child in self.children() {
            child.selections(all);
        }
    }

    /// Every name that is selected from anything, and every string there is, here and below.
    pub(super) fn words(&self, all: &mut BTreeSet<String>) {
        match &self.form {
            Form::Select { field, .. } | Form::Has { field, .. } => {
                all.insert(field.clone());
            }
            Form::Literal(Val::Text(text)) => {
                all.insert(text.as_ref().to_owned());
            }
            _ => {}
        }
        for child in self.children() {
            child.words(all);
        }
    }
}
