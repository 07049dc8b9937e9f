//! The upstreams of `forward` in both languages: addresses, and files like /etc/resolv.conf.
//!
//! A file is looked at here, so that where none has a name server that is known before anything waits for it.

use std::{
    net::{IpAddr, SocketAddr},
    path::Path,
};

use rustls::pki_types::ServerName;

use super::{corefile::Surroundings, error::quoted};
use crate::forward::options::{Https, To};

/// CoreDNS's.
pub(super) const UPSTREAMS_MAX: usize = 15;
const PORT: u16 = 53;
const TLS_PORT: u16 = 853;
const HTTPS_PORT: u16 = 443;
/// Where nearly everybody answers.
const DOH_PATH: &str = "/dns-query";

/// `[dns://|tls://|https://]ADDRESS[%NAME][:PORT]`, behind `https://` with a path perhaps, or a file. Without TLS there
/// is nothing that a name is for.
pub(super) fn read(text: &str, around: &dyn Surroundings) -> Result<To, String> {
    let (scheme, rest) = text.split_once("://").unwrap_or(("dns", text));
    let (host, path) = if scheme == "https" { without_path(rest) } else { (rest, None) };
    let (address, name) = without_name(host);
    let named = || name.map(|name| server_name(&name)).transpose();
    let port = match scheme {
        "tls" => TLS_PORT,
        "https" => HTTPS_PORT,
        _ => PORT,
    };
    match (scheme, socket_address(&address, port)) {
        ("dns" | "tls" | "https", Some(address)) if address.port() == 0 => {
            Err(format!("{} has port 0: nobody listens there", quoted(text)))
        }
        ("dns", Some(address)) => Ok(To::Plain(address)),
        ("tls", Some(address)) => Ok(To::Tls(address, named()?)),
        ("https", Some(address)) => {
            let path = path.map_or_else(|| Ok(DOH_PATH.to_owned()), url_path)?;
            Ok(To::Https(Https { address, name: named()?, path }))
        }
        ("dns", None) => file(text, rest, around),
        ("grpc" | "quic" | "https3" | "unix", _) => Err(format!(
            "clusterdns does not ask over `{scheme}://`: write an address, `tls://ADDRESS` or `https://ADDRESS`"
        )),
        ("tls" | "https", None) => Err(format!("{} is no address: write `{scheme}://ADDRESS%NAME`", quoted(text))),
        _ => Err(format!("{} is no scheme: write `dns://`, `tls://` or `https://`", quoted(scheme))),
    }
}

/// The name servers of a file. Whatever is neither that nor an address may be the name of a host.
fn file(text: &str, path: &str, around: &dyn Surroundings) -> Result<To, String> {
    match around.read(Path::new(path)) {
        Ok(_) => Ok(To::ResolvConf(path.into())),
        Err(error) if path.contains('/') => Err(format!("{} cannot be read: {error}", quoted(path))),
        Err(_) => Err(format!(
            "{} is neither an address nor a file: clusterdns looks up no names of upstreams, write their addresses",
            quoted(text)
        )),
    }
}

/// Somebody is there who can be asked: a file may have no name server where others do.
pub(super) fn some_server(upstreams: &[To], around: &dyn Surroundings) -> Result<(), String> {
    let has_server = |to: &To| match to {
        To::Plain(_) | To::Tls(..) | To::Https(_) => true,
        To::ResolvConf(path) => around.read(path).is_ok_and(|text| name_servers(&text).next().is_some()),
    };
    match upstreams.first() {
        Some(To::ResolvConf(path)) if !upstreams.iter().any(has_server) => {
            let path = quoted(&path.to_string_lossy());
            Err(format!("{path} has no line `nameserver ADDRESS`: write the address of a name server here"))
        }
        _ => Ok(()),
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
pub(super) fn without_name(text: &str) -> (String, Option<String>) {
    let Some((front, behind)) = text.rsplit_once('%') else { return (text.into(), None) };
    let (name, port) = behind.split_at(behind.rfind(':').unwrap_or(behind.len()));
    let (name, closing) = (name.trim_end_matches(']'), if front.starts_with('[') { "]" } else { "" });
    (format!("{front}{closing}{port}"), Some(name.to_owned()).filter(|name| !name.is_empty()))
}

/// `HOST/PATH` as both.
fn without_path(text: &str) -> (&str, Option<&str>) {
    match text.find('/') {
        None => (text, None),
        Some(at) => (&text[..at], Some(&text[at..])),
    }
}

/// What may be asked at (RFC 3986 section 3.3). The `/` alone, which CoreDNS refuses too, is a slip of the pen.
fn url_path(path: &str) -> Result<String, String> {
    let is_right = |octet: u8| octet.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@%".contains(&octet);
    if path.len() > 1 && path.bytes().all(is_right) {
        return Ok(path.to_owned());
    }
    Err(format!("{} is no path that can be asked at: write one like `{DOH_PATH}`, or none", quoted(path)))
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

/// The names that CoreDNS has for rcodes, in any case.
const RCODES: [(&str, u16); 22] = [
    ("NOERROR", 0),
    ("FORMERR", 1),
    ("SERVFAIL", 2),
    ("NXDOMAIN", 3),
    ("NOTIMP", 4),
    ("NOTIMPL", 4),
    ("REFUSED", 5),
    ("YXDOMAIN", 6),
    ("YXRRSET", 7),
    ("NXRRSET", 8),
    ("NOTAUTH", 9),
    ("NOTZONE", 10),
    ("DSOTYPENI", 11),
    ("BADSIG", 16),
    ("BADVERS", 16),
    ("BADKEY", 17),
    ("BADTIME", 18),
    ("BADMODE", 19),
    ("BADNAME", 20),
    ("BADALG", 21),
    ("BADTRUNC", 22),
    ("BADCOOKIE", 23),
];

/// An rcode by its name.
pub(super) fn rcode(text: &str) -> Result<u16, String> {
    let of_name = RCODES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
    of_name.map(|(_, code)| *code).ok_or_else(|| format!("{} is no rcode, like `NXDOMAIN` or `SERVFAIL`", quoted(text)))
}
