//! The servers that forward and cache: how each is started.

use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use crate::{
    programs::on_path,
    servers::{Recipe, free_address, path},
};

/// A server that is started with a Corefile.
pub(super) struct Program {
    pub(super) name: String,
    path: PathBuf,
}

/// clusterdns, other builds of it, and CoreDNS if it is on the `PATH`.
pub(super) fn programs(clusterdns: &Path, also: &[String]) -> io::Result<Vec<Program>> {
    let mut programs = vec![Program { name: "clusterdns".to_owned(), path: clusterdns.to_owned() }];
    for also in also {
        let (name, path) = also.split_once('=').ok_or(io::Error::other("--also takes NAME=PROGRAM"))?;
        programs.push(Program { name: name.to_owned(), path: path.into() });
    }
    match on_path("coredns") {
        Some(path) => programs.push(Program { name: "coredns".to_owned(), path }),
        None => println!("coredns: not on the PATH, left out"),
    }
    Ok(programs)
}

impl Program {
    /// Its recipe with the Corefile that is made for its address.
    pub(super) fn recipe(
        &self,
        folder: &Path,
        corefile: impl FnOnce(SocketAddr) -> io::Result<String>,
    ) -> io::Result<Recipe> {
        let address = free_address()?;
        let file = folder.join(format!("Corefile-{}", address.port()));
        fs::write(&file, corefile(address)?)?;
        let command = vec![path(&self.path), "-conf".to_owned(), path(&file)];
        Ok(Recipe { name: self.name.clone(), command, address, answers: true })
    }
}

/// The caches that are installed here.
pub(super) fn caches(folder: &Path, upstream: SocketAddr) -> io::Result<Vec<Recipe>> {
    let mut found = Vec::new();
    let recipes = [("unbound", unbound as fn(&Path, SocketAddr) -> String), ("dnsmasq", dnsmasq)];
    for (name, config) in recipes {
        let Some(program) = on_path(name) else {
            println!("{name}: not installed, left out");
            continue;
        };
        let address = free_address()?;
        let file = folder.join(format!("{name}.conf"));
        fs::write(&file, config(folder, upstream).replace("{port}", &address.port().to_string()))?;
        let stay = if name == "unbound" { ["-d", "-c"] } else { ["-k", "-C"] }.map(str::to_owned);
        let command = [&[path(&program)], &stay[..], &[path(&file)]].concat();
        found.push(Recipe { name: name.to_owned(), command, address, answers: true });
    }
    Ok(found)
}

fn unbound(folder: &Path, upstream: SocketAddr) -> String {
    format!(
        "server:
    interface: 127.0.0.1
    port: {{port}}
    num-threads: 1
    username: \"\"
    chroot: \"\"
    directory: \"{}\"
    pidfile: \"\"
    use-syslog: no
    module-config: \"iterator\"
    do-not-query-localhost: no
    msg-cache-size: 16m
    rrset-cache-size: 32m
    num-queries-per-thread: 1024
    so-rcvbuf: 1m
remote-control:
    control-enable: no
forward-zone:
    name: \".\"
    forward-addr: {}@{}
",
        folder.display(),
        upstream.ip(),
        upstream.port()
    )
}

fn dnsmasq(_: &Path, upstream: SocketAddr) -> String {
    format!(
        "keep-in-foreground
listen-address=127.0.0.1
bind-interfaces
port={{port}}
user=
no-resolv
no-hosts
no-poll
cache-size=10000
dns-forward-max=1000
server={}#{}
",
        upstream.ip(),
        upstream.port()
    )
}
