//! Under which names a browser reaches the page and the API.
//!
//! A site can let its own name lead to 127.0.0.1, and then ask what listens there as if it were
//! itself (DNS rebinding): a laptop's page would tell it every Service of the cluster. The request
//! gives it away, for its Host is the site's name. So names that anybody can register are refused
//! unless they are configured; addresses, `localhost`, and names of a cluster or a home are fine.

use std::{net::IpAddr, sync::Arc};

use axum::{
    extract::{Request, State},
    http::{StatusCode, header::HOST},
    middleware::Next,
    response::Response,
};

use super::api::refusal;

/// Names that are configured.
pub(super) type Hosts = Arc<[String]>;

/// Lets a request pass if its Host is one of ours.
pub(super) async fn check(State(hosts): State<Hosts>, request: Request, next: Next) -> Response {
    let host = request.headers().get(HOST).map(|host| host.to_str().unwrap_or_default());
    match host {
        Some(host) if !is_ours(host, &hosts) => refusal(StatusCode::FORBIDDEN, REFUSED),
        _ => next.run(request).await,
    }
}

fn is_ours(host: &str, configured: &[String]) -> bool {
    let name = match host.strip_prefix('[') {
        Some(ipv6) => ipv6.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let last = name.rsplit('.').next().unwrap_or_default();
    name.parse::<IpAddr>().is_ok()
        || (!name.is_empty() && !tld::exist(last))
        || configured.iter().any(|host| host.eq_ignore_ascii_case(&name))
}

const REFUSED: &str =
    "this name of the server is not known to it: ask by address, or write the name into hosts of [admin]";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_can_be_registered_by_anybody_is_refused() {
        let ours = |host: &str| is_ours(host, &["dns.example.com".to_owned()]);
        for host in ["127.0.0.1:9153", "[::1]:9153", "localhost:9153", "clusterdns.dns.svc", "dns.svc.cluster.local:80"]
        {
            assert!(ours(host), "{host}");
        }
        for host in ["evil.com:9153", "a.evil.dev", "EVIL.COM.", "com", ""] {
            assert!(!ours(host), "{host}");
        }
        assert!(ours("DNS.example.com:443") && !ours("x.dns.example.com"));
    }
}
