//! Taking addresses, before anything is served.
//!
//! A port that two programs share by `SO_REUSEPORT` gives each of them half of the questions, and
//! says so to nobody. So an address is first taken alone, without that option, which fails if
//! anybody has it; then as many sockets share it as there are threads. [`bind_beside`] takes one that
//! somebody has all the same: a successor's beside its predecessor, and where all addresses become one of
//! them, or one becomes all, a new configuration's beside the old one.
//!
//! Addresses that cannot be had are the first thing a new user meets, so a [`BindError`] is one
//! sentence with what to do. Which option has the address is for those to say who know where it is written.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener},
};

use socket2::{Domain, Protocol, Socket, Type};
use thiserror::Error;

/// The sockets of one address.
pub struct Bound {
    /// What was taken: with the port that the system picked, or IPv4 where the node has no IPv6.
    pub address: SocketAddr,
    /// Sockets that share the address. The system spreads clients over them.
    pub udp: Vec<Socket>,
    /// Ready for `tokio::net::TcpListener::from_std`.
    pub tcp: TcpListener,
}

/// Why an address was not to be had, and what to do.
#[derive(Debug, Error)]
pub enum BindError {
    /// Somebody else has it.
    #[error("{address} ({protocol}) is in use by another program: stop it, or choose another address")]
    InUse {
        /// What was asked for.
        address: SocketAddr,
        /// `UDP` or `TCP`.
        protocol: &'static str,
    },
    /// A port that not everybody may take.
    #[error(
        "{address} ({protocol}) is not allowed: port {} needs the capability NET_BIND_SERVICE: \
         grant it, or listen on a port from 1024 on", .address.port()
    )]
    Permission {
        /// What was asked for.
        address: SocketAddr,
        /// `UDP` or `TCP`.
        protocol: &'static str,
    },
    /// An address of some other host.
    #[error(
        "{address} ({protocol}) is not an address of this host: \
         choose one that is, or 0.0.0.0 for all of them"
    )]
    NotLocal {
        /// What was asked for.
        address: SocketAddr,
        /// `UDP` or `TCP`.
        protocol: &'static str,
    },
    /// Whatever else the system says.
    #[error("cannot listen on {address} ({protocol}): {source}; choose another address")]
    Other {
        /// What was asked for.
        address: SocketAddr,
        /// `UDP` or `TCP`.
        protocol: &'static str,
        /// The system's own words.
        source: io::Error,
    },
}

/// Kernel memory for packets that wait: 1 MiB is 40 ms of 100,000 questions a second. The system
/// gives what its own limit allows (`net.core.rmem_max`).
const BUFFER_OCTETS: usize = 1024 * 1024;

/// Connections that wait to be accepted; the system's own limit is mostly 4096.
const BACKLOG: i32 = 1024;

/// How often to try for a port that is free for UDP and TCP.
const PORT_ATTEMPTS: usize = 16;

/// Takes an address for UDP, with `udp_count` sockets, and for TCP. Port 0 stands for one that the
/// system picks, the same for both.
pub fn bind_both(address: SocketAddr, udp_count: usize) -> Result<Bound, BindError> {
    if address.port() != 0 {
        return try_both(address, udp_count);
    }
    pick(|| try_both(address, udp_count))
}

/// Takes an address beside one of the same user that has it, or a part of it: as long as both have the same, the
/// system spreads clients over them; of one address and all, the one comes first. Whoever does this serves at
/// once, for what comes to a socket that is closed again is lost.
pub fn bind_beside(address: SocketAddr, udp_count: usize) -> Result<Bound, BindError> {
    let udp = or_ipv4(address, |address| open_all(address, udp_count))?;
    let address = local_address(&udp[0], Kind::SharedUdp, address)?;
    let tcp = open(Kind::SharedTcp, address)?.into();
    Ok(Bound { address, udp, tcp })
}

