//! The cluster benchmark: what following a real API server costs, beside CoreDNS in the same run.
//!
//! `run` builds the control plane and starts this; README.md says what is measured and how to read it.
//!
//! ```text
//! etcd ◄── kube-apiserver ◄── changes ─┬► costs, propagation, outage ─► table
//!               ▲                      │
//!          clusterdns, CoreDNS ◄───────┘ questions
//! ```

// From the tests against a real control plane: ways to run it and to ask.
#[path = "../../tests/cluster/ask.rs"]
#[allow(dead_code, reason = "a part of it is used here")]
mod ask;
#[path = "../../tests/cluster/clusterdns.rs"]
#[allow(dead_code, reason = "the control plane writes credentials for it")]
mod clusterdns;
#[path = "../../tests/cluster/control_plane.rs"]
#[allow(dead_code, reason = "a part of it is used here")]
mod control_plane;
#[path = "../../tests/cluster/objects.rs"]
#[allow(dead_code, reason = "a part of it is used here")]
mod objects;
#[path = "../../tests/cluster/prober.rs"]
#[allow(dead_code, reason = "a part of it is used here")]
mod prober;
#[path = "../../tests/cluster/process.rs"]
#[allow(dead_code, reason = "a part of it is used here")]
mod process;

// From the load benchmark: the cluster's names and addresses, and questions about them.
#[path = "../load/cluster.rs"]
#[allow(dead_code, reason = "a part of it is used here")]
mod cluster;
#[path = "../load/programs.rs"]
mod programs;
#[path = "../load/questions.rs"]
#[allow(dead_code, reason = "a part of it is used here")]
mod questions;
#[path = "../load/random.rs"]
#[allow(dead_code, reason = "a part of it is used here")]
mod random;

mod changes;
mod costs;
mod filling;
mod outage;
mod propagation;
mod reader;
mod servers;
mod size;
mod table;
mod usage;

use std::{env, path::PathBuf, process::ExitCode, thread, time::Duration};

use clap::{Parser, ValueEnum};

use crate::{
    ask::{Question, set},
    changes::{Changes, Of, Streamed},
    cluster::Service,
    control_plane::{ADMIN, ControlPlane, PROGRAMS},
    costs::{Plan, Queries, Round},
    objects::Cluster,
    outage::Outage,
    prober::Probe,
    propagation::Sample,
    questions::{Mix, Questions},
    servers::{Program, Server, Sight},
    size::Size,
    usage::Memory,
};

/// Measures what following a real Kubernetes API server costs.
#[derive(Parser)]
#[command(name = "cluster")]
struct Options {
    /// What to measure; all of it, if nothing is named
    names: Vec<What>,
    /// The clusterdns to measure
    #[arg(long, default_value = env!("CARGO_BIN_EXE_clusterdns"))]
    clusterdns: PathBuf,
    /// Only servers whose name contains this, in lower case
    #[arg(long, default_value = "")]
    server: String,
    /// How many Services there are; each has 15 endpoints
    #[arg(long, default_value_t = 10_000)]
    services: usize,
    /// Where filled clusters are kept
    #[arg(long, default_value = "target/cluster/bench-data")]
    data: PathBuf,
    /// How often each server is started
    #[arg(long, default_value_t = 5)]
    starts: usize,
    /// How long a server is left alone before its memory is read
    #[arg(long, default_value_t = 10)]
    settle_seconds: u64,
    /// How often costs are measured
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// How long each of the five phases of such a round is
    #[arg(long, default_value_t = 20)]
    seconds: u32,
    /// Changes a second
    #[arg(long, default_value_t = 300)]
    changes: u32,
    /// Queries a second
    #[arg(long, default_value_t = 10_000)]
    queries: u32,
    /// How many changes are watched until they show, in a quiet cluster and again while others stream in
    #[arg(long, default_value_t = 300)]
    samples: usize,
    /// What `cargo bench` adds to every command line
    #[arg(long, hide = true)]
    bench: bool,
}

/// What can be measured. All but the first take what runs after the last start.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// Time to the first right answer, and memory
    Start,
    /// Processor time of a change, and of a query meanwhile
    Costs,
    /// Time from a change to the answer that shows it
    Propagation,
    /// Memory and answers while the API server is killed and comes back
    Outage,
}

/// What was measured of a server.
#[derive(Default)]
struct Figures {
    name: String,
    starts: Vec<f64>,
    settled: Vec<Memory>,
    rounds: Vec<Round>,
    quiet: Vec<Sample>,
    busy: Vec<Sample>,
    streamed: Option<Streamed>,
    outage: Option<Outage>,
}

/// What all servers are measured with.
struct Bench<'a> {
    options: &'a Options,
    plane: &'a ControlPlane,
    api: &'a Cluster,
    changes: &'a Changes<'a>,
    size: Size,
}

