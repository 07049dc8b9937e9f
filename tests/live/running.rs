//! A server that watches the stand-in, and questions to it.
//!
//! [`Running::said`] gives a reply as one word or as data: `NXDOMAIN`, `SERVFAIL`, `NODATA`,
//! `10.0.0.1`, `10.0.0.1 10.0.0.2`.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Read, Write},
    mem,
    net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use clusterdns::{Config, Server, app::live::Live, objects::api::Pace};
use tempfile::TempDir;

use crate::{api::*, logs, patience::*, query::Query, reply};

/// What a server is started with.
pub(crate) struct Setup {
    url: String,
    folder: TempDir,
    kubernetes: String,
    server: String,
}

/// A server and its watches. They end when it is dropped.
pub(crate) struct Running {
    dns: SocketAddr,
    admin: SocketAddr,
    folder: Option<TempDir>,
    live: Option<Live>,
    server: Option<Server>,
}

/// A server of the plainest configuration.
pub(crate) fn live(api: &Api) -> Running {
    setup(api).start()
}

/// The same, once it knows the cluster.
pub(crate) fn following(api: &Api) -> Running {
    let server = live(api);
    server.is_well();
    server
}

/// A configuration to add to.
pub(crate) fn setup(api: &Api) -> Setup {
    let folder = tempfile::tempdir().expect("a folder");
    let setup = Setup { url: api.url(), folder, kubernetes: String::new(), server: String::new() };
    setup.write_token("first");
    setup
}

/// Where the bearer token is read from.
pub(crate) fn token_file(folder: &Path) -> PathBuf {
    folder.join("token")
}

impl Setup {
    /// A line of the table `[kubernetes]`.
    pub(crate) fn kubernetes(mut self, line: &str) -> Self {
        self.kubernetes += line;
        self.kubernetes.push('\n');
        self
    }

    /// A line of the table `[server.kubernetes]`.
    pub(crate) fn server(mut self, line: &str) -> Self {
        self.server += line;
        self.server.push('\n');
        self
    }

    /// With a state file, kept every second.
    pub(crate) fn saving(self) -> Self {
        let file = self.state_file();
        self.kubernetes(&format!("state = {file:?}\nstate_interval_secs = 1"))
    }

    /// With the state file of another server, which has ended.
    pub(crate) fn with_state_of(self, folder: &TempDir) -> Self {
        fs::copy(state_file(folder.path()), self.state_file()).expect("a saved state");
        self
    }

    pub(crate) fn state_file(&self) -> PathBuf {
        state_file(self.folder.path())
    }

    fn write_token(&self, token: &str) {
        fs::write(token_file(self.folder.path()), token).expect("a token");
    }

    pub(crate) fn start(self) -> Running {
        logs::keep();
        let config = Config::parse(&self.toml(), "test.toml").unwrap_or_else(|errors| panic!("{errors:?}"));
        let mut server = Server::bind(&config).expect("a server");
        // Dropping tables takes a look at every thread for each of 200,000 slots: among this many
        // servers in a process that is most of the time. So they stay, 2 MB for each server.
        mem::forget(server.feed());
        let live = Live::follow(&config, server.feed(), Pace::quick()).expect("a watch");
        server.start().expect("threads");
        let (dns, admin) = (server.addresses()[0], server.admin_addresses()[0]);
        Running { dns, admin, folder: Some(self.folder), live: Some(live), server: Some(server) }
    }

    fn toml(&self) -> String {
        let Self { kubernetes, server, .. } = self;
        let kubeconfig = self.write_kubeconfig();
        format!(
            "[admin]\nlisten = [\"127.0.0.1:0\"]\n\
             [kubernetes]\nenabled = true\nkubeconfig = {kubeconfig:?}\n{kubernetes}\
             [[server]]\nlisten = [\"127.0.0.1:0\"]\nrotate = false\n[server.kubernetes]\n{server}"
        )
    }

    fn write_kubeconfig(&self) -> PathBuf {
        let (url, token) = (&self.url, token_file(self.folder.path()));
        let file = self.folder.path().join("kubeconfig");
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: test\n\
             clusters: [{{name: test, cluster: {{server: {url:?}}}}}]\n\
             users: [{{name: test, user: {{tokenFile: {token:?}}}}}]\n\
             contexts: [{{name: test, context: {{cluster: test, user: test}}}}]\n"
        );
        fs::write(&file, text).expect("a kubeconfig");
        file
    }
}

fn state_file(folder: &Path) -> PathBuf {
    folder.join("state")
}

impl Running {
    // ----------- Answers ---------------------------------------------------

    /// What it says now. A name without a dot at its end is `SERVICE.NAMESPACE`.
    pub(crate) fn said(&self, name: &str, qtype: &str) -> String {
        word(&self.lines(&query(name, qtype)))
    }

    /// The same to a client with EDNS, and the codes of Extended DNS Errors behind it.
    pub(crate) fn said_with_errors(&self, name: &str, qtype: &str) -> String {
        let lines = self.lines(&query(name, qtype).edns(1232));
        let errors = lines.iter().filter_map(|line| line.strip_prefix("edns ")?.split_once(" error "));
        errors.fold(word(&lines), |word, (_, error)| format!("{word} error {}", first(error)))
    }

    fn lines(&self, query: &Query) -> Vec<String> {
        ask(self.dns, query).expect("a reply")
    }

    /// Waits until it says so.
    pub(crate) fn answers(&self, name: &str, qtype: &str, expected: &str) {
        let mut last = String::new();
        until(|| {
            last = self.said(name, qtype);
            if last == expected { Ok(()) } else { Err(format!("{name} {qtype} is {last}, not {expected}")) }
        });
    }

