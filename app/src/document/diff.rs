//! What a reload changed, by key. Values are not shown: the keys are enough to know, and a value may be secret.

use super::tree::{Node, Path, Step, Value};

/// The keys whose values differ, in their order. A table or list that is only in one of the trees counts as one.
pub(super) fn changed(before: &Node, after: &Node) -> Vec<Path> {
    let mut found = Vec::new();
    compare(Some(before), Some(after), &Path::default(), &mut found);
    found
}

fn compare(before: Option<&Node>, after: Option<&Node>, path: &Path, found: &mut Vec<Path>) {
    let (Some(old), Some(new)) = (before, after) else {
        found.push(path.clone());
        return;
    };
    match (&old.value, &new.value) {
        (Value::Table(old), Value::Table(new)) => {
            let keys: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            for key in keys {
                compare(old.get(key), new.get(key), &path.join(Step::Key(key.clone())), found);
            }
        }
        (Value::Array(old), Value::Array(new)) => {
            for index in 0..old.len().max(new.len()) {
                compare(old.get(index), new.get(index), &path.join(Step::Index(index)), found);
            }
        }
        (old, new) if same(old, new) => {}
        _ => found.push(path.clone()),
    }
}

fn same(old: &Value, new: &Value) -> bool {
    match (old, new) {
        (Value::String(a), Value::String(b)) | (Value::Datetime(a), Value::Datetime(b)) => a == b,
        (Value::Integer(a), Value::Integer(b)) => a == b,
        (Value::Float(a), Value::Float(b)) => a.to_bits() == b.to_bits(),
        (Value::Boolean(a), Value::Boolean(b)) => a == b,
        _ => false,
    }
}
