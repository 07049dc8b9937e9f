//! Names in a reply: whole, or as pointers to where the packet has them already.

use super::{
    super::{
        question::HEADER_OCTETS,
        sink::{Composed, End, Owner},
    },
    POINTER_MAX, Reply,
    whole::pointer,
};
use crate::records::name::in_front_of;

impl Reply<'_> {
    pub(super) fn put_pointer(&mut self, to: usize) {
        self.put(&pointer(to));
    }

    #[inline]
    pub(super) fn put_owner(&mut self, owner: &Owner<'_>) {
        match (self.owner(owner), owner) {
            (Some(start), _) => self.put_pointer(start),
            (None, Owner::Target(_, name)) => self.put_name(name),
            (None, _) => self.put_zone(),
        }
    }

    /// Where a pointer finds the owner of a record.
    #[inline]
    pub(super) fn owner(&self, owner: &Owner<'_>) -> Option<usize> {
        match owner {
            Owner::Question => Some(HEADER_OCTETS),
            Owner::Zone => Some(self.zone_start).filter(|&start| start > 0),
            Owner::Target(index, _) => self.target(*index),
        }
    }

    /// A name, its end as a pointer where the packet has it.
    pub(super) fn put_name(&mut self, name: &Composed<'_>) {
        self.put_labels(name);
        match name.end {
            End::Zone => self.put_zone(),
            End::Name(wire) => self.put_absolute(wire),
        }
    }

    /// An absolute name; what it has in common with the end of the question's becomes a pointer.
    pub(super) fn put_absolute(&mut self, wire: &[u8]) {
        let mut start = HEADER_OCTETS;
        while start + 1 < self.name_end() {
            let shared = &self.buffer[start..self.name_end()];
            if let Some(labels) = in_front_of(wire, shared) {
                self.put(labels);
                return self.put_pointer(start);
            }
            start += 1 + usize::from(self.buffer[start]);
        }
        self.put(wire);
    }

    /// A name without any pointer.
    pub(super) fn put_whole_name(&mut self, name: &Composed<'_>) {
        self.put_labels(name);
        match name.end {
            End::Zone if self.is_far() => self.put_apex(),
            End::Zone => {
                let zone = self.zone_start..self.name_end();
                self.buffer.copy_within(zone.clone(), self.length);
                self.length += zone.len();
            }
            End::Name(wire) => self.put(wire),
        }
    }

    /// The apex of the zone: a pointer to where it stands, or where it stands from now on.
    fn put_zone(&mut self) {
        if self.zone_start > 0 {
            return self.put_pointer(self.zone_start);
        }
        if self.length <= POINTER_MAX {
            self.zone_start = self.length;
        }
        self.put_apex();
    }

    fn put_apex(&mut self) {
        let end = self.length + self.targets.apex_octets;
        self.buffer[self.length..end].copy_from_slice(&self.targets.apex[..self.targets.apex_octets]);
        self.length = end;
    }

    /// Whether the zone is one that the question's name is not in.
    fn is_far(&self) -> bool {
        self.zone_start == 0 || self.zone_start >= self.question_end
    }

    pub(super) fn put_labels(&mut self, name: &Composed<'_>) {
        for labels in name.labels.iter().filter(|labels| !labels.is_empty()) {
            self.put(labels);
        }
    }

    pub(super) fn name_end(&self) -> usize {
        self.question_end - 4
    }

    pub(super) fn name_octets(&self, name: &Composed<'_>) -> usize {
        let end = match name.end {
            End::Zone if self.is_far() => self.targets.apex_octets,
            End::Zone => self.name_end() - self.zone_start,
            End::Name(wire) => wire.len(),
        };
        name.labels.iter().map(|labels| labels.len()).sum::<usize>() + end
    }

    /// Remembers that the name written next is one that records may own.
    pub(super) fn note_target(&mut self) {
        self.note_target_at(if self.length <= POINTER_MAX { self.length as u16 } else { 0 });
    }

    pub(super) fn note_target_at(&mut self, start: u16) {
        if let Some(target) = self.targets.starts.get_mut(self.target_count) {
            *target = start;
        }
        self.target_count += 1;
    }

    /// Where a pointer finds the name that the `index`-th pointing record holds.
    pub(super) fn target(&self, index: usize) -> Option<usize> {
        let start = *self.targets.starts.get(index)?;
        (start > 0 && index < self.target_count).then_some(usize::from(start))
    }
}
