//! The server asks its own `/health` once a second, where a Corefile has `health`: one that is overloaded
//! sees so itself, as CoreDNS does.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, MissedTickBehavior, interval, timeout},
};

use crate::{
    config::Config,
    observe::events::Events,
    sockets::{bind::reachable, seldom::Seldom},
};

/// CoreDNS's.
const INTERVAL: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(3);
const REQUEST: &[u8] = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
const WELL: &[u8] = b"HTTP/1.1 200 ";
/// More than a page that says OK.
const RESPONSE_OCTETS_MAX: u64 = 4096;

/// Where to ask, of what is configured with the address that it has. `health` may be one of them, or a part of one.
pub(super) fn address(
    config: &Config,
    mut admin: impl Iterator<Item = (SocketAddr, SocketAddr)>,
) -> Option<SocketAddr> {
    let health = config.health?;
    let found = admin.find(|(listen, _)| *listen == health || listen.port() == health.port());
    found.map(|(_, address)| address)
}

/// Asks for ever.
pub(super) async fn watch(address: SocketAddr, events: Events) {
    let address = reachable(address);
    let (mut ticks, failed) = (interval(INTERVAL), Seldom::new());
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let begun = Instant::now();
        let asked = timeout(PATIENCE, ask(address)).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        events.health_secs.observe(begun.elapsed().as_secs_f64());
        if let Err(error) = asked {
            events.health_failures.inc();
            if failed.is_due(begun.into_std()) {
                tracing::warn!(%error, "http://{address}/health does not answer this server itself");
            }
        }
    }
}

async fn ask(address: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(REQUEST).await?;
    let mut response = Vec::new();
    stream.take(RESPONSE_OCTETS_MAX).read_to_end(&mut response).await?;
    if response.starts_with(WELL) {
        Ok(())
    } else {
        Err(io::Error::other("another page than that of a server that lives"))
    }
}

#[cfg(test)]
mod tests {
    use tokio::{net::TcpListener, time::sleep};

    use super::*;
    use crate::{observe::metrics::Metrics, respond::plan::Plan};

    /// Answers one request after the other, as a server that listens everywhere.
    async fn answering(replies: &'static [&'static str]) -> SocketAddr {
        let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            for reply in replies {
                let (mut stream, _) = listener.accept().await.unwrap();
                stream.read_exact(&mut [0; REQUEST.len()]).await.unwrap();
                stream.write_all(reply.as_bytes()).await.unwrap();
            }
        });
        address
    }

    #[tokio::test]
    async fn what_does_not_answer_well_is_a_failure() {
        let address = answering(&["HTTP/1.1 200 OK\r\n\r\nOK", "HTTP/1.1 503 No\r\n\r\n", ""]).await;
        let address = reachable(address);
        assert!(address.ip().is_loopback());
        assert!(ask(address).await.is_ok());
        assert!(ask(address).await.is_err());
        assert!(ask(address).await.is_err());
        assert!(ask(address).await.is_err());
    }

    #[tokio::test]
    async fn each_request_is_timed_and_failures_are_counted() {
        let address = answering(&["HTTP/1.1 503 No\r\n\r\n"]).await;
        let events = Metrics::new(&Plan::default()).events;
        let watching = tokio::spawn(watch(address, events.clone()));
        while events.health_failures.get() == 0 {
            sleep(Duration::from_millis(1)).await;
        }
        watching.abort();
        assert_eq!((events.health_secs.get_sample_count(), events.health_failures.get()), (1, 1));
    }
}
