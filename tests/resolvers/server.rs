//! The namespace: no way out, our server, and the workers.

use std::{
    fs,
    net::SocketAddr,
    path::Path,
    process::{Command, ExitCode, Stdio},
};

use clusterdns::{
    Config, Server,
    objects::{
        Change,
        snapshot::{self, Options, Source},
    },
};

use crate::{cases::Case, programs::Program, worker};

/// The argument that makes this binary be the server.
pub(crate) const ARGUMENT: &str = "--be-the-server";
/// Where it listens.
pub(crate) const ADDRESS: ([u8; 4], u16) = ([127, 0, 0, 1], 5300);

/// A new namespace has its loopback down.
const UP: [&str; 5] = ["ip", "link", "set", "lo", "up"];

/// What was found out about a program: which replies it saw, or what went otherwise than predicted.
pub(crate) type Finding = Result<String, String>;

/// Runs all cases of all programs. The error says why there is no namespace.
pub(crate) fn compare_all(folder: &Path, programs: &[(&str, Program)]) -> Result<Vec<Finding>, String> {
    if programs.is_empty() {
        return Ok(Vec::new());
    }
    let list: Vec<_> = programs.iter().map(|(name, program)| format!("{name} {}\n", program.resolver)).collect();
    fs::write(folder.join("programs"), list.concat()).map_err(|error| error.to_string())?;
    let namespace = ["--mount --net", "--map-root-user --mount --net"]
        .into_iter()
        .find(|flags| unshare(flags).args(UP).stderr(Stdio::null()).status().is_ok_and(|status| status.success()))
        .ok_or("unshare and ip (util-linux, iproute2): missing, or not allowed to make a namespace")?;
    let me = std::env::current_exe().map_err(|error| error.to_string())?;
    let output = unshare(namespace).arg(me).args([ARGUMENT.as_ref(), folder.as_os_str()]).output();
    let output = output.map_err(|error| error.to_string())?;
    let printed = String::from_utf8_lossy(&output.stdout);
    let finding = |name| match output.status.success() {
        true => worker::finding(name, &printed),
        false => Err(format!("the namespace failed:\n{}", String::from_utf8_lossy(&output.stderr))),
    };
    Ok(programs.iter().map(|(name, _)| finding(name)).collect())
}

fn unshare(flags: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args(flags.split(' '));
    command
}

/// In the namespace: serves until every worker has ended.
pub(crate) fn run(folder: &Path) -> ExitCode {
    let up = Command::new(UP[0]).args(&UP[1..]).status().expect("ip of iproute2");
    assert!(up.success(), "lo is down");
    let mut server = Server::bind(&config()).expect("an address of our own");
    server.feed().apply(picture());
    server.start().expect("a server");
    let me = std::env::current_exe().expect("a path");
    let workers: Vec<_> = (0..worker::WORKERS)
        .map(|index| {
            let mut command = unshare("--mount");
            command.arg(&me).args([worker::ARGUMENT, &index.to_string()]).arg(folder).stdout(Stdio::piped());
            command.spawn().expect("a worker")
        })
        .collect();
    let mut all_well = true;
    for worker in workers {
        let output = worker.wait_with_output().expect("its output");
        all_well &= output.status.success();
        print!("{}", String::from_utf8_lossy(&output.stdout));
    }
    server.shutdown();
    ExitCode::from(u8::from(!all_well))
}

fn config() -> Config {
    let address = SocketAddr::from(ADDRESS);
    let zones = Case::ZONES.map(|zone| format!("\"{zone}\"")).join(", ");
    let text = format!(
        "[admin]\nlisten = []\n[udp]\nthreads = 1\n[[server]]\nlisten = [\"{address}\"]\nzones = [{zones}]\n\
         [server.kubernetes]\nzones = [{zones}]\n"
    );
    Config::parse(&text, "test").unwrap_or_else(|errors| panic!("{errors:?}"))
}

/// Services and namespaces are known completely, endpoints not at all: so every kind of answer comes
/// from the server. `headless` is SERVFAIL, and what lies in none of the zones is REFUSED.
fn picture() -> Change {
    let source = Source::Text("test".into(), CLUSTER.as_bytes().into());
    let loaded = snapshot::load(&[source], &Options::default(), &mut |_| {}).expect("a legal cluster");
    assert!(loaded.picture.known.services && loaded.picture.known.namespaces && !loaded.picture.known.endpoints);
    Change::Reset(loaded.picture)
}

const CLUSTER: &str = r#"{"apiVersion": "v1", "kind": "List", "items": [
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}},
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "other"}},
    {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop"},
     "spec": {"clusterIP": "10.96.0.10", "ports": [{"name": "http", "port": 80, "protocol": "TCP"}]}},
    {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "dual", "namespace": "shop"},
     "spec": {"clusterIP": "10.96.0.11", "clusterIPs": ["10.96.0.11", "fd00::11"], "ports": [{"port": 80}]}},
    {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "six", "namespace": "shop"},
     "spec": {"clusterIP": "fd00::12", "clusterIPs": ["fd00::12"], "ports": [{"port": 80}]}},
    {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "other"},
     "spec": {"clusterIP": "10.96.0.13", "ports": [{"port": 80}]}},
    {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "headless", "namespace": "shop"},
     "spec": {"clusterIP": "None", "ports": [{"port": 80}]}},
    {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "outside", "namespace": "shop"},
     "spec": {"type": "ExternalName", "externalName": "www.example.com"}}]}"#;
