//! Records that are written in one piece: the commonest ones.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{
    super::{code, question::HEADER_OCTETS, sink::Soa},
    SOA_EXPIRE_SECS, SOA_REFRESH_SECS, SOA_RETRY_SECS,
};

/// An A record with a pointer to its owner.
#[inline]
pub(in super::super) fn whole_a(owner: usize, ip: Ipv4Addr, ttl_secs: u32) -> [u8; 16] {
    let ([high, low], [a, b, c, d], [e, f, g, h]) = (pointer(owner), ttl_secs.to_be_bytes(), ip.octets());
    [high, low, 0, code::A as u8, 0, code::CLASS_IN as u8, a, b, c, d, 0, 4, e, f, g, h]
}

/// An AAAA record whose owner is the question.
#[inline]
pub(in super::super) fn whole_aaaa(ip: Ipv6Addr, ttl_secs: u32) -> [u8; 28] {
    let [a, b, c, d] = ttl_secs.to_be_bytes();
    let mut whole = [0; 28];
    let front = [0xc0, HEADER_OCTETS as u8, 0, code::AAAA as u8, 0, code::CLASS_IN as u8, a, b, c, d, 0, 16];
    whole[..12].copy_from_slice(&front);
    whole[12..].copy_from_slice(&ip.octets());
    whole
}

/// A SOA record with pointers to its owner, the apex that starts at `zone_start` in the packet.
#[inline]
pub(in super::super) fn whole_soa(zone_start: usize, soa: Soa) -> [u8; SOA_OCTETS] {
    let ([high, low], [a, b, c, d]) = (pointer(zone_start), soa.ttl_secs.to_be_bytes());
    let mut whole = [0; SOA_OCTETS];
    let (front, data) = whole.split_at_mut(SOA_OCTETS - SOA_DATA.len());
    let (kind, class, octets) = (code::SOA as u8, code::CLASS_IN as u8, SOA_DATA.len() as u8);
    front.copy_from_slice(&[high, low, 0, kind, 0, class, a, b, c, d, 0, octets]);
    data.copy_from_slice(&soa_data(zone_start, soa.serial, soa.minimum_secs));
    whole
}

/// The data of a SOA whose names point at the apex.
#[inline]
pub(super) fn soa_data(zone_start: usize, serial: u32, minimum_secs: u32) -> [u8; SOA_DATA.len()] {
    let [high, low] = pointer(zone_start);
    let mut data = *SOA_DATA;
    [data[7], data[8], data[20], data[21]] = [high, low, high, low];
    let numbers = [serial, SOA_REFRESH_SECS, SOA_RETRY_SECS, SOA_EXPIRE_SECS, minimum_secs].map(u32::to_be_bytes);
    data[22..].copy_from_slice(numbers.as_flattened());
    data
}

/// An OPT record without options.
#[inline]
pub(in super::super) fn whole_opt(size_octets: u16, dnssec_ok: bool, rcode: u16) -> [u8; OPT_OCTETS] {
    let ([high, low], flags) = (size_octets.to_be_bytes(), u8::from(dnssec_ok) << 7);
    [0, 0, code::OPT as u8, high, low, (rcode >> 4) as u8, 0, flags, 0, 0, 0]
}

/// A pointer to what stands at `to` in the packet.
#[inline]
pub(super) fn pointer(to: usize) -> [u8; 2] {
    (0xc000 | to as u16).to_be_bytes()
}

/// Type, class, TTL and length of the data.
pub(super) const FIXED_OCTETS: usize = 10;
/// A SOA record with pointers for names.
const SOA_OCTETS: usize = 2 + FIXED_OCTETS + SOA_DATA.len();
/// `ns.dns` and `hostmaster` with a pointer each, and five numbers.
pub(super) const SOA_DATA: &[u8; 42] = b"\x02ns\x03dns\0\0\x0ahostmaster\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
/// The fixed part of an OPT record.
pub(super) const OPT_OCTETS: usize = 11;
