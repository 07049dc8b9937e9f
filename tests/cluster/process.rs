//! Programs that run until the test is over, and what they say.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

/// Only a failure takes so long: clusterdns asks again every 10 seconds at least.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks at something that changes.
const LOOK: Duration = Duration::from_millis(20);

/// Looks until there is something to see, and panics with the last reason why not.
pub(crate) fn await_that<T>(what: &str, mut look: impl FnMut() -> Result<T, String>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match look() {
            Ok(seen) => return seen,
            Err(last) if Instant::now() > deadline => panic!("{what}: not within {PATIENCE:?}; last seen: {last}"),
            Err(_) => thread::sleep(LOOK),
        }
    }
}

/// A program with its log in a file. Dropping it kills it.
pub(crate) struct Process {
    child: Child,
    pub(crate) log: PathBuf,
}

impl Process {
    /// Starts it; what it says is appended to the log.
    pub(crate) fn start(command: &mut Command, log: &Path) -> Self {
        let file = File::options().create(true).append(true).open(log).expect("a log");
        let output = file.try_clone().expect("the same log");
        let child = command.stdin(Stdio::null()).stdout(output).stderr(file).spawn();
        let child = child.unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
        Self { child, log: log.to_owned() }
    }

    /// Its number.
    #[allow(dead_code, reason = "benches/cluster uses it")]
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// All that it said.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    #[allow(dead_code, reason = "benches/cluster does not use it")]
    pub(crate) fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([format!("-{signal}"), self.child.id().to_string()]).status();
        assert!(sent.expect("kill").success());
    }

    /// Waits for its end.
    #[allow(dead_code, reason = "benches/cluster does not use it")]
    pub(crate) fn ended(mut self) -> ExitStatus {
        await_that("it ends", || self.child.try_wait().expect("its state").ok_or_else(|| tail(&self.said(), 5)))
    }

    /// Panics if it has ended.
    pub(crate) fn check(&mut self) {
        let ended = self.child.try_wait().expect("its state");
        assert!(ended.is_none(), "it ended ({ended:?}):\n{}", tail(&self.said(), 20));
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended cannot be killed any more.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The last lines of a text.
pub(crate) fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

/// A port that was free a moment ago, for programs that must be told one.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("its address").port()
}

/// A request of HTTP/1.0 without TLS. Returns the status and the body.
pub(crate) fn http(to: SocketAddr, method: &str, path: &str, body: &str) -> io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(to)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let length = body.len();
    write!(stream, "{method} {path} HTTP/1.0\r\nHost: {to}\r\nContent-Length: {length}\r\n\r\n{body}")?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply)?;
    let (head, body) = reply.split_once("\r\n\r\n").ok_or(io::ErrorKind::InvalidData)?;
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
    Ok((status, body.to_owned()))
}
