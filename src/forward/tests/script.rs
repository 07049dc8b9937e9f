//! Upstreams without sockets, for clocks that stand still.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    runtime::Handle,
    sync::watch,
    time::{Instant, sleep, sleep_until},
};

use super::super::{
    asking::{Answer, Failure, Over},
    core::{Core, Member, Set},
    counters::Counters,
    course::{self, Question},
    health::Checks,
    line::{Line, Lost, Why},
    message::Query,
    options::{Options, To},
    upstream::{Speech, Target, Upstream},
};
use crate::records::name::Name;

/// What an upstream does with what it is asked.
#[derive(Clone, Copy, Debug)]
pub(super) enum Act {
    /// Replies with this rcode after so many milliseconds.
    Reply(u64, u16),
    /// Replies after so many milliseconds.
    After(u64),
    /// Says nothing.
    Silence,
    /// Lets the system say that nobody is there.
    Refuse,
    /// Answers another question.
    Mismatch,
}

type Play = Box<dyn FnMut(usize) -> Act + Send>;
type OnMessage = Box<dyn FnMut(&[u8]) + Send>;

/// A line that plays a part.
pub(super) struct Script {
    play: Mutex<Play>,
    /// Messages of questions, in their order.
    pub(super) heard: Mutex<Vec<Vec<u8>>>,
    /// Called with each message.
    pub(super) on_message: Mutex<OnMessage>,
    asked: AtomicUsize,
}

/// A forwarder with scripted upstreams.
pub(super) struct Stage {
    pub(super) core: Arc<Core<Script>>,
    pub(super) counters: Counters,
    next_name: AtomicUsize,
}

impl Script {
    fn new(play: impl FnMut(usize) -> Act + Send + 'static) -> Self {
        Self {
            play: Mutex::new(Box::new(play)),
            heard: Mutex::default(),
            on_message: Mutex::new(Box::new(|_| {})),
            asked: AtomicUsize::new(0),
        }
    }
}

impl Line for Script {
    async fn exchange(&self, query: &Query, _over: Over, until: Instant) -> Result<Bytes, Lost> {
        let mut message = Vec::new();
        query.write(0, &mut message);
        (self.on_message.lock().unwrap())(&message);
        self.heard.lock().unwrap().push(message.clone());
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        let act = (self.play.lock().unwrap())(asked);
        let (after, rcode) = match act {
            Act::Reply(after, rcode) => (after, rcode),
            Act::After(after) => (after, 0),
            Act::Silence => (u64::from(u32::MAX), 0),
            Act::Refuse => return Err(Lost::new(Why::Failed, "connection refused")),
            Act::Mismatch => return Err(Lost::new(Why::Mismatched, "another question")),
        };
        let at = Instant::now() + Duration::from_millis(after);
        if at > until {
            sleep_until(until).await;
            return Err(Lost::new(Why::Silent, "i/o timeout"));
        }
        sleep_until(at).await;
        message[2] |= 0x80;
        message[3] |= rcode as u8;
        Ok(message.into())
    }
}

/// Upstreams of a Corefile's `forward .` with other options perhaps.
pub(super) fn options(set: impl FnOnce(&mut Options)) -> Options {
    let mut options = Options::new(Name::root(), vec![To::Plain(address(0))]);
    set(&mut options);
    options
}

pub(super) fn address(place: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, place as u8], 53))
}

impl Stage {
    /// Upstreams `10.0.0.N:53` that play these parts.
    pub(super) fn new(options: Options, plays: Vec<Play>) -> Self {
        let counters = Counters::default();
        let checks = Arc::new(Checks {
            query: Query::ours(&[0], 2, true).or_anything(),
            over: Over::Udp,
            max_fails: options.max_fails,
            interval: options.health_check.interval,
            runtime: Handle::current(),
            counters: counters.clone(),
        });
        let member = |(place, play)| {
            let target = Target { address: address(place), speech: Speech::Plain, origin: None };
            let (end, stop) = watch::channel(());
            let line = Script::new(play);
            let upstream = Upstream::new(target, line, counters.of(address(place)), checks.clone(), stop);
            Member { upstream: Arc::new(upstream), _end: Arc::new(end) }
        };
        let set = Set(plays.into_iter().enumerate().map(member).collect());
        let core = Arc::new(Core::new(options, counters.clone(), set));
        Self { core, counters, next_name: AtomicUsize::new(0) }
    }

    /// The same part again and again.
    pub(super) fn steady<const N: usize>(options: Options, acts: [Act; N]) -> Self {
        Self::new(options, acts.into_iter().map(|act| Box::new(move |_| act) as Play).collect())
    }

    /// Asks for a name that was not asked for before.
    pub(super) async fn ask(&self) -> Result<Answer, Failure> {
        let number = self.next_name.fetch_add(1, Ordering::Relaxed);
        let query = Query::read(&super::query(&format!("n{number}.example"))).unwrap();
        let question = Question::new(query, Over::Udp, false, &self.core);
        course::run(&self.core, question).await
    }

    /// Asks, and takes the time in milliseconds.
    pub(super) async fn ask_for_millis(&self) -> u64 {
        let begun = Instant::now();
        self.ask().await.unwrap();
        begun.elapsed().as_millis() as u64
    }

    /// So many questions with pauses of a millisecond, and how long each took, sorted.
    pub(super) async fn ask_many(&self, questions: usize) -> Vec<u64> {
        let mut took = Vec::new();
        for _ in 0..questions {
            took.push(self.ask_for_millis().await);
            sleep(Duration::from_millis(1)).await;
        }
        took.sort_unstable();
        took
    }

    pub(super) fn upstream(&self, place: usize) -> Arc<Upstream<Script>> {
        self.core.upstreams.load().upstream(place).clone()
    }

    /// How many questions an upstream was asked, checks and probes for loops included.
    pub(super) fn asked(&self, place: usize) -> usize {
        self.upstream(place).line.asked.load(Ordering::Relaxed)
    }
}
