//! A client that is faster than we are: there is always something to read.

use std::{
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::ReadBuf;

use super::*;
use crate::{
    respond::{Asked, Outcome, Transport, general::Streamed},
    sockets::tcp::Streams,
};

/// Sends headers of questions until it is told that nothing more is read.
#[derive(Default)]
struct Endless {
    is_over: bool,
}

impl AsyncRead for Endless {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        while !self.is_over && buffer.remaining() >= 14 {
            buffer.put_slice(&[0, 12, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Endless {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(octets.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.is_over = true;
        Poll::Ready(Ok(()))
    }
}

#[derive(Clone)]
struct Echo;

impl Answer for Echo {
    fn answer(&self, message: &[u8], _: SocketAddr) -> Streamed {
        Streamed::Messages(vec![message.to_vec()], Outcome { reply_octets: message.len(), ..Outcome::default() })
    }
}

async fn end_of_endless(limits: TcpLimits, stopped: bool) -> Closed {
    let (client, now) = (SocketAddr::from(([10, 0, 0, 1], 1)), Instant::now());
    let (_stop, stop) = watch::channel(stopped);
    let streams = Streams::new(limits, ());
    let ticket = streams.connections.admit(client.ip(), now).unwrap();
    let respondent =
        Respondent { answer: Echo, asked: Asked { client, transport: Transport::Tcp, listener: 0 }, streams };
    let connection = Connection::new(Endless::default(), respondent, ticket, stop, now);
    timeout(Duration::from_secs(20), connection.run()).await.expect("its end")
}

#[tokio::test]
async fn a_client_that_never_pauses_is_stopped_all_the_same() {
    let in_a_moment = Some(Duration::from_millis(10));
    for (limits, stopped, why) in [
        (TcpLimits::default(), true, Closed::Drained),
        (TcpLimits { age_max: in_a_moment, ..TcpLimits::default() }, false, Closed::Recycled),
        (TcpLimits { queries_per_connection_max: Some(9), ..TcpLimits::default() }, false, Closed::Recycled),
    ] {
        assert_eq!(end_of_endless(limits, stopped).await, why);
    }
}
