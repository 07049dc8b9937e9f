//! What forwarding is told: CoreDNS's `forward` directive.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use crate::records::name::Name;

/// One `forward`.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Names below it are forwarded,
    pub from: Name,
    /// but for those below one of these.
    pub except: Vec<Name>,
    /// Who is asked, at least one.
    pub to: Vec<To>,
    /// In which order.
    pub policy: Policy,
    /// Over which transport.
    pub transport: Transport,
    /// An upstream is down after more failures one after the other; 0: never.
    pub max_fails: u32,
    /// How upstreams that fail are asked whether they are there again.
    pub health_check: HealthCheck,
    /// How often upstreams are tried for one question; none: twice as often as there are upstreams.
    pub attempts_max: Option<usize>,
    /// How long a connection to an upstream may be idle.
    pub expire: Duration,
    /// How old a connection to an upstream may be; none: no limit.
    pub age_max: Option<Duration>,
    /// Idle connections to one upstream; none: no limit but [`CONNECTIONS_MAX`](super::CONNECTIONS_MAX).
    pub idle_connections_max: Option<usize>,
    /// The address that upstreams see.
    pub source: Option<IpAddr>,
    /// How long one upstream may take for one question.
    pub read_timeout: Duration,
    /// Questions at a time; more get REFUSED. None: as many as [`IN_FLIGHT_MAX`](super::IN_FLIGHT_MAX).
    pub max_concurrent: Option<usize>,
    /// How `tls://` and `https://` upstreams are spoken to,
    pub tls: Tls,
    /// and how the latter are asked.
    pub doh_method: Method,
    /// Rcodes with which the next upstream is asked.
    pub failover: Vec<u16>,
    /// Rcodes with which the next `forward` of the server is asked.
    pub next: Vec<u16>,
    /// Whether it is asked where there are no such records, too.
    pub next_on_nodata: bool,
    /// SERVFAIL at once where all upstreams are down.
    pub fail_fast: bool,
}

/// Who is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum To {
    /// UDP and TCP.
    Plain(SocketAddr),
    /// DNS over TLS, with the name that the certificate must have where one was written (`ADDRESS%NAME`).
    Tls(SocketAddr, Option<String>),
    /// DNS over HTTPS.
    Https(Https),
    /// The name servers of a file like /etc/resolv.conf, read again when it changes.
    ResolvConf(PathBuf),
}

/// `https://ADDRESS[%NAME][:PORT][/PATH]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Https {
    /// Who is asked.
    pub address: SocketAddr,
    /// The name that the certificate must have, where one was written.
    pub name: Option<String>,
    /// Where: `/dns-query` nearly always.
    pub path: String,
}

/// How HTTPS is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// The message is the body of a request.
    #[default]
    Post,
    /// It stands in the URL, which caches of HTTP understand.
    Get,
}

/// In which order upstreams are asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// Any of them.
    #[default]
    Random,
    /// One after the other.
    RoundRobin,
    /// The first that is not down.
    Sequential,
}

/// Over which transport plain upstreams are asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    /// As the client asked.
    #[default]
    AsClient,
    /// TCP.
    ForceTcp,
    /// UDP first, for clients of TCP too.
    PreferUdp,
}

/// `health_check DURATION [no_rec] [domain NAME]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthCheck {
    /// Zero: upstreams are never down.
    pub interval: Duration,
    /// RD of its question.
    pub recursion_desired: bool,
    /// NS of which name is asked for.
    pub domain: Name,
}

/// `tls [CERT KEY] [CA]` and `tls_servername`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// The client's certificate and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// The authority of the upstreams' certificates; none: the system's.
    pub authority: Option<PathBuf>,
    /// The name that their certificates must have.
    pub server_name: Option<String>,
}

impl To {
    /// Whether a name was written that the certificate must have.
    pub fn has_name(&self) -> bool {
        match self {
            Self::Tls(_, name) | Self::Https(Https { name, .. }) => name.is_some(),
            Self::Plain(_) | Self::ResolvConf(_) => false,
        }
    }
}

impl Options {
    /// CoreDNS's defaults (behaviour E4).
    pub fn new(from: Name, to: Vec<To>) -> Self {
        Self {
            from,
            except: Vec::new(),
            to,
            policy: Policy::default(),
            transport: Transport::default(),
            max_fails: 2,
            health_check: HealthCheck {
                interval: Duration::from_millis(500),
                recursion_desired: true,
                domain: Name::root(),
            },
            attempts_max: None,
            expire: Duration::from_secs(10),
            age_max: None,
            idle_connections_max: None,
            source: None,
            read_timeout: Duration::from_secs(2),
            max_concurrent: None,
            tls: Tls::default(),
            doh_method: Method::default(),
            failover: Vec::new(),
            next: Vec::new(),
            next_on_nodata: false,
            fail_fast: false,
        }
    }
}
