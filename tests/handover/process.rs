//! The program with a Corefile and a snapshot of its own, and what it says.

#![allow(dead_code, reason = "every test binary uses a part of it")]

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, TcpListener, UdpSocket},
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// Only a failure takes so long.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Process {
    child: std::sync::Mutex<Option<Child>>,
    id: u32,
    lines: Receiver<String>,
    folder: TempDir,
}

impl Process {
    /// Starts, and waits until it serves.
    pub(crate) fn start(corefile: &str, cluster: &str) -> Self {
        Self::start_beside(corefile, cluster, &[])
    }

    /// The same with other files beside the Corefile.
    pub(crate) fn start_beside(corefile: &str, cluster: &str, files: &[(&str, String)]) -> Self {
        let ours = [("Corefile", corefile.to_owned()), ("cluster.json", cluster.to_owned())];
        Self::run(&["-conf", "Corefile", "--snapshot", "cluster.json"], &[&ours, files].concat(), "")
    }

    /// The same with a file in TOML, which says where the cluster is.
    pub(crate) fn start_toml(toml: &str, files: &[(&str, String)]) -> Self {
        let ours = [("c.toml", toml.to_owned())];
        Self::run(&["serve", "--config", "c.toml"], &[&ours, files].concat(), "")
    }

    /// Runs it in a folder with these files, with this on standard input, and waits until it serves.
    pub(crate) fn run(arguments: &[&str], files: &[(&str, String)], input: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_clusterdns"));
        command.args(arguments).current_dir(folder.path()).stdin(Stdio::piped());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let (said, lines) = mpsc::channel();
        for stream in
            [Box::new(child.stdout.take().unwrap()) as Box<dyn Read + Send>, Box::new(child.stderr.take().unwrap())]
        {
            let said = said.clone();
            thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    // A test that has seen enough listens no more.
                    let _ = said.send(line);
                }
            });
        }
        let process = Self { id: child.id(), child: std::sync::Mutex::new(Some(child)), lines, folder };
        process.says("listening on");
        process
    }

    /// Writes another Corefile in the place of the old one.
    pub(crate) fn configure(&self, corefile: &str) {
        self.write("Corefile", corefile);
    }

    /// Writes another file in the place of the old one, as an editor does.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let path: PathBuf = self.folder.path().join(name);
        let new = path.with_extension("new");
        fs::write(&new, text).unwrap();
        fs::rename(new, path).unwrap();
    }

    /// Has it read another file of its configuration, and returns what it says until it has come to an end with it.
    pub(crate) fn reload(&self, name: &str, text: &str) -> Vec<String> {
        self.write(name, text);
        self.signal("USR1");
        self.says_all("taken over")
    }

    /// Waits until it says something with these words, and returns the line.
    pub(crate) fn says(&self, words: &str) -> String {
        self.says_all(words).pop().unwrap()
    }

    /// The same with what it says until then.
    pub(crate) fn says_all(&self, words: &str) -> Vec<String> {
        let mut heard = Vec::new();
        let deadline = Instant::now() + PATIENCE;
        while let Ok(line) = self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            let is_it = line.contains(words);
            heard.push(line);
            if is_it {
                return heard;
            }
        }
        panic!("nothing is said of {words:?}: {heard:#?}");
    }

    pub(crate) fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([format!("-{signal}"), self.id.to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Ends it by a signal.
    pub(crate) fn end(&self, signal: &str) -> ExitStatus {
        self.signal(signal);
        self.ended()
    }

    /// Waits for its end.
    pub(crate) fn ended(&self) -> ExitStatus {
        self.child.lock().unwrap().take().expect("it ends once").wait().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.lock().unwrap().take() {
            // A test that fails leaves nothing behind.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A port that nobody listens on.
pub(crate) fn free_port() -> u16 {
    let probe = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    probe.local_addr().unwrap().port()
}

/// Waits until nobody listens on a port any more.
pub(crate) fn until_free(port: u16) {
    let deadline = Instant::now() + PATIENCE;
    while UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_err()
        || TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_err()
    {
        assert!(Instant::now() < deadline, "port {port} is still in use");
        thread::yield_now();
    }
}
