//! The way back: who asked, and at which of our addresses.
//!
//! The kernel writes both in the form it wants to read again when the reply goes out, so they stay
//! in that form; the addresses are worked out only for those who ask. Octets at named offsets
//! instead of the C structs keep this file free of `unsafe`: whatever lies in them can be read.

use std::{
    fmt,
    mem::offset_of,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6},
};

use libc::{cmsghdr, in_pktinfo, in6_pktinfo, sockaddr_in, sockaddr_in6};

/// Where a reply goes and the address it leaves from.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
pub struct ReturnPath {
    /// A control message of the kernel: first, because it must be aligned.
    control: [u8; CONTROL_OCTETS],
    /// A socket address of the kernel.
    name: [u8; NAME_OCTETS],
    name_octets: u8,
    control_octets: u8,
}

impl ReturnPath {
    /// To the peer that a socket is connected to, from the address the system chooses.
    pub const CONNECTED: Self =
        Self { control: [0; CONTROL_OCTETS], name: [0; NAME_OCTETS], name_octets: 0, control_octets: 0 };

    pub(super) const NAME_OFFSET: usize = offset_of!(Self, name);
    pub(super) const CONTROL_OFFSET: usize = offset_of!(Self, control);

    /// Who asked. An IPv4 client of a dual-stack socket is an IPv4 client. The unspecified address
    /// where the socket has none to tell.
    #[inline]
    pub fn client(&self) -> SocketAddr {
        const PORT: usize = offset_of!(sockaddr_in, sin_port);
        let family = libc::sa_family_t::from_ne_bytes(octets_at(&self.name, offset_of!(sockaddr_in, sin_family)));
        let port = u16::from_be_bytes(octets_at(&self.name, PORT));
        match i32::from(family) {
            libc::AF_INET if usize::from(self.name_octets) >= size_of::<sockaddr_in>() => {
                let ip: [u8; 4] = octets_at(&self.name, offset_of!(sockaddr_in, sin_addr));
                SocketAddr::from((ip, port))
            }
            libc::AF_INET6 if usize::from(self.name_octets) >= size_of::<sockaddr_in6>() => {
                let ip = Ipv6Addr::from(octets_at::<16>(&self.name, offset_of!(sockaddr_in6, sin6_addr)));
                let scope = u32::from_ne_bytes(octets_at(&self.name, offset_of!(sockaddr_in6, sin6_scope_id)));
                match ip.to_ipv4_mapped() {
                    Some(ip) => SocketAddr::from((ip, port)),
                    None => SocketAddrV6::new(ip, port, 0, scope).into(),
                }
            }
            _ => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        }
    }

    /// The address that was asked, from which the reply will leave. None where the socket does not
    /// tell.
    pub fn local(&self) -> Option<IpAddr> {
        match self.kind() {
            V4_KIND => Some(octets_at::<4>(&self.control, V4_SOURCE).into()),
            V6_KIND => Some(IpAddr::from(octets_at::<16>(&self.control, V6_SOURCE)).to_canonical()),
            _ => None,
        }
    }

    /// Takes over how much the kernel has written.
    pub(super) fn set_lengths(&mut self, name_octets: usize, control_octets: usize) {
        self.name_octets = name_octets.min(NAME_OCTETS) as u8;
        self.control_octets = control_octets.min(CONTROL_OCTETS) as u8;
    }

    /// Turns the control message that came in into the one that goes out, and tells its length:
    /// the source address stays, the interface is left to the routes, which need not lead back to
    /// where the query came from. A link-local address means nothing without its interface and
    /// keeps it. What is not understood is not sent.
    pub(super) fn turn_round(&mut self) -> usize {
        match self.kind() {
            V4_KIND => {
                self.control[V4_INTERFACE..V4_INTERFACE + 4].fill(0);
                V4_CONTROL_OCTETS
            }
            V6_KIND => {
                if !Ipv6Addr::from(octets_at(&self.control, V6_SOURCE)).is_unicast_link_local() {
                    self.control[V6_INTERFACE..V6_INTERFACE + 4].fill(0);
                }
                V6_CONTROL_OCTETS
            }
            _ => 0,
        }
    }

    pub(super) fn name_octets(&self) -> usize {
        self.name_octets.into()
    }

    /// Which kind of control message there is, as level and type in one number: one comparison.
    fn kind(&self) -> u64 {
        if self.control_octets == 0 { NO_KIND } else { u64::from_ne_bytes(octets_at(&self.control, KIND)) }
    }
}

impl fmt::Debug for ReturnPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReturnPath").field("client", &self.client()).field("local", &self.local()).finish()
    }
}

