//! One of several processes that run cases, each with an `/etc` of its own.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet, HashMap},
    fs,
    net::SocketAddr,
    path::Path,
    process::{Command, ExitCode},
};

use clusterdns::search::{Heard, Lookup, Outcome, Reply, ResolvConf, Resolver, Walk, walk};

use crate::{
    cases::{Case, cases},
    programs,
    relay::{Asked, RULES, Relay, Upstream},
    server::{ADDRESS, Finding},
};

/// The argument that makes this binary be a worker.
pub(crate) const ARGUMENT: &str = "--be-a-worker";
/// They mostly wait: musl takes its time after SERVFAIL.
pub(crate) const WORKERS: usize = 64;
/// A busy machine may miss the second that a resolver waits.
const SECOND_CHANCES: usize = 2;

/// In a mount namespace: runs its share of the cases and prints what came of it.
pub(crate) fn run(index: usize, folder: &Path) -> ExitCode {
    let etc = folder.join(format!("etc-{index}"));
    let host = format!("127.0.1.{}", index + 1);
    let text = fs::read_to_string(folder.join("programs")).expect("a list of programs");
    furnish(&etc);
    let worker = Worker {
        relay: Relay::start(SocketAddr::new(host.parse().expect("an address"), 53), SocketAddr::from(ADDRESS)),
        upstream: Upstream::new(SocketAddr::from(ADDRESS)),
        said: RefCell::default(),
        host,
    };
    let programs = text.lines().filter_map(|line| line.split_once(' '));
    let jobs = programs.flat_map(|(name, resolver)| {
        let resolver: Resolver = resolver.parse().expect("a resolver");
        cases(resolver).into_iter().map(move |case| (name, resolver, case))
    });
    for (name, resolver, case) in jobs.skip(index).step_by(WORKERS) {
        let program = programs::path(name, folder);
        let mut compared = worker.compare(&program, resolver, &case);
        for _ in 0..SECOND_CHANCES {
            compared = compared.or_else(|_| worker.compare(&program, resolver, &case));
        }
        match compared {
            Ok(replies) => println!("{name} ok {replies}"),
            Err(difference) => println!("{name} differs {}", difference.replace('\n', "\n\t")),
        }
    }
    ExitCode::SUCCESS
}

/// Puts a folder in the place of `/etc`.
fn furnish(etc: &Path) {
    fs::create_dir(etc).expect("a folder");
    fs::write(etc.join("nsswitch.conf"), "hosts: dns\n").expect("a file");
    fs::write(etc.join("hosts"), "").expect("a file");
    fs::write(etc.join("resolv.conf"), "").expect("a file");
    let bound = Command::new("mount").arg("--bind").arg(etc).arg("/etc").status().expect("mount of util-linux");
    assert!(bound.success(), "/etc cannot be replaced");
}

struct Worker {
    host: String,
    relay: Relay,
    upstream: Upstream,
    said: RefCell<HashMap<(String, u16), Reply>>,
}

impl Worker {
    /// Runs a case and says which replies came on the way, or how it differs from the prediction.
    fn compare(&self, program: &Path, resolver: Resolver, case: &Case) -> Result<String, String> {
        let conf = format!("nameserver {}\noptions timeout:1 attempts:1\n{}", self.host, case.conf);
        fs::write("/etc/resolv.conf", &conf).expect("/etc is ours");
        let predicted = walk(&ResolvConf::parse(&conf), &case.name, resolver, case.lookup, |name, qtype| {
            let mut said = self.said.borrow_mut();
            *said.entry((name.to_string(), qtype)).or_insert_with(|| self.upstream.says(name, qtype))
        });
        let output = Command::new(program).args([what(case.lookup), &case.name]).env_clear().output().expect("it runs");
        let word = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let asked = folded(self.relay.asked());
        let expected = expected(&predicted);
        let is_result_right = is_a_race(&predicted) || word == word_for(&predicted);
        if asked == expected && is_result_right {
            let replies = predicted.steps.iter().flat_map(|step| &step.replies);
            return Ok(replies.map(|(_, reply)| format!("{reply:?}")).collect::<Vec<_>>().join(" "));
        }
        let steps = predicted.steps.iter().map(|step| format!("\n  {} {:?} {step}", step.candidate, step.replies));
        let steps = steps.collect::<String>();
        let (expected, asked) = (told(&expected), told(&asked));
        Err(format!(
            "{:?} of {:?}\n{conf}walk:{steps}\npredicted {}: {expected}\nfound     {word}: {asked} {} {}",
            case.lookup,
            case.name,
            word_for(&predicted),
            output.status,
            String::from_utf8_lossy(&output.stderr),
        ))
    }
}

