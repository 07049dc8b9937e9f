//! How each server is started: its command line and its configuration, one function each.
//!
//! Every one gets a single thread or worker for UDP, because the comparison is about one core.

use std::{
    env, fs, io,
    net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket},
    path::{Path, PathBuf},
};

use crate::{
    cluster::{Cluster, ZONE},
    compare::Options,
    programs::on_path,
    snapshot, zone,
};

/// A server that can be started.
pub(crate) struct Recipe {
    pub(crate) name: String,
    pub(crate) command: Vec<String>,
    pub(crate) address: SocketAddr,
    /// False for the echo, which answers nothing.
    pub(crate) answers: bool,
}

/// What the servers read and where they may write.
#[derive(Default)]
pub(crate) struct Files {
    pub(crate) folder: PathBuf,
    snapshot: PathBuf,
    zone: PathBuf,
    config: PathBuf,
}

impl Files {
    /// None: for servers that read nothing of them.
    pub(crate) fn none(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), ..Self::default() }
    }

    /// Writes the cluster into the folder in both forms.
    pub(crate) fn write(cluster: &Cluster, folder: &Path) -> io::Result<Self> {
        let files = Self {
            folder: folder.to_owned(),
            snapshot: folder.join("cluster.json"),
            zone: folder.join("cluster.zone"),
            config: folder.join("clusterdns.toml"),
        };
        snapshot::write(cluster, &files.snapshot)?;
        zone::write(cluster, &files.zone)?;
        fs::write(&files.config, CLUSTERDNS_CONFIG)?;
        Ok(files)
    }

    fn write_config(&self, name: &str, text: &str) -> io::Result<PathBuf> {
        let path = self.folder.join(name);
        fs::write(&path, text)?;
        Ok(path)
    }
}

/// Every server that is there, the echo first, and a line for each that is not.
pub(crate) fn recipes(options: &Options, files: &Files) -> io::Result<(Vec<Recipe>, Vec<String>)> {
    let mut found = vec![echo()?];
    let mut missing = Vec::new();
    if options.clusterdns.is_file() {
        found.push(clusterdns(&options.clusterdns, files)?);
    } else {
        missing.push(format!("clusterdns: not built at {}, left out", options.clusterdns.display()));
    }
    for (name, recipe) in [("knotd", knot as fn(&Path, &Files) -> io::Result<Recipe>), ("nsd", nsd)] {
        match on_path(name) {
            Some(program) => found.push(recipe(&program, files)?),
            None => missing.push(format!("{name}: not installed, left out")),
        }
    }
    match &options.coredns_command {
        Some(command) => found.push(other("coredns", command, files)?),
        None => missing.push("coredns: no --coredns-command, left out".to_owned()),
    }
    for also in &options.also {
        let (name, command) = also.split_once('=').ok_or(io::Error::other("--also takes NAME=COMMAND"))?;
        found.push(other(name, command, files)?);
    }
    Ok((found, missing))
}

pub(crate) fn echo() -> io::Result<Recipe> {
    let address = free_address()?;
    let program = env::current_exe()?.display().to_string();
    let command = vec![program, "echo".to_owned(), "--listen".to_owned(), address.to_string()];
    Ok(Recipe { name: "echo".to_owned(), command, address, answers: false })
}

fn clusterdns(program: &Path, files: &Files) -> io::Result<Recipe> {
    let address = free_address()?;
    let command = [
        path(program),
        "serve".to_owned(),
        "--snapshot".to_owned(),
        path(&files.snapshot),
        "--listen".to_owned(),
        address.to_string(),
        "--config".to_owned(),
        path(&files.config),
    ];
    Ok(Recipe { name: "clusterdns".to_owned(), command: command.into(), address, answers: true })
}

fn knot(program: &Path, files: &Files) -> io::Result<Recipe> {
    let address = free_address()?;
    let folder = files.folder.display();
    let config = format!(
        "server:
    listen: 127.0.0.1@{port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
    rundir: {folder}
database:
    storage: {folder}
log:
  - target: stderr
    any: warning
zone:
  - domain: {ZONE}
    file: {zone}
    journal-content: none
",
        port = address.port(),
        zone = files.zone.display(),
    );
    let config = files.write_config("knot.conf", &config)?;
    let command = vec![path(program), "-c".to_owned(), path(&config)];
    Ok(Recipe { name: "knot".to_owned(), command, address, answers: true })
}

/// NSD limits the rate of its answers unless told not to.
fn nsd(program: &Path, files: &Files) -> io::Result<Recipe> {
    let address = free_address()?;
    let folder = files.folder.display();
    let config = format!(
        "server:
    ip-address: 127.0.0.1
    port: {port}
    server-count: 1
    rrl-ratelimit: 0
    username: \"\"
    zonesdir: \"{folder}\"
    zonelistfile: \"{folder}/nsd.zonelist\"
    xfrdfile: \"\"
    xfrdir: \"{folder}\"
    pidfile: \"\"
    database: \"\"
remote-control:
    control-enable: no
zone:
    name: {ZONE}
    zonefile: \"{zone}\"
",
        port = address.port(),
        zone = files.zone.display(),
    );
    let config = files.write_config("nsd.conf", &config)?;
    let command = vec![path(program), "-d".to_owned(), "-c".to_owned(), path(&config)];
    Ok(Recipe { name: "nsd".to_owned(), command, address, answers: true })
}

/// A command of the user's: another build, another server.
fn other(name: &str, command: &str, files: &Files) -> io::Result<Recipe> {
    let address = free_address()?;
    let fill = |word: &str| {
        word.replace("{address}", &address.to_string())
            .replace("{port}", &address.port().to_string())
            .replace("{snapshot}", &path(&files.snapshot))
            .replace("{zone}", &path(&files.zone))
            .replace("{config}", &path(&files.config))
    };
    let command = command.split_whitespace().map(fill).collect();
    Ok(Recipe { name: name.to_owned(), command, address, answers: true })
}

pub(crate) fn path(path: &Path) -> String {
    path.display().to_string()
}

/// A loopback address whose port is free for UDP and TCP now.
pub(crate) fn free_address() -> io::Result<SocketAddr> {
    loop {
        let address = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        if TcpListener::bind(address).is_ok() {
            return Ok(address);
        }
    }
}

const CLUSTERDNS_CONFIG: &str = "[udp]\nthreads = 1\n\n[admin]\nlisten = []\n";
