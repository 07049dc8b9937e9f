//! The program under test, as a process.

use std::{
    env,
    ffi::OsString,
    fs,
    io::{self, ErrorKind},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
    thread,
};

use tempfile::TempDir;

use crate::{
    ask::{Answer, Client, Over, Question},
    process::{Process, await_that, http, tail},
};

/// How it gets its credentials.
#[derive(Clone, Debug)]
pub(crate) enum Access {
    Kubeconfig(PathBuf),
    /// As in a Pod: the files of this folder where a Pod has them, and this port of the API server.
    Pod(PathBuf, u16),
}

/// What it is configured in, which is also how it is started.
#[derive(Clone, Copy, Debug)]
enum Language {
    /// `clusterdns serve --config FILE`, with the ports on the command line.
    Toml,
    /// `-conf FILE` and nothing else, as a Deployment of CoreDNS has it.
    Corefile,
}

/// A server on ports that the system picked. It keeps them when it is started again.
pub(crate) struct Clusterdns {
    folder: TempDir,
    access: Access,
    language: Language,
    /// `None` while it is killed.
    process: Option<Process>,
    address: SocketAddr,
    admin: SocketAddr,
}

/// Any port, before the first start has chosen one.
const ANY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

impl Clusterdns {
    /// Serves by this configuration, and waits until it is ready.
    pub(crate) fn ready(access: &Access, config: &str) -> Self {
        let server = Self::launch(access, config);
        server.await_ready();
        server
    }

    /// The same, but waits only until its sockets are bound.
    pub(crate) fn launch(access: &Access, config: &str) -> Self {
        Self::launch_in(Language::Toml, access, config)
    }

    /// Serves by this Corefile, and waits until it is ready.
    #[allow(dead_code, reason = "benches/cluster does not use it")]
    pub(crate) fn deployed(access: &Access, corefile: &str) -> Self {
        let server = Self::launch_in(Language::Corefile, access, corefile);
        server.await_ready();
        server
    }

    fn launch_in(language: Language, access: &Access, config: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join(language.file()), config).expect("a file");
        let mut server = Self { folder, access: access.clone(), language, process: None, address: ANY, admin: ANY };
        server.launch_again();
        server
    }

    /// Another configuration in the place of the old one, which it is told to read.
    #[allow(dead_code, reason = "benches/cluster does not use it")]
    pub(crate) fn configure(&self, config: &str) {
        let path = self.folder.path().join(self.language.file());
        let next = path.with_extension("next");
        fs::write(&next, config).expect("a file");
        fs::rename(next, path).expect("another file");
        self.process.as_ref().expect("it runs").signal("USR1");
    }

    /// Tells it to end.
    #[allow(dead_code, reason = "benches/cluster does not use it")]
    pub(crate) fn terminate(&self) {
        self.process.as_ref().expect("it runs").signal("TERM");
    }

    /// Waits for its end.
    #[allow(dead_code, reason = "benches/cluster does not use it")]
    pub(crate) fn ended(mut self) -> ExitStatus {
        self.process.take().expect("it runs").ended()
    }

    /// Ends it as a crash does.
    pub(crate) fn kill(&mut self) {
        self.process = None;
    }

    /// Starts it with the same arguments on the same ports, and waits until its sockets are bound.
    pub(crate) fn launch_again(&mut self) {
        let log = self.folder.path().join("log");
        append(&log, STARTS).expect("a log");
        let (mut command, file) = (self.access.program(), self.folder.path().join(self.language.file()));
        match self.language {
            Language::Toml => command.args(self.access.arguments()).arg("--config").arg(file).args([
                "--listen",
                &self.address.to_string(),
                "--admin",
                &self.admin.to_string(),
            ]),
            Language::Corefile => command.arg("-conf").arg(file),
        };
        let process = self.process.insert(Process::start(&mut command, &log));
        (self.address, self.admin) = await_that("clusterdns listens", || {
            process.check();
            let log = since_start(&process.said());
            listening(&log).ok_or_else(|| tail(&log, 5))
        });
    }

    /// A crash and a new start.
    pub(crate) fn restart(&mut self) {
        self.kill();
        self.launch_again();
        self.await_ready();
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it said since its last start.
    pub(crate) fn log(&self) -> String {
        since_start(&self.process.as_ref().map(Process::said).unwrap_or_default())
    }

    /// Waits until the log has this.
    pub(crate) fn await_log(&self, words: &str) {
        await_that(&format!("the log says `{words}`"), || {
            let log = self.log();
            if log.contains(words) { Ok(()) } else { Err(tail(&log, 10)) }
        });
    }

    /// Asks once over UDP, and over TCP if the reply is cut.
    pub(crate) fn ask(&self, question: &Question) -> Answer {
        let over = |over| Client::new(self.address, over).and_then(|mut client| client.ask(question));
        let answer = match over(Over::Udp) {
            Ok(cut) if cut == "TRUNCATED" => over(Over::Tcp),
            answer => answer,
        };
        answer.unwrap_or_else(|error| format!("no reply: {error}"))
    }

    /// Asks until the answer is this one.
    pub(crate) fn eventually(&self, question: impl AsQuestion, expected: impl AsRef<str>) {
        let (question, expected) = (question.as_question(), expected.as_ref());
        await_that(&format!("{question} is {expected}"), || match self.ask(&question) {
            answer if answer == expected => Ok(()),
            other => Err(other),
        });
        let over_tcp = Client::new(self.address, Over::Tcp).and_then(|mut client| client.ask(&question));
        assert_eq!(over_tcp.expect("a reply over TCP"), expected, "{question} over TCP");
    }

    /// Asks once: the answer is this one already.
    pub(crate) fn now(&self, question: impl AsQuestion, expected: impl AsRef<str>) {
        let question = question.as_question();
        assert_eq!(self.ask(&question), expected.as_ref(), "{question}");
    }

    /// Status and body of `/ready`.
    pub(crate) fn readiness(&self) -> (u16, String) {
        http(self.admin, "GET", "/ready", "").unwrap_or_else(|error| (0, error.to_string()))
    }

    /// Waits until it is ready.
    pub(crate) fn await_ready(&self) {
        await_that("clusterdns is ready", || match self.readiness() {
            (200, _) => Ok(()),
            other => Err(format!("{other:?}")),
        });
    }

    /// The sum of a metric over its labels, of those whose labels contain this.
    pub(crate) fn metric(&self, name: &str, labels: &str) -> f64 {
        let (_, text) = http(self.admin, "GET", "/metrics", "").expect("metrics");
        sum(&text, name, labels).unwrap_or_else(|| panic!("no metric {name} with {labels}"))
    }

    /// Waits until a metric is as it should be.
    pub(crate) fn await_metric(&self, name: &str, holds: impl Fn(f64) -> bool) {
        await_that(&format!("{name} changes"), || match self.metric(name, "") {
            value if holds(value) => Ok(()),
            value => Err(value.to_string()),
        });
    }
}

