//! One endpoint, as small as it can be: a large cluster has 150,000 of them.
//!
//! Nearly every endpoint has one address in its canonical spelling and no name that DNS needs. That
//! takes 32 octets; what is rarer stands in a box of its own.

use std::{
    borrow::Cow,
    fmt::{self, Write},
    net::IpAddr,
    ops::Deref,
};

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
        let mut addresses = addresses.into_iter();
        let addresses = match (addresses.next(), addresses.next()) {
            (Some(only), None) => Addresses::One(only),
            (first, second) => Addresses::List(first.into_iter().chain(second).chain(addresses).collect()),
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
            Some(ip) if is_written(ip, text) => Self::Ip(ip),
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

/// Whether this text, which the address was read from, is its canonical form. Nothing is allocated for it.
fn is_written(ip: IpAddr, text: &str) -> bool {
    // Four numbers and three dots are read in no other form than the one that they are written in.
    if ip.is_ipv4() && !text.contains(':') {
        return true;
    }
    /// What is still to come.
    struct Expected<'t>(&'t str);

    impl Write for Expected<'_> {
        fn write_str(&mut self, part: &str) -> fmt::Result {
            self.0 = self.0.strip_prefix(part).ok_or(fmt::Error)?;
            Ok(())
        }
    }

    let mut expected = Expected(text);
    write!(expected, "{ip}").is_ok() && expected.0.is_empty()
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
    fn only_the_canonical_spelling_is_an_address_and_nothing_more() {
        for (text, plain) in [
            ("10.0.0.1", true),
            ("2001:db8::1", true),
            ("2001:DB8::1", false),
            ("2001:db8:0::1", false),
            ("::ffff:10.0.0.1", true),
        ] {
            let address = Address::read(text, text.parse().ok());
            assert_eq!(matches!(address, Address::Ip(_)), plain, "{text}");
            assert_eq!(address.text(), text);
        }
    }

    #[test]
    fn an_endpoint_has_one_address_or_a_list() {
        let of = |texts: &[&str]| {
            Endpoint::new(texts.iter().map(|text| Address::read(text, text.parse().ok())), Names::default())
        };
        for texts in [&[][..], &["10.0.0.1"], &["10.0.0.1", "10.0.0.2"], &["10.0.0.1", "10.0.0.2", "10.0.0.3"]] {
            let endpoint = of(texts);
            assert_eq!(endpoint.addresses.iter().map(|address| address.text().into_owned()).collect::<Vec<_>>(), texts);
            assert_eq!(matches!(endpoint.addresses, Addresses::One(_)), texts.len() == 1);
        }
    }

    #[test]
    fn the_commonest_endpoint_is_small() {
        assert_eq!(size_of::<Endpoint>(), 32);
        let endpoint = Endpoint::new([Address::read("10.0.0.1", "10.0.0.1".parse().ok())], Names::default());
        assert!(endpoint.names.is_none() && matches!(endpoint.addresses, Addresses::One(Address::Ip(_))));
    }
}
