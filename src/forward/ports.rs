//! The ports that questions to one upstream over UDP go out from.
//!
//! A port is new and random, given by the system where a socket is connected. Questions that overlap share one, few
//! of them: to connect is a good part of what a question costs. None follows one that was lost there: the next tries
//! another way. On Linux a socket at which nobody waits any more is disconnected, which takes its port away, and waits
//! here for other questions and another port: to make one, to have it watched and to close it would cost four times as
//! much.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use tokio::{net::UdpSocket, task::yield_now};

use super::{
    counters::{Counters, Proto, UpstreamCounters},
    message::Query,
    port::{Heard, Left, Port, Taken},
};

/// The way to one upstream.
pub(super) struct Ports {
    pub(super) to: SocketAddr,
    source: Option<IpAddr>,
    all: Counters,
    counters: Arc<UpstreamCounters>,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// Where the last question went out: others may go the same way.
    open: Option<Arc<Port>>,
    /// Sockets without a port.
    idle: Vec<Arc<Port>>,
}

/// A question that waits for its reply, until it is dropped.
pub(super) struct Asked<'p> {
    ports: &'p Ports,
    port: Arc<Port>,
    taken: Taken,
}

/// Sends what a port has taken when it is dropped: also where the one who was to do so is gone.
struct Sending<'p>(&'p Port);

/// Sockets that wait, of 2 KiB each: half a MiB for an upstream that was ever asked so much at a time. With more
/// questions at a time others are made and closed.
const IDLE_MAX: usize = 256;

impl Ports {
    pub(super) fn new(
        to: SocketAddr,
        source: Option<IpAddr>,
        all: &Counters,
        counters: &Arc<UpstreamCounters>,
    ) -> Self {
        Self { to, source, all: all.clone(), counters: counters.clone(), kept: Mutex::default() }
    }

    /// Finds a port for a question. It is not sent yet.
    pub(super) fn ask(&self, query: &Query) -> io::Result<Asked<'_>> {
        let mut kept = self.kept();
        if let Some(port) = &kept.open
            && let Some(taken) = port.take(query)
        {
            self.counters.connections_reused[Proto::Udp as usize].add();
            return Ok(Asked { ports: self, port: port.clone(), taken });
        }
        self.counters.connections_opened[Proto::Udp as usize].add();
        let port = self.open(&mut kept)?;
        let Some(taken) = port.take(query) else {
            port.close();
            return Err(io::ErrorKind::NotConnected.into());
        };
        kept.open = Some(port.clone());
        Ok(Asked { ports: self, port, taken })
    }

    /// A socket that hears the upstream alone.
    fn open(&self, kept: &mut Kept) -> io::Result<Arc<Port>> {
        if let Some(port) = kept.idle.pop() {
            return match port.connect(self.to) {
                Ok(()) => Ok(port),
                Err(error) => {
                    port.close();
                    Err(error)
                }
            };
        }
        let socket = Socket::new(Domain::for_address(self.to), Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_nonblocking(true)?;
        if let Some(source) = self.source {
            socket.bind(&SockAddr::from(SocketAddr::new(source, 0)))?;
        }
        socket.connect(&self.to.into())?;
        Ok(Port::new(UdpSocket::from_std(socket.into())?, &self.all))
    }

    fn leave(&self, port: &Arc<Port>, id: u16) {
        let mut kept = self.kept();
        let Left { was_last, was_answered } = port.leave(id);
        let is_open = kept.open.as_ref().is_some_and(|open| Arc::ptr_eq(open, port));
        if is_open && (was_last || !was_answered) {
            kept.open = None;
        }
        if !was_last {
            return;
        }
        if port.disconnect() && kept.idle.len() < IDLE_MAX {
            kept.idle.push(port.clone());
        } else {
            port.close();
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Ports {
    fn drop(&mut self) {
        let kept = self.kept.get_mut().unwrap_or_else(PoisonError::into_inner);
        kept.idle.iter().for_each(|port| port.close());
    }
}

impl Asked<'_> {
    /// Puts it on its way, with those that take the same way at the same time: the first sends them all.
    pub(super) async fn send(&self) {
        if self.taken.is_first {
            let _sending = Sending(&self.port);
            yield_now().await;
        }
    }

    /// For what the log says: where from.
    pub(super) fn local_address(&self) -> String {
        self.port.local_address()
    }
}

impl Future for &Asked<'_> {
    type Output = Heard;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Heard> {
        self.port.poll_heard(self.taken.id, context)
    }
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        self.ports.leave(&self.port, self.taken.id);
    }
}

