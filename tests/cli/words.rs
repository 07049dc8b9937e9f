//! Help, the default configuration, and what happens when nobody listens.

use std::{
    fs::{self, OpenOptions},
    io::Read,
    process::Stdio,
};

use clusterdns::objects::snapshot::KUBECTL;

use crate::program::{command, repository, run};

#[test]
fn help_shows_the_commands_and_the_first_steps() {
    let help = run(&["--help"]);
    assert_eq!((help.code, &*help.err), (Some(0), ""));
    for word in ["serve", "records", "check", "config", "dig @127.0.0.1 -p 5300 backend-service.example.svc", KUBECTL] {
        assert!(help.out.contains(word), "{word}: {}", help.out);
    }
    for (command, word) in [
        ("serve", "CLUSTERDNS_LOG"),
        ("records", "--zone in-addr.arpa"),
        ("check", "Exit code: 0"),
        ("snapshot", "clusterdns snapshot > cluster.json"),
        ("config", "commented default"),
    ] {
        let help = run(&[command, "--help"]);
        assert!(help.code == Some(0) && help.out.contains(word), "{command}: {help:?}");
    }
}

#[test]
fn wrong_arguments_are_named() {
    let wrong = run(&["server"]);
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.err.contains("'server'") && wrong.err.contains("'serve'"), "{}", wrong.err);
    let wrong = run(&["serve", "--listen", "5300"]);
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.err.contains("'5300'") && wrong.err.contains("127.0.0.1:5300"), "{}", wrong.err);
}

#[test]
fn config_prints_the_example_file() {
    let config = run(&["config"]);
    assert_eq!((config.code, &*config.err), (Some(0), ""));
    assert_eq!(config.out, fs::read_to_string(repository("config.example.toml")).unwrap());
}

#[test]
fn the_version_is_the_packages() {
    assert_eq!(run(&["--version"]).out, format!("clusterdns {}\n", env!("CARGO_PKG_VERSION")));
}

/// As in `clusterdns records | head -n 1`.
#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let cluster = repository("zones/dual-stack");
    for arguments in
        [&["config"][..], &["records", "--snapshot", &cluster], &["snapshot", "--snapshot", &cluster], &["--help"]]
    {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut child = command(arguments).stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
        let mut complaint = String::new();
        child.stderr.take().unwrap().read_to_string(&mut complaint).unwrap();
        assert_eq!((child.wait().unwrap().code(), &*complaint), (Some(0), ""), "{arguments:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_a_failure() {
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let child = command(&["config"]).stdout(full).stderr(Stdio::piped()).spawn().unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stderr.starts_with(b"standard output: No space left"), "{output:?}");
}