    /// Asks again and again beside the test.
    pub(crate) fn meanwhile(&self, name: &str, qtype: &str) -> Meanwhile {
        let (dns, query, over) = (self.dns, query(name, qtype), Arc::new(AtomicBool::new(false)));
        let ended = over.clone();
        let asking = thread::spawn(move || {
            let mut heard = BTreeSet::new();
            loop {
                let last = ended.load(Ordering::Relaxed);
                match ask(dns, &query) {
                    Ok(lines) => _ = heard.insert(word(&lines)),
                    // The server has ended: the test failed.
                    Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => return heard,
                    Err(error) => panic!("no reply: {error}"),
                }
                if last {
                    return heard;
                }
                thread::sleep(PAUSE);
            }
        });
        Meanwhile { over, asking }
    }

    // ----------- The admin address -----------------------------------------

    /// Status and body of `/ready`.
    pub(crate) fn ready(&self) -> (u16, String) {
        page(self.admin, "/ready")
    }

    /// Waits until `/ready` has this status and this text in its body.
    pub(crate) fn is_ready(&self, status: u16, text: &str) {
        until(|| {
            let (found, body) = self.ready();
            let so = found == status && body.contains(text);
            if so { Ok(()) } else { Err(format!("/ready is {found} {body:?}, not {status} with {text:?}")) }
        });
    }

    /// Waits until `/ready` has nothing to tell.
    pub(crate) fn is_well(&self) {
        until(|| match self.ready() {
            (200, body) if body == "OK" => Ok(()),
            ready => Err(format!("/ready is {ready:?}")),
        });
    }

    /// The sum of the series of a metric that have all of these labels.
    pub(crate) fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        let text = page(self.admin, "/metrics").1;
        let series =
            text.lines().filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{'])));
        let meant = series.filter(|line| labels.iter().all(|label| line.contains(label)));
        meant.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
    }

    /// Waits until a metric is so.
    pub(crate) fn measures(&self, name: &str, labels: &[&str], is_so: impl Fn(f64) -> bool) {
        until(|| {
            let value = self.metric(name, labels);
            if is_so(value) { Ok(()) } else { Err(format!("{name}{labels:?} is {value}")) }
        });
    }

    // ----------- The rest --------------------------------------------------

    pub(crate) fn live(&self) -> &Live {
        self.live.as_ref().expect("it runs")
    }

    /// Writes another token, as a kubelet does when the old one nears its end.
    pub(crate) fn rotate_token(&self, token: &str) {
        let file = token_file(self.folder.as_ref().expect("it runs").path());
        fs::write(file, token).expect("a token");
    }

    /// Ends it. What it saved is in the folder.
    pub(crate) fn stop(mut self) -> TempDir {
        self.end();
        self.folder.take().expect("it ran")
    }

    fn end(&mut self) {
        drop(self.live.take());
        if let Some(server) = self.server.take() {
            server.shutdown();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

/// Somebody who asks all the time.
pub(crate) struct Meanwhile {
    over: Arc<AtomicBool>,
    asking: JoinHandle<BTreeSet<String>>,
}

impl Meanwhile {
    /// Asks once more and tells everything that was said.
    pub(crate) fn heard(self) -> Vec<String> {
        self.over.store(true, Ordering::Relaxed);
        self.asking.join().expect("every question was answered").into_iter().collect()
    }
}

// ----------- Questions -----------------------------------------------------

fn query(name: &str, qtype: &str) -> Query {
    let name = if name.ends_with('.') { name.to_owned() } else { format!("{name}.svc.cluster.local") };
    Query::new(&name, qtype)
}

/// The lines of the reply.
fn ask(server: SocketAddr, query: &Query) -> io::Result<Vec<String>> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.connect(server)?;
    let packet = query.encode();
    socket.send(&packet)?;
    let mut octets = [0; 4096];
    let length = socket.recv(&mut octets)?;
    Ok(reply::lines(&packet, &octets[..length]))
}

fn word(lines: &[String]) -> String {
    let rcode = first(&lines[0]);
    let answers = lines.iter().filter_map(|line| line.strip_prefix("answer ")?.splitn(4, ' ').nth(3));
    let mut data: Vec<_> = answers.collect();
    data.sort_unstable();
    match (rcode, &data[..]) {
        ("NOERROR", []) => "NODATA".to_owned(),
        ("NOERROR", data) => data.join(" "),
        (rcode, _) => rcode.to_owned(),
    }
}

fn first(text: &str) -> &str {
    text.split(' ').next().unwrap_or_default()
}

fn page(admin: SocketAddr, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(admin).expect("an admin address");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket option");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").expect("a request");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("a page");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    (head[9..12].parse().expect("a status"), body.to_owned())
}

// ----------- Clusters ------------------------------------------------------

/// What is watched unless the configuration asks for more or less.
pub(crate) const WATCHED: [&str; 3] = ["namespaces", "services", "endpointslices"];

/// The namespace `shop` with the Services `web` at 10.0.0.1 and `db`, headless, at 10.1.0.1; and the
/// namespace `bare` with nothing.
pub(crate) fn shop() -> Api {
    let api = Api::start();
    api.apply(namespace("shop"));
    api.apply(namespace("bare"));
    api.apply(service("shop/web").cluster_ip("10.0.0.1"));
    api.apply(service("shop/db").headless());
    api.apply(slice("shop/db-abcde").ready("10.1.0.1"));
    api
}

/// Makes the watches of a resource begin again with a list.
pub(crate) fn relist(api: &Api, plural: &str) {
    eventually("a stream", || api.streams(plural) == 1);
    api.compact();
    api.order(plural, Order::End);
}
