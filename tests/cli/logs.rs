//! What a server says of itself and of questions: like CoreDNS, or as JSON.

use std::net::UdpSocket;

use crate::{
    corefile::{Running, ask},
    program::{Folder, command, repository, run},
};

/// Logs all, and asks somebody who is not there.
fn corefile() -> String {
    let nobody = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    format!(
        ".:0 {{\n    bind 127.0.0.1\n    errors\n    log\n    kubernetes cluster.local\n    forward . {nobody}\n    health 127.0.0.1:0\n}}\n"
    )
}

#[test]
fn lines_are_coredns_s_with_a_corefile() {
    let folder = Folder::new();
    folder.file("Corefile", &corefile());
    let example = repository("zones/manifests");
    let mut running = Running::start(&["-conf", "Corefile", "--snapshot", &example], &folder);
    let address = running.address();
    ask(&address, "web.guestbook.svc.cluster.local");
    ask(&address, "example.org");
    let printed = running.printed();
    let own = |line: &str| ["[INFO] ", "[WARNING] ", "[ERROR] "].iter().any(|level| line.starts_with(level));
    let others: Vec<_> = printed.lines().filter(|line| !own(line)).collect();
    assert_eq!(others.len(), 3, "the banner has no level: {printed}");
    let line = |part: &str| printed.lines().find(|line| line.contains(part)).unwrap_or_else(|| panic!("{printed}"));
    let question = line("web.guestbook");
    assert!(question.starts_with("[INFO] 127.0.0.1:"), "{question}");
    let middle = " - 7 \"A IN web.guestbook.svc.cluster.local. udp 49 false 512\" NOERROR qr,aa,rd 65 0.0";
    assert!(question.contains(middle) && question.ends_with('s'), "{question}");
    assert!(line("A IN example.org. udp 29 false 512\" SERVFAIL qr,rd ").starts_with("[INFO] "), "{printed}");
    let failure = line("plugin/errors");
    assert!(failure.starts_with("[ERROR] plugin/errors: 2 example.org. A: "), "{failure}");
}

#[test]
fn lines_are_objects_where_the_environment_says_so() {
    let folder = Folder::new();
    let file = folder.file("Corefile", &corefile());
    let example = repository("zones/manifests");
    let mut command = command(&["-conf", &file, "--snapshot", &example]);
    let mut running = Running::of(command.env("CLUSTERDNS_LOG_FORMAT", "json"));
    ask(&running.address(), "web.guestbook.svc.cluster.local");
    let printed = running.printed();
    for line in printed.lines() {
        let object: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert!(object["level"].is_string(), "{line}");
    }
    for part in ["\"message\":\"SIGTERM: ", "\"name\":\"web.guestbook.svc.cluster.local.\""] {
        assert!(printed.contains(part), "{printed}");
    }
}

#[test]
fn a_form_that_is_none_is_refused() {
    let mut wrong = command(&["serve"]);
    let output = wrong.env("CLUSTERDNS_LOG_FORMAT", "xml").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "CLUSTERDNS_LOG_FORMAT: write text, coredns or json\n");
    assert!(run(&["serve", "--help"]).out.contains("CLUSTERDNS_LOG_FORMAT"));
}
