//! Which connections are open, of whom, and which of them can be spared.
//!
//! Connections come and go on many tasks, so both tables are spread (`DashMap`). A connection marks
//! itself idle or busy in its own cell; only when room is needed does somebody look at all of them,
//! which at 1,000 connections is a matter of microseconds.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use dashmap::DashMap;
use tokio::{sync::Notify, time::Instant};

use super::TcpLimits;
use crate::sockets::events::Refused;

/// All open connections.
pub(super) struct Connections {
    connections_max: usize,
    connections_per_client_max: u32,
    /// What idle times are counted from.
    origin: Instant,
    open: AtomicUsize,
    next_id: AtomicU64,
    slots: DashMap<u64, Arc<Slot>>,
    clients: DashMap<IpAddr, u32>,
}

/// The right to be connected. Dropping it makes room.
pub(super) struct Ticket {
    connections: Arc<Connections>,
    id: u64,
    slot: Arc<Slot>,
}

struct Slot {
    client: IpAddr,
    /// Milliseconds from the origin to the beginning of idleness; or [`BUSY`] or [`EVICTED`].
    state: AtomicU64,
    evicted: Notify,
}

const BUSY: u64 = u64::MAX;
const EVICTED: u64 = u64::MAX - 1;

impl Connections {
    pub(super) fn new(limits: &TcpLimits, now: Instant) -> Self {
        Self {
            connections_max: limits.connections_max,
            connections_per_client_max: limits.connections_per_client_max,
            origin: now,
            open: AtomicUsize::new(0),
            next_id: AtomicU64::new(0),
            slots: DashMap::new(),
            clients: DashMap::new(),
        }
    }

    pub(super) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Takes a connection on, if need be in the place of the one that has been idle for longest.
    /// A mapped address counts as the IPv4 address it is.
    pub(super) fn admit(self: &Arc<Self>, client: IpAddr, now: Instant) -> Result<Ticket, Refused> {
        let client = client.to_canonical();
        let of_client = |slot: &Slot| slot.client == client;
        let has_room = self.count_client(client) || self.evict(of_client) && self.count_client(client);
        if !has_room {
            return Err(Refused::ConnectionsOfClient);
        }
        let has_room = self.count_open() || self.evict(|_| true) && self.count_open();
        if !has_room {
            self.discount_client(client);
            return Err(Refused::Connections);
        }
        let slot = Arc::new(Slot { client, state: AtomicU64::new(self.millis(now)), evicted: Notify::new() });
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        self.slots.insert(id, slot.clone());
        Ok(Ticket { connections: self.clone(), id, slot })
    }

    /// Ends the connection that has been idle for longest, and frees its place. False if none is idle.
    fn evict(&self, may: impl Fn(&Slot) -> bool) -> bool {
        loop {
            let idle = self.slots.iter().filter(|slot| may(slot));
            let idle = idle.map(|slot| (slot.state.load(Ordering::Relaxed), *slot.key()));
            let Some((since, id)) = idle.filter(|&(since, _)| since < EVICTED).min() else { return false };
            let slot = self.slots.get(&id).map(|slot| slot.clone());
            // It may have become busy, or gone, since we looked.
            if let Some(slot) = slot
                && slot.state.compare_exchange(since, EVICTED, Ordering::Relaxed, Ordering::Relaxed).is_ok()
            {
                self.release(id);
                slot.evicted.notify_one();
                return true;
            }
        }
    }

    fn count_open(&self) -> bool {
        let more = |open| (open < self.connections_max).then_some(open + 1);
        self.open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    fn count_client(&self, client: IpAddr) -> bool {
        let mut open = self.clients.entry(client).or_insert(0);
        let room = *open < self.connections_per_client_max;
        *open += u32::from(room);
        room
    }

    fn discount_client(&self, client: IpAddr) {
        self.clients.remove_if_mut(&client, |_, open| {
            *open -= 1;
            *open == 0
        });
    }

    /// Makes room, once for each connection: whoever evicts one comes before its own end.
    fn release(&self, id: u64) {
        if let Some((_, slot)) = self.slots.remove(&id) {
            self.discount_client(slot.client);
            self.open.fetch_sub(1, Ordering::Relaxed);
        }
    }

    fn millis(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.origin).as_millis() as u64
    }
}

