//! The admin address, seen by clients: octets over TCP.

#[path = "admin/api.rs"]
mod api;
#[path = "admin/page.rs"]
mod page;
mod support;

use std::{
    env,
    io::Write,
    net::SocketAddr,
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use clusterdns::{
    admin::{Admin, GRACE_MAX, HEAD_OCTETS_MAX, Pages, Shown, api::Api, readiness::Readiness},
    observe::metrics::Metrics,
    respond::{
        Asked, Outcome, Transport,
        plan::{Listener, Plan, Route, Server},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::oneshot,
    task::JoinHandle,
    time,
};

// ----------- Pages ---------------------------------------------------------

#[tokio::test]
async fn each_path_has_its_page() {
    let running = Running::start();
    let root = running.get("/").await;
    assert_eq!((root.status, root.header("content-type")), (200, Some("text/plain; charset=utf-8")));
    for path in ["/health", "/ready", "/metrics"] {
        assert!(root.body.contains(path), "{}", root.body);
    }
    assert_eq!(running.get("/health").await.seen(), (200, "OK"));
    assert_eq!(running.get("/ready").await.seen(), (200, "OK"));
    assert_eq!(running.get("/health/").await.status, 404);
    assert_eq!(running.get("/nothing").await.status, 404);
    assert_eq!(running.send("POST /health HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n").await.status, 405);
}

#[tokio::test]
async fn metrics_are_served_as_text() {
    let running = Running::start();
    let asked = Asked { client: "192.0.2.1:9".parse().unwrap(), transport: Transport::Tcp, listener: 0 };
    let outcome = Outcome { rcode: 3, route: Some(0), qtype: 1, reply_octets: 100, ..Outcome::default() };
    running.metrics.shared().record(&asked, 40, &outcome, Duration::from_millis(1));
    let page = running.get("/metrics").await;
    assert_eq!(page.status, 200);
    assert_eq!(page.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let line =
        r#"coredns_dns_responses_total{plugin="kubernetes",rcode="NXDOMAIN",server="dns://:53",view="",zone="."} 1"#;
    assert!(page.body.lines().any(|other| other == line), "{}", page.body);
}

/// Debian has promtool in its package `prometheus`. Where it is missing this proves nothing, except
/// in CI, which must have it.
#[test]
fn promtool_has_no_complaint() {
    if Command::new("promtool").arg("--version").output().is_err() {
        assert!(env::var("CI").is_err(), "promtool is missing: install Debian's prometheus");
        return;
    }
    let metrics = Metrics::new(&plan());
    for qtype in [1, 28, 12, 999] {
        for client in ["192.0.2.1:9", "[2001:db8::1]:9"] {
            let asked = Asked { client: client.parse().unwrap(), transport: Transport::Udp, listener: 0 };
            let outcome = Outcome {
                rcode: qtype % 7,
                route: Some(0),
                qtype,
                dnssec_ok: true,
                reply_octets: 100,
                ..Outcome::default()
            };
            metrics.shared().record(&asked, 40, &outcome, Duration::from_millis(1));
        }
    }
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    promtool.stdin.take().unwrap().write_all(metrics.render().as_bytes()).unwrap();
    let verdict = promtool.wait_with_output().unwrap();
    let complaints = String::from_utf8(verdict.stderr).unwrap();
    assert!(verdict.status.success() && complaints.is_empty(), "{complaints}");
}

// ----------- Readiness -----------------------------------------------------

#[tokio::test]
async fn ready_tells_what_is_missing_then_what_is_wrong_then_that_it_stops() {
    let running = Running::start();
    let latch = running.readiness.latch("kubernetes", "no picture of the cluster yet");
    // It was never asked before, and so never ready.
    assert_eq!(running.get("/ready").await.seen(), (503, "kubernetes\nkubernetes: no picture of the cluster yet"));
    assert_eq!(running.get("/health").await.seen(), (200, "OK"));
    latch.ready();
    assert_eq!(running.get("/ready").await.seen(), (200, "OK"));
    running.readiness.fault("snapshot", "cannot be read");
    assert_eq!(running.get("/ready").await.seen(), (200, "OK\nsnapshot: cannot be read"));
    running.readiness.draining();
    assert_eq!(running.get("/ready").await.seen(), (503, "Shutting down"));
    assert_eq!(running.get("/health").await.seen(), (200, "OK"));
}

// ----------- Addresses -----------------------------------------------------

#[tokio::test]
async fn all_addresses_show_the_same() {
    let running = Running::start();
    assert_eq!(running.addresses.len(), 2);
    for &address in &running.addresses {
        assert_eq!(exchange(address, &request("/health")).await.seen(), (200, "OK"));
    }
}

#[tokio::test]
async fn what_is_shown_can_be_replaced() {
    let running = Running::start();
    let readiness = Readiness::new();
    readiness.fault("snapshot", "of another server");
    running.pages.show(Shown { metrics: running.metrics.clone(), readiness, explain: None });
    assert_eq!(running.get("/ready").await.seen(), (200, "OK\nsnapshot: of another server"));
}

// ----------- Clients that misbehave ----------------------------------------

#[tokio::test]
async fn a_slow_client_keeps_nobody_waiting() {
    let running = Running::start();
    let mut slow = TcpStream::connect(running.addresses[0]).await.unwrap();
    slow.write_all(b"GET /health HTTP/1.1\r\nHos").await.unwrap();
    assert_eq!(running.get("/health").await.seen(), (200, "OK"));
    slow.write_all(b"t: x\r\n\r\n").await.unwrap();
    assert_eq!(read(&mut slow).await.seen(), (200, "OK"));
}

#[tokio::test]
async fn the_oldest_of_too_many_makes_room() {
    let running = Running::start();
    let mut idle = Vec::new();
    // More than may be open at one address, whatever that number is.
    for _ in 0..100 {
        idle.push(TcpStream::connect(running.addresses[0]).await.unwrap());
    }
    assert_eq!(running.get("/health").await.seen(), (200, "OK"));
    let mut octet = [0];
    let oldest = time::timeout(PATIENCE, idle[0].read(&mut octet)).await.expect("it is cut off");
    assert!(!matches!(oldest, Ok(1..)), "{oldest:?}");
    assert!(running.metrics.events.admin_connections_cut.get() > 0);
    let newest = idle.last_mut().unwrap();
    newest.write_all(request("/health").as_bytes()).await.unwrap();
    assert_eq!(read(newest).await.seen(), (200, "OK"));
}

#[tokio::test]
async fn a_request_that_is_too_large_is_refused() {
    let running = Running::start();
    let with_header = |octets| format!("GET /health HTTP/1.1\r\nHost: x\r\nPadding: {}\r\n\r\n", "x".repeat(octets));
    assert_eq!(running.send(&with_header(HEAD_OCTETS_MAX - 100)).await.seen(), (200, "OK"));
    assert_eq!(running.send(&with_header(HEAD_OCTETS_MAX)).await.status, 431);
}

#[tokio::test]
async fn a_connection_carries_one_request() {
    let running = Running::start();
    let answers = exchange_all(running.addresses[0], &request("/health").repeat(2)).await;
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 1, "{answers}");
}

#[tokio::test]
async fn nobody_holds_up_a_shutdown() {
    let mut running = Running::start();
    let address = running.addresses[0];
    let mut slow = TcpStream::connect(address).await.unwrap();
    slow.write_all(b"GET /health HTTP/1.1\r\n").await.unwrap();
    // Once this one is answered the slow one is accepted.
    assert_eq!(running.get("/health").await.status, 200);
    let began = Instant::now();
    running.stop().await;
    assert!(began.elapsed() < GRACE_MAX + PATIENCE / 2);
    assert!(TcpStream::connect(address).await.is_err(), "it listens on");
}

#[tokio::test]
async fn a_request_that_was_begun_is_answered() {
    let mut running = Running::start();
    let mut begun = TcpStream::connect(running.addresses[0]).await.unwrap();
    begun.write_all(b"GET /health HTTP/1.1\r\n").await.unwrap();
    assert_eq!(running.get("/health").await.status, 200);
    let stopping = running.begin_stop();
    begun.write_all(b"Host: x\r\n\r\n").await.unwrap();
    assert_eq!(read(&mut begun).await.seen(), (200, "OK"));
    stopping.await.unwrap();
}

// ----------- A server and its client ---------------------------------------

/// An admin server on two ports of its own.
struct Running {
    addresses: Vec<SocketAddr>,
    metrics: Arc<Metrics>,
    readiness: Arc<Readiness>,
    pages: Arc<Pages>,
    stop: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

/// What a client got.
struct Page {
    status: u16,
    head: String,
    body: String,
}

impl Running {
    /// With the API turned off.
    fn start() -> Self {
        Self::start_with(None)
    }

    fn start_with(explain: Option<Api>) -> Self {
        let listeners = [(); 2].map(|()| std::net::TcpListener::bind("127.0.0.1:0").unwrap());
        let addresses = listeners.iter().map(|listener| listener.local_addr().unwrap()).collect();
        listeners.iter().for_each(|listener| listener.set_nonblocking(true).unwrap());
        let (metrics, readiness) = (Arc::new(Metrics::new(&plan())), Readiness::new());
        let pages = Pages::new(Shown { metrics: metrics.clone(), readiness: readiness.clone(), explain });
        let serving_pages = pages.clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(async {
            let shutdown = async { drop(stopped.await) };
            Admin::new(listeners.into()).serve(serving_pages, shutdown).await.unwrap();
        });
        Self { addresses, metrics, readiness, pages, stop: Some((stop, serving)) }
    }

    async fn get(&self, path: &str) -> Page {
        self.send(&request(path)).await
    }

    async fn send(&self, request: &str) -> Page {
        exchange(self.addresses[0], request).await
    }

    fn begin_stop(&mut self) -> JoinHandle<()> {
        let (stop, serving) = self.stop.take().unwrap();
        stop.send(()).unwrap();
        serving
    }

    async fn stop(&mut self) {
        time::timeout(PATIENCE, self.begin_stop()).await.expect("it stops").unwrap();
    }
}

impl Page {
    fn seen(&self) -> (u16, &str) {
        (self.status, &self.body)
    }

    /// The body of an answer that came in parts, to its end.
    fn unchunked(&self) -> String {
        assert_eq!((self.status, self.header("transfer-encoding")), (200, Some("chunked")), "{}", self.body);
        let (mut body, mut rest) = (String::new(), &*self.body);
        loop {
            let (length, after) = rest.split_once("\r\n").expect("a part has a length");
            let length = usize::from_str_radix(length, 16).expect("a length");
            let (part, after) = after.split_at(length);
            if length == 0 {
                return body;
            }
            body += part;
            rest = after.strip_prefix("\r\n").expect("the end of a part");
        }
    }

    fn header(&self, name: &str) -> Option<&str> {
        let (_, value) =
            self.head.lines().filter_map(|line| line.split_once(": ")).find(|(other, _)| *other == name)?;
        Some(value)
    }
}

/// One listener, one zone.
fn plan() -> Plan {
    Plan {
        servers: vec![Server { view: None, transfer: None, rotate: false, unanswered: 5, ..Server::default() }],
        listeners: vec![Listener { address: "0.0.0.0:53".parse().unwrap(), any_class: false, zones: Vec::new() }],
        routes: vec![Route { listener: 0, zone: ".".into(), server: 0 }],
        ..Plan::default()
    }
}

fn request(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")
}

async fn exchange(address: SocketAddr, request: &str) -> Page {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    read(&mut stream).await
}

async fn exchange_all(address: SocketAddr, requests: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(requests.as_bytes()).await.unwrap();
    read_all(&mut stream).await
}

/// Reads an answer to the end of the connection.
async fn read(stream: &mut TcpStream) -> Page {
    let text = read_all(stream).await;
    let (head, body) = text.split_once("\r\n\r\n").expect("an answer has a head");
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Page { status, head: head.to_owned(), body: body.to_owned() }
}

/// Reads until the connection ends, by whichever side.
async fn read_all(stream: &mut TcpStream) -> String {
    let mut octets = Vec::new();
    // An error is the reset of a server that did not read everything; what came before counts.
    let _ = time::timeout(PATIENCE, stream.read_to_end(&mut octets)).await.expect("the server closes");
    String::from_utf8(octets).unwrap()
}

/// How long anything may take: a slow machine is no fault.
const PATIENCE: Duration = Duration::from_secs(8);