fn main() -> ExitCode {
    let options = Options::parse();
    if PROGRAMS.iter().any(|variable| env::var_os(variable).is_none()) {
        eprintln!("this benchmark needs a Kubernetes control plane: run benches/cluster/run, which builds one");
        return ExitCode::FAILURE;
    }
    let size = Size(options.services);
    let data = filling::filled(size, &options.data);
    let plane = ControlPlane::start_on(&data.path().join("etcd"));
    let api = Cluster::new(&plane.kubeconfig(ADMIN));
    api.await_api();
    let (cluster, steady) = (size.cluster(), steady(size));
    let changing = cluster.services().filter(|it| it.name != steady.name);
    let changes = Changes::new(&api, changing.map(|it| (it.namespace, it.name)).collect());
    let bench = Bench { options: &options, plane: &plane, api: &api, changes: &changes, size };
    let programs = Program::all(&options.clusterdns);
    let chosen = programs.iter().filter(|program| program.to_string().to_lowercase().contains(&options.server));
    let figures: Vec<_> = chosen.map(|program| bench.measure(program)).collect();
    table::print(&figures, size);
    ExitCode::SUCCESS
}

impl Bench<'_> {
    fn measure(&self, program: &Program) -> Figures {
        let mut figures = Figures { name: program.to_string(), ..Figures::default() };
        let server = self.start(program, &mut figures);
        if self.does(What::Costs) {
            figures.rounds = self.costs(&server, &figures.name);
        }
        if self.does(What::Propagation) {
            self.tell(&figures.name, "propagation");
            let services = self.headless(self.options.samples);
            figures.quiet = propagation::samples(server.address, self.changes, &services);
            let (busy, streamed) = self.changes.during(Of::Endpoints, self.options.changes, || {
                propagation::samples(server.address, self.changes, &services)
            });
            (figures.busy, figures.streamed) = (busy, Some(streamed));
        }
        if self.does(What::Outage) {
            self.tell(&figures.name, "outage");
            figures.outage = Some(self.outage(&server));
        }
        figures
    }

    fn start(&self, program: &Program, figures: &mut Figures) -> Server {
        let starts = if self.does(What::Start) { self.options.starts } else { 1 };
        let (kubeconfig, sight) = (self.plane.kubeconfig(ADMIN), self.sight());
        let mut last = None;
        for number in 1..=starts {
            drop(last.take());
            self.tell(&figures.name, &format!("start {number} of {starts}"));
            let (server, took) = program.start(&kubeconfig, &sight);
            thread::sleep(self.settle());
            figures.starts.push(took.as_secs_f64());
            figures.settled.push(server.memory());
            last = Some(server);
        }
        last.expect("at least one start")
    }

    fn costs(&self, server: &Server, name: &str) -> Vec<Round> {
        let folder = tempfile::tempdir().expect("a folder");
        let questions = folder.path().join("questions");
        let drawn = Questions::draw(&self.size.cluster(), &Mix::default());
        drawn.write_for_dnsperf(&questions).expect("a file of questions");
        let Options { seconds, changes, queries, rounds, .. } = *self.options;
        let plan = Plan { plane: self.plane, seconds, changes, queries, questions: &questions };
        let round = |number| {
            self.tell(name, &format!("costs, process {}, round {number} of {rounds}", server.id()));
            costs::round(server, self.changes, &plan)
        };
        (1..=rounds).map(round).collect()
    }

    fn outage(&self, server: &Server) -> Outage {
        let changed = self.headless(1).remove(0);
        outage::outage(server, self.plane, self.api, self.changes, self.probes(), &changed, self.settle())
    }

    /// Right only when slices are known too.
    fn sight(&self) -> Sight {
        let Service { name, namespace, endpoints, .. } = steady(self.size);
        let answer = set(endpoints.iter().map(|endpoint| endpoint.address));
        Sight { question: Question::new(&format!("{name}.{namespace} A")), answer }
    }

    fn probes(&self) -> Vec<Probe> {
        let cluster = self.size.cluster();
        let with_address = cluster.services().nth(cluster.services - 1).expect("a Service");
        let address = with_address.cluster_ip.expect("a cluster IP").to_string();
        let (path, namespace) = (format!("{}.{}", with_address.name, with_address.namespace), with_address.namespace);
        let name = format!("{path}.svc.cluster.local.");
        let always = |question: &str, answer| Probe::always(Question::new(question), answer);
        let Sight { question, answer } = self.sight();
        vec![
            Probe::always(question, answer),
            always(&format!("{path} A"), address.clone()),
            always(&format!("_http._tcp.{path} SRV"), format!("0 100 80 {name}")),
            Probe::always(Question::reverse(&address), name),
            always(&format!("nothing.{namespace} A"), "NXDOMAIN".to_owned()),
        ]
    }

    /// The first headless Services: namespaces and names.
    fn headless(&self, count: usize) -> Vec<(String, String)> {
        let cluster = self.size.cluster();
        let headless = cluster.services().skip(cluster.services).take(count.min(cluster.headless - 1));
        headless.map(|it| (it.namespace, it.name)).collect()
    }

    fn settle(&self) -> Duration {
        Duration::from_secs(self.options.settle_seconds)
    }

    fn does(&self, what: What) -> bool {
        self.options.names.is_empty() || self.options.names.contains(&what)
    }

    fn tell(&self, name: &str, what: &str) {
        eprintln!("{name}: {what}");
    }
}

/// A headless Service in the last namespace. It is never changed.
fn steady(size: Size) -> Service {
    size.cluster().services().last().expect("a Service")
}

impl Figures {
    fn queries(&self) -> impl Iterator<Item = &Queries> {
        self.rounds.iter().filter_map(|round| round.queries.as_ref())
    }
}
