//! The table that readers load and one writer publishes into.
//!
//! A hash table whose slots are published one by one: a slot is an `ArcSwapOption` of an immutable
//! list. A reader loads one pointer and walks a list of one or two nodes; a change copies the
//! nodes in front of the one it replaces and swaps the pointer. So a change costs the same in a
//! cluster of any size, and a reader never waits.
//!
//! What it is not: a snapshot over many keys. Each entry is whole, two entries are of two moments.
//! DNS needs no more: an answer is made of one entry.
//!
//! The number of slots is fixed, for a table that never grows never stalls. It is chosen for the
//! sizes that Kubernetes supports; beyond them the lists grow longer, nothing else happens.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwapOption;

/// See the module.
pub struct Published<V> {
    slots: Box<[ArcSwapOption<Node<V>>]>,
    /// How many entries there are. Its lock is held by whoever changes the table.
    entries: Mutex<usize>,
}

#[repr(C)]
struct Node<V> {
    value: V,
    next: Option<Arc<Self>>,
}

impl<V: Clone> Published<V> {
    /// An empty table of `1 << slots_log2` slots of 8 octets.
    pub fn new(slots_log2: u32) -> Self {
        let slots = (0..1usize << slots_log2).map(|_| ArcSwapOption::const_empty()).collect();
        Self { slots, entries: Mutex::new(0) }
    }

    /// Reads the first entry that `is` recognises. It is asked about entries of other hashes too.
    #[inline]
    pub fn read<R>(&self, hash: u64, mut is: impl FnMut(&V) -> bool, read: impl FnOnce(&V) -> R) -> Option<R> {
        let list = self.slot(hash).load();
        let mut next = list.as_ref();
        while let Some(node) = next {
            if is(&node.value) {
                return Some(read(&node.value));
            }
            next = node.next.as_ref();
        }
        None
    }

    /// Puts `value` in the place of the entry that `is` recognises, adds it where
    /// there is none, or removes that entry where `value` is none.
    pub fn publish(&self, hash: u64, mut is: impl FnMut(&V) -> bool, value: Option<V>) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = self.slot(hash);
        let list = slot.load_full();

        let mut in_front = Vec::new();
        let mut next = list.as_ref();
        let mut found = None;
        while let Some(node) = next {
            if is(&node.value) {
                found = Some(node);
                break;
            }
            in_front.push(node);
            next = node.next.as_ref();
        }
        let mut changed = match found {
            Some(found) => {
                *entries -= 1;
                in_front
                    .into_iter()
                    .rev()
                    .fold(found.next.clone(), |next, node| Some(Arc::new(Node { value: node.value.clone(), next })))
            }
            None if value.is_none() => return,
            // The whole list stays as it is, behind the new entry.
            None => list.clone(),
        };
        if let Some(value) = value {
            changed = Some(Arc::new(Node { value, next: changed }));
            *entries += 1;
        }
        slot.store(changed);
    }

    /// Adds an entry of which it is known that it is not there: the list is not looked through.
    pub fn add(&self, hash: u64, value: V) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = self.slot(hash);
        let next = slot.load_full();
        slot.store(Some(Arc::new(Node { value, next })));
        *entries += 1;
    }

    /// Shows every entry that `is` recognises, among those that may have this hash.
    pub fn read_all(&self, hash: u64, mut is: impl FnMut(&V) -> bool, mut read: impl FnMut(&V)) {
        let list = self.slot(hash).load();
        let mut next = list.as_ref();
        while let Some(node) = next {
            if is(&node.value) {
                read(&node.value);
            }
            next = node.next.as_ref();
        }
    }

    /// Shows every entry, in no order.
    pub fn for_each(&self, mut show: impl FnMut(&V)) {
        for slot in &self.slots {
            let list = slot.load();
            let mut next = list.as_ref();
            while let Some(node) = next {
                show(&node.value);
                next = node.next.as_ref();
            }
        }
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        *self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline]
    fn slot(&self, hash: u64) -> &ArcSwapOption<Node<V>> {
        &self.slots[hash as usize & (self.slots.len() - 1)]
    }
}

/// A list is dropped by a loop: the recursion that Rust would make of it could run out of stack.
impl<V> Drop for Node<V> {
    fn drop(&mut self) {
        let mut next = self.next.take();
        while let Some(node) = next {
            next = Arc::into_inner(node).and_then(|mut node| node.next.take());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn entries(table: &Published<(u64, u8)>) -> BTreeMap<u64, u8> {
        let mut all = BTreeMap::new();
        table.for_each(|&(key, value)| assert_eq!(all.insert(key, value), None, "{key} stands twice"));
        all
    }

    proptest! {
        /// Two slots and eight keys, so that lists are long and hashes collide.
        #[test]
        fn it_holds_what_a_map_would_hold(changes in prop::collection::vec((0u64..8, any::<Option<u8>>()), 0..40)) {
            let table = Published::new(1);
            let mut model = BTreeMap::new();
            for (key, value) in changes {
                let hash = key / 2;
                table.publish(hash, |&(other, _)| other == key, value.map(|value| (key, value)));
                match value {
                    Some(value) => model.insert(key, value),
                    None => model.remove(&key),
                };
                prop_assert_eq!(entries(&table), model.clone());
                prop_assert_eq!(table.len(), model.len());
                prop_assert_eq!(table.read(hash, |&(other, _)| other == key, |&(_, value)| value), value);
            }
        }
    }

    #[test]
    fn a_long_list_is_dropped_without_recursion() {
        let list = (0..200_000).fold(None, |next, value| Some(Arc::new(Node { value, next })));
        drop(list);
    }
}