/// Lets the system pick again where a port was free for UDP and taken for TCP.
fn pick<T>(mut attempt: impl FnMut() -> Result<T, BindError>) -> Result<T, BindError> {
    for _ in 1..PORT_ATTEMPTS {
        match attempt() {
            Err(BindError::InUse { .. }) => {}
            done => return done,
        }
    }
    attempt()
}

fn try_both(address: SocketAddr, udp_count: usize) -> Result<Bound, BindError> {
    let udp = bind_udp(address, udp_count)?;
    let address = local_address(&udp[0], Kind::Udp, address)?;
    let tcp = open(Kind::Tcp, address)?.into();
    Ok(Bound { address, udp, tcp })
}

/// Takes an address with `count` UDP sockets, at least one, that block. Where the system cannot
/// spread clients over several it is always one.
pub fn bind_udp(address: SocketAddr, count: usize) -> Result<Vec<Socket>, BindError> {
    // The probe is closed at once: a socket without the option would shut out those with it.
    let probe = or_ipv4(address, |address| open(Kind::Udp, address))?;
    let address = local_address(&probe, Kind::Udp, address)?;
    drop(probe);
    open_all(address, count)
}

fn open_all(address: SocketAddr, count: usize) -> Result<Vec<Socket>, BindError> {
    let count = if cfg!(target_os = "linux") { count.max(1) } else { 1 };
    (0..count).map(|_| open(Kind::SharedUdp, address)).collect()
}

/// Takes an address for TCP. The listener does not block.
pub fn bind_tcp(address: SocketAddr) -> Result<TcpListener, BindError> {
    or_ipv4(address, |address| open(Kind::Tcp, address)).map(TcpListener::from)
}

/// The same beside one of the same user: see [`bind_beside`].
pub fn bind_tcp_beside(address: SocketAddr) -> Result<TcpListener, BindError> {
    or_ipv4(address, |address| open(Kind::SharedTcp, address)).map(TcpListener::from)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A probe: alone.
    Udp,
    SharedUdp,
    /// Alone when it is bound; then it lets others in that share.
    Tcp,
    /// Beside others.
    SharedTcp,
}

impl Kind {
    fn protocol(self) -> &'static str {
        if self.is_stream() { "TCP" } else { "UDP" }
    }

    fn is_stream(self) -> bool {
        matches!(self, Self::Tcp | Self::SharedTcp)
    }
}

/// Where a socket that is bound to this address is found on its own host: one that listens everywhere on loopback.
pub fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// Whether something may come to both: they are the same, or one of them is all addresses and has the other in it.
pub fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let has = |all: IpAddr, part: IpAddr| all == part || all.is_unspecified() && (all.is_ipv6() || part.is_ipv4());
    one.port() == other.port() && (has(one.ip(), other.ip()) || has(other.ip(), one.ip()))
}

/// All addresses of a node without IPv6 are its IPv4 addresses.
fn or_ipv4<T>(address: SocketAddr, bind: impl Fn(SocketAddr) -> Result<T, BindError>) -> Result<T, BindError> {
    bind(address).or_else(|error| match &error {
        BindError::NotLocal { .. } | BindError::Other { .. } if is_ipv6_wildcard(address) => {
            bind(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), address.port())).map_err(|_| error)
        }
        _ => Err(error),
    })
}

fn is_ipv6_wildcard(address: SocketAddr) -> bool {
    matches!(address.ip(), IpAddr::V6(ip) if ip.is_unspecified())
}

fn open(kind: Kind, address: SocketAddr) -> Result<Socket, BindError> {
    try_open(kind, address).map_err(|source| BindError::new(address, kind, source))
}

