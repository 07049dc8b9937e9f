//! Corefiles that both clusterdns and CoreDNS are started with.

use std::{io, net::SocketAddr};

use crate::servers::free_address;

/// kubeadm's, but for addresses and the pause before the end.
pub(super) fn kubeadm(
    listen: SocketAddr,
    api: SocketAddr,
    upstream: SocketAddr,
    max_concurrent: Option<usize>,
) -> io::Result<String> {
    let (health, ready, metrics) = (free_address()?, free_address()?, free_address()?);
    let (port, limit) = (listen.port(), limit(max_concurrent));
    Ok(format!(
        ".:{port} {{
    bind 127.0.0.1
    errors
    health {health}
    ready {ready}
    kubernetes cluster.local in-addr.arpa ip6.arpa {{
        endpoint http://{api}
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
        ttl 30
    }}
    prometheus {metrics}
    forward . {upstream} {limit}
    cache 30 {{
        disable success cluster.local
        disable denial cluster.local
    }}
    loop
    reload
    loadbalance
}}
"
    ))
}

/// What kubeadm's has for names outside the cluster, with several upstreams.
pub(super) fn outside(listen: SocketAddr, upstreams: &[SocketAddr]) -> io::Result<String> {
    let (port, metrics, limit) = (listen.port(), free_address()?, limit(Some(1000)));
    let upstreams = upstreams.iter().map(SocketAddr::to_string).collect::<Vec<_>>().join(" ");
    Ok(format!(
        ".:{port} {{
    bind 127.0.0.1
    errors
    prometheus {metrics}
    forward . {upstreams} {limit}
    cache 30
}}
"
    ))
}

fn limit(max_concurrent: Option<usize>) -> String {
    max_concurrent.map_or_else(String::new, |limit| format!("{{\n        max_concurrent {limit}\n    }}"))
}
