//! What the tables hold and whether they are complete: for `/metrics` and for `/ready`.
//!
//! Nobody reports this. It is read off the tables when somebody asks, so it cannot be out of date.

use std::{collections::BTreeMap, sync::Arc};

use crate::records::view::{Pods, View};

/// What one table holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Table {
    /// Services, namespaces, addresses of endpoints or addresses of Pods.
    pub entries: usize,
    /// Whether what is not in it does not exist.
    pub complete: bool,
}

/// The tables that a view needs, by what they hold.
pub fn tables(view: &View) -> impl Iterator<Item = (&'static str, Table)> {
    let (known, options) = (view.known(), &view.options);
    let table = |kind, needed: bool, entries, complete| needed.then_some((kind, Table { entries, complete }));
    [
        table("namespaces", true, view.namespaces.len(), known.namespaces),
        table("services", true, view.services.len(), known.services),
        table("endpoints", !options.no_endpoints, view.endpoints.len(), known.endpoints),
        table("pods", options.pods == Pods::Verified, view.pods.len(), known.pods),
    ]
    .into_iter()
    .flatten()
}

/// What a view cannot answer yet; None once all its tables are complete.
pub fn incomplete(view: &View) -> Option<String> {
    let missing: Vec<_> = tables(view).filter(|(_, table)| !table.complete).map(|(kind, _)| kind).collect();
    (!missing.is_empty()).then(|| format!("{}: no complete list yet of {}", title(view), missing.join(", ")))
}

/// Views by the zone that names them. Views of one name are seen as one.
pub(super) fn by_zone(views: &[Arc<View>]) -> BTreeMap<String, Vec<&View>> {
    let mut zones: BTreeMap<String, Vec<&View>> = BTreeMap::new();
    for view in views {
        zones.entry(title(view)).or_default().push(view);
    }
    zones
}

/// The forward zone of a view, or the first one where there is none.
fn title(view: &View) -> String {
    let zone = view.primary.as_ref().or(view.options.zones.first());
    zone.map_or_else(String::new, |zone| zone.apex.to_string())
}
