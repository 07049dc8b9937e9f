//! The connections of one upstream.

use std::{
    future::Future,
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot},
    time::{Instant, timeout, timeout_at},
};

use super::work::{Idleness, PIPELINE_MAX, Request, Work};
use crate::forward::{
    CONNECTIONS_MAX,
    counters::{Proto, UpstreamCounters},
    line::{Lost, Why},
    message::Query,
    udp,
};

/// Opens connections, and knows what is spoken over them.
pub(in crate::forward) trait Dial: Clone + Send + Sync + 'static {
    /// What it opens.
    type Stream: Send;
    /// With more questions than these on each, another connection is opened: many servers answer one question of a
    /// connection after the other.
    const SPREAD_FROM: usize = 8;
    /// Opens one.
    fn dial(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;
    /// Serves it to its end.
    fn serve(&self, stream: Self::Stream, work: Work<impl Idleness>) -> impl Future<Output = ()> + Send;
}

/// See the module.
pub(in crate::forward) struct Pool<D> {
    dial: D,
    rules: Rules,
    counters: Arc<UpstreamCounters>,
    runtime: Handle,
    connections: Arc<Connections>,
}

/// What a pool is told.
#[derive(Clone, Debug)]
pub(in crate::forward) struct Rules {
    pub(in crate::forward) to: SocketAddr,
    pub(in crate::forward) proto: Proto,
    pub(in crate::forward) expire: Duration,
    pub(in crate::forward) age_max: Option<Duration>,
    pub(in crate::forward) read_timeout: Duration,
    pub(in crate::forward) idle_max: usize,
}

#[derive(Default)]
struct Connections {
    open: Mutex<Vec<Arc<Open>>>,
    idle: AtomicUsize,
}

/// A connection as those who ask see it.
struct Open {
    requests: mpsc::Sender<Request>,
    /// Questions that somebody waits for.
    in_flight: AtomicUsize,
    /// How many its peer takes at a time.
    room: AtomicUsize,
    opened_at: Instant,
}

/// Takes the connection from the pool at its end.
struct Membership {
    connections: Arc<Connections>,
    me: std::sync::Weak<Open>,
    idle_max: usize,
    is_idle: bool,
}

/// A question counts while somebody waits.
struct Waiting<'o>(&'o Open);

/// Where nothing is said, an older connection is asked nothing more and ends idle: behind the address of a Service,
/// questions come to new replicas by new connections only.
const AGE_MAX: Duration = Duration::from_secs(300);

impl<D: Dial> Pool<D> {
    pub(in crate::forward) fn new(dial: D, rules: Rules, counters: Arc<UpstreamCounters>, runtime: Handle) -> Self {
        Self { dial, rules, counters, runtime, connections: Arc::default() }
    }

    /// Asks over one of the connections, or a new one. A connection that its peer has closed since it was
    /// last used is nobody's failure: the question is asked once more, over another one.
    pub(in crate::forward) async fn exchange(&self, query: &Query, until: Instant) -> Result<Bytes, Lost> {
        let begun = Instant::now();
        let (connection, is_new) = self.least_busy(None)?;
        match self.ask(&connection, query, until).await {
            Err(Lost { why: Why::Closed, .. }) if !is_new => {
                let another = self.another(&connection, begun)?;
                self.ask(&another, query, until).await
            }
            reply => reply,
        }
    }

    /// Many servers answer one question of a connection and close it: then each has one of its own. Where a connection
    /// is for many, one that was opened since for the same reason will do.
    fn another(&self, lost: &Arc<Open>, begun: Instant) -> Result<Arc<Open>, Lost> {
        if D::SPREAD_FROM < PIPELINE_MAX {
            return self.open();
        }
        self.least_busy(Some((lost, begun))).map(|(connection, _)| connection)
    }

    async fn ask(&self, connection: &Open, query: &Query, until: Instant) -> Result<Bytes, Lost> {
        connection.in_flight.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(connection);
        let (reply, replied) = oneshot::channel();
        // Full or gone: in both cases it is not there for us.
        if connection.requests.try_send(Request { query: query.clone(), reply }).is_err() {
            return Err(self.lost(Why::Closed, "the connection takes no more questions"));
        }
        match timeout_at(until, replied).await {
            Ok(Ok(reply)) => reply,
            Ok(Err(_)) => Err(self.lost(Why::Closed, "the connection has ended")),
            Err(_) => Err(self.lost(Why::Silent, "i/o timeout")),
        }
    }

