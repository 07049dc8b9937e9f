//! From options to upstreams.

use std::{path::PathBuf, sync::Arc};

use thiserror::Error;
use tokio::{runtime::Handle, sync::watch};

use super::{
    Options, UPSTREAMS_MAX,
    asking::Over,
    core::{Core, Member, Set},
    counters::Counters,
    health::Checks,
    message::Query,
    options::{To, Transport},
    upstream::{Target, Upstream},
    wire::Wire,
};
use crate::answers::code;

/// Why forwarding cannot begin.
#[derive(Debug, Error)]
pub enum StartError {
    /// A file that names upstreams.
    #[error("{}: {what}", file.display())]
    File {
        /// Which.
        file: PathBuf,
        /// What is wrong, and what to do.
        what: String,
    },
    /// CoreDNS's limit.
    #[error("more than {UPSTREAMS_MAX} upstreams: {0} are named")]
    TooMany(usize),
}

/// What the questions of a forwarder share.
pub(super) fn core(options: Options, counters: &Counters, runtime: &Handle) -> Result<Arc<Core<Wire>>, StartError> {
    let over = if options.transport == Transport::ForceTcp { Over::Tcp } else { Over::Udp };
    let health = &options.health_check;
    let checks = Arc::new(Checks {
        query: Query::ours(health.domain.wire(), code::NS, health.recursion_desired).or_anything(),
        over,
        max_fails: options.max_fails,
        interval: health.interval,
        runtime: runtime.clone(),
    });
    let mut members = Vec::new();
    for to in &options.to {
        let target = match to {
            To::Plain(address) => Target { address: *address, tls: None, origin: None },
            To::Tls(address, name) => Target { address: *address, tls: Some(name.clone()), origin: None },
            To::ResolvConf(_) => continue,
        };
        let upstream_counters = counters.of(target.address);
        let wire = Wire {
            address: target.address,
            source: options.source,
            all: counters.clone(),
            counters: upstream_counters.clone(),
        };
        let (end, stop) = watch::channel(());
        let upstream = Arc::new(Upstream::new(target, wire, upstream_counters, checks.clone(), stop));
        members.push(Member { upstream, _end: Arc::new(end) });
    }
    if members.len() > UPSTREAMS_MAX {
        return Err(StartError::TooMany(members.len()));
    }
    Ok(Arc::new(Core::new(options, counters.clone(), Set(members))))
}