/// A name and the types that were asked for it; none for a packet that nobody can read.
type Folded = Vec<Option<(String, BTreeSet<u16>)>>;

/// Questions for one name in a row are one step: both types, and what was sent again.
fn folded(asked: Vec<Asked>) -> Folded {
    let mut steps: Folded = Vec::new();
    for question in asked {
        match (steps.last_mut(), question) {
            (Some(Some((name, types))), Some((again, qtype))) if *name == again => {
                types.insert(qtype);
            }
            (Some(None), None) => {}
            (_, question) => steps.push(question.map(|(name, qtype)| (name, BTreeSet::from([qtype])))),
        }
    }
    steps
}

fn told(steps: &Folded) -> String {
    let told = steps.iter().map(|step| match step {
        Some((name, types)) => format!("{name} {types:?}"),
        None => "a broken packet".to_owned(),
    });
    told.collect::<Vec<_>>().join(", ")
}

fn expected(walk: &Walk) -> Folded {
    let asked = walk.steps.iter().flat_map(|step| match (&step.name, step.heard) {
        (Some(name), _) => step.replies.iter().map(|(qtype, _)| Some((name.to_string(), *qtype))).collect(),
        (None, Heard::BrokenPacket) => vec![None],
        (None, _) => Vec::new(),
    });
    folded(asked.collect())
}

/// Go takes the error that comes last, and nobody knows which one that is.
fn is_a_race(walk: &Walk) -> bool {
    let differs = |replies: &[(u16, Reply)]| replies.iter().any(|(_, reply)| *reply != replies[0].1);
    walk.resolver == Resolver::Go
        && walk.outcome != Outcome::Found
        && walk.steps.iter().any(|step| differs(&step.replies))
}

/// What the programs print.
fn word_for(walk: &Walk) -> &'static str {
    match walk.outcome {
        Outcome::Found | Outcome::Literal => "found",
        Outcome::OtherFamily => "family",
        Outcome::NoName => "noname",
        Outcome::NoData => "nodata",
        Outcome::TryAgain => "again",
        Outcome::Failed => "failed",
        Outcome::Nothing => "nothing",
    }
}

/// What the programs take.
fn what(lookup: Lookup) -> &'static str {
    match lookup {
        Lookup::Addresses => "any",
        Lookup::Ipv4 => "4",
        Lookup::Ipv6 => "6",
        Lookup::Records(16) => "16",
        Lookup::Records(33) => "33",
        Lookup::Records(_) => unreachable!("there are cases for TXT and SRV"),
    }
}

/// Puts together what the workers printed about one program.
pub(crate) fn finding(name: &str, printed: &str) -> Finding {
    let (right, wrong) = (format!("{name} ok "), format!("{name} differs "));
    let right: Vec<_> = printed.lines().filter_map(|line| line.strip_prefix(&right)).collect();
    let mut replies = BTreeMap::new();
    for reply in right.iter().flat_map(|line| line.split_whitespace()) {
        *replies.entry(reply).or_insert(0) += 1;
    }
    let told = replies.iter().map(|(reply, count)| format!("{count} {reply}")).collect::<Vec<_>>().join(", ");
    let told = format!("{} lookups as predicted ({told})", right.len());
    let mut differences = Vec::new();
    let mut lines = printed.lines().peekable();
    while let Some(line) = lines.next() {
        if line.starts_with(&wrong) {
            differences.push(line.to_owned());
            while let Some(more) = lines.next_if(|line| line.starts_with('\t')) {
                differences.push(more.to_owned());
            }
        }
    }
    match differences.is_empty() {
        false => Err(format!("{told}, but\n{}", differences.join("\n"))),
        true if replies.len() < RULES.len() => Err(format!("{told}: some replies never came")),
        true => Ok(told),
    }
}
