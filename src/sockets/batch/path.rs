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
        match self.info()? {
            Info::V4 => Some(octets_at::<4>(&self.control, V4_SOURCE).into()),
            Info::V6 => Some(IpAddr::from(octets_at::<16>(&self.control, V6_SOURCE)).to_canonical()),
        }
    }

    /// Takes over how much the kernel has written.
    pub(super) fn set_lengths(&mut self, name_octets: usize, control_octets: usize) {
        self.name_octets = name_octets.min(NAME_OCTETS) as u8;
        self.control_octets = control_octets.min(CONTROL_OCTETS) as u8;
    }

    /// Turns what came in into what may go out: the source address stays, the interface is left to
    /// the routes, which need not lead back to where the query came from. A link-local address
    /// means nothing without its interface and keeps it. What is not understood is not sent.
    pub(super) fn leave_interface_open(&mut self) {
        match self.info() {
            Some(Info::V4) => self.control[V4_INTERFACE..V4_INTERFACE + 4].fill(0),
            Some(Info::V6) if is_link_local(octets_at(&self.control, V6_SOURCE)) => {}
            Some(Info::V6) => self.control[V6_INTERFACE..V6_INTERFACE + 4].fill(0),
            None => self.control_octets = 0,
        }
    }

    pub(super) fn name_octets(&self) -> usize {
        self.name_octets.into()
    }

    pub(super) fn control_octets(&self) -> usize {
        self.control_octets.into()
    }

    /// Which kind of address the control message tells, if it tells one.
    fn info(&self) -> Option<Info> {
        let level = i32::from_ne_bytes(octets_at(&self.control, offset_of!(cmsghdr, cmsg_level)));
        let kind = i32::from_ne_bytes(octets_at(&self.control, offset_of!(cmsghdr, cmsg_type)));
        let data_octets = usize::from(self.control_octets).checked_sub(DATA)?;
        match (level, kind) {
            (libc::IPPROTO_IP, libc::IP_PKTINFO) if data_octets >= size_of::<in_pktinfo>() => Some(Info::V4),
            (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) if data_octets >= size_of::<in6_pktinfo>() => Some(Info::V6),
            _ => None,
        }
    }
}

impl fmt::Debug for ReturnPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReturnPath").field("client", &self.client()).field("local", &self.local()).finish()
    }
}

#[derive(Clone, Copy)]
enum Info {
    V4,
    V6,
}

fn is_link_local(ip: [u8; 16]) -> bool {
    Ipv6Addr::from(ip).is_unicast_link_local()
}

fn octets_at<const N: usize>(octets: &[u8], offset: usize) -> [u8; N] {
    octets[offset..offset + N].try_into().expect("a slice of N octets")
}

/// The longest socket address of the two families.
pub(super) const NAME_OCTETS: usize = size_of::<sockaddr_in6>();

/// Room for the longer of the two control messages, to the kernel's alignment.
pub(super) const CONTROL_OCTETS: usize = (DATA + size_of::<in6_pktinfo>()).next_multiple_of(align_of::<cmsghdr>());

/// Where the data of a control message starts.
const DATA: usize = size_of::<cmsghdr>();
const V4_INTERFACE: usize = DATA + offset_of!(in_pktinfo, ipi_ifindex);
const V4_SOURCE: usize = DATA + offset_of!(in_pktinfo, ipi_spec_dst);
const V6_INTERFACE: usize = DATA + offset_of!(in6_pktinfo, ipi6_ifindex);
const V6_SOURCE: usize = DATA + offset_of!(in6_pktinfo, ipi6_addr);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interface_is_left_to_the_routes() {
        let mut v4 = told(libc::IPPROTO_IP, libc::IP_PKTINFO, &[[9, 0, 0, 0], [10, 0, 0, 7], [10, 0, 0, 7]].concat());
        v4.leave_interface_open();
        assert_eq!(v4.local(), Some(Ipv4Addr::new(10, 0, 0, 7).into()));
        assert_eq!(v4.control[V4_INTERFACE..][..4], [0; 4]);

        let (mut v6, ip) = asked_at("2001:db8::7");
        v6.leave_interface_open();
        assert_eq!(v6.local(), Some(ip));
        assert_eq!(v6.control[V6_INTERFACE..][..4], [0; 4]);
    }

    #[test]
    fn a_link_local_address_keeps_its_interface() {
        let (mut path, ip) = asked_at("fe80::7");
        path.leave_interface_open();
        assert_eq!(path.local(), Some(ip));
        assert_eq!(path.control[V6_INTERFACE..][..4], [9, 0, 0, 0]);
    }

    #[test]
    fn a_control_message_of_another_kind_is_not_sent_back() {
        let mut path = told(libc::SOL_SOCKET, libc::SCM_TIMESTAMP, &[1; 16]);
        path.leave_interface_open();
        assert_eq!(path.local(), None);
        assert_eq!(path.control_octets(), 0);
    }

    #[test]
    fn lengths_beyond_the_room_are_cut_to_it() {
        let mut path = ReturnPath::CONNECTED;
        path.set_lengths(usize::MAX, usize::MAX);
        assert_eq!((path.name_octets(), path.control_octets()), (NAME_OCTETS, CONTROL_OCTETS));
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