impl Drop for Sending<'_> {
    fn drop(&mut self) {
        self.0.send();
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, net::Ipv4Addr, pin::pin};

    use futures_util::{
        future::{join, join_all},
        poll,
    };

    use super::*;
    use crate::forward::message;

    async fn upstream() -> UdpSocket {
        UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap()
    }

    fn ports(upstream: &UdpSocket, source: Option<IpAddr>) -> Ports {
        Ports::new(upstream.local_addr().unwrap(), source, &Counters::default(), &Arc::default())
    }

    fn query(name: &[u8]) -> Query {
        Query::ours(name, 1, true)
    }

    /// The reply to what the upstream gets next, and who asked.
    async fn reply(upstream: &UdpSocket) -> (Vec<u8>, SocketAddr) {
        let mut message = [0; 64];
        let (octets, client) = upstream.recv_from(&mut message).await.unwrap();
        message[2] |= 0x80;
        (message[..octets].to_vec(), client)
    }

    #[tokio::test]
    async fn questions_one_after_the_other_have_a_port_each() {
        let upstream = upstream().await;
        for source in [None, Some(Ipv4Addr::LOCALHOST.into())] {
            let ports = ports(&upstream, source);
            let seen: BTreeSet<String> =
                (0..64).map(|_| ports.ask(&query(b"\x01a\0")).unwrap().local_address()).collect();
            // By accident some may be the same: of 64 out of 28,000 more than four never are.
            assert!(seen.len() > 60, "{} ports", seen.len());
            assert!(ports.kept().idle.len() <= 1);
        }
    }

    #[tokio::test]
    async fn questions_at_a_time_share_ports_sixteen_each_and_have_ids_of_their_own() {
        let upstream = upstream().await;
        let ports = ports(&upstream, None);
        let asked: Vec<_> = (0..64).map(|_| ports.ask(&query(b"\x01a\0")).unwrap()).collect();
        let used: BTreeSet<_> = asked.iter().map(Asked::local_address).collect();
        assert_eq!(used.len(), 4);
        let pairs: BTreeSet<_> = asked.iter().map(|asked| (asked.local_address(), asked.taken.id)).collect();
        assert_eq!(pairs.len(), 64);
        assert_eq!(ports.counters.connections_opened[Proto::Udp as usize].get(), 4);
        assert_eq!(ports.counters.connections_reused[Proto::Udp as usize].get(), 60);
    }

    #[tokio::test]
    async fn each_question_hears_its_own_reply() {
        let upstream = upstream().await;
        let ports = ports(&upstream, None);
        let queries = [query(b"\x01a\0"), query(b"\x01b\0"), query(b"\x01c\0")];
        let asked = queries.each_ref().map(|query| ports.ask(query).unwrap());
        join_all(asked.iter().map(Asked::send)).await;
        let mut replies = vec![reply(&upstream).await, reply(&upstream).await, reply(&upstream).await];
        replies.reverse();
        for (message, client) in replies {
            upstream.send_to(&message, client).await.unwrap();
        }
        for (asked, query) in asked.iter().zip(&queries) {
            let heard = asked.await;
            assert!(matches!(&heard, Heard::Reply(reply) if query.check(asked.taken.id, reply).is_ok()), "{heard:?}");
        }
    }

    #[tokio::test]
    async fn what_comes_behind_the_answer_is_not_heard_by_the_next_question() {
        let upstream = upstream().await;
        let ports = ports(&upstream, None);
        for replies in [1, 2] {
            let asked = ports.ask(&query(b"\x01a\0")).unwrap();
            asked.send().await;
            let (message, client) = reply(&upstream).await;
            for _ in 0..replies {
                upstream.send_to(&message, client).await.unwrap();
            }
            assert!(matches!((&asked).await, Heard::Reply(_)));
            drop(asked);
            let next = ports.ask(&query(b"\x01b\0")).unwrap();
            next.send().await;
            // To the port that was.
            upstream.send_to(&message, client).await.unwrap();
            let (message, client) = reply(&upstream).await;
            upstream.send_to(&message, client).await.unwrap();
            assert!(matches!((&next).await, Heard::Reply(heard) if heard == message));
            assert_eq!(ports.all.wrong_replies.get(), 0);
        }
    }

    #[tokio::test]
    async fn where_a_question_was_lost_none_follows() {
        let upstream = upstream().await;
        let ports = ports(&upstream, None);
        let [lost, waits] = [b"\x01a\0", b"\x01b\0"].map(|name| ports.ask(&query(name)).unwrap());
        assert_eq!(lost.local_address(), waits.local_address());
        drop(lost);
        let next = ports.ask(&query(b"\x01c\0")).unwrap();
        assert_ne!(next.local_address(), waits.local_address());
    }

    #[tokio::test]
    async fn the_same_question_goes_another_way_the_second_time() {
        let upstream = upstream().await;
        let ports = ports(&upstream, None);
        let query = query(b"\x01a\0");
        let [first, second] = [(); 2].map(|()| ports.ask(&query).unwrap());
        assert_ne!(first.local_address(), second.local_address());
    }

    #[tokio::test]
    async fn a_reply_that_comes_too_late_is_nobodys_guess() {
        let upstream = upstream().await;
        let ports = ports(&upstream, None);
        let queries = [query(b"\x01a\0"), query(b"\x01b\0")];
        let [late, waits] = queries.each_ref().map(|query| ports.ask(query).unwrap());
        join(late.send(), waits.send()).await;
        drop(late);
        for _ in 0..2 {
            let (message, client) = reply(&upstream).await;
            upstream.send_to(&message, client).await.unwrap();
        }
        assert!(matches!((&waits).await, Heard::Reply(_)));
        assert_eq!(ports.all.wrong_replies.get(), 0);
    }

    #[tokio::test]
    async fn a_question_that_cannot_be_sent_takes_no_other_with_it() {
        let upstream = upstream().await;
        let ports = ports(&upstream, None);
        let queries = [query(b"\x01a\0"), Query::read(&longer_than_a_datagram()).unwrap(), query(b"\x01b\0")];
        let asked = queries.each_ref().map(|query| ports.ask(query).unwrap());
        join_all(asked.iter().map(Asked::send)).await;
        let [before, long, behind] = &asked;
        for other in [before, behind] {
            let (message, client) = reply(&upstream).await;
            upstream.send_to(&message, client).await.unwrap();
            assert!(matches!(other.await, Heard::Reply(_)));
        }
        assert!(matches!(long.await, Heard::Unsent(error) if error.raw_os_error() == Some(libc::EMSGSIZE)));
    }

    #[tokio::test]
    async fn who_is_gone_before_its_question_is_sent_takes_no_other_with_it() {
        let upstream = upstream().await;
        let ports = ports(&upstream, None);
        let [first, second] = [b"\x01a\0", b"\x01b\0"].map(|name| ports.ask(&query(name)).unwrap());
        {
            let mut sending = pin!(first.send());
            assert!(poll!(&mut sending).is_pending());
            second.send().await;
        }
        drop(first);
        let ids = [reply(&upstream).await, reply(&upstream).await].map(|(message, _)| message::id(&message));
        assert!(ids.contains(&Some(second.taken.id)), "{ids:?}");
    }

    #[tokio::test]
    async fn where_nobody_is_at_the_other_end_all_hear_of_it() {
        let gone = upstream().await;
        let ports = ports(&gone, None);
        drop(gone);
        let asked = [b"\x01a\0", b"\x01b\0", b"\x01c\0"].map(|name| ports.ask(&query(name)).unwrap());
        join_all(asked.iter().map(Asked::send)).await;
        for asked in &asked {
            let heard = asked.await;
            assert!(matches!(&heard, Heard::Unsent(why) | Heard::Failed(why) if is_refused(why)), "{heard:?}");
        }
    }

    fn is_refused(error: &io::Error) -> bool {
        error.kind() == io::ErrorKind::ConnectionRefused
    }

    /// What a client may ask over TCP: an EDNS option of 65,500 octets.
    fn longer_than_a_datagram() -> Vec<u8> {
        const OCTETS: u16 = 65_500;
        let mut message = b"\0\0\x01\0\0\x01\0\0\0\0\0\x01\0\0\x01\0\x01\0\0\x29\x04\xd0\0\0\0\0".to_vec();
        for word in [OCTETS + 4, 0xfde9, OCTETS] {
            message.extend_from_slice(&word.to_be_bytes());
        }
        message.resize(message.len() + usize::from(OCTETS), 0);
        message
    }

    #[tokio::test]
    async fn no_more_than_the_limit_are_kept() {
        let upstream = upstream().await;
        let ports = ports(&upstream, None);
        let asked: Vec<_> = (0..=16 * IDLE_MAX).map(|_| ports.ask(&query(b"\x01a\0")).unwrap()).collect();
        drop(asked);
        assert!((1..=IDLE_MAX).contains(&ports.kept().idle.len()));
    }
}
