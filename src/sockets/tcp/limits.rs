//! How much one process gives to connections, with the sums behind the numbers.

use std::time::Duration;

/// What connections may take. The defaults suit a replica with the memory that CoreDNS's manifest
/// gives (170 MiB).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpLimits {
    /// Open connections of all listeners together. At this number the one that has been idle for
    /// longest is closed for the next; if none is idle, the next is refused.
    ///
    /// 1,000: an idle one holds about 5 KiB of ours and the kernel's socket, so 5 MiB; a busy one
    /// up to 150 KiB, if it sends and is sent the longest messages there are.
    pub connections_max: usize,
    /// Open connections of one client address, with the same way out. At least 1.
    ///
    /// 250: a quarter of all. Many pods may share one address behind NAT, and a node's cache
    /// keeps some dozens; but no single address can use up the connections of all others.
    pub connections_per_client_max: u32,
    /// How long a connection may be silent between questions. 10 seconds, as CoreDNS has it.
    pub idle_timeout: Duration,
    /// How long a message may take from its first octet to its last, however it dribbles.
    /// 5 seconds: stub resolvers wait no longer for an answer.
    pub read_timeout: Duration,
    /// How long the client may take to accept what is written at once: replies of 16 KiB, and at
    /// the end of them one of up to 64 KiB. 5 seconds: 16 KiB a second.
    pub write_timeout: Duration,
    /// Questions after which a connection is closed, so that its client connects anew, perhaps to
    /// another replica. None: no limit, as CoreDNS.
    pub queries_per_connection_max: Option<u64>,
    /// Age at which a connection is closed, for the same reason.
    pub age_max: Option<Duration>,
    /// Questions of one connection that are being worked on at the same time, beside the plain ones
    /// that are answered at once. More are left in the connection until one is finished. At least 1.
    ///
    /// 16: what waits is held in memory, and a client with more to ask has other connections.
    pub in_flight_max: usize,
    /// Zone transfers of the process that are computed or sent at the same time; more wait. At least 1.
    ///
    /// 4: a transfer is held in memory while it is sent, some 15 MiB for a zone of 10,000 services
    /// with three names each and 500 octets a record.
    pub transfers_max: usize,
    /// How long connections may take to finish at shutdown; then they are cut off. 5 seconds: a
    /// question is answered in far less, and a pod has 30 seconds to end.
    pub drain_timeout: Duration,
}

impl Default for TcpLimits {
    fn default() -> Self {
        Self {
            connections_max: 1_000,
            connections_per_client_max: 250,
            idle_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(5),
            write_timeout: Duration::from_secs(5),
            queries_per_connection_max: None,
            age_max: None,
            in_flight_max: 16,
            transfers_max: 4,
            drain_timeout: Duration::from_secs(5),
        }
    }
}
