//! EDNS options that others are asked with. The client's reply repeats its own.

use std::net::IpAddr;

use super::super::Inquiry;

/// A rule for an option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionRule {
    /// What is done.
    pub action: Action,
    /// With what.
    pub what: What,
}

/// What is done with an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It is put where there is none.
    Append,
    /// It is put where there is one.
    Replace,
    /// It is put in any case.
    Set,
    /// It is taken out.
    Unset,
}

/// An option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// Of this code, with this data.
    Local(u16, Data),
    /// A question for the name of the server (RFC 5001).
    Nsid,
    /// The client's network: so many bits of its address (RFC 7871).
    Subnet {
        /// Of IPv4.
        v4_bits: u8,
        /// Of IPv6.
        v6_bits: u8,
    },
}

/// What an option says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs)]
pub enum Data {
    Octets(Vec<u8>),
    Name,
    Type,
    ClientAddress,
    ClientPort,
    Protocol,
    ServerPort,
}

const NSID: u16 = 3;
const CLIENT_SUBNET: u16 = 8;

impl OptionRule {
    /// Whether it was for these options.
    pub(super) fn apply(
        &self,
        options: &mut Vec<(u16, Vec<u8>)>,
        name: &str,
        qtype: u16,
        inquiry: &Inquiry<'_>,
    ) -> bool {
        let code = self.what.code();
        let data = || self.what.data(name, qtype, inquiry);
        let there = options.iter_mut().find(|(number, _)| *number == code);
        match (self.action, there) {
            (Action::Unset, _) => options.retain(|(number, _)| *number != code),
            (Action::Replace | Action::Set, Some((_, old))) => *old = data(),
            (Action::Append | Action::Set, None) => options.push((code, data())),
            (Action::Append, Some(_)) | (Action::Replace, None) => return false,
        }
        true
    }
}

impl What {
    fn code(&self) -> u16 {
        match self {
            Self::Local(code, _) => *code,
            Self::Nsid => NSID,
            Self::Subnet { .. } => CLIENT_SUBNET,
        }
    }

    fn data(&self, name: &str, qtype: u16, inquiry: &Inquiry<'_>) -> Vec<u8> {
        let client = inquiry.client.ip().to_canonical();
        match self {
            Self::Local(_, data) => match data {
                Data::Octets(octets) => octets.clone(),
                Data::Name => name.into(),
                Data::Type => qtype.to_be_bytes().into(),
                Data::ClientAddress => octets(client),
                Data::ClientPort => inquiry.client.port().to_be_bytes().into(),
                Data::Protocol => if inquiry.over_tcp { "tcp" } else { "udp" }.into(),
                Data::ServerPort => inquiry.port.to_be_bytes().into(),
            },
            Self::Nsid => Vec::new(),
            Self::Subnet { v4_bits, .. } if client.is_ipv4() => subnet(1, *v4_bits, octets(client)),
            Self::Subnet { v6_bits, .. } => subnet(2, *v6_bits, octets(client)),
        }
    }
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(v4) => v4.octets().into(),
        IpAddr::V6(v6) => v6.octets().into(),
    }
}

/// Family, bits, scope, and as many octets as the bits need, the rest of the last one zero.
fn subnet(family: u8, bits: u8, mut address: Vec<u8>) -> Vec<u8> {
    address.truncate(usize::from(bits).div_ceil(8));
    if let (Some(last), 1..) = (address.last_mut(), bits % 8) {
        *last &= 0xff << (8 - bits % 8);
    }
    [&[0, family, bits, 0][..], &address].concat()
}
