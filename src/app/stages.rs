//! What servers have beside their tables, made of a configuration. What the same server of the configuration
//! before it had, and was told the same, goes on: a forwarder keeps what it knows of its upstreams, a cache what
//! it has, as long as nobody else answers any of its names now.

use std::sync::Arc;

use tokio::runtime::Handle;

use crate::{
    cache::Cache,
    config::{Config, Server},
    forward::{Counters, Forwarder, LoopWatch, StartError},
    records::name::Name,
    respond::plan::{Plan, Stages},
    stages::{Early, hosts::Hosts, rewrite::Rewriter, template::Templates},
};

/// The stages of each server of a configuration. `before` is what is in service.
///
/// # Errors
/// A forwarder cannot start: a file that it needs cannot be read.
pub(super) fn build(
    config: &Config,
    counters: &Counters,
    runtime: &Handle,
    before: Option<(&Config, &Plan)>,
) -> Result<Vec<Stages>, StartError> {
    let same_places = before.is_some_and(|(old, _)| places(old).eq(places(config)));
    let of_server = |server: &Server| {
        let old = before.and_then(|(config, plan)| {
            let mut servers = config.servers.iter().zip(&plan.servers);
            servers.find(|(old, _)| place(old) == place(server))
        });
        let old = old.map(|(config, server)| (config, &server.stages));
        of(server, counters, runtime, old, same_places)
    };
    config.servers.iter().map(of_server).collect()
}

/// What makes a server the same one.
fn place(server: &Server) -> impl PartialEq + '_ {
    (&server.listen, &server.zones)
}

/// Who answers which names.
fn places(config: &Config) -> impl Iterator<Item = impl PartialEq + '_> {
    config.servers.iter().map(place)
}

fn of(
    server: &Server,
    counters: &Counters,
    runtime: &Handle,
    old: Option<(&Server, &Stages)>,
    same_places: bool,
) -> Result<Stages, StartError> {
    let stages = old.map(|(_, stages)| stages);
    let says_the_same = |config: &Server| {
        (&config.cache, &config.forward, &config.hosts, &config.template, &config.rewrite)
            == (&server.cache, &server.forward, &server.hosts, &server.template, &server.rewrite)
    };
    let kept = old.filter(|(config, _)| same_places && says_the_same(config));
    let cache = server.cache.as_ref().map(|options| {
        let kept = kept.and_then(|(_, stages)| stages.cache.clone());
        kept.unwrap_or_else(|| Arc::new(Cache::new(options.clone())))
    });
    let mut forwarders: Vec<_> = stages.map(|stages| stages.forward.clone()).unwrap_or_default();
    let forward = server.forward.iter().map(|options| {
        match forwarders.iter().position(|forwarder| forwarder.options() == options) {
            Some(place) => Ok(forwarders.swap_remove(place)),
            None => Forwarder::new(options.clone(), counters, runtime),
        }
    });
    let forward = forward.collect::<Result<Vec<_>, _>>()?;
    let loops = server.loop_check.filter(|_| !forward.is_empty()).map(|_| loops(server, &forward, runtime, stages));
    Ok(Stages { early: early(server, runtime, stages), cache, loops, forward })
}

/// What was read of a file stays.
fn early(server: &Server, runtime: &Handle, old: Option<&Stages>) -> Early {
    let hosts = server.hosts.as_ref().map(|options| {
        let old = old.and_then(|stages| stages.early.hosts.clone());
        old.filter(|hosts| hosts.options() == options).unwrap_or_else(|| {
            let hosts = Arc::new(Hosts::new(options.clone()));
            hosts.follow(runtime);
            hosts
        })
    });
    let rewriter = (!server.rewrite.is_empty()).then(|| Arc::new(Rewriter::new(server.rewrite.clone())));
    let templates = (!server.template.is_empty()).then(|| {
        let old = old.and_then(|stages| stages.early.templates.clone());
        let same = old.filter(|templates| templates.templates() == server.template);
        same.unwrap_or_else(|| Arc::new(Templates::new(server.template.clone())))
    });
    Early { rewriter, templates, hosts }
}

/// A watch that has found something goes on where its upstreams do.
fn loops(server: &Server, forward: &[Arc<Forwarder>], runtime: &Handle, old: Option<&Stages>) -> Arc<LoopWatch> {
    let same = |stages: &&Stages| {
        stages.forward.len() == forward.len()
            && stages.forward.iter().zip(forward).all(|(one, other)| Arc::ptr_eq(one, other))
    };
    let zone = server.zones.first().map_or_else(Name::root, |zone| zone.apex.clone());
    let watching = old.filter(same).and_then(|stages| stages.loops.clone());
    watching.unwrap_or_else(|| Arc::new(LoopWatch::new(&zone, forward, runtime)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{app::compile, config::corefile::System};

    const ALL: &str = ".:1053 {\ncache 30\nforward . 192.0.2.1\n}\n";

    /// Whether the first server has the cache, and the forwarder, that it had before the change.
    fn kept(old: &str, new: &str) -> (bool, bool) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let config = |text: &str| Config::parse_corefile(text, "Corefile", &System { port: 53 }).unwrap();
        let (old, new) = (config(old), config(new));
        let build = |config: &Config, before| build(config, &Counters::default(), runtime.handle(), before).unwrap();
        let plan = compile::plan(&old, &[], build(&old, None), Vec::new());
        let (was, is) = (&plan.servers[0].stages, &build(&new, Some((&old, &plan)))[0]);
        let cache = |stages: &Stages| stages.cache.clone().expect("a cache");
        (Arc::ptr_eq(&cache(was), &cache(is)), Arc::ptr_eq(&was.forward[0], &is.forward[0]))
    }

    #[test]
    fn a_cache_goes_on_only_where_the_same_upstreams_answer_the_same_names() {
        assert_eq!(kept(ALL, &format!("{ALL}\n")), (true, true));
        assert_eq!(kept(ALL, &ALL.replace("cache 30", "cache 31")), (false, true));
        assert_eq!(kept(ALL, &ALL.replace("192.0.2.1", "192.0.2.2")), (false, false));
        let stub = "corp.example:1053 {\ncache 30\nforward . 192.0.2.9\n}\n";
        assert_eq!(kept(ALL, &format!("{ALL}{stub}")), (false, true));
        let other = ALL.replace("1053", "1054").replace("192.0.2.1", "192.0.2.7");
        assert!(!kept(&format!("{other}{ALL}"), &format!("{ALL}{other}")).0);
    }
}
