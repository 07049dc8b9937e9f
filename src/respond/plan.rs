//! Who answers what: the configuration, compiled for the path of a query.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, atomic::AtomicBool},
};

use ipnet::IpNet;

pub use super::stages::Stages;
use crate::{
    answers::{
        code,
        plain::Tree,
        question::{QueryName, Question},
    },
    records::{view::View, zone::Zone},
    search::finish::{Completion, SearchList},
    stages::Reach,
};

/// Listeners, and the servers behind them.
#[derive(Default)]
pub struct Plan {
    /// In the order of the configuration.
    pub servers: Vec<Server>,
    /// Every address that is listened on.
    pub listeners: Vec<Listener>,
    /// Every pair of listener and zone: what requests are counted by.
    pub routes: Vec<Route>,
    /// Whether replies without records tell clients with EDNS why (RFC 8914).
    pub tells_why: bool,
    /// The search list of clients that have none.
    pub search: Option<SearchList>,
    /// How names are completed that carry their evidence.
    pub completion: Option<Completion>,
    /// Nobody else is asked: what others have is not known here.
    pub offline: bool,
}

/// Zones with what answers for them.
pub struct Server {
    /// The tables it answers from.
    pub view: Option<Arc<View>>,
    /// To whom whole zones are sent.
    pub transfer: Option<Transfer>,
    /// Whether answers of several addresses start with another one each time.
    pub rotate: bool,
    /// The rcode of a name that no stage answers: REFUSED where there is no stage at all.
    pub unanswered: u16,
    /// What it has beside the tables.
    pub stages: Stages,
    /// Who is told of questions, by CoreDNS's names: `errors`, `log`.
    pub told_to: Vec<&'static str>,
}

/// Peers that may transfer zones.
#[derive(Clone, Debug)]
pub struct Transfer {
    /// Their addresses.
    pub to: Vec<IpNet>,
}

/// One address that is listened on.
pub struct Listener {
    /// Where, as configured.
    pub address: SocketAddr,
    /// Whether questions of other classes are answered as if they were IN (behaviour B3).
    pub any_class: bool,
    /// The zones served here, longest first, by their place in [`Plan::routes`].
    pub zones: Vec<(Zone, usize)>,
}

/// A zone on a listener.
pub struct Route {
    /// Which listener.
    pub listener: usize,
    /// Its apex, as text.
    pub zone: String,
    /// Which server.
    pub server: usize,
}

/// Where the plain questions of a listener lead to.
pub struct ShortCut {
    /// What they end in.
    pub tree: Tree,
    /// What they are answered from.
    pub view: Arc<View>,
    /// What they are counted by.
    pub route: usize,
    /// While this is set, some name there is another stage's.
    pub shade: Option<Arc<AtomicBool>>,
}

impl Plan {
    /// Every view, in the order of the servers.
    pub fn views(&self) -> impl Iterator<Item = &Arc<View>> {
        self.servers.iter().filter_map(|server| server.view.as_ref())
    }

    /// The short cut of a listener: to the first of its views whose tree of services is divided by
    /// no zone below.
    pub fn short_cut(&self, listener: usize) -> Option<ShortCut> {
        let zones = &self.listeners[listener].zones;
        zones.iter().find_map(|&(_, route)| {
            let server = &self.servers[self.routes[route].server];
            let view = server.view.clone()?;
            let tree = Tree::new(view.primary.as_ref()?)?;
            let mut name = QueryName::new();
            name.read(tree.wire())?;
            let leads_here = self.listeners[listener].route(&name, code::A) == Some(route);
            let divided = zones.iter().map(|(zone, _)| zone).chain(&view.options.zones).any(|zone| tree.has(zone));
            let shade = match server.stages.early.reach(tree.wire()) {
                Reach::Nothing => None,
                Reach::While(shade) => Some(shade),
                Reach::Anything => return None,
            };
            (leads_here && !divided).then_some(ShortCut { tree, view, route, shade })
        })
    }
}

impl Plan {
    /// Whether somebody else on a listener may know this name: another zone of the cluster, or upstreams.
    pub(crate) fn others_take(&self, listener: &Listener, name: &QueryName, question: &Question<'_>) -> bool {
        let Some(route) = listener.route(name, question.qtype) else { return false };
        let server = &self.servers[self.routes[route].server];
        let Stages { early, .. } = &server.stages;
        server.zone_of(name).is_some() || server.stages.take(name, question) || early.touches(name, question)
    }

    /// Whether others are asked for any name on a listener.
    pub(crate) fn forwards(&self, listener: &Listener) -> bool {
        listener.zones.iter().any(|&(_, route)| !self.servers[self.routes[route].server].stages.forward.is_empty())
    }
}

impl Listener {
    /// The route of a name: the longest zone, and for DS the shortest below the root, for that is
    /// where a delegation's parent is.
    #[inline]
    pub fn route(&self, name: &QueryName, qtype: u16) -> Option<usize> {
        let is_in = |(zone, _): &&(Zone, usize)| name.zone_start(zone.apex.wire(), zone.labels).is_some();
        let parent = || self.zones.iter().rev().filter(|(zone, _)| zone.labels > 0).find(is_in);
        let longest = || self.zones.iter().find(is_in);
        let found = if qtype == code::DS { parent().or_else(longest) } else { longest() };
        found.map(|&(_, route)| route)
    }
}

impl Default for Server {
    /// One that has nothing.
    fn default() -> Self {
        let (stages, told_to) = (Stages::default(), Vec::new());
        Self { view: None, transfer: None, rotate: false, unanswered: code::REFUSED, stages, told_to }
    }
}

impl Server {
    /// The longest zone of the view that the name is in, and where in the name it starts.
    #[inline]
    pub fn zone_of(&self, name: &QueryName) -> Option<(&Zone, usize)> {
        let zones = &self.view.as_ref()?.options.zones;
        zones.iter().find_map(|zone| Some((zone, name.zone_start(zone.apex.wire(), zone.labels)?)))
    }
}

impl Transfer {
    /// Whether a peer may have the zone.
    pub fn allows(&self, peer: IpAddr) -> bool {
        self.to.iter().any(|net| net.contains(&peer))
    }
}
