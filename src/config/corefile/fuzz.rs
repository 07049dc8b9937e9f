//! What the fuzzer and property tests run: any text gives a configuration or errors, in bounds.

use std::{
    collections::HashSet,
    io,
    net::{Ipv4Addr, SocketAddr},
    path::{Component, Path},
};

use super::{Corefile, Surroundings};

/// The files behind the first: `a`, `b` and so on, in every folder.
struct Parts<'t>(Vec<&'t str>);

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

impl Surroundings for Parts<'_> {
    fn read(&self, path: &Path) -> io::Result<String> {
        let name = path.components().next_back().map(Component::as_os_str);
        let part = NAMES.iter().position(|one| name == Some(one.as_ref()));
        part.and_then(|part| self.0.get(part)).map(|text| (*text).into()).ok_or(io::ErrorKind::NotFound.into())
    }

    fn names(&self, _: &Path) -> io::Result<Vec<String>> {
        Ok(NAMES.iter().take(self.0.len()).map(|name| (*name).into()).collect())
    }

    /// The whole of the first file: it may name the variable again.
    fn variable(&self, _: &str) -> Option<String> {
        self.0.first().map(|text| (*text).into())
    }

    fn addresses(&self, interface: &str) -> Option<Vec<SocketAddr>> {
        (interface == "lo").then(|| vec![(Ipv4Addr::LOCALHOST, 0).into()])
    }
}

/// Reads a text whose parts between NULs are a Corefile and files that it may import.
///
/// # Panics
/// What came of it is unsound.
#[doc(hidden)]
pub fn fuzz(text: &str) {
    let mut parts = text.split('\0');
    let corefile = parts.next().unwrap_or_default();
    let read = Corefile::read(corefile, "folder/Corefile", &Parts(parts.collect()));
    match read.config {
        Err(errors) => {
            assert!(!errors.is_empty());
            errors.iter().for_each(|error| assert!(error.to_string().contains(": ")));
        }
        Ok(config) => {
            assert!(!config.servers.is_empty());
            let mut taken = HashSet::new();
            for server in &config.servers {
                assert!(!server.zones.is_empty() && !server.listen.is_empty());
                let pairs =
                    server.listen.iter().flat_map(|address| server.zones.iter().map(move |zone| (address, zone)));
                pairs.for_each(|(address, zone)| assert!(taken.insert((address, &zone.apex))));
            }
        }
    }
}