impl Ticket {
    /// From now on the connection can be spared.
    pub(super) fn set_idle(&self, now: Instant) {
        let idle = self.connections.millis(now);
        let _ = self.slot.state.compare_exchange(BUSY, idle, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// From now on it cannot. False if it has been evicted: its place is another's already.
    pub(super) fn set_busy(&self) -> bool {
        let busy = |state| (state != EVICTED).then_some(BUSY);
        self.slot.state.fetch_update(Ordering::Relaxed, Ordering::Relaxed, busy).is_ok()
    }

    /// Comes back when the connection has been evicted.
    pub(super) async fn evicted(&self) {
        self.slot.evicted.notified().await;
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.connections.release(self.id);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn connections(connections_max: usize, connections_per_client_max: u32) -> Arc<Connections> {
        let limits = TcpLimits { connections_max, connections_per_client_max, ..TcpLimits::default() };
        Arc::new(Connections::new(&limits, Instant::now()))
    }

    fn client(last: u8) -> IpAddr {
        [10, 0, 0, last].into()
    }

    fn busy(ticket: Ticket) -> Ticket {
        assert!(ticket.set_busy());
        ticket
    }

    #[test]
    fn no_more_connections_than_there_may_be_and_a_closed_one_makes_room() {
        let (connections, now) = (connections(2, 2), Instant::now());
        let first = busy(connections.admit(client(1), now).unwrap());
        let _second = busy(connections.admit(client(2), now).unwrap());
        assert_eq!(connections.admit(client(3), now).err(), Some(Refused::Connections));
        drop(first);
        assert_eq!(connections.open(), 1);
        assert!(connections.admit(client(3), now).is_ok());
        assert_eq!((connections.open(), connections.clients.len()), (1, 1), "nothing is left of who is gone");
    }

    #[test]
    fn the_one_idle_for_longest_makes_room() {
        let connections = connections(3, 3);
        let at = |millis| connections.origin + Duration::from_millis(millis);
        let tickets = [30, 10, 20].map(|idle| connections.admit(client(idle as u8), at(idle)).unwrap());
        let newest = connections.admit(client(4), at(40)).unwrap();
        assert_eq!(connections.open(), 3);
        assert_eq!(tickets.each_ref().map(Ticket::set_busy), [true, false, true]);
        drop(tickets);
        assert_eq!(connections.open(), 1, "the evicted one is not counted out twice");
        drop(newest);
        assert!(connections.clients.is_empty());
    }

    #[test]
    fn a_client_makes_room_for_itself_only() {
        let (connections, now) = (connections(10, 1), Instant::now());
        let other = connections.admit(client(9), now).unwrap();
        let first = connections.admit(client(1), now + Duration::from_secs(1)).unwrap();
        let second = busy(connections.admit(client(1), now).unwrap());
        assert!(!first.set_busy());
        assert_eq!(connections.admit(client(1), now).err(), Some(Refused::ConnectionsOfClient));
        assert!(other.set_busy() && second.set_busy());
    }

    #[test]
    fn a_mapped_address_is_the_address_it_maps() {
        let (connections, now) = (connections(10, 1), Instant::now());
        let _plain = busy(connections.admit(client(1), now).unwrap());
        let mapped = "::ffff:10.0.0.1".parse().unwrap();
        assert_eq!(connections.admit(mapped, now).err(), Some(Refused::ConnectionsOfClient));
    }

    #[test]
    fn a_busy_one_that_rests_can_be_spared_again() {
        let (connections, now) = (connections(1, 1), Instant::now());
        let first = busy(connections.admit(client(1), now).unwrap());
        first.set_idle(now);
        let _second = connections.admit(client(2), now).unwrap();
        first.set_idle(now);
        assert!(!first.set_busy(), "an evicted one does not come back");
    }
}
