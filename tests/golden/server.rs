//! The seam to the server: how a run's facts become a running instance, and how it is asked.

use std::net::IpAddr;

use super::case::{Run, Transport};

/// One instance, configured as the run's Corefile says.
pub(crate) struct Server;

impl Server {
    /// Starts an instance for `run` with these objects (a `kind: List`), which it has only seen if the run is synced.
    pub(crate) fn start(_run: &Run, _objects: &str, _local_addresses: &[IpAddr]) -> Self {
        todo!("the server is not joined to the golden data yet")
    }

    /// An object appears, or takes the place of its former self.
    pub(crate) fn put(&self, _object_json: &str) {
        todo!()
    }

    /// An object goes away.
    pub(crate) fn delete(&self, _kind: &str, _namespace: Option<&str>, _name: &str) {
        todo!()
    }

    /// The messages that answer a packet, without the length that precedes them over TCP; none if there is no reply.
    pub(crate) fn ask(&self, _packet: &[u8], _client: IpAddr, _transport: Transport) -> Vec<Vec<u8>> {
        todo!()
    }
}
