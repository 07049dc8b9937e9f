//! From options to upstreams, and to others when a file names others.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use thiserror::Error;
use tokio::{runtime::Handle, select, sync::watch, task::spawn_blocking, time};

use super::{
    CONNECTIONS_MAX, Options, UPSTREAMS_MAX,
    asking::Over,
    core::{Core, Member, Set},
    counters::{Counters, Proto},
    health::Checks,
    https::Https,
    message::Query,
    options::{self, To, Transport},
    ports::Ports,
    resolv,
    stream::{Pool, Rules},
    tls::{self, Connectors, Tcp, Tls},
    upstream::{Speech, Target, Upstream},
    wire::{Plain, Wire},
};
use crate::answers::code;

/// Why forwarding cannot begin.
#[derive(Debug, Error)]
pub enum StartError {
    /// A file that is read at the start.
    #[error("{}: {what}", file.display())]
    File {
        /// Which.
        file: PathBuf,
        /// What is wrong, and what to do.
        what: String,
    },
    /// CoreDNS's limit.
    #[error("{0} upstreams are named, there may be {UPSTREAMS_MAX}")]
    TooMany(usize),
    /// What is behind `%` or `tls_servername`.
    #[error("{name} is no name that the certificate of {upstream} could have")]
    ServerName {
        /// Whose.
        upstream: SocketAddr,
        /// What was written.
        name: String,
    },
    /// What is behind the address of `https://`.
    #[error("{path} is no path of a URL at {upstream}")]
    Path {
        /// Whose.
        upstream: SocketAddr,
        /// What was written.
        path: String,
    },
    /// An image without them.
    #[error("this system has no certificates of authorities: name a file with them, `tls FILE` in a Corefile")]
    NoAuthorities,
}

/// Makes upstreams of targets.
pub(super) struct Maker {
    tls: Option<Connectors>,
    checks: Arc<Checks>,
    counters: Counters,
    runtime: Handle,
}

/// How often files that name upstreams are read: an administrator who has edited one looks about then.
const FILES_READ_EVERY: Duration = Duration::from_secs(5);

impl Maker {
    pub(super) fn new(options: &Options, counters: &Counters, runtime: &Handle) -> Result<Self, StartError> {
        let over = if options.transport == Transport::ForceTcp { Over::Tcp } else { Over::Udp };
        let health = &options.health_check;
        let is_encrypted = options.to.iter().any(|to| matches!(to, To::Tls(..) | To::Https(_)));
        Ok(Self {
            tls: is_encrypted.then(|| Connectors::new(&options.tls)).transpose()?,
            checks: Arc::new(Checks {
                query: Query::ours(health.domain.wire(), code::NS, health.recursion_desired).or_anything(),
                over,
                max_fails: options.max_fails,
                interval: health.interval,
                runtime: runtime.clone(),
                counters: counters.clone(),
            }),
            counters: counters.clone(),
            runtime: runtime.clone(),
        })
    }

    /// The upstreams of these targets. Those that are known stay, with all that is known of them.
    pub(super) fn set(
        &self,
        options: &Options,
        targets: Vec<Target>,
        known: &[Member<Wire>],
    ) -> Result<Set<Wire>, StartError> {
        if targets.len() > UPSTREAMS_MAX {
            return Err(StartError::TooMany(targets.len()));
        }
        let members = targets.into_iter().map(|target| {
            match known.iter().find(|member| member.upstream.target.is_same(&target)) {
                Some(member) => Ok(member.clone()),
                None => self.member(options, target),
            }
        });
        Ok(Set(members.collect::<Result<_, _>>()?))
    }

