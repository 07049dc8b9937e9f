//! Questions over TCP.
//!
//! hickory's listener takes any number of connections, answers one question at a time on each, and
//! trusts the counts of a header; so the listener is ours and hickory sees single messages.
//!
//! ```text
//! listener ─► admit ─► Connection: Inbox ─► Respondent ─► replies     one task each
//!               └ Connections: how many, of whom, which can be spared
//! ```
//!
//! Everything a client can use up has a limit in [`TcpLimits`]. At the limit of connections the one
//! that has been idle for longest makes room, since a new one has a question and an idle one has
//! none; RFC 7766 section 6.2.3 lets a server close idle connections when it likes. Only where all
//! are busy is a new one refused.

mod connection;
mod connections;
mod frames;
mod limits;
mod respondent;
mod transfers;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    select,
    sync::{Semaphore, watch},
    task::{JoinError, JoinSet},
    time::{Instant, sleep, timeout},
};

use super::{
    events::{Closed, Events},
    seldom::Seldom,
    stop,
};
use crate::respond::{Asked, Transport};
use connection::Connection;
use connections::Connections;
pub use limits::TcpLimits;
pub use respondent::Answer;
use respondent::Respondent;

/// What all TCP listeners of a process share: the limits, and what is counted against them.
pub struct Streams<E> {
    limits: TcpLimits,
    events: E,
    connections: Arc<Connections>,
    transfers: Arc<Semaphore>,
    refusal_logged: Seldom,
    failure_logged: Seldom,
}

/// How long to leave a system alone that has no descriptor or no memory for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

impl<E: Events> Streams<E> {
    /// No connections yet.
    pub fn new(limits: TcpLimits, events: E) -> Arc<Self> {
        let connections = Arc::new(Connections::new(&limits, Instant::now()));
        let transfers = Arc::new(Semaphore::new(limits.transfers_max));
        let (refusal_logged, failure_logged) = (Seldom::new(), Seldom::new());
        Arc::new(Self { limits, events, connections, transfers, refusal_logged, failure_logged })
    }

    /// How many connections are open.
    pub fn open(&self) -> usize {
        self.connections.open()
    }

    /// Serves a listener until `stop` says so. Then what has been received is answered and everything is
    /// closed; this comes back when all that is done, or the drain timeout is over.
    pub async fn serve<A: Answer>(self: Arc<Self>, listener: TcpListener, answer: A, mut stop: watch::Receiver<bool>) {
        let mut door = Door { streams: self, answer, stop: stop.clone(), connections: JoinSet::new() };
        loop {
            select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, client)) => door.admit(stream, client),
                    Err(error) => door.bear(&error).await,
                },
                Some(ended) = door.connections.join_next() => door.closed(ended),
                () = stop::requested(&mut stop) => break,
            }
        }
        door.admit_queued(listener);
        door.drain().await;
    }
}

/// A listener's connections.
struct Door<A, E> {
    streams: Arc<Streams<E>>,
    answer: A,
    stop: watch::Receiver<bool>,
    connections: JoinSet<Closed>,
}

impl<A: Answer, E: Events> Door<A, E> {
    fn admit(&mut self, stream: TcpStream, client: SocketAddr) {
        let (streams, now) = (&self.streams, Instant::now());
        // To logs and lists a mapped address is the IPv4 address it is.
        let client = SocketAddr::new(client.ip().to_canonical(), client.port());
        let ticket = match streams.connections.admit(client.ip(), now) {
            Ok(ticket) => ticket,
            Err(why) => {
                streams.events.refused(why);
                if streams.refusal_logged.is_due(now.into_std()) {
                    tracing::warn!(%client, reason = ?why, "a TCP connection was refused: all that there may be are busy");
                }
                return;
            }
        };
        streams.events.opened();
        // Replies are written when they are complete: there is nothing to wait for. A socket that
        // does not take the option works all the same.
        let _ = stream.set_nodelay(true);
        let asked = Asked { client, transport: Transport::Tcp, listener: 0 };
        let respondent = Respondent { answer: self.answer.clone(), asked, streams: streams.clone() };
        self.connections.spawn(Connection::new(stream, respondent, ticket, self.stop.clone(), now).run());
    }

    /// Goes on after a failed accept: at once if it was the client's connection that failed, after
    /// a pause if it was the system.
    async fn bear(&self, error: &io::Error) {
        use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
        if matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted) {
            return;
        }
        self.streams.events.accept_failed();
        if self.streams.failure_logged.is_due(std::time::Instant::now()) {
            tracing::error!(%error, "TCP connections cannot be accepted; trying again ten times a second");
        }
        sleep(ACCEPT_PAUSE).await;
    }

    fn closed(&self, ended: Result<Closed, JoinError>) {
        self.streams.events.closed(ended.unwrap_or(Closed::CutOff));
    }

    /// Takes on what the system has accepted for us, and accepts no more.
    fn admit_queued(&mut self, listener: TcpListener) {
        // The runtime's listener goes by what it was told last; the system's own knows.
        let Ok(listener) = listener.into_std() else { return };
        while let Ok((stream, client)) = listener.accept() {
            let stream = stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream));
            stream.into_iter().for_each(|stream| self.admit(stream, client));
        }
    }

    async fn drain(&mut self) {
        let drained = async {
            while let Some(ended) = self.connections.join_next().await {
                self.streams.events.closed(ended.unwrap_or(Closed::CutOff));
            }
        };
        if timeout(self.streams.limits.drain_timeout, drained).await.is_ok() {
            return;
        }
        tracing::warn!(connections = self.connections.len(), "TCP connections were cut off by the drain timeout");
        self.connections.abort_all();
        while let Some(ended) = self.connections.join_next().await {
            self.closed(ended);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::respond::general::Streamed;

    #[derive(Clone, Default)]
    struct Failures(Arc<AtomicUsize>);

    impl Events for Failures {
        fn accept_failed(&self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[derive(Clone)]
    struct Nothing;

    impl Answer for Nothing {
        fn answer(&self, _: &[u8], _: SocketAddr) -> Streamed {
            Streamed::Ignored
        }
    }

    #[tokio::test]
    async fn a_system_without_descriptors_is_left_alone_for_a_while() {
        let (events, (_, stop)) = (Failures::default(), watch::channel(false));
        let streams = Streams::new(TcpLimits::default(), events.clone());
        let door = Door { streams, answer: Nothing, stop, connections: JoinSet::new() };
        let bear = async |error: io::Error| {
            let begun = Instant::now();
            door.bear(&error).await;
            (begun.elapsed() >= ACCEPT_PAUSE, events.0.load(Ordering::Relaxed))
        };
        assert_eq!(bear(io::ErrorKind::ConnectionAborted.into()).await, (false, 0));
        let no_descriptor = 24;
        assert_eq!(bear(io::Error::from_raw_os_error(no_descriptor)).await, (true, 1));
        assert_eq!(bear(io::Error::from_raw_os_error(no_descriptor)).await, (true, 2));
    }
}
