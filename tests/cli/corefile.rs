//! A Corefile in the place of TOML: CoreDNS's flags, what is printed at the start, and what is refused.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    net::{Ipv4Addr, TcpListener, UdpSocket},
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

use crate::program::{Folder, command, repository, run, run_with_input};

/// A server that ends with the test, its standard output, and what it has said there.
pub(crate) struct Running(Child, BufReader<ChildStdout>, String);

impl Running {
    pub(crate) fn start(arguments: &[&str], folder: &Folder) -> Self {
        Self::of(command(arguments).current_dir(folder.path()))
    }

    pub(crate) fn of(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        Self(child, said, String::new())
    }

    /// The address that it says it listens on.
    pub(crate) fn address(&mut self) -> String {
        loop {
            let begin = self.2.len();
            assert_ne!(self.1.read_line(&mut self.2).unwrap(), 0, "it says where it listens: {}", self.2);
            if let Some((_, rest)) = self.2[begin..].split_once("listening on ") {
                return rest.split(' ').next().unwrap().to_owned();
            }
        }
    }

    /// Ends it, and gives what it has said: nothing on standard error.
    pub(crate) fn printed(mut self) -> String {
        let kill = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status();
        assert!(kill.unwrap().success());
        self.1.read_to_string(&mut self.2).unwrap();
        let mut error = String::new();
        self.0.stderr.take().unwrap().read_to_string(&mut error).unwrap();
        assert_eq!((self.0.wait().unwrap().code(), &*error), (Some(0), ""));
        std::mem::take(&mut self.2)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // One that has ended cannot be killed any more.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn banner(zones: &str) -> String {
    let platform = format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH);
    format!("{zones}\nclusterdns-{}\n{platform}\n", env!("CARGO_PKG_VERSION"))
}

/// The last four octets of the reply: an address.
pub(crate) fn ask(address: &str, name: &str) -> [u8; 4] {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    // Only a failure takes so long.
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    socket.connect(address).unwrap();
    let labels: Vec<u8> = name.split('.').flat_map(|label| [&[label.len() as u8], label.as_bytes()].concat()).collect();
    socket.send(&[&[0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0], &labels[..], &[0, 0, 1, 0, 1]].concat()).unwrap();
    let mut reply = [0; 512];
    let octets = socket.recv(&mut reply).unwrap();
    reply[octets - 4..octets].try_into().unwrap()
}

const COREFILE: &str = ".:0 {\n    bind 127.0.0.1\n    kubernetes cluster.local\n}\n";

#[test]
fn a_corefile_stands_on_a_snapshot() {
    let folder = Folder::new();
    folder.file("Corefile", COREFILE);
    let example = repository("zones/manifests");
    let pid = folder.path().join("pid");
    let mut running = Running::start(&["-conf", "Corefile", "-pidfile", "pid", "--snapshot", &example], &folder);
    let address = running.address();
    assert_eq!(ask(&address, "web.guestbook.svc.cluster.local"), [10, 102, 170, 38]);
    assert_eq!(fs::read_to_string(&pid).unwrap(), format!("{}\n", running.0.id()));
    let printed = running.printed();
    assert!(printed.contains(&banner(".:0 on 127.0.0.1")), "{printed}");
    assert!(!pid.exists());
}

#[test]
fn a_corefile_in_the_folder_is_served_without_a_word() {
    let folder = Folder::new();
    folder.file("Corefile", ".:0 {\nbind 127.0.0.1\n}\n");
    let mut running = Running::start(&[], &folder);
    running.address();
    let printed = running.printed();
    assert!(printed.contains(&banner(".:0 on 127.0.0.1")), "{printed}");
}

#[test]
fn an_endpoint_is_asked_without_tls_or_credentials() {
    let api = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let folder = Folder::new();
    let endpoint = format!("endpoint http://{}", api.local_addr().unwrap());
    folder.file("Corefile", &format!(".:0 {{\nbind 127.0.0.1\nkubernetes cluster.local {{\n{endpoint}\n}}\n}}\n"));
    let _running = Running::start(&["-conf", "Corefile", "-quiet"], &folder);
    let (stream, _) = api.accept().unwrap();
    let request: Vec<String> =
        BufReader::new(stream).lines().map(Result::unwrap).take_while(|line| !line.is_empty()).collect();
    assert!(request[0].starts_with("GET /api"), "{request:?}");
    assert!(request.iter().all(|line| !line.to_lowercase().starts_with("authorization:")), "{request:?}");
}

