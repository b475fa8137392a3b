//! A map that never grows beyond its bound: the oldest entry makes room for the newest.

use std::collections::{HashMap, VecDeque};

/// Keys are unguessable tokens, so nobody can choose which entries collide.
pub(crate) struct Bounded<V> {
    entries: HashMap<String, V>,
    order: VecDeque<String>,
    bound: usize,
}

impl<V> Bounded<V> {
    pub(crate) fn new(bound: usize) -> Self {
        Bounded { entries: HashMap::new(), order: VecDeque::new(), bound }
    }

    /// Puts in an entry under a key that is not there yet.
    pub(crate) fn insert(&mut self, key: String, value: V) {
        while self.order.len() >= self.bound {
            if let Some(oldest) = self.order.pop_front() {
                self.entries.remove(&oldest);
            }
        }
        self.order.push_back(key.clone());
        self.entries.insert(key, value);
    }

    pub(crate) fn get(&self, key: &str) -> Option<&V> {
        self.entries.get(key)
    }

    pub(crate) fn get_mut(&mut self, key: &str) -> Option<&mut V> {
        self.entries.get_mut(key)
    }

    /// Takes an entry out. Its place in the order is given back when it comes up.
    pub(crate) fn remove(&mut self, key: &str) -> Option<V> {
        self.entries.remove(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_makes_room() {
        let mut map = Bounded::new(2);
        for (key, value) in [("a", 1), ("b", 2), ("c", 3)] {
            map.insert(key.to_owned(), value);
        }
        assert_eq!((map.get("a"), map.get("b"), map.get("c")), (None, Some(&2), Some(&3)));
        map.remove("b");
        map.insert("d".to_owned(), 4);
        assert_eq!(map.get("c"), Some(&3));
    }
}
