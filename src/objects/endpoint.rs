//! One endpoint, as small as it can be: a large cluster has 150,000 of them.
//!
//! Nearly every endpoint has one address in its canonical spelling and no name that DNS needs. That
//! takes 32 octets; what is rarer stands in a box of its own.

use std::{borrow::Cow, net::IpAddr, ops::Deref};

/// One ready endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// All of its addresses.
    pub addresses: Addresses,
    names: Option<Box<Names>>,
}

/// What an endpoint is called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// `hostname`.
    pub hostname: Option<Box<str>>,
    /// `targetRef.name` where shorter than 64 octets; kept only with [`Needs::pod_names`](super::Needs::pod_names).
    pub pod: Option<Box<str>>,
    /// `zone`, the topology zone; kept only with [`Needs::zones`](super::Needs::zones).
    pub zone: Option<Box<str>>,
}

/// The addresses of an endpoint: nearly always one.
#[derive(Clone, Debug)]
pub enum Addresses {
    /// Just this.
    One(Address),
    /// None, or several.
    List(Box<[Address]>),
}

/// An address of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// Written in its canonical form.
    Ip(IpAddr),
    /// Written in another form, which its endpoint name repeats (behaviour C4).
    Spelled(Box<(IpAddr, Box<str>)>),
    /// `addressType: FQDN`, or no address at all: a name to point at (behaviour C5).
    Name(Box<str>),
}

impl Endpoint {
    /// An endpoint with these addresses and names.
    pub fn new(addresses: impl IntoIterator<Item = Address>, names: Names) -> Self {
        let mut addresses: Vec<Address> = addresses.into_iter().collect();
        let addresses = match addresses.len() {
            1 => Addresses::One(addresses.remove(0)),
            _ => Addresses::List(addresses.into()),
        };
        Self { addresses, names: (names != Names::default()).then(|| Box::new(names)) }
    }

    /// What it is called.
    pub fn names(&self) -> &Names {
        self.names.as_deref().unwrap_or(Names::none())
    }
}

impl Names {
    /// It is called nothing.
    pub fn none() -> &'static Self {
        static NONE: Names = Names { hostname: None, pod: None, zone: None };
        &NONE
    }
}

impl Address {
    /// An address as it is written: in its canonical form or another, or a name.
    pub fn read(text: &str, ip: Option<IpAddr>) -> Self {
        match ip {
            Some(ip) if ip.to_string() == text => Self::Ip(ip),
            Some(ip) => Self::Spelled(Box::new((ip, text.into()))),
            None => Self::Name(text.into()),
        }
    }

    /// The address; none of a name.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Ip(ip) => Some(*ip),
            Self::Spelled(spelled) => Some(spelled.0),
            Self::Name(_) => None,
        }
    }

    /// As it is written.
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Ip(ip) => ip.to_string().into(),
            Self::Spelled(spelled) => Cow::Borrowed(&spelled.1),
            Self::Name(name) => Cow::Borrowed(name),
        }
    }
}

impl Deref for Addresses {
    type Target = [Address];

    fn deref(&self) -> &[Address] {
        match self {
            Self::One(address) => std::slice::from_ref(address),
            Self::List(addresses) => addresses,
        }
    }
}

impl PartialEq for Addresses {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Addresses {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commonest_endpoint_is_small() {
        assert_eq!(size_of::<Endpoint>(), 32);
        let endpoint = Endpoint::new([Address::read("10.0.0.1", "10.0.0.1".parse().ok())], Names::default());
        assert!(endpoint.names.is_none() && matches!(endpoint.addresses, Addresses::One(Address::Ip(_))));
    }
}