#[test]
fn a_corefile_may_come_through_a_pipe() {
    let check = run_with_input(&["check", "--corefile", "-"], "a:1 {\n nothing\n}\n");
    assert_eq!(check.code, Some(1));
    assert!(check.err.starts_with("standard input:2:2: `nothing` is no plugin of CoreDNS"), "{}", check.err);
}

#[test]
fn what_is_wrong_is_shown_with_its_line_and_nothing_is_served() {
    let folder = Folder::new();
    let file = folder.file("Corefile", ".:0 {\n    any\n    route53\n}\n");
    let serve = run(&["-conf", &file]);
    assert_eq!((serve.code, &*serve.out), (Some(1), ""));
    let any = format!(
        "{file}:2:5: clusterdns does not have CoreDNS's `any`: take it out, or leave this block to a CoreDNS\n  |\n\
         2 |     any\n  |     ^^^\n"
    );
    assert!(serve.err.starts_with(&any) && serve.err.contains(":3:5: "), "{}", serve.err);
    let none = run(&["-conf", "/nowhere/Corefile"]);
    assert_eq!((none.code, &*none.err), (Some(1), "/nowhere/Corefile: No such file or directory (os error 2)\n"));
}

#[test]
fn outside_of_a_cluster_its_owner_reads_so() {
    let folder = Folder::new();
    folder.file("Corefile", COREFILE);
    let mut command = command(&["-conf", "Corefile"]);
    command.env_remove("KUBERNETES_SERVICE_HOST").env_remove("KUBECONFIG").env("HOME", folder.path());
    let output = command.current_dir(folder.path()).output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && err.contains("KUBERNETES_SERVICE_HOST would be set"), "{err}");
}

#[test]
fn flags_that_need_a_corefile_or_a_value_say_so() {
    let folder = Folder::new();
    for (arguments, word) in [(&["-p", "1053"][..], "--corefile <FILE>"), (&["-conf"], "a value is required")] {
        let mut command = command(arguments);
        let output = command.current_dir(folder.path()).output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(2) && err.contains(word), "{err}");
    }
}

#[test]
fn plugins_and_version_are_printed() {
    let plugins = run(&["-plugins"]);
    assert_eq!(plugins.code, Some(0));
    assert!(plugins.out.starts_with("dns.autopath\ndns.bind\ndns.cache\n"), "{}", plugins.out);
    assert!(!plugins.out.contains("dns.route53"));
    assert_eq!(run(&["-version"]).out, format!("clusterdns {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn check_takes_either_language() {
    let folder = Folder::new();
    let corefile = "a:1053 {\n    bind 127.0.0.1\n    debug\n    kubernetes cluster.local\n    health :8080\n}\n";
    for name in ["Corefile.new", "dns.corefile", "config"] {
        let file = folder.file(name, corefile);
        let check = run(&["check", &file]);
        assert_eq!((check.code, &*check.err), (Some(0), ""));
        let note = format!("{file}:3:5: `debug` has no effect here: ");
        assert!(check.out.starts_with(&note), "{}", check.out);
        let end = "\nserves a.:1053 on 127.0.0.1\nserves http://[::]:8080/\nok: the configuration\n";
        assert!(check.out.ends_with(end), "{}", check.out);
    }
    for name in ["c.toml", "c"] {
        let check = run(&["check", &folder.file(name, "# none\n[udp]\nthreds = 1\n")]);
        assert!(check.code == Some(1) && check.err.contains(":3:1: unknown field `threds`"), "{}", check.err);
    }
    let with_cluster =
        run(&["check", &folder.file("Corefile", corefile), "--snapshot", &repository("zones/dual-stack")]);
    assert!(with_cluster.out.contains("\nok: 3 namespaces, 5 services, 8 slices from "), "{}", with_cluster.out);
}

#[test]
fn the_corefiles_of_distributions_are_good() {
    for name in ["kubeadm", "kind", "addon", "eks"] {
        let file = repository(&format!("tests/corefiles/{name}.Corefile"));
        let text = fs::read_to_string(&file).unwrap().replace("/etc/resolv.conf", "192.0.2.53");
        let folder = Folder::new();
        let check = run(&["check", &folder.file("Corefile", &text)]);
        assert_eq!(check.code, Some(0), "{check:?}");
        assert!(check.out.contains("serves .:53\n") && check.out.contains("http://[::]:9153/"), "{}", check.out);
    }
}
