//! The cluster as a zone file, for servers that know nothing of Kubernetes: the same names with the
//! same records that the DNS specification of Kubernetes gives them.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
};

use crate::cluster::{Cluster, ENDPOINT_PORT, PORT_NAME, SERVICE_PORT, Service, ZONE};

/// Writes the zone file.
pub(crate) fn write(cluster: &Cluster, path: &Path) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    writeln!(file, "$ORIGIN {ZONE}.\n$TTL {TTL_SECS}")?;
    writeln!(file, "@ SOA ns.dns hostmaster 1 7200 1800 86400 {TTL_SECS}")?;
    writeln!(file, "@ NS ns.dns\nns.dns A 10.96.0.10")?;
    for service in cluster.services() {
        let Service { name, namespace, cluster_ip, endpoints } = service;
        let owner = format!("{name}.{namespace}.svc");
        if let Some(ip) = cluster_ip {
            writeln!(file, "{owner} A {ip}")?;
            writeln!(file, "_{PORT_NAME}._tcp.{owner} SRV 0 100 {SERVICE_PORT} {owner}")?;
            continue;
        }
        for endpoint in endpoints {
            let hostname = endpoint.hostname.as_deref().unwrap_or(&endpoint.pod);
            writeln!(file, "{owner} A {}", endpoint.address)?;
            writeln!(file, "{hostname}.{owner} A {}", endpoint.address)?;
            writeln!(file, "_{PORT_NAME}._tcp.{owner} SRV 0 5 {ENDPOINT_PORT} {hostname}.{owner}")?;
        }
    }
    file.flush()
}

/// CoreDNS's default.
const TTL_SECS: u32 = 5;