    fn member(&self, options: &Options, target: Target) -> Result<Member<Wire>, StartError> {
        let counters = self.counters.of(target.address);
        let (to, source) = (target.address, options.source);
        let tcp = Tcp { to, source };
        let rules = Rules {
            to,
            proto: Proto::Tcp,
            expire: options.expire,
            age_max: options.age_max,
            read_timeout: options.read_timeout,
            idle_max: options.idle_connections_max.unwrap_or(CONNECTIONS_MAX),
        };
        let line = match (&self.tls, &target.speech) {
            (Some(connectors), Speech::Tls(written)) => {
                let name = tls::server_name(to, written.as_deref(), &options.tls)?;
                let dial = Tls { tcp, connector: connectors.tls.clone(), name };
                let rules = Rules { proto: Proto::Tls, ..rules };
                Wire::Tls(Pool::new(dial, rules, counters.clone(), self.runtime.clone()))
            }
            (Some(connectors), Speech::Https { name, path }) => {
                let name = tls::server_name(to, name.as_deref(), &options.tls)?;
                let dial = Tls { tcp, connector: connectors.https.clone(), name };
                let dial = Https::new(dial, options.doh_method, path)
                    .ok_or_else(|| StartError::Path { upstream: to, path: path.clone() })?;
                let rules = Rules { proto: Proto::Https, ..rules };
                Wire::Https(Pool::new(dial, rules, counters.clone(), self.runtime.clone()))
            }
            _ => {
                let tcp = Pool::new(tcp, rules, counters.clone(), self.runtime.clone());
                Wire::Plain(Plain { udp: Ports::new(to, source, &self.counters, &counters), tcp })
            }
        };
        let (end, stop) = watch::channel(());
        let upstream = Arc::new(Upstream::new(target, line, counters, self.checks.clone(), stop));
        Ok(Member { upstream, _end: Arc::new(end) })
    }
}

/// Everybody who is to be asked now.
pub(super) fn targets(options: &Options) -> Result<Vec<Target>, StartError> {
    let mut targets: Vec<Target> = Vec::new();
    for to in &options.to {
        let (address, speech) = match to.clone() {
            To::Plain(address) => (address, Speech::Plain),
            To::Tls(address, name) => (address, Speech::Tls(name)),
            To::Https(options::Https { address, name, path }) => (address, Speech::Https { name, path }),
            To::ResolvConf(file) => {
                targets.extend(of_file(&file)?);
                continue;
            }
        };
        targets.push(Target { address, speech, origin: None });
    }
    Ok(targets)
}

fn of_file(file: &Path) -> Result<impl Iterator<Item = Target> + '_, StartError> {
    let bad = |what| StartError::File { file: file.to_owned(), what };
    let servers = resolv::read(file).map_err(|error| bad(format!("it cannot be read: {error}")))?;
    if servers.is_empty() {
        return Err(bad("it has no line `nameserver ADDRESS`: add one, or name upstreams by address".to_owned()));
    }
    Ok(servers.into_iter().map(move |(address, line)| Target {
        address,
        speech: Speech::Plain,
        origin: Some((file.to_owned(), line)),
    }))
}

/// Reads the files that name upstreams again and again, until `stop` ends. What is bad changes nothing.
pub(super) async fn follow_files(core: Arc<Core<Wire>>, maker: Maker, mut stop: watch::Receiver<()>) {
    let mut said = String::new();
    loop {
        select! {
            () = time::sleep(FILES_READ_EVERY) => {}
            // Nothing is ever sent.
            _ = stop.changed() => return,
        }
        let options = core.options.clone();
        // A file may be on a disk that hangs.
        let Ok(read) = spawn_blocking(move || targets(&options)).await else { continue };
        let known = core.upstreams.load();
        let is_news = |targets: &[Target]| {
            let is_same = |(member, target): (&Member<Wire>, _)| member.upstream.target.is_same(target);
            known.0.len() != targets.len() || !known.0.iter().zip(targets).all(is_same)
        };
        let set = match read {
            Ok(targets) if !is_news(&targets) => {
                said.clear();
                continue;
            }
            Ok(targets) => maker.set(&core.options, targets, &known.0),
            Err(error) => Err(error),
        };
        match set {
            Ok(set) => {
                said.clear();
                tracing::info!("upstreams have changed: now {set}");
                core.set_upstreams(set);
            }
            Err(error) if said != error.to_string() => {
                tracing::warn!("upstreams stay as they are: {error}");
                said = error.to_string();
            }
            Err(_) => {}
        }
    }
}
