//! What a Corefile takes from where it stands: files, variables, interfaces, and a port.
//!
//! Reading a Corefile is pure but for this. Tests and the fuzzer bring surroundings of their own.

use std::{
    fs::{self, File},
    io::{self, Read},
    net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6},
    path::Path,
};

use if_addrs::get_if_addrs;

/// The largest file: what a ConfigMap can hold.
pub const FILE_OCTETS_MAX: usize = 1024 * 1024;

/// Where a Corefile stands.
pub trait Surroundings {
    /// The text of a file. One octet above [`FILE_OCTETS_MAX`] is enough of a larger one.
    ///
    /// # Errors
    /// There is none, or it cannot be read as text.
    fn read(&self, path: &Path) -> io::Result<String>;

    /// The names in a folder, in any order.
    ///
    /// # Errors
    /// There is none, or it cannot be listed.
    fn names(&self, folder: &Path) -> io::Result<Vec<String>>;

    /// An environment variable, if it is set.
    fn variable(&self, name: &str) -> Option<String>;

    /// The addresses of an interface, with port 0. None where there is no such interface.
    fn addresses(&self, interface: &str) -> Option<Vec<SocketAddr>>;

    /// The port of keys that name none: CoreDNS's `-dns.port`.
    fn port(&self) -> u16 {
        53
    }
}

/// This machine.
#[derive(Clone, Copy, Debug)]
pub struct System {
    /// The port of keys that name none.
    pub port: u16,
}

impl Surroundings for System {
    fn read(&self, path: &Path) -> io::Result<String> {
        // A pipe would block, a device may have no end.
        if !fs::metadata(path)?.is_file() {
            return Err(io::Error::other("it is no file"));
        }
        let mut text = String::new();
        File::open(path)?.take(FILE_OCTETS_MAX as u64 + 1).read_to_string(&mut text)?;
        Ok(text)
    }

    fn names(&self, folder: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(folder)? {
            names.extend(entry?.file_name().into_string());
        }
        Ok(names)
    }

    fn variable(&self, name: &str) -> Option<String> {
        // A name with one of these would be a panic of the standard library.
        if name.is_empty() || name.contains(['=', '\0']) {
            return None;
        }
        std::env::var(name).ok()
    }

    fn addresses(&self, interface: &str) -> Option<Vec<SocketAddr>> {
        let mut interfaces = get_if_addrs().unwrap_or_default();
        interfaces.retain(|one| one.name == interface);
        let scoped = |ip: Ipv6Addr, index: Option<u32>| SocketAddrV6::new(ip, 0, 0, index.unwrap_or_default());
        let addresses = interfaces.iter().map(|one| match one.ip() {
            IpAddr::V6(ip) if ip.is_unicast_link_local() => scoped(ip, one.index).into(),
            ip => SocketAddr::new(ip, 0),
        });
        Some(addresses.collect()).filter(|addresses: &Vec<_>| !addresses.is_empty())
    }

    fn port(&self) -> u16 {
        self.port
    }
}
