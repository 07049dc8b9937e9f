//! Whether upstreams lead back to this server.
//!
//! Each upstream is asked for a name that nobody can guess, again from time to time and when there are
//! others. If the name is asked here, what that upstream is asked comes round: it is not asked any more,
//! and everything else goes on. It is asked for another such name less and less often, and is taken
//! back when it answers without asking us.

use std::{
    fmt::Write,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    runtime::Handle,
    select,
    sync::watch,
    time::{Instant, sleep},
};

use super::{Forwarder, core::Core, line::Line, message::Query, random, upstream::Upstream, wire::Wire};
use crate::{
    answers::question::QueryName,
    records::name::{NAME_OCTETS_MAX, Name},
};

/// The watch of one `loop`. It ends when it is dropped, and takes back what it has set apart.
pub struct LoopWatch {
    watch: Arc<Watch<Wire>>,
    _end: watch::Sender<()>,
}

/// What those who probe and those who are asked have in common.
pub(super) struct Watch<L> {
    number: u64,
    zone: Name,
    /// The last name that each upstream was asked for.
    probes: Mutex<Vec<Probe<L>>>,
    /// The last loop that was found.
    found: watch::Sender<Option<String>>,
}

struct Probe<L> {
    /// In wire form and lower case.
    name: Vec<u8>,
    upstream: Arc<Upstream<L>>,
    has_returned: bool,
}

/// What a probe tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Finding {
    /// It came back.
    Loop,
    /// It was answered, and did not come back.
    Clean,
    /// Neither.
    Silent,
}

const HINFO: u16 = 13;
/// An upstream that leads elsewhere is asked so often whether it still does.
const CLEAN_PAUSE: Duration = Duration::from_secs(60);
/// One that does not answer is asked again after this, then twice as long, up to [`CLEAN_PAUSE`].
const SILENT_PAUSE: Duration = Duration::from_secs(1);
/// The same for one that leads here.
const LOOP_PAUSE: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(300));
/// A probe that comes back does so within this, or its upstream has no time for others either.
const TIMEOUT: Duration = Duration::from_secs(2);

static WATCHES: AtomicU64 = AtomicU64::new(1);

impl LoopWatch {
    /// Watches the upstreams of the forwarders that serve a zone.
    pub fn new(zone: &Name, forwarders: &[Arc<Forwarder>], runtime: &Handle) -> Self {
        let cores = forwarders.iter().map(|forwarder| &forwarder.core);
        let (watch, end) = Watch::start(zone, cores, runtime);
        Self { watch, _end: end }
    }

    /// Whether a question that came in is one that an upstream was asked: it goes no further, and that
    /// upstream is set apart. To be asked of what would be forwarded; REFUSED is the answer for it.
    pub fn returned(&self, name: &QueryName, qtype: u16) -> bool {
        self.watch.returned(name, qtype)
    }

    /// The upstreams that are set apart, and where they were named.
    pub fn isolated(&self) -> Vec<String> {
        self.watch.isolated()
    }

    /// Tells of loops in words: for who wants to end when there is one.
    pub fn found(&self) -> watch::Receiver<Option<String>> {
        self.watch.found()
    }
}

