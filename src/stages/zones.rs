//! Zones that a stage is for, or that it hands on.

use crate::{
    answers::question::QueryName,
    records::{
        name::{Name, in_front_of},
        zone::Zone,
    },
};

/// Zones, the longest first. None of them: no name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Zones(Vec<Zone>);

impl Zones {
    /// These zones.
    pub fn new(mut zones: Vec<Zone>) -> Self {
        zones.sort_by_key(|zone| std::cmp::Reverse(zone.labels));
        Self(zones)
    }

    /// All names.
    pub fn all() -> Self {
        Self(vec![Zone::new(Name::root())])
    }

    /// Their names.
    pub fn apexes(&self) -> impl Iterator<Item = &Name> {
        self.0.iter().map(|zone| &zone.apex)
    }

    /// The longest that a name is in.
    #[inline]
    pub fn of(&self, name: &QueryName) -> Option<&Zone> {
        self.0.iter().find(|zone| name.zone_start(zone.apex.wire(), zone.labels).is_some())
    }

    /// Whether a name is in one of them.
    #[inline]
    pub fn has(&self, name: &QueryName) -> bool {
        self.of(name).is_some()
    }

    /// Whether a name in wire form and lower case, and all below it, are in one of them.
    pub fn has_all(&self, tree: &[u8]) -> bool {
        self.0.iter().any(|zone| in_front_of(tree, zone.apex.wire()).is_some())
    }

    /// Whether some name below `tree`, or itself, is in one of them.
    pub fn meets(&self, tree: &[u8]) -> bool {
        self.has_all(tree) || self.0.iter().any(|zone| in_front_of(zone.apex.wire(), tree).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zones(texts: &[&str]) -> Zones {
        Zones::new(texts.iter().flat_map(|text| Zone::parse(text).unwrap()).collect())
    }

    fn wire(text: &str) -> Vec<u8> {
        Name::parse(text).unwrap().wire().to_vec()
    }

    #[test]
    fn a_name_is_in_the_longest() {
        let zones = zones(&["local", "cluster.local", "a"]);
        let of = |text: &str| {
            let mut name = QueryName::new();
            name.read(&wire(text)).unwrap();
            zones.of(&name).map(|zone| zone.apex.to_string())
        };
        assert_eq!(of("x.Cluster.local").as_deref(), Some("cluster.local."));
        assert_eq!(of("local").as_deref(), Some("local."));
        assert_eq!(of("xlocal"), None);
    }

    #[test]
    fn a_tree_is_inside_or_around_or_beside() {
        let zones = zones(&["cluster.local"]);
        let both = |text: &str| (zones.has_all(&wire(text)), zones.meets(&wire(text)));
        assert_eq!(both("svc.cluster.local"), (true, true));
        assert_eq!(both("local"), (false, true));
        assert_eq!(both("example.com"), (false, false));
        assert!(Zones::all().has_all(&wire("a.b")) && !Zones::default().meets(&wire("a.b")));
    }
}
