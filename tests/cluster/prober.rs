//! Questions all the time, about names that exist all the time: no reply may be wrong or missing.

use std::{
    fmt, fs,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crate::ask::{Answer, Client, Over, Question};

/// Between two questions of a thread: two threads leave most of the two cores to the cluster.
const PACE: Duration = Duration::from_millis(2);

/// Wrong replies that are shown; all are counted.
const SHOWN: usize = 5;

/// A question, and what every reply to it must be.
pub(crate) struct Probe {
    question: Question,
    right: Box<dyn Fn(&Answer) -> bool + Send + Sync>,
}

impl Probe {
    /// Always exactly this set.
    pub(crate) fn always(question: Question, answer: Answer) -> Self {
        Self { question, right: Box::new(move |given| *given == answer) }
    }

    /// Always some records, whatever they are.
    pub(crate) fn never_empty(question: &str) -> Self {
        let empty = ["NODATA", "NXDOMAIN", "SERVFAIL", "Refused"];
        Self { question: Question::new(question), right: Box::new(move |given| !empty.contains(&given.as_str())) }
    }
}

/// Two threads that ask until [`finish`](Self::finish).
pub(crate) struct Prober {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Tally>>,
    dropped_before: u64,
}

/// What a thread has seen.
#[derive(Default)]
pub(crate) struct Tally {
    asked: u64,
    wrong: u64,
    lost: u64,
    examples: Vec<String>,
}

impl Prober {
    pub(crate) fn start(server: SocketAddr, probes: Vec<Probe>) -> Self {
        let (stop, probes) = (Arc::new(AtomicBool::new(false)), Arc::new(probes));
        let threads = [Over::Udp, Over::Tcp].map(|over| {
            let (stop, probes) = (stop.clone(), probes.clone());
            thread::spawn(move || Tally::of(server, over, &probes, &stop))
        });
        Self { stop, threads: threads.into(), dropped_before: dropped_by_the_system() }
    }

    /// Ends it.
    pub(crate) fn stop(mut self) -> Tally {
        self.stop.store(true, Ordering::SeqCst);
        let tallies = self.threads.drain(..).map(|thread| thread.join().expect("a prober"));
        tallies.fold(Tally::default(), Tally::and)
    }

    /// Ends it. Panics if a reply was wrong or missing.
    pub(crate) fn finish(self) -> String {
        let dropped_before = self.dropped_before;
        let all = self.stop();
        let dropped = dropped_by_the_system() - dropped_before;
        let seen = format!("{all}, {dropped} datagrams dropped by the system");
        assert!(all.asked > 0 && all.wrong == 0 && all.lost == 0, "{seen}:\n{}", all.examples.join("\n"));
        seen
    }
}

impl Drop for Prober {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
    }
}

impl Tally {
    fn of(server: SocketAddr, over: Over, probes: &[Probe], stop: &AtomicBool) -> Self {
        let (mut tally, started) = (Self::default(), Instant::now());
        let mut client = None;
        for probe in probes.iter().cycle() {
            if stop.load(Ordering::SeqCst) {
                break;
            }
            tally.asked += 1;
            let place = || format!("{over:?} after {:.3} s, {}", started.elapsed().as_secs_f64(), probe.question);
            let ready = client.take().map_or_else(|| Client::new(server, over), Ok);
            match ready.and_then(|mut ready| Ok((ready.ask(&probe.question)?, ready))) {
                Ok((answer, used)) => {
                    client = Some(used);
                    if !(probe.right)(&answer) {
                        tally.wrong += 1;
                        tally.show(format!("{}: {answer}", place()));
                    }
                }
                Err(error) => {
                    tally.lost += 1;
                    tally.show(format!("{}: no reply: {error}", place()));
                }
            }
            thread::sleep(PACE);
        }
        tally
    }

    fn show(&mut self, example: String) {
        if self.examples.len() < SHOWN {
            self.examples.push(example);
        }
    }

    fn and(mut self, other: Self) -> Self {
        self.asked += other.asked;
        self.wrong += other.wrong;
        self.lost += other.lost;
        self.examples.extend(other.examples);
        self
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} asked, {} wrong, {} lost", self.asked, self.wrong, self.lost)
    }
}

/// `RcvbufErrors`: datagrams that no server could have answered, for the system had no room for them.
fn dropped_by_the_system() -> u64 {
    let text = fs::read_to_string("/proc/net/snmp").unwrap_or_default();
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("Udp: "));
    let (Some(names), Some(values)) = (lines.next(), lines.next()) else { return 0 };
    let named = names.split(' ').zip(values.split(' ')).find(|(name, _)| *name == "RcvbufErrors");
    named.and_then(|(_, value)| value.parse().ok()).unwrap_or_default()
}