impl<L: Line> Watch<L> {
    pub(super) fn start<'c>(
        zone: &Name,
        cores: impl Iterator<Item = &'c Arc<Core<L>>>,
        runtime: &Handle,
    ) -> (Arc<Self>, watch::Sender<()>) {
        let watch = Arc::new(Self {
            number: WATCHES.fetch_add(1, Ordering::Relaxed),
            zone: zone.to_lower(),
            probes: Mutex::default(),
            found: watch::Sender::new(None),
        });
        let (end, ended) = watch::channel(());
        for core in cores {
            let follow = follow(watch.clone(), Arc::downgrade(core), core.changed.subscribe(), ended.clone());
            runtime.spawn(follow);
        }
        (watch, end)
    }

    pub(super) fn returned(&self, name: &QueryName, qtype: u16) -> bool {
        if qtype != HINFO {
            return false;
        }
        let mut probes = self.probes();
        let Some(probe) = probes.iter_mut().find(|probe| probe.name == name.wire()) else { return false };
        probe.has_returned = true;
        let upstream = probe.upstream.clone();
        drop(probes);
        self.isolate(&upstream);
        true
    }

    pub(super) fn isolated(&self) -> Vec<String> {
        let probes = self.probes();
        let isolated = probes.iter().filter(|probe| probe.upstream.is_isolated());
        isolated.map(|probe| probe.upstream.to_string()).collect()
    }

    pub(super) fn found(&self) -> watch::Receiver<Option<String>> {
        self.found.subscribe()
    }

    fn isolate(&self, upstream: &Upstream<L>) {
        upstream.isolated_by.store(self.number, Ordering::Relaxed);
        if !upstream.set_isolated(true) {
            return;
        }
        upstream.checks.counters.loops.add();
        let change = match &upstream.target.origin {
            Some((file, _)) => format!(
                "let {} name a resolver that does not ask this server (where kubelet writes it: --resolv-conf), \
                 or name upstreams by address",
                file.display()
            ),
            None => "name a resolver in `forward` that does not ask this server".to_owned(),
        };
        let text = format!("Loop: what upstream {upstream} is asked for zone \"{}\" comes back here", self.zone);
        tracing::error!("{text}. It is not asked any more, all other names are answered; to mend it, {change}");
        self.found.send_replace(Some(text));
    }

    /// Takes an upstream back, unless another watch has set it apart since.
    fn release(&self, upstream: &Upstream<L>) -> bool {
        upstream.isolated_by.load(Ordering::Relaxed) == self.number && upstream.set_isolated(false)
    }

    /// Probes an upstream for as long as it is asked.
    async fn watch(self: Arc<Self>, upstream: Arc<Upstream<L>>, mut ended: watch::Receiver<()>) {
        let mut stop = upstream.stop.clone();
        select! {
            () = self.probe_on(&upstream) => {}
            // Nothing is ever sent over these.
            _ = stop.changed() => {}
            _ = ended.changed() => {}
        }
        self.probes().retain(|probe| !Arc::ptr_eq(&probe.upstream, &upstream));
        self.release(&upstream);
    }

    async fn probe_on(&self, upstream: &Arc<Upstream<L>>) {
        let (mut last, mut pause) = (None, Duration::ZERO);
        loop {
            let finding = self.probe(upstream).await;
            let (first, longest) = match finding {
                Finding::Clean => (CLEAN_PAUSE, CLEAN_PAUSE),
                Finding::Silent => (SILENT_PAUSE, CLEAN_PAUSE),
                Finding::Loop => LOOP_PAUSE,
            };
            if finding == Finding::Clean && self.release(upstream) {
                tracing::info!("upstream {upstream} does not lead back here any more: it is asked again");
            }
            pause = if last == Some(finding) { (pause * 2).min(longest) } else { first };
            last = Some(finding);
            // Replicas that ask each other do not do so in step.
            sleep(pause.mul_f64(0.75 + fastrand::f64() / 2.0)).await;
        }
    }

    async fn probe(&self, upstream: &Arc<Upstream<L>>) -> Finding {
        let name = probe_name(&self.zone);
        let query = Query::ours(&name, HINFO, true);
        {
            let mut probes = self.probes();
            // What comes back late still counts, until there is another.
            probes.retain(|probe| !Arc::ptr_eq(&probe.upstream, upstream));
            probes.push(Probe { name, upstream: upstream.clone(), has_returned: false });
        }
        let reply = upstream.line.exchange(&query, upstream.checks.over, Instant::now() + TIMEOUT).await;
        let probes = self.probes();
        let probe = probes.iter().find(|probe| Arc::ptr_eq(&probe.upstream, upstream));
        match reply {
            _ if probe.is_some_and(|probe| probe.has_returned) => Finding::Loop,
            Ok(_) => Finding::Clean,
            Err(_) => Finding::Silent,
        }
    }

    /// Held for as long as it takes to look through some upstreams.
    fn probes(&self) -> MutexGuard<'_, Vec<Probe<L>>> {
        self.probes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Begins to probe upstreams as they are taken on.
async fn follow<L: Line>(
    watch: Arc<Watch<L>>,
    core: Weak<Core<L>>,
    mut changed: watch::Receiver<()>,
    mut ended: watch::Receiver<()>,
) {
    let mut watched: Vec<Weak<Upstream<L>>> = Vec::new();
    loop {
        let Some(upstreams) = core.upgrade().map(|core| core.upstreams.load_full()) else { return };
        for member in &upstreams.0 {
            let upstream = &member.upstream;
            if !watched.iter().any(|known| known.as_ptr() == Arc::as_ptr(upstream)) {
                let runtime = upstream.checks.runtime.clone();
                runtime.spawn(watch.clone().watch(upstream.clone(), ended.clone()));
            }
        }
        watched = upstreams.0.iter().map(|member| Arc::downgrade(&member.upstream)).collect();
        drop(upstreams);
        select! {
            other = changed.changed() => if other.is_err() { return },
            // Nothing is ever sent.
            _ = ended.changed() => return,
        }
    }
}

/// `RANDOM.RANDOM.ZONE`, as CoreDNS's probes look, in wire form; as much of it as a name can hold.
pub(super) fn probe_name(zone: &Name) -> Vec<u8> {
    let mut name = Vec::with_capacity(2 * LABEL_OCTETS + zone.wire().len());
    for _ in 0..2 {
        let mut label = String::with_capacity(LABEL_OCTETS);
        // A number always can be written.
        let _ = write!(label, "{:016x}", random::draw());
        name.push(label.len() as u8);
        name.extend_from_slice(label.as_bytes());
    }
    // A zone that leaves no room is left out: no loop is missed for that.
    let zone = if name.len() + zone.wire().len() <= NAME_OCTETS_MAX { zone.wire() } else { &[0] };
    name.extend_from_slice(zone);
    name
}

/// A label of a probe and its length.
const LABEL_OCTETS: usize = 17;
