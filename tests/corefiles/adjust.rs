//! The Corefile of a distribution, edited as little as a test needs: its addresses are real ones of a node.

use std::net::SocketAddr;

/// The same on this port of 127.0.0.1, with this upstream. What else listens has a port that the system picks,
/// and files of `/etc/coredns` stand beside the Corefile.
pub(crate) fn adjusted(corefile: &str, port: u16, upstream: SocketAddr) -> String {
    let binds = corefile.lines().any(|line| line.trim_start().starts_with("bind "));
    let adjusted = corefile.lines().map(|line| {
        let brace = if line.ends_with('{') { " {" } else { "" };
        match line.split_whitespace().next() {
            Some("bind") => "bind 127.0.0.1".to_owned(),
            Some(admin @ ("health" | "ready" | "prometheus")) => format!("{admin} 127.0.0.1:0{brace}"),
            Some("forward") => format!("forward . {upstream}{brace}"),
            Some(key) if key.ends_with(":53") && binds => line.replace(":53 ", &format!(":{port} ")),
            Some(key) if key.ends_with(":53") => line.replace(":53 ", &format!(":{port} ")) + "\nbind 127.0.0.1",
            _ => line.replace("/etc/coredns/", ""),
        }
    });
    adjusted.map(|line| line + "\n").collect()
}
