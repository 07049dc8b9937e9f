//! The ports that questions to one upstream over UDP go out from.
//!
//! A port is new and random, given by the system where a socket is connected. Questions that overlap share one, few
//! of them: to connect is a good part of what a question costs. None follows one that was lost there: the next tries
//! another way. On Linux a socket at which nobody waits any more is disconnected, which takes its port away, and waits
//! here for other questions and another port: to make one, to have it watched and to close it would cost four times as
//! much.

#[cfg(test)]
mod tests;

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
    port::{Heard, Left, Port, Sent, Taken},
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

    /// Finds a port for a question, which its owner is to [send](Asked::send).
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
        match self.taken.sent {
            Sent::Soon => {
                let _sending = Sending(&self.port);
                yield_now().await;
            }
            Sent::With => {}
            Sent::Now => self.port.send(),
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
