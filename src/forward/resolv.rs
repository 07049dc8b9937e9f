//! The name servers of a file like /etc/resolv.conf.

use std::{
    fs, io,
    net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6},
    path::Path,
};

/// A name server and the number of its line.
pub(super) type NameServer = (SocketAddr, usize);

/// More of a file is not read: one has some hundred octets.
const FILE_OCTETS_MAX: u64 = 64 * 1024;
const PORT: u16 = 53;

/// Reads a file.
pub(super) fn read(file: &Path) -> io::Result<Vec<NameServer>> {
    let mut text = Vec::new();
    io::Read::read_to_end(&mut io::Read::take(fs::File::open(file)?, FILE_OCTETS_MAX), &mut text)?;
    Ok(name_servers(&String::from_utf8_lossy(&text), &interface))
}

/// Every name server once. Lines that name none are passed over, as resolvers do.
fn name_servers(text: &str, interface: &dyn Fn(&str) -> Option<u32>) -> Vec<NameServer> {
    let mut found: Vec<NameServer> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let mut words = line.split_ascii_whitespace();
        if words.next() != Some("nameserver") {
            continue;
        }
        if let Some(address) = words.next().and_then(|word| address(word, interface))
            && found.iter().all(|&(known, _)| known != address)
        {
            found.push((address, index + 1));
        }
    }
    found
}

fn address(word: &str, interface: &dyn Fn(&str) -> Option<u32>) -> Option<SocketAddr> {
    match word.split_once('%') {
        None => Some(SocketAddr::new(word.parse::<IpAddr>().ok()?, PORT)),
        Some((address, scope)) => {
            let address: Ipv6Addr = address.parse().ok()?;
            let scope = scope.parse().ok().or_else(|| interface(scope))?;
            Some(SocketAddrV6::new(address, PORT, 0, scope).into())
        }
    }
}

/// The number of a network interface (Linux).
fn interface(name: &str) -> Option<u32> {
    let is_name = !name.is_empty() && !name.contains('/') && !name.starts_with('.');
    let index = fs::read_to_string(Path::new("/sys/class/net").join(name).join("ifindex"));
    is_name.then_some(index).and_then(Result::ok)?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, usize)> {
        let found = name_servers(text, &|name| (name == "eth0").then_some(7));
        found.into_iter().map(|(address, line)| (address.to_string(), line)).collect()
    }

    fn expected<const N: usize>(servers: [(&str, usize); N]) -> Vec<(String, usize)> {
        servers.map(|(address, line)| (address.to_owned(), line)).into()
    }

    #[test]
    fn every_name_server_is_found_with_its_line() {
        let text =
            "# by hand\nsearch a b\nnameserver 10.0.0.1\n\tnameserver\tfd00::1 # the other\nnameserver 10.0.0.1\n";
        assert_eq!(read(text), expected([("10.0.0.1:53", 3), ("[fd00::1]:53", 4)]));
    }

    #[test]
    fn link_local_addresses_have_their_interface() {
        let text = "nameserver fe80::1%eth0\nnameserver fe80::2%3\nnameserver fe80::3%gone";
        assert_eq!(read(text), expected([("[fe80::1%7]:53", 1), ("[fe80::2%3]:53", 2)]));
    }

    #[test]
    fn what_is_no_name_server_is_passed_over() {
        assert_eq!(read("nameserver\nnameserver x\n#nameserver 1.1.1.1\nnameservers 1.1.1.1\n"), []);
        assert_eq!(interface("../lo"), None);
    }
}
