//! Whatever is listed, a group finds it again.

use std::net::IpAddr;

use proptest::{prelude::*, sample::select};

use super::*;
use crate::objects::{Address, Endpoint, Names};

const ADDRESSES: [&str; 6] = ["10.0.0.1", "10.0.0.20", "10.0.0.100", "192.168.255.0", "fd00::1", "fd00::a:2"];

fn grouped(listed: &[(Option<&str>, &str)]) -> Groups {
    let endpoint = |&(hostname, address): &(Option<&str>, &str)| {
        let names = Names { hostname: hostname.map(Box::from), ..Names::default() };
        Endpoint::new([Address::read(address, address.parse().ok())], names)
    };
    let object = objects::Subset { ready: listed.iter().map(endpoint).collect(), ..objects::Subset::default() };
    group([Subset::read(object, None)].iter(), Naming::default(), |_| true)
}

fn dashed(address: &str) -> String {
    address.replace(['.', ':'], "-")
}

proptest! {
    #[test]
    fn a_name_finds_its_addresses_and_an_address_its_names(
        listed in prop::collection::vec((select(&[None, Some("a"), Some("A"), Some("b")][..]), select(&ADDRESSES[..])), 1..12),
    ) {
        let groups = grouped(&listed);
        let group = &groups[0];
        prop_assert_eq!(group.listed as usize, listed.len());
        for &(hostname, address) in &listed {
            let label = crate::records::name::labels(&hostname.map_or_else(|| dashed(address), str::to_owned)).unwrap();
            let address: IpAddr = address.parse().unwrap();
            prop_assert!(group.has(address));
            prop_assert!(group.hosts_named(&label).any(|host| host.label == label && host.addresses.contains(&address)));
            let all = group.hosts().filter(|host| host.addresses.contains(&address));
            prop_assert!(group.hosts_at(address).map(|host| host.label).eq(all.map(|host| host.label)));
            prop_assert!(group.hosts_at(address).any(|host| host.label == label));
        }
    }

    #[test]
    fn the_order_of_a_list_does_not_matter(
        listed in prop::collection::vec((select(&[None, Some("a"), Some("A")][..]), select(&ADDRESSES[..])), 0..8),
    ) {
        let backwards: Vec<_> = listed.iter().copied().rev().collect();
        prop_assert_eq!(grouped(&listed), grouped(&backwards));
    }
}

#[test]
fn an_address_names_its_endpoint_with_dashes() {
    for address in ["0.0.0.0", "10.0.0.1", "1.22.133.255", "100.200.50.5", "fd00::1"] {
        let groups = grouped(&[(None, address)]);
        let label = groups[0].hosts().next().unwrap().label;
        assert_eq!(&label[1..], dashed(address).as_bytes());
        assert_eq!(usize::from(label[0]), label.len() - 1);
    }
}
