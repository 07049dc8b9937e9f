//! Runs the program to its end, or as a server until the test is over.

use std::{
    ffi::OsStr,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::Duration,
};

use tempfile::TempDir;

const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// Only a failure takes so long.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a run of the program said, and its exit code.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs it with these arguments.
pub(crate) fn run<A: AsRef<OsStr>>(arguments: &[A]) -> Ran {
    run_with_input(arguments, "")
}

/// Runs it with this text on standard input.
pub(crate) fn run_with_input<A: AsRef<OsStr>>(arguments: &[A], input: &str) -> Ran {
    let mut child = command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // It may end without having read it all.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |octets| String::from_utf8(octets).unwrap();
    Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// The program with these arguments, and a pipe as standard input.
pub(crate) fn command<A: AsRef<OsStr>>(arguments: &[A]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_clusterdns"));
    command.args(arguments).stdin(Stdio::piped()).env_remove("CLUSTERDNS_LOG").env_remove("CLUSTERDNS_LOG_FORMAT");
    command
}

/// A folder of files for one test.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Writes a file, and says where it is.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.0.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

/// A file or folder of the repository.
pub(crate) fn repository(path: &str) -> String {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path).display().to_string()
}

// ----------- Serving -------------------------------------------------------

/// A server on ports that the system picked.
pub(crate) struct Serving {
    child: Child,
    lines: Receiver<String>,
    /// What it said until it was ready.
    pub(crate) start: Vec<String>,
    pub(crate) address: SocketAddr,
}

impl Serving {
    /// Serves with these further arguments.
    pub(crate) fn start(arguments: &[&str], input: &str) -> Self {
        let folder = Folder::new();
        let config = folder.file("ports.toml", "[admin]\nlisten = [\"127.0.0.1:0\"]\n");
        Self::start_with(&config, arguments, input)
    }

    /// Serves by a configuration that has an admin address.
    pub(crate) fn start_with(config: &str, arguments: &[&str], input: &str) -> Self {
        let all = [&["serve", "--config", config, "--listen", "127.0.0.1:0"], arguments].concat();
        let mut child = command(&all).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = lines(child.stderr.take().unwrap());
        let input_pipe = child.stdin.take();
        let mut serving = Self { child, lines, start: Vec::new(), address: NOWHERE };
        input_pipe.unwrap().write_all(input.as_bytes()).unwrap();
        serving.await_start();
        serving
    }

    fn await_start(&mut self) {
        while !self.start.last().is_some_and(|line| line.contains(" try: ")) {
            let line = self.lines.recv_timeout(PATIENCE);
            self.start.push(line.unwrap_or_else(|_| panic!("it does not start: {:?}", self.start)));
        }
        let address = |line: &String| line.split("listening on ").nth(1)?.split(' ').next()?.parse().ok();
        self.address = self.start.iter().find_map(address).expect("it says where it listens");
    }

    /// Sends a signal, and returns at once.
    pub(crate) fn signal(&self, signal: &str) {
        let kill = format!("kill -{signal} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// Waits for its end. Returns what it said since the start.
    pub(crate) fn ended(mut self) -> (ExitStatus, Vec<String>) {
        let mut rest = Vec::new();
        while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
            rest.push(line);
        }
        (self.child.wait().unwrap(), rest)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // One that has ended cannot be killed any more.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Lines as they come, until the end.
fn lines(from: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || BufReader::new(from).lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
    lines
}
