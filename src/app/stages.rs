//! What servers have beside their tables, made of a configuration. What one before it had made already, and
//! was told the same, goes on: a cache keeps what it has, a forwarder what it knows of its upstreams.

use std::sync::Arc;

use tokio::runtime::Handle;

use crate::{
    cache::Cache,
    config::{Config, Server},
    forward::{Counters, Forwarder, LoopWatch, StartError},
    records::name::Name,
    respond::plan::Stages,
    stages::{Early, hosts::Hosts, rewrite::Rewriter, template::Templates},
};

/// The stages of each server of a configuration.
///
/// # Errors
/// A forwarder cannot start: a file that it needs cannot be read.
pub(super) fn build(
    config: &Config,
    counters: &Counters,
    runtime: &Handle,
    before: &[&Stages],
) -> Result<Vec<Stages>, StartError> {
    config.servers.iter().map(|server| of(server, counters, runtime, before)).collect()
}

fn of(server: &Server, counters: &Counters, runtime: &Handle, before: &[&Stages]) -> Result<Stages, StartError> {
    let cache = server.cache.as_ref().map(|options| {
        let same = before.iter().filter_map(|stages| stages.cache.as_ref()).find(|cache| cache.options() == options);
        same.cloned().unwrap_or_else(|| Arc::new(Cache::new(options.clone())))
    });
    let forward = server.forward.iter().map(|options| {
        let mut forwarders = before.iter().flat_map(|stages| &stages.forward);
        match forwarders.find(|forwarder| forwarder.options() == options) {
            Some(forwarder) => Ok(forwarder.clone()),
            None => Forwarder::new(options.clone(), counters, runtime),
        }
    });
    let forward = forward.collect::<Result<Vec<_>, _>>()?;
    let loops = server.loop_check.filter(|_| !forward.is_empty()).map(|_| loops(server, &forward, runtime, before));
    Ok(Stages { early: early(server, runtime, before), cache, loops, forward })
}

/// What was read of a file stays.
fn early(server: &Server, runtime: &Handle, before: &[&Stages]) -> Early {
    let hosts = server.hosts.as_ref().map(|options| {
        let mut all = before.iter().filter_map(|stages| stages.early.hosts.as_ref());
        all.find(|hosts| hosts.options() == options).cloned().unwrap_or_else(|| {
            let hosts = Arc::new(Hosts::new(options.clone()));
            hosts.follow(runtime);
            hosts
        })
    });
    let rewriter = (!server.rewrite.is_empty()).then(|| Arc::new(Rewriter::new(server.rewrite.clone())));
    let templates = (!server.template.is_empty()).then(|| {
        let mut all = before.iter().filter_map(|stages| stages.early.templates.as_ref());
        let same = all.find(|templates| templates.templates() == server.template);
        same.cloned().unwrap_or_else(|| Arc::new(Templates::new(server.template.clone())))
    });
    Early { rewriter, templates, hosts }
}

/// A watch that has found something goes on where its upstreams do.
fn loops(server: &Server, forward: &[Arc<Forwarder>], runtime: &Handle, before: &[&Stages]) -> Arc<LoopWatch> {
    let same = |stages: &&&Stages| {
        stages.forward.len() == forward.len()
            && stages.forward.iter().zip(forward).all(|(one, other)| Arc::ptr_eq(one, other))
    };
    let watching = before.iter().find(same).and_then(|stages| stages.loops.clone());
    let zone = server.zones.first().map_or_else(Name::root, |zone| zone.apex.clone());
    watching.unwrap_or_else(|| Arc::new(LoopWatch::new(&zone, forward, runtime)))
}