impl Drop for Clusterdns {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("--- the end of clusterdns's log\n{}\n--- /ready: {:?}", tail(&self.log(), 30), self.readiness());
        }
    }
}

/// What tests may ask: a text, or a question made elsewhere.
pub(crate) trait AsQuestion {
    fn as_question(&self) -> Question;
}

impl AsQuestion for str {
    fn as_question(&self) -> Question {
        Question::new(self)
    }
}

impl<T: AsQuestion + ?Sized> AsQuestion for &T {
    fn as_question(&self) -> Question {
        (*self).as_question()
    }
}

impl AsQuestion for String {
    fn as_question(&self) -> Question {
        Question::new(self)
    }
}

impl AsQuestion for Question {
    fn as_question(&self) -> Question {
        self.clone()
    }
}

/// Parts the log into starts.
const STARTS: &str = "----- start\n";

/// The binary that `tests/cluster/run` was given, or cargo's.
pub(crate) fn program() -> Command {
    let binary = env::var_os("CLUSTER_CLUSTERDNS").unwrap_or_else(|| env!("CARGO_BIN_EXE_clusterdns").into());
    let mut command = Command::new(binary);
    command.env_remove("CLUSTERDNS_LOG").env_remove("KUBECONFIG");
    command
}

impl Language {
    fn file(self) -> &'static str {
        match self {
            Self::Toml => "config.toml",
            Self::Corefile => "Corefile",
        }
    }
}

impl Access {
    /// clusterdns, where it finds what it finds.
    fn program(&self) -> Command {
        match self {
            Self::Kubeconfig(_) => program(),
            Self::Pod(files, port) => {
                let mut command = in_a_pod(files);
                command.arg(program().get_program()).env_remove("CLUSTERDNS_LOG");
                command.env("KUBERNETES_SERVICE_HOST", "127.0.0.1").env("KUBERNETES_SERVICE_PORT", port.to_string());
                command
            }
        }
    }

    /// What says that there is a cluster where the configuration does not.
    fn arguments(&self) -> Vec<OsString> {
        match self {
            Self::Kubeconfig(path) => vec!["serve".into(), "--kubeconfig".into(), path.into()],
            Self::Pod(..) => vec!["serve".into(), "--kubernetes".into()],
        }
    }
}

/// Shows these files to a program where a Pod has its service account, and to nobody else.
fn in_a_pod(files: &Path) -> Command {
    let script = r#"set -e
        mount -t tmpfs none /var/run
        mkdir -p /var/run/secrets/kubernetes.io/serviceaccount
        mount --bind "$0" /var/run/secrets/kubernetes.io/serviceaccount
        exec "$@""#;
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", script]).arg(files);
    command
}

/// Whether this system lets a test do so.
pub(crate) fn can_be_in_a_pod() -> bool {
    let folder = tempfile::tempdir().expect("a folder");
    in_a_pod(folder.path()).arg("true").output().is_ok_and(|output| output.status.success())
}

fn since_start(log: &str) -> String {
    log.rsplit(STARTS).next().unwrap_or_default().to_owned()
}

fn append(path: &Path, text: &str) -> io::Result<()> {
    let before = match fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        read => read?,
    };
    fs::write(path, before + text)
}

/// Where a log says that it listens: DNS, and the admin address.
fn listening(log: &str) -> Option<(SocketAddr, SocketAddr)> {
    let behind = |words: &str, end: [char; 2]| log.split(words).nth(1)?.split(end).next()?.parse().ok();
    Some((behind("listening on ", [' ', ','])?, behind(" on http://", ['/', '\n'])?))
}

fn sum(metrics: &str, name: &str, labels: &str) -> Option<f64> {
    let value = |line: &str| {
        let rest = line.strip_prefix(name).filter(|rest| rest.starts_with(['{', ' ']))?;
        if rest.contains(labels) { rest.rsplit(' ').next()?.parse::<f64>().ok() } else { None }
    };
    metrics.lines().filter_map(value).reduce(|one, other| one + other)
}