fn try_open(kind: Kind, address: SocketAddr) -> io::Result<Socket> {
    let (socket_type, protocol) =
        if kind.is_stream() { (Type::STREAM, Protocol::TCP) } else { (Type::DGRAM, Protocol::UDP) };
    let socket = Socket::new(Domain::for_address(address), socket_type, Some(protocol))?;
    if is_ipv6_wildcard(address) {
        // IPv4 clients come to it too, as mapped addresses.
        socket.set_only_v6(false)?;
    }
    match kind {
        Kind::Udp => {}
        Kind::SharedUdp => {
            #[cfg(target_os = "linux")]
            socket.set_reuse_port(true)?;
            enlarge_buffers(&socket);
        }
        // Connections of our predecessor that are not quite closed do not keep us out.
        Kind::Tcp => socket.set_reuse_address(true)?,
        Kind::SharedTcp => {
            socket.set_reuse_address(true)?;
            #[cfg(target_os = "linux")]
            socket.set_reuse_port(true)?;
        }
    }
    socket.bind(&address.into())?;
    if kind.is_stream() {
        socket.listen(BACKLOG)?;
        // Like the sockets for UDP: whoever comes finds out by a probe that the address is taken.
        #[cfg(target_os = "linux")]
        socket.set_reuse_port(true)?;
        socket.set_nonblocking(true)?;
    }
    Ok(socket)
}

fn enlarge_buffers(socket: &Socket) {
    // With smaller ones a burst loses packets; that is no reason not to serve.
    let _ = socket.set_recv_buffer_size(BUFFER_OCTETS);
    let _ = socket.set_send_buffer_size(BUFFER_OCTETS);
}

fn local_address(socket: &Socket, kind: Kind, asked: SocketAddr) -> Result<SocketAddr, BindError> {
    let local = socket.local_addr().map_err(|source| BindError::new(asked, kind, source))?;
    Ok(local.as_socket().unwrap_or(asked))
}

