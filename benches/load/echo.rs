//! The limit of the socket: reads and writes as the server does, and thinks of nothing in between.

use std::{io, net::SocketAddr, time::Duration};

use clusterdns::sockets::batch::{self, Inbox, Outbox};
use socket2::{Domain, Protocol, Socket, Type};

/// Sends every packet back with the QR bit set, on this thread, until the process ends.
pub(crate) fn serve(listen: SocketAddr) -> io::Result<()> {
    let socket = Socket::new(Domain::for_address(listen), Type::DGRAM, Some(Protocol::UDP))?;
    batch::configure(&socket, Duration::from_secs(1))?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER_OCTETS)?;
    socket.bind(&listen.into())?;
    let (mut inbox, mut outbox) = (Inbox::new(), Outbox::new());
    loop {
        inbox.receive(&socket)?;
        for packet in inbox.packets() {
            // A batch of packets that fit their slots is no more than a batch of replies has room for.
            let Some(space) = outbox.reply_space() else { break };
            let reply = &mut space[..packet.bytes.len()];
            reply.copy_from_slice(packet.bytes);
            if let Some(flags) = reply.get_mut(2) {
                *flags |= 0x80;
            }
            outbox.push(packet.path, packet.bytes.len());
        }
        outbox.flush(&socket);
    }
}

/// What Knot and NSD take too: room for the queries that are on their way at a time.
const RECEIVE_BUFFER_OCTETS: usize = 1 << 20;
