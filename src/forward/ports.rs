//! Sockets for questions over UDP: each question has one for itself, at a port that is new and random.
//!
//! The port is the system's, given where a socket is connected. On Linux a socket that has its answer is
//! disconnected, which takes its port away, and waits here for another question and another port: to
//! make one, to have it watched and to close it would cost four times as much.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::{Mutex, PoisonError},
};

use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, Type};
use tokio::net::UdpSocket;

/// The way to one upstream.
pub(super) struct Ports {
    pub(super) to: SocketAddr,
    source: Option<IpAddr>,
    /// Sockets without a port.
    idle: Mutex<Vec<UdpSocket>>,
}

/// Sockets that wait, of 2 KiB each: half a MiB for an upstream that was ever asked so much at a time. With more
/// questions at a time others are made and closed.
const IDLE_MAX: usize = 256;

impl Ports {
    pub(super) fn new(to: SocketAddr, source: Option<IpAddr>) -> Self {
        Self { to, source, idle: Mutex::default() }
    }

    /// A socket that hears the upstream alone.
    pub(super) fn open(&self) -> io::Result<UdpSocket> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(socket) = idle {
            SockRef::from(&socket).connect(&self.to.into())?;
            return Ok(socket);
        }
        let socket = Socket::new(Domain::for_address(self.to), Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_nonblocking(true)?;
        if let Some(source) = self.source {
            socket.bind(&SockAddr::from(SocketAddr::new(source, 0)))?;
        }
        socket.connect(&self.to.into())?;
        UdpSocket::from_std(socket.into())
    }

    /// Keeps a socket that has its answer for another question. Where more has come than that, it is closed, and
    /// all of it is gone.
    pub(super) fn close(&self, socket: UdpSocket) {
        if is_disconnected(&socket) && is_empty(&socket) {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            if idle.len() < IDLE_MAX {
                idle.push(socket);
            }
        }
    }
}

/// Takes its port away, if the system can.
#[cfg(target_os = "linux")]
fn is_disconnected(socket: &UdpSocket) -> bool {
    rustix::net::connect_unspec(socket).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn is_disconnected(_: &UdpSocket) -> bool {
    false
}

/// Nothing comes to it any more, so this stays true.
fn is_empty(socket: &UdpSocket) -> bool {
    matches!(socket.try_recv(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, net::Ipv4Addr};

    use super::*;

    #[tokio::test]
    async fn a_socket_that_is_kept_has_another_port_each_time() {
        let upstream = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        for source in [None, Some(Ipv4Addr::LOCALHOST.into())] {
            let ports = Ports::new(upstream.local_addr().unwrap(), source);
            let mut seen = BTreeSet::new();
            for _ in 0..64 {
                let socket = ports.open().unwrap();
                seen.insert(socket.local_addr().unwrap().port());
                ports.close(socket);
            }
            // By accident some may be the same: of 64 out of 28,000 more than four never are.
            assert!(seen.len() > 60, "{} ports", seen.len());
            assert!(ports.idle.lock().unwrap().len() <= 1);
        }
    }

    #[tokio::test]
    async fn what_comes_behind_the_answer_is_not_heard_by_the_next_question() {
        let upstream = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let ports = Ports::new(upstream.local_addr().unwrap(), None);
        for replies in [&[&b"answer"[..]][..], &[b"answer", b"late"]] {
            let socket = ports.open().unwrap();
            socket.send(b"question").await.unwrap();
            let (_, client) = upstream.recv_from(&mut [0; 16]).await.unwrap();
            for reply in replies {
                upstream.send_to(reply, client).await.unwrap();
            }
            assert_eq!(socket.recv(&mut [0; 16]).await.unwrap(), 6);
            ports.close(socket);
            let next = ports.open().unwrap();
            // To the port that was.
            upstream.send_to(b"later", client).await.unwrap();
            upstream.send_to(b"its own", next.local_addr().unwrap()).await.unwrap();
            let mut heard = [0; 16];
            let octets = next.recv(&mut heard).await.unwrap();
            assert_eq!(&heard[..octets], b"its own");
            ports.close(next);
        }
    }

    #[tokio::test]
    async fn no_more_than_the_limit_are_kept() {
        let upstream = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let ports = Ports::new(upstream.local_addr().unwrap(), None);
        let sockets: Vec<_> = (0..=IDLE_MAX).map(|_| ports.open().unwrap()).collect();
        sockets.into_iter().for_each(|socket| ports.close(socket));
        assert!(ports.idle.lock().unwrap().len() <= IDLE_MAX);
    }
}