fn octets_at<const N: usize>(octets: &[u8], offset: usize) -> [u8; N] {
    octets[offset..offset + N].try_into().expect("a slice of N octets")
}

/// Level and type side by side, as they lie in the message.
const fn kind(level: i32, kind: i32) -> u64 {
    let ([a, b, c, d], [e, f, g, h]) = (level.to_ne_bytes(), kind.to_ne_bytes());
    u64::from_ne_bytes([a, b, c, d, e, f, g, h])
}

const NO_KIND: u64 = kind(-1, -1);
const V4_KIND: u64 = kind(libc::IPPROTO_IP, libc::IP_PKTINFO);
const V6_KIND: u64 = kind(libc::IPPROTO_IPV6, libc::IPV6_PKTINFO);

/// Where level and type lie in a control message, and where its data starts.
const KIND: usize = offset_of!(cmsghdr, cmsg_level);
const _: () = assert!(offset_of!(cmsghdr, cmsg_type) == KIND + 4);
const DATA: usize = size_of::<cmsghdr>();
const V4_INTERFACE: usize = DATA + offset_of!(in_pktinfo, ipi_ifindex);
const V4_SOURCE: usize = DATA + offset_of!(in_pktinfo, ipi_spec_dst);
const V6_INTERFACE: usize = DATA + offset_of!(in6_pktinfo, ipi6_ifindex);
const V6_SOURCE: usize = DATA + offset_of!(in6_pktinfo, ipi6_addr);

/// The lengths of the control messages, to the kernel's alignment.
const V4_CONTROL_OCTETS: usize = (DATA + size_of::<in_pktinfo>()).next_multiple_of(size_of::<usize>());
const V6_CONTROL_OCTETS: usize = (DATA + size_of::<in6_pktinfo>()).next_multiple_of(size_of::<usize>());

/// Room for either control message.
pub(super) const CONTROL_OCTETS: usize = V6_CONTROL_OCTETS;

/// Room for a socket address of either family.
pub(super) const NAME_OCTETS: usize = size_of::<sockaddr_in6>();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interface_is_left_to_the_routes() {
        let mut v4 = told(libc::IPPROTO_IP, libc::IP_PKTINFO, &[[9, 0, 0, 0], [10, 0, 0, 7], [10, 0, 0, 7]].concat());
        assert_eq!(v4.turn_round(), V4_CONTROL_OCTETS);
        assert_eq!(v4.local(), Some(Ipv4Addr::new(10, 0, 0, 7).into()));
        assert_eq!(v4.control[V4_INTERFACE..][..4], [0; 4]);

        let (mut v6, ip) = asked_at("2001:db8::7");
        assert_eq!(v6.turn_round(), V6_CONTROL_OCTETS);
        assert_eq!(v6.local(), Some(ip));
        assert_eq!(v6.control[V6_INTERFACE..][..4], [0; 4]);
    }

    #[test]
    fn a_link_local_address_keeps_its_interface() {
        let (mut path, ip) = asked_at("fe80::7");
        path.turn_round();
        assert_eq!(path.local(), Some(ip));
        assert_eq!(path.control[V6_INTERFACE..][..4], [9, 0, 0, 0]);
    }

    #[test]
    fn a_control_message_of_another_kind_is_not_sent_back() {
        let mut path = told(libc::SOL_SOCKET, libc::SCM_TIMESTAMP, &[1; 16]);
        assert_eq!(path.local(), None);
        assert_eq!(path.turn_round(), 0);
    }

    #[test]
    fn lengths_beyond_the_room_are_cut_to_it() {
        let mut path = ReturnPath::CONNECTED;
        path.set_lengths(usize::MAX, usize::MAX);
        assert_eq!((path.name_octets(), usize::from(path.control_octets)), (NAME_OCTETS, CONTROL_OCTETS));
    }

    /// Asked at an IPv6 address, over interface 9.
    fn asked_at(ip: &str) -> (ReturnPath, IpAddr) {
        let ip: Ipv6Addr = ip.parse().unwrap();
        let info = [&ip.octets()[..], &9u32.to_le_bytes()].concat();
        (told(libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, &info), ip.into())
    }

    /// A path with a control message.
    fn told(level: i32, kind: i32, data: &[u8]) -> ReturnPath {
        let mut path = ReturnPath::CONNECTED;
        path.control[offset_of!(cmsghdr, cmsg_level)..][..4].copy_from_slice(&level.to_ne_bytes());
        path.control[offset_of!(cmsghdr, cmsg_type)..][..4].copy_from_slice(&kind.to_ne_bytes());
        path.control[DATA..][..data.len()].copy_from_slice(data);
        path.set_lengths(0, (DATA + data.len()).next_multiple_of(align_of::<cmsghdr>()));
        path
    }
}
