//! Asking on for a client: the rest of its search list, or the server's own for one that has none.
//!
//! A candidate either exists, whatever its types, or does not: so A and AAAA of a name lead to the
//! same place. The one that exists is answered as an alias: a CNAME from the name that was asked
//! for, and its records.

use std::net::IpAddr;

use super::{Ending, Finding, TURN, plan::Plan};
use crate::{
    answers::{
        chain::Chain,
        find::{Ask, Found},
        question::QueryName,
        service::SVC,
        sink::Sink,
        why::Why,
    },
    records::name::Name,
    search::finish::{Completion, Evidence, Finished, is_top_level},
};

impl Plan {
    /// Looks a name of few labels for in the server's own search list. None where it is asked as it
    /// is: it has too many dots, or was not found and may be a name of somebody else's.
    pub(super) fn expand<S: Sink>(
        &self,
        listener: usize,
        qtype: u16,
        tells: bool,
        finding: &mut Finding,
        sink: &mut S,
    ) -> Option<Ending> {
        let search = self.search.as_ref()?;
        let Finding { name, chain, turn, .. } = finding;
        if !search.applies(name, qtype) {
            return None;
        }
        let base = name.span(0, name.labels());
        let mut last = None;
        for domain in &search.domains {
            last = None;
            if chain.point(&[base, domain.wire()]).is_none() {
                continue;
            }
            let Some(route) = self.listeners[listener].route(chain.name(), qtype) else { continue };
            let server = &self.servers[self.routes[route].server];
            let (Some(view), Some((zone, _))) = (&server.view, server.zone_of(chain.name())) else { continue };
            *turn = turn.wrapping_add(if server.rotate { TURN } else { 0 });
            let ask = Ask::new(view, zone, qtype, *turn);
            sink.set_far_zone(&zone.apex);
            let found = match ask.exists(chain) {
                Found::Miss => {
                    last = Some((ask, route));
                    continue;
                }
                found @ (Found::Unknown | Found::Failed) => found,
                _ => ask.alias(chain, sink),
            };
            let why = || match chain.point(&[base, domain.wire()]) {
                Some(()) => Why::of(view, zone, qtype, chain.name(), found),
                None => Why::Type,
            };
            let ending = Ending::found(found, view, tells, why, sink);
            return Some(Ending { route: Some(route), finished: Some(Finished::Expanded), ..ending });
        }
        // A single label is nobody else's name, unless the world has it.
        let (ask, route) = last.filter(|_| name.labels() == 1 && !is_top_level(base))?;
        let ending = Ending::found(Found::Miss, ask.view, tells, || Why::Nowhere, sink);
        Some(Ending { route: Some(route), finished: Some(Finished::Nowhere), ..ending })
    }
}

impl Completion {
    /// Walks the rest of the search list behind a name that `ask`'s zone does not have. None where
    /// neither name nor client are evidence of a list; otherwise what became of it, and what was found,
    /// which went to the sink.
    pub(super) fn complete<S: Sink>(
        &self,
        ask: &Ask<'_>,
        client: IpAddr,
        name: &QueryName,
        chain: &mut Chain,
        sink: &mut S,
    ) -> Option<(Finished, Found)> {
        let evidence = Evidence::of(name, ask.zone)?;
        match self.by_address.then(|| ask.view.client_is_of(evidence.namespace, client)).flatten() {
            Some(true) => {}
            Some(false) => return Some((Finished::Foreign, Found::Miss)),
            None if ask.view.namespace_exposed(evidence.namespace) => {}
            None => return None,
        }
        if self.except_namespaces.iter().any(|except| **except == *evidence.namespace) {
            return Some((Finished::Excepted, Found::Miss));
        }
        let apex = ask.zone.apex.wire();
        for tree in [SVC, b""] {
            chain.point(&[evidence.base, tree, apex])?;
            match ask.exists(chain) {
                Found::Miss => {}
                _ if !tree.is_empty() && !self.top_level_namespaces && is_top_level(evidence.base) => {
                    return Some((Finished::TopLevel, Found::Miss));
                }
                found @ (Found::Unknown | Found::Failed) => return Some((Finished::Nowhere, found)),
                _ => return Some((Finished::Completed, ask.alias(chain, sink))),
            }
        }
        self.complete_outside(ask, &evidence, chain, sink)
    }

    /// The domains of the node, and the name as it is.
    fn complete_outside<S: Sink>(
        &self,
        ask: &Ask<'_>,
        evidence: &Evidence<'_>,
        chain: &mut Chain,
        sink: &mut S,
    ) -> Option<(Finished, Found)> {
        let stays = evidence.stays(ask.zone);
        for domain in self.node_domains.iter().map(Name::wire).chain([&[0][..]]) {
            if chain.point(&[evidence.base, domain]).is_none() {
                continue;
            }
            let inside = chain.name().zone_start(ask.zone.apex.wire(), ask.zone.labels).is_some();
            match inside.then(|| ask.exists(chain)) {
                Some(Found::Miss) => {}
                Some(found @ (Found::Unknown | Found::Failed)) => return Some((Finished::Nowhere, found)),
                Some(_) => return Some((Finished::Completed, ask.alias(chain, sink))),
                None if stays => {}
                None => return Some((Finished::Outside, Found::Miss)),
            }
        }
        Some((Finished::Nowhere, Found::Miss))
    }
}
