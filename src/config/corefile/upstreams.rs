//! The upstreams of `forward`: addresses, and files like /etc/resolv.conf.
//!
//! A file is looked at here, so that one without a name server is known before anything waits for it.

use std::{
    net::{IpAddr, SocketAddr},
    path::Path,
};

use rustls::pki_types::ServerName;

use super::{
    checked::Checked,
    report::{Word, quoted},
};
use crate::forward::options::To;

const PORT: u16 = 53;
const TLS_PORT: u16 = 853;
/// CoreDNS's.
const UPSTREAMS_MAX: usize = 15;

/// `TO..`, each once.
pub(super) fn read(words: &[Word], checked: &mut Checked<'_>) -> Vec<To> {
    let mut upstreams: Vec<To> = Vec::new();
    if let Some(more) = words.get(UPSTREAMS_MAX) {
        checked.problem::<()>(more.place, format!("more than {UPSTREAMS_MAX} upstreams: take some out"));
        return upstreams;
    }
    for word in words {
        let Some(to) = upstream(word, checked) else { continue };
        if !upstreams.contains(&to) {
            upstreams.push(to);
        }
    }
    upstreams
}

/// `[dns://|tls://]ADDRESS[%NAME][:PORT]`, or a file.
fn upstream(word: &Word, checked: &mut Checked<'_>) -> Option<To> {
    let (scheme, rest) = word.text.split_once("://").unwrap_or(("dns", &word.text));
    let (address, name) = without_name(rest);
    match (scheme, socket_address(&address, if scheme == "tls" { TLS_PORT } else { PORT })) {
        ("dns" | "tls", Some(address)) if address.port() == 0 => {
            checked.problem(word.place, format!("{} has port 0: nobody listens there", quoted(&word.text)))
        }
        ("dns", Some(address)) => {
            if let Some(name) = name {
                checked.report.note(word.place, format!("{} is not read: the address is all", quoted(&name)));
            }
            Some(To::Plain(address))
        }
        ("tls", Some(address)) => {
            let name = name.map(|name| checked.report.checked(word.place, server_name(&name)));
            Some(To::Tls(address, name.flatten()))
        }
        ("dns", None) => file(word, rest, checked),
        ("https" | "grpc" | "quic" | "https3" | "unix", _) => {
            let message = format!("clusterdns does not ask over `{scheme}://`: write an address, or `tls://ADDRESS`");
            checked.problem(word.place, message)
        }
        ("tls", None) => {
            let message = format!("{} is no address: write `tls://ADDRESS%NAME`", quoted(&word.text));
            checked.problem(word.place, message)
        }
        _ => checked.problem(word.place, format!("{} is no scheme: write `dns://` or `tls://`", quoted(scheme))),
    }
}

/// The name servers of a file. Whatever is neither that nor an address may be the name of a host.
fn file(word: &Word, path: &str, checked: &mut Checked<'_>) -> Option<To> {
    match checked.around.read(Path::new(path)) {
        Ok(text) if name_servers(&text).next().is_some() => Some(To::ResolvConf(path.into())),
        Ok(_) => {
            let message = format!("{} has no line `nameserver ADDRESS`: write the address of one here", quoted(path));
            checked.problem(word.place, message)
        }
        Err(error) if path.contains('/') => {
            checked.problem(word.place, format!("{} cannot be read: {error}", quoted(path)))
        }
        Err(_) => {
            let message = format!(
                "{} is neither an address nor a file: clusterdns looks up no names of upstreams, write their addresses",
                quoted(&word.text)
            );
            checked.problem(word.place, message)
        }
    }
}

/// The addresses of lines `nameserver ADDRESS`.
fn name_servers(text: &str) -> impl Iterator<Item = IpAddr> {
    text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let (word, address) = (words.next()?, words.next()?);
        let address = address.split_once('%').map_or(address, |(address, _)| address);
        if word == "nameserver" { address.parse().ok() } else { None }
    })
}

/// `ADDRESS%NAME:PORT` as `ADDRESS:PORT` and the name.
fn without_name(text: &str) -> (String, Option<String>) {
    let Some((front, behind)) = text.rsplit_once('%') else { return (text.into(), None) };
    let (name, port) = behind.split_at(behind.rfind(':').unwrap_or(behind.len()));
    let (name, closing) = (name.trim_end_matches(']'), if front.starts_with('[') { "]" } else { "" });
    (format!("{front}{closing}{port}"), Some(name.to_owned()).filter(|name| !name.is_empty()))
}

/// An address, with or without a port and brackets.
fn socket_address(text: &str, port: u16) -> Option<SocketAddr> {
    let alone = || text.trim_matches(['[', ']']).parse().map(|ip: IpAddr| SocketAddr::new(ip, port));
    text.parse().or_else(|_| alone()).ok()
}

/// The name of a certificate.
pub(super) fn server_name(text: &str) -> Result<String, String> {
    match ServerName::try_from(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(format!("{} is no name that a certificate can have", quoted(text))),
    }
}
