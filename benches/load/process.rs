//! A server as a process: started on one core, measured from outside, stopped by its number.

use std::{
    fs::{self, File},
    io,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    path::{Path, PathBuf},
    process::{self, Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{questions::Questions, servers::Recipe};

/// A running server. It ends when this is dropped, or when this program does.
pub(crate) struct Server {
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
    pub(crate) answers: bool,
    /// From the start of the process to its first right answer.
    pub(crate) start: Duration,
    child: Child,
}

/// Resident memory.
pub(crate) struct Memory {
    pub(crate) now_kib: u64,
    pub(crate) peak_kib: u64,
}

impl Server {
    /// Starts it and waits until it answers.
    pub(crate) fn start(recipe: Recipe, core: usize, folder: &Path, questions: &Questions) -> io::Result<Self> {
        let Recipe { name, command, address, answers } = recipe;
        let log = folder.join(format!("{name}.log"));
        let output = File::create(&log)?;
        let started = Instant::now();
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "TERM", "taskset", "--cpu-list", &core.to_string()])
            .args(command)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()?;
        let mut server = Self { name, address, answers, start: Duration::ZERO, child };
        server.wait_for_an_answer(started, questions, &log)?;
        server.start = started.elapsed();
        Ok(server)
    }

    fn wait_for_an_answer(&mut self, started: Instant, questions: &Questions, log: &Path) -> io::Result<()> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_read_timeout(Some(Duration::from_millis(10)))?;
        let mut reply = [0; 2048];
        let mut question = [0; 512];
        let octets = questions.write(0, &mut question);
        while started.elapsed() < START_TIME_MAX {
            if let Some(status) = self.child.try_wait()? {
                return Err(io::Error::other(format!("it ended ({status}): {}", last_lines(log))));
            }
            socket.send_to(&question[..octets], self.address)?;
            if let Ok(received) = socket.recv(&mut reply)
                && (!self.answers || questions.expected(0).fits(&reply[..received]))
            {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(2));
        }
        Err(io::Error::other(format!("no right answer in {START_TIME_MAX:?}: {}", last_lines(log))))
    }

    /// The processor time of all its threads, and of its child processes.
    pub(crate) fn cpu(&self) -> io::Result<Duration> {
        let mut total_ns = 0;
        for process in self.processes() {
            for task in tasks(process)? {
                // "nanoseconds on a core, nanoseconds waiting for one, time slices"
                let schedstat = fs::read_to_string(task.join("schedstat")).unwrap_or_default();
                total_ns += first_number(&schedstat);
            }
        }
        Ok(Duration::from_nanos(total_ns))
    }

    /// The sum over its processes: memory that they share counts more than once.
    pub(crate) fn memory(&self) -> io::Result<Memory> {
        let mut memory = Memory { now_kib: 0, peak_kib: 0 };
        for process in self.processes() {
            let status = fs::read_to_string(format!("/proc/{process}/status"))?;
            let field = |name| status.lines().find_map(|line| line.strip_prefix(name)).map_or(0, first_number);
            memory.now_kib += field("VmRSS:");
            memory.peak_kib += field("VmHWM:");
        }
        Ok(memory)
    }

    /// Itself and its descendants.
    fn processes(&self) -> Vec<u32> {
        let mut processes = vec![self.child.id()];
        let mut next = 0;
        while let Some(&process) = processes.get(next) {
            for task in tasks(process).unwrap_or_default() {
                let children = fs::read_to_string(task.join("children")).unwrap_or_default();
                processes.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
            }
            next += 1;
        }
        processes
    }
}

impl Drop for Server {
    /// Asks it to stop, so that it stops its own children, and makes sure of it.
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let stop = format!("kill -TERM {}", self.child.id());
            // If it cannot be asked it is made to.
            let _ = Command::new("sh").args(["-c", &stop]).status();
        }
        let deadline = Instant::now() + STOP_TIME_MAX;
        while Instant::now() < deadline && matches!(self.child.try_wait(), Ok(None)) {
            thread::sleep(Duration::from_millis(10));
        }
        // It may have ended in this moment, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Keeps this program on one core.
pub(crate) fn pin_this_process(core: usize) -> io::Result<()> {
    let pinned = Command::new("taskset")
        .args(["--cpu-list", "--pid", &core.to_string(), &process::id().to_string()])
        .stdout(Stdio::null())
        .status()?;
    if pinned.success() { Ok(()) } else { Err(io::Error::other(format!("there is no core {core} for the load"))) }
}

/// The folders of a process's threads.
fn tasks(process: u32) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(format!("/proc/{process}/task"))?.map(|entry| Ok(entry?.path())).collect()
}

fn first_number(text: &str) -> u64 {
    text.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

fn last_lines(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(5)..].join("\n  ")
}

/// Ten times what a slow server needs for the large cluster.
const START_TIME_MAX: Duration = Duration::from_secs(60);
const STOP_TIME_MAX: Duration = Duration::from_secs(5);