impl BindError {
    fn new(address: SocketAddr, kind: Kind, source: io::Error) -> Self {
        let protocol = kind.protocol();
        match source.kind() {
            io::ErrorKind::AddrInUse => Self::InUse { address, protocol },
            io::ErrorKind::PermissionDenied if (1..1024).contains(&address.port()) => {
                Self::Permission { address, protocol }
            }
            io::ErrorKind::AddrNotAvailable => Self::NotLocal { address, protocol },
            _ => Self::Other { address, protocol, source },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: &str = "127.0.0.1:0";

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn sockets_share_one_port_with_tcp() {
        let bound = bind_both(address(ANY), 3).unwrap();
        assert_ne!(bound.address.port(), 0);
        assert_eq!(bound.udp.len(), if cfg!(target_os = "linux") { 3 } else { 1 });
        for socket in &bound.udp {
            assert_eq!(socket.local_addr().unwrap().as_socket(), Some(bound.address));
        }
        assert_eq!(bound.tcp.local_addr().unwrap(), bound.address);
    }

    #[test]
    fn an_address_that_is_served_already_is_not_taken_a_second_time() {
        let first = bind_both(address(ANY), 2).unwrap();
        let error = bind_udp(first.address, 2).unwrap_err().to_string();
        let says = format!("{} (UDP) is in use by another program: stop it, or choose another address", first.address);
        assert_eq!(error, says);
        assert_eq!(bind_tcp(first.address).unwrap_err().to_string(), says.replace("UDP", "TCP"));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn who_shares_has_a_part_of_an_address_beside_who_has_it_all_and_the_other_way_round() {
        for [first, second] in [["127.0.0.1", "[::]"], ["[::]", "127.0.0.1"], ["0.0.0.0", "127.0.0.1"]] {
            let first = bind_both(address(&format!("{first}:0")), 2).unwrap();
            let second = address(&format!("{second}:{}", first.address.port()));
            assert!(matches!(bind_both(second, 2), Err(BindError::InUse { .. })), "{second} beside {}", first.address);
            let second = bind_beside(second, 2).unwrap();
            assert!(overlap(first.address, second.address));
        }
    }

    #[test]
    fn addresses_overlap_where_one_is_all_of_them() {
        let overlap = |one: &str, other: &str| {
            let (one, other) = (address(one), address(other));
            assert_eq!(overlap(one, other), overlap(other, one));
            overlap(one, other)
        };
        assert!(overlap("[::]:53", "127.0.0.1:53") && overlap("0.0.0.0:53", "127.0.0.1:53"));
        assert!(overlap("[::]:53", "0.0.0.0:53") && overlap("127.0.0.1:53", "127.0.0.1:53"));
        assert!(!overlap("[::]:53", "127.0.0.1:54") && !overlap("0.0.0.0:53", "[::1]:53"));
        assert!(!overlap("127.0.0.1:53", "127.0.0.2:53"));
    }

    #[test]
    fn an_address_can_be_taken_again_after_its_connections() {
        let first = bind_both(address(ANY), 1).unwrap();
        let client = std::net::TcpStream::connect(first.address).unwrap();
        first.tcp.set_nonblocking(false).unwrap();
        // The side that closes first keeps the connection in mind.
        drop(first.tcp.accept().unwrap());
        drop(client);
        drop(first.tcp);
        bind_tcp(first.address).unwrap();
    }

    #[test]
    fn a_port_that_only_udp_could_have_is_passed_over() {
        let fails = |times: usize, error: io::ErrorKind| {
            let mut attempts = 0;
            let result = pick(|| {
                attempts += 1;
                (attempts > times).then_some(()).ok_or(BindError::new(address(ANY), Kind::Tcp, error.into()))
            });
            (result.is_ok(), attempts)
        };
        assert_eq!(fails(2, io::ErrorKind::AddrInUse), (true, 3));
        assert_eq!(fails(99, io::ErrorKind::AddrInUse), (false, PORT_ATTEMPTS));
        assert_eq!(fails(1, io::ErrorKind::AddrNotAvailable), (false, 1), "another port would not help");
    }

    #[test]
    fn buffers_hold_a_burst() {
        let socket = &bind_udp(address(ANY), 1).unwrap()[0];
        let plain = Socket::new(Domain::IPV4, Type::DGRAM, None).unwrap();
        assert!(socket.recv_buffer_size().unwrap() >= plain.recv_buffer_size().unwrap());
    }

    #[test]
    fn each_fault_says_what_to_do() {
        let sentence =
            |at: &str, kind, error: io::ErrorKind| BindError::new(address(at), kind, error.into()).to_string();
        assert_eq!(
            sentence("0.0.0.0:53", Kind::Udp, io::ErrorKind::PermissionDenied),
            "0.0.0.0:53 (UDP) is not allowed: port 53 needs the capability NET_BIND_SERVICE: grant it, \
             or listen on a port from 1024 on"
        );
        assert_eq!(
            bind_tcp(address("192.0.2.1:0")).unwrap_err().to_string(),
            "192.0.2.1:0 (TCP) is not an address of this host: choose one that is, or 0.0.0.0 for all of them"
        );
        assert_eq!(
            sentence("127.0.0.1:5300", Kind::Tcp, io::ErrorKind::PermissionDenied),
            "cannot listen on 127.0.0.1:5300 (TCP): permission denied; choose another address"
        );
    }

    #[test]
    fn the_ipv6_wildcard_is_for_ipv4_too_and_falls_back_to_it() {
        let bound = bind_both(address("[::]:0"), 2).unwrap();
        std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, bound.address.port())).unwrap();

        let without_ipv6 = |error: io::ErrorKind| {
            move |at: SocketAddr| match at {
                SocketAddr::V6(_) => Err(BindError::new(at, Kind::Udp, error.into())),
                SocketAddr::V4(_) => Ok(at),
            }
        };
        let wildcard = address("[::]:53");
        for error in [io::ErrorKind::Unsupported, io::ErrorKind::AddrNotAvailable] {
            assert_eq!(or_ipv4(wildcard, without_ipv6(error)).unwrap(), address("0.0.0.0:53"));
            assert!(or_ipv4(address("[::1]:53"), without_ipv6(error)).is_err(), "only the wildcard means IPv4 too");
        }
        assert!(or_ipv4(wildcard, without_ipv6(io::ErrorKind::AddrInUse)).is_err());
    }
}