    /// One with room, or a new one. In place of one that was lost: of those that were opened since then.
    fn least_busy(&self, instead: Option<(&Arc<Open>, Instant)>) -> Result<(Arc<Open>, bool), Lost> {
        let proto = self.rules.proto as usize;
        let found = {
            let open = self.connections.lock();
            let in_flight = |open: &&Arc<Open>| open.in_flight.load(Ordering::Relaxed);
            let is_all = open.len() >= CONNECTIONS_MAX;
            let (now, age_max) = (Instant::now(), self.rules.age_max.unwrap_or(AGE_MAX));
            let is_instead = |open: &&Arc<Open>| {
                instead.is_none_or(|(lost, since)| open.opened_at > since && !Arc::ptr_eq(open, lost))
            };
            let is_young = |open: &&Arc<Open>| now < open.opened_at + age_max;
            let takes = |open: &&Arc<Open>| is_young(open) && is_instead(open) && !open.requests.is_closed();
            let most = if is_all { PIPELINE_MAX } else { D::SPREAD_FROM };
            let has_room = |open: &&Arc<Open>| in_flight(open) < most.min(open.room.load(Ordering::Relaxed));
            open.iter().filter(takes).filter(has_room).min_by_key(in_flight).cloned()
        };
        if let Some(open) = found {
            self.counters.connections_reused[proto].add();
            return Ok((open, false));
        }
        Ok((self.open()?, true))
    }

    /// A new connection. It is there at once, and questions wait in it until it is.
    fn open(&self) -> Result<Arc<Open>, Lost> {
        let (sender, requests) = mpsc::channel(PIPELINE_MAX);
        let (in_flight, room) = (AtomicUsize::new(0), AtomicUsize::new(PIPELINE_MAX));
        let open = Arc::new(Open { requests: sender, in_flight, room, opened_at: Instant::now() });
        {
            let mut connections = self.connections.lock();
            if connections.len() >= CONNECTIONS_MAX {
                return Err(self.lost(Why::Ours, format_args!("all {CONNECTIONS_MAX} connections are busy")));
            }
            connections.push(open.clone());
        }
        self.counters.connections_opened[self.rules.proto as usize].add();
        let Rules { to, expire, read_timeout, idle_max, .. } = self.rules;
        let membership =
            Membership { connections: self.connections.clone(), me: Arc::downgrade(&open), idle_max, is_idle: false };
        let work = Work { requests, idleness: membership, to, expire, read_timeout };
        let dial = self.dial.clone();
        self.runtime.spawn(async move {
            match timeout(read_timeout, dial.dial()).await {
                Ok(Ok(stream)) => dial.serve(stream, work).await,
                Ok(Err(error)) => {
                    work.fail(&Lost::new(udp::why(&error), format_args!("dial tcp {to}: {error}")));
                }
                Err(_) => work.fail(&Lost::new(Why::Silent, format_args!("dial tcp {to}: i/o timeout"))),
            }
        });
        Ok(open)
    }

    fn lost(&self, why: Why, error: impl std::fmt::Display) -> Lost {
        Lost::on_stream(self.rules.to, why, error)
    }
}

impl<D> Drop for Pool<D> {
    fn drop(&mut self) {
        // The tasks end when nobody can ask them any more.
        self.connections.lock().clear();
    }
}

impl Connections {
    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Open>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Idleness for Membership {
    fn rests(&mut self) -> bool {
        self.is_idle = true;
        self.connections.idle.fetch_add(1, Ordering::Relaxed) < self.idle_max
    }

    fn works(&mut self) {
        if std::mem::take(&mut self.is_idle) {
            self.connections.idle.fetch_sub(1, Ordering::Relaxed);
        }
    }

    fn takes(&mut self, questions: usize) {
        if let Some(me) = self.me.upgrade() {
            me.room.store(questions, Ordering::Relaxed);
        }
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.works();
        let me = self.me.as_ptr();
        self.connections.lock().retain(|open| Arc::as_ptr(open) != me);
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
