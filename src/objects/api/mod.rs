//! The Kubernetes API as a source of changes.
//!
//! ```text
//! Asks ─► Watched ─► Watch, a task for each list ─► Arrivals, in one bounded channel
//!                    list ─► watch ─► list again where the server has forgotten
//! ```
//!
//! kube makes connections and keeps credentials. The walk from list to watch and back is ours
//! (`watch`), for it must say when it is in step with the server and when it is not, do with
//! servers of any age, and hold no object as anything but what DNS needs of it.
//!
//! Nothing here decides what is served. A watch that is lost says so and tries again; what it knew
//! stays where it is until a whole list says otherwise.

mod access;
mod failure;
mod past;
mod read;
mod reply;
mod request;
#[doc(hidden)]
pub mod said;
mod watch;
mod watched;

use std::time::{Duration, Instant};

use tokio::{sync::mpsc, task::JoinSet};

use super::{Key, Needs, Object, problem::Problem};
use access::Connection;
pub use access::{Access, AccessError, Endpoint};
pub use failure::{FORGOTTEN, Failure};
pub use read::{ReadError, read};
pub use request::Requested;
use watch::Watch;
pub use watched::{Asks, Watched, resource};

/// Watches the API until it is dropped.
pub struct Api {
    /// The lists that are watched: [`Arrival::watched`] counts through them.
    pub watched: Vec<Watched>,
    /// The URL of the API server.
    pub server: String,
    /// Its host and port.
    pub host: String,
    connection: Connection,
    needs: Needs,
    pace: Pace,
    arrivals: mpsc::Receiver<Arrival>,
    /// Dropped, they end.
    tasks: JoinSet<()>,
}

/// Something that a watch says.
#[derive(Debug)]
pub struct Arrival {
    /// Which of [`Api::watched`].
    pub watched: usize,
    /// What.
    pub what: What,
    /// When it arrived.
    pub received: Instant,
}

/// What a watch says.
#[derive(Debug)]
pub enum What {
    /// The whole list.
    Listed {
        /// Every object.
        objects: Vec<Object>,
        /// Objects that are there and cannot be read.
        left_out: Vec<Key>,
    },
    /// An object is there now, or is different now.
    Applied {
        /// As it is.
        object: Object,
        /// When what it says came about, if it tells; in Unix seconds.
        triggered_unix_secs: Option<f64>,
    },
    /// An object is no longer there.
    Deleted(Key),
    /// An object cannot be read: what was known of it stays.
    LeftOut(Problem),
    /// From here on changes arrive as they happen.
    InStep,
    /// They do not: this is tried again.
    Lost(Failure),
    /// A request was made.
    Requested(Requested),
}

/// How long is waited for what.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// After a failure; each further one doubles it.
    pub first_pause: Duration,
    /// It is not doubled beyond this.
    pub longest_pause: Duration,
    /// A watch that lived so long was a good one: the next failure is a first one.
    pub settled: Duration,
    /// For the head of a reply, and between two pieces of a list.
    pub silence_max: Duration,
    /// Between two events of a watch that sends bookmarks; real servers send one every 60 to 75 s.
    pub bookmarks_silence_max: Duration,
    /// How long the server is asked to keep a watch open.
    pub watch: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            first_pause: Duration::from_millis(200),
            longest_pause: Duration::from_secs(5),
            settled: Duration::from_secs(5),
            silence_max: Duration::from_secs(30),
            bookmarks_silence_max: Duration::from_secs(90),
            watch: Duration::from_secs(300),
        }
    }
}

impl Pace {
    /// For tests: an outage of milliseconds is one.
    pub fn quick() -> Self {
        Self {
            first_pause: Duration::from_millis(5),
            longest_pause: Duration::from_millis(50),
            settled: Duration::from_millis(200),
            silence_max: Duration::from_millis(500),
            bookmarks_silence_max: Duration::from_secs(1),
            ..Self::default()
        }
    }
}

/// Pieces of news that nobody has taken yet. A slice of 100 endpoints takes 4 KB: 4 MB.
const ARRIVALS_MAX: usize = 1024;

impl Api {
    /// Reads the credentials and starts to watch, on the runtime that this is called in.
    ///
    /// # Errors
    /// There are no credentials, or they cannot be read.
    pub async fn start(access: Access, asks: &Asks, pace: Pace) -> Result<Self, AccessError> {
        let connection = access.connect().await?;
        let watched = asks.watched();
        let (arrivals, tasks) = watch_all(&watched, asks.needs, &connection, pace);
        let (server, host) = (connection.server().into(), connection.host().into());
        Ok(Self { watched, server, host, connection, needs: asks.needs, pace, arrivals, tasks })
    }

    /// Lists and watches everything anew. What has arrived and was not taken is forgotten.
    pub fn restart(&mut self) {
        (self.arrivals, self.tasks) = watch_all(&self.watched, self.needs, &self.connection, self.pace);
    }

    /// Waits for news. None when nobody watches any more.
    pub async fn next(&mut self) -> Option<Arrival> {
        self.arrivals.recv().await
    }

    /// News that is there already.
    pub fn try_next(&mut self) -> Option<Arrival> {
        self.arrivals.try_recv().ok()
    }
}

/// A task for each list, as long as the set of them is there.
fn watch_all(
    watched: &[Watched],
    needs: Needs,
    connection: &Connection,
    pace: Pace,
) -> (mpsc::Receiver<Arrival>, JoinSet<()>) {
    let (out, arrivals) = mpsc::channel(ARRIVALS_MAX);
    let mut tasks = JoinSet::new();
    for (number, list) in watched.iter().enumerate() {
        tasks.spawn(Watch::new(number, list.clone(), needs, connection.clone(), pace, out.clone()).run());
    }
    (arrivals, tasks)
}
