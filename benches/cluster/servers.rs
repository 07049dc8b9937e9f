//! The servers: how each is started, and what is asked of a running one.

use std::{
    fmt, fs,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::{
    ask::{Client, Over, Question},
    process::{Process, free_port, tail},
    programs::on_path,
    usage::{self, Memory},
};

/// A server that can be measured.
pub(crate) enum Program {
    Clusterdns(PathBuf),
    Coredns(PathBuf),
}

/// A question that shows whether a server knows the whole cluster.
pub(crate) struct Sight {
    pub(crate) question: Question,
    pub(crate) answer: String,
}

/// A running server. It ends when this is dropped.
pub(crate) struct Server {
    process: Process,
    pub(crate) address: SocketAddr,
    _folder: TempDir,
}

/// Ten times what the slower one needs.
const START_MAX: Duration = Duration::from_secs(30);
/// Between two looks at a server that starts.
const LOOK: Duration = Duration::from_millis(2);
/// A server that starts may drop a question; the next one is sent soon.
const REPLY_MAX: Duration = Duration::from_millis(5);

impl Program {
    /// Those that are here.
    pub(crate) fn all(clusterdns: &Path) -> Vec<Self> {
        let coredns = on_path("coredns");
        if coredns.is_none() {
            eprintln!("coredns is not on the PATH: clusterdns is measured alone");
        }
        [Self::Clusterdns(clusterdns.to_owned())].into_iter().chain(coredns.map(Self::Coredns)).collect()
    }

    /// Starts it. Returns how long it took to the first right answer.
    pub(crate) fn start(&self, kubeconfig: &Path, sight: &Sight) -> (Server, Duration) {
        let folder = tempfile::tempdir().expect("a folder");
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let mut command = self.command(folder.path(), kubeconfig, address);
        let started = Instant::now();
        let process = Process::start(&mut command, &folder.path().join("log"));
        let mut server = Server { process, address, _folder: folder };
        server.await_sight(started, sight);
        (server, started.elapsed())
    }

    fn command(&self, folder: &Path, kubeconfig: &Path, address: SocketAddr) -> Command {
        match self {
            Self::Clusterdns(program) => {
                let mut command = Command::new(program);
                command.env_remove("CLUSTERDNS_LOG").args(["serve", "--admin", "127.0.0.1:0"]);
                command.args(["--listen", &address.to_string()]).arg("--kubeconfig").arg(kubeconfig);
                command
            }
            Self::Coredns(program) => {
                let corefile = folder.join("Corefile");
                fs::write(&corefile, corefile_text(kubeconfig, address)).expect("a Corefile");
                let mut command = Command::new(program);
                command.arg("-conf").arg(corefile);
                command
            }
        }
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, program, argument) = match self {
            Self::Clusterdns(program) => ("clusterdns", program, "--version"),
            Self::Coredns(program) => ("CoreDNS", program, "-version"),
        };
        let said = Command::new(program).arg(argument).output().map(|output| output.stdout).unwrap_or_default();
        let said = String::from_utf8_lossy(&said);
        // `clusterdns 0.1.0`, `CoreDNS-1.14.7`
        let version = said.split([' ', '-', '\n']).nth(1).unwrap_or_default();
        write!(f, "{name} {version}")
    }
}

/// What kubeadm writes, without what needs a network: `forward`, and `cache`, which it turns off for
/// this zone.
fn corefile_text(kubeconfig: &Path, address: SocketAddr) -> String {
    let (port, ready, metrics, kubeconfig) = (address.port(), free_port(), free_port(), kubeconfig.display());
    format!(
        ".:{port} {{
    bind 127.0.0.1
    errors
    ready 127.0.0.1:{ready}
    kubernetes cluster.local in-addr.arpa ip6.arpa {{
        kubeconfig {kubeconfig}
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
        ttl 30
    }}
    prometheus 127.0.0.1:{metrics}
}}
"
    )
}

impl Server {
    fn await_sight(&mut self, started: Instant, sight: &Sight) {
        let mut client = Client::patient(self.address, Over::Udp, REPLY_MAX).expect("a socket");
        let mut last = String::new();
        while last != sight.answer {
            self.process.check();
            assert!(started.elapsed() < START_MAX, "no right answer: {last}\n{}", tail(&self.process.said(), 10));
            thread::sleep(LOOK);
            last = client.ask(&sight.question).unwrap_or_else(|error| error.to_string());
        }
    }

    pub(crate) fn memory(&self) -> Memory {
        usage::memory(self.process.id()).expect("its memory")
    }

    pub(crate) fn forget_peak(&self) {
        usage::forget_peak(self.process.id()).expect("a peak that can be reset");
    }

    /// The number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }
}
