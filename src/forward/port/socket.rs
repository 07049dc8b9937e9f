//! What a port does with its socket that the standard library does not: send many datagrams at once, and be at no port.

use std::io::{self, Read};

use socket2::SockRef;
use tokio::net::UdpSocket;

use crate::forward::message::Query;

/// An id as it is sent, and the message behind it.
pub(super) type Message = ([u8; 2], Query);

/// Sends one of these messages or more; says how many. Such a socket has room for them: nobody has to wait for that.
///
/// # Errors
/// The first cannot be sent.
pub(super) fn send(socket: &UdpSocket, messages: &[Message]) -> io::Result<usize> {
    #[cfg(target_os = "linux")]
    if messages.len() > 1 {
        return send_at_once(socket, messages);
    }
    let first = messages.first().map(|(id, query)| query.parts(id));
    first.map_or(Ok(0), |parts| SockRef::from(socket).send_vectored(&parts).map(|_| 1))
}

#[cfg(target_os = "linux")]
fn send_at_once(socket: &UdpSocket, messages: &[Message]) -> io::Result<usize> {
    use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, sendmmsg};
    let parts: Vec<_> = messages.iter().map(|(id, query)| query.parts(id)).collect();
    let mut controls: [_; super::QUESTIONS_MAX] = std::array::from_fn(|_| SendAncillaryBuffer::default());
    let headers = parts.iter().zip(&mut controls).map(|(parts, control)| MMsgHdr::new(parts, control));
    Ok(sendmmsg(socket, &mut headers.collect::<Vec<_>>(), SendFlags::empty())?)
}

/// Whether an error is about who is asked, whatever is asked: an ICMP message that has come back.
pub(super) fn is_of_the_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, HostUnreachable, NetworkUnreachable};
    matches!(error.kind(), ConnectionRefused | HostUnreachable | NetworkUnreachable)
}

/// Takes its port away, if the system can.
#[cfg(target_os = "linux")]
pub(super) fn is_disconnected(socket: &UdpSocket) -> bool {
    rustix::net::connect_unspec(socket).is_ok()
}

#[cfg(not(target_os = "linux"))]
pub(super) fn is_disconnected(_: &UdpSocket) -> bool {
    false
}

/// Nothing comes to it any more, so this stays true.
pub(super) fn is_empty(socket: &UdpSocket) -> bool {
    matches!((&*SockRef::from(socket)).read(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}
