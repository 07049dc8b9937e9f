//! The zones that a view of the cluster is served under.
//!
//! A forward zone (`cluster.local`) holds services and pods, a reverse zone the PTRs of their
//! addresses. A reverse zone may be written as a CIDR; one that does not end on a label's border
//! becomes several zones (behaviour C12).

use std::net::IpAddr;

use ipnet::IpNet;
use thiserror::Error;

use super::name::{BadName, Name};

/// A zone that is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// Its apex, in lower case.
    pub apex: Name,
    /// How many labels the apex has.
    pub labels: usize,
    /// Whether it lies in `in-addr.arpa` or `ip6.arpa`.
    pub reverse: bool,
}

/// Why a text is no zone.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BadZone {
    /// Neither a name nor a CIDR.
    #[error("\"{0}\" is no zone: {1}; write a name (cluster.local) or a CIDR (10.96.0.0/12)")]
    Name(String, BadName),
    /// A CIDR of more zones than anyone would mean.
    #[error("\"{0}\" spans the whole address space: name in-addr.arpa or ip6.arpa instead")]
    Wide(String),
}

impl Zone {
    /// Reads a zone's name, or a CIDR as the reverse zones that cover it.
    ///
    /// # Errors
    /// The text is neither.
    pub fn parse(text: &str) -> Result<Vec<Self>, BadZone> {
        if let Ok(cidr) = text.parse::<IpNet>() {
            if cidr.prefix_len() == 0 {
                return Err(BadZone::Wide(text.into()));
            }
            return Ok(reverse_zones(cidr).into_iter().map(Self::new).collect());
        }
        let apex = Name::parse(text).map_err(|why| BadZone::Name(text.into(), why))?;
        Ok(vec![Self::new(apex)])
    }

    /// The zone of this apex.
    pub fn new(apex: Name) -> Self {
        let apex = apex.to_lower();
        let labels = apex.labels().count();
        let reverse =
            apex.wire().ends_with(b"\x07in-addr\x04arpa\x00") || apex.wire().ends_with(b"\x03ip6\x04arpa\x00");
        Self { apex, labels, reverse }
    }
}

/// The zones that cover `cidr`: octets of IPv4, nibbles of IPv6.
fn reverse_zones(cidr: IpNet) -> Vec<Name> {
    let bits = if cidr.addr().is_ipv4() { 8 } else { 4 };
    // As the octets or nibbles are whole only at their borders, the prefix is rounded up to the next.
    let prefix = cidr.prefix_len().div_ceil(bits) * bits;
    let subnets = cidr.subnets(prefix).expect("a longer prefix of the same family");
    subnets
        .map(|subnet| {
            let full = reverse_name(subnet.addr());
            let labels = full.split('.').count() - 1;
            let skipped = labels - 2 - usize::from(prefix / bits);
            Name::parse(full.splitn(skipped + 1, '.').last().unwrap_or(&full)).expect("a reverse name is a name")
        })
        .collect()
}

/// The name that holds the PTR of an address (RFC 1035 section 3.5, RFC 3596 section 2.5).
pub fn reverse_name(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, d] = v4.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa.")
        }
        IpAddr::V6(v6) => {
            let mut name = String::with_capacity(74);
            for octet in v6.octets().iter().rev() {
                name.push_str(&format!("{:x}.{:x}.", octet & 15, octet >> 4));
            }
            name + "ip6.arpa."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apexes(text: &str) -> Vec<String> {
        Zone::parse(text).unwrap().iter().map(|zone| zone.apex.to_string()).collect()
    }

    #[test]
    fn a_name_is_one_zone_in_lower_case() {
        assert_eq!(apexes("Cluster.Local"), ["cluster.local."]);
        assert_eq!(apexes("."), ["."]);
        assert!(!Zone::parse("cluster.local").unwrap()[0].reverse);
        assert!(Zone::parse("10.in-addr.arpa").unwrap()[0].reverse);
    }

    #[test]
    fn a_cidr_is_its_reverse_zones() {
        assert_eq!(apexes("10.96.0.0/16"), ["96.10.in-addr.arpa."]);
        assert_eq!(apexes("10.244.6.0/24"), ["6.244.10.in-addr.arpa."]);
        assert_eq!(apexes("10.0.0.0/15"), ["0.10.in-addr.arpa.", "1.10.in-addr.arpa."]);
        let service_range = apexes("10.96.0.0/12");
        assert_eq!(service_range.len(), 16);
        assert_eq!((&*service_range[0], &*service_range[15]), ("96.10.in-addr.arpa.", "111.10.in-addr.arpa."));
        assert_eq!(apexes("fd00:96::/64"), ["0.0.0.0.0.0.0.0.6.9.0.0.0.0.d.f.ip6.arpa."]);
    }

    #[test]
    fn what_is_no_zone_is_refused() {
        assert!(matches!(Zone::parse("a..b"), Err(BadZone::Name(..))));
        assert!(matches!(Zone::parse("0.0.0.0/0"), Err(BadZone::Wide(_))));
    }

    #[test]
    fn addresses_have_reverse_names() {
        assert_eq!(reverse_name("10.96.0.1".parse().unwrap()), "1.0.96.10.in-addr.arpa.");
        assert!(reverse_name("fd00::1".parse().unwrap()).starts_with("1.0.0.0."));
    }
}
