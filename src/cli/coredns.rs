//! CoreDNS's face: its flags on the binary itself, and what it prints when it starts.
//!
//! Whoever changes the image of a Deployment changes nothing else, so `-conf /etc/coredns/Corefile` must
//! mean here what it means there. The flags are turned into our own arguments before anybody reads them.

use std::{
    env::consts::{ARCH, OS},
    ffi::{OsStr, OsString},
    fmt::Write,
    net::SocketAddr,
    process::ExitCode,
};

use super::{Failure, print};
use crate::{
    config::{Config, Server, corefile},
    records::zone::Zone,
};

/// The file that is served where none is named.
pub(super) const COREFILE: &str = "Corefile";

/// The port of zones that name none.
pub(super) const PORT: u16 = 53;

/// A flag of CoreDNS, with our own.
enum Flag {
    /// Something stands behind it.
    Value(&'static str),
    Switch(&'static str),
    /// A command of its own, whatever else is written.
    Command(&'static str),
}

const FLAGS: [(&str, Flag); 7] = [
    ("conf", Flag::Value("--corefile")),
    ("dns.port", Flag::Value("--port")),
    ("p", Flag::Value("--port")),
    ("pidfile", Flag::Value("--pidfile")),
    ("plugins", Flag::Command("plugins")),
    ("quiet", Flag::Switch("--quiet")),
    ("version", Flag::Command("--version")),
];

/// Our arguments for those of CoreDNS, with one dash or two. All others stay as they are.
pub(super) fn arguments(typed: impl IntoIterator<Item = OsString>, has_corefile: bool) -> Vec<OsString> {
    let mut typed = typed.into_iter();
    let program: Vec<OsString> = typed.next().into_iter().collect();
    let typed: Vec<OsString> = typed.collect();
    let served = match typed.first() {
        None if has_corefile => Some(vec!["serve".into()]),
        Some(first) if first.as_encoded_bytes().starts_with(b"-") => translated(&typed),
        _ => None,
    };
    let Some(mut served) = served else { return [program, typed].concat() };
    let names = |argument: &OsString| argument.as_encoded_bytes().starts_with(b"--corefile");
    if has_corefile && served[0] == "serve" && !served.iter().any(names) {
        served.extend(["--corefile", COREFILE].map(Into::into));
    }
    [program, served].concat()
}

/// None where no flag is CoreDNS's. What is ours may stand between them: `-conf Corefile --snapshot FILE`.
fn translated(typed: &[OsString]) -> Option<Vec<OsString>> {
    let (mut served, mut any) = (vec![OsString::from("serve")], false);
    let mut typed = typed.iter();
    while let Some(argument) = typed.next() {
        let Some((flag, value)) = flag(argument) else {
            served.push(argument.clone());
            continue;
        };
        any = true;
        match flag {
            Flag::Value(ours) => {
                let mut joined = OsString::from(ours);
                if let Some(value) = value.or(typed.next().map(OsString::as_os_str)) {
                    joined.push("=");
                    joined.push(if *ours == "--corefile" && value == "stdin" { OsStr::new("-") } else { value });
                }
                served.push(joined);
            }
            Flag::Switch(_) | Flag::Command(_) if value.is_some_and(is_off) => {}
            Flag::Switch(ours) => served.push(ours.into()),
            Flag::Command(ours) => return Some(vec![ours.into()]),
        }
    }
    any.then_some(served)
}

/// The flag that an argument is, and what stands behind its `=`.
fn flag(argument: &OsStr) -> Option<(&'static Flag, Option<&OsStr>)> {
    let text = argument.to_str()?;
    let text = text.strip_prefix("--").or_else(|| text.strip_prefix('-'))?;
    let (name, value) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(OsStr::new(value))));
    FLAGS.iter().find(|(flag, _)| *flag == name).map(|(_, flag)| (flag, value))
}

/// As Go writes it.
fn is_off(value: &OsStr) -> bool {
    ["0", "f", "F", "false", "FALSE", "False"].iter().any(|off| value == *off)
}

/// `clusterdns plugins`
pub(super) fn plugins() -> Result<ExitCode, Failure> {
    print(&corefile::directives().map(|name| format!("dns.{name}\n")).collect::<String>())
}

/// A line for each zone and port, then version and platform.
pub(super) fn banner(config: &Config) -> String {
    let mut text = zones(config);
    let _ = write!(text, "clusterdns-{}\n{OS}/{ARCH}\n", env!("CARGO_PKG_VERSION"));
    text
}

/// `ZONE:PORT`, and on which address where that is not all of them.
pub(super) fn zones(config: &Config) -> String {
    let line = |zone: &Zone, address: &SocketAddr| match address.ip() {
        ip if ip.is_unspecified() => format!("{}:{}\n", zone.apex, address.port()),
        ip => format!("{}:{} on {ip}\n", zone.apex, address.port()),
    };
    let of_server = |server: &Server| -> String {
        let of_address = |address| server.zones.iter().map(move |zone| line(zone, address));
        server.listen.iter().flat_map(of_address).collect()
    };
    config.servers.iter().map(of_server).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is made of these words, without the program's name.
    fn made_of(words: &str, has_corefile: bool) -> String {
        let typed = ["clusterdns"].into_iter().chain(words.split_whitespace()).map(OsString::from);
        let made: Vec<_> =
            arguments(typed, has_corefile).iter().map(|word| word.to_str().unwrap().to_owned()).collect();
        assert_eq!(made[0], "clusterdns");
        made[1..].join(" ")
    }

    #[test]
    fn flags_have_one_dash_or_two_and_a_value_behind_them_or_joined() {
        for conf in ["-conf F", "--conf F", "-conf=F", "--conf=F"] {
            assert_eq!(made_of(conf, true), "serve --corefile=F");
        }
        assert_eq!(
            made_of("-conf /etc/coredns/Corefile -dns.port 1053 -pidfile /run/p -quiet", false),
            "serve --corefile=/etc/coredns/Corefile --port=1053 --pidfile=/run/p --quiet"
        );
        assert_eq!(made_of("-quiet=false -p 54 -quiet=true -conf stdin", true), "serve --port=54 --quiet --corefile=-");
    }

    #[test]
    fn a_corefile_in_the_folder_is_served() {
        assert_eq!([made_of("", true), made_of("", false)], ["serve --corefile Corefile", ""]);
        assert_eq!(made_of("-p 1053", true), "serve --port=1053 --corefile Corefile");
        // clap says what is missing.
        assert_eq!([made_of("-p 1053", false), made_of("-conf", true)], ["serve --port=1053", "serve --corefile"]);
    }

    #[test]
    fn version_and_plugins_are_all_that_is_done() {
        assert_eq!(made_of("-conf F -version", true), "--version");
        assert_eq!([made_of("-plugins", true), made_of("--version", true)], ["plugins", "--version"]);
        assert_eq!(made_of("-version=0 -conf F", true), "serve --corefile=F");
    }

    #[test]
    fn what_is_ours_stays() {
        for words in ["serve --quiet", "--help", "-h", "records -conf", "--snapshot a", "-x"] {
            assert_eq!(made_of(words, true), words);
        }
        assert_eq!(made_of("-conf F --snapshot a.json -x", true), "serve --corefile=F --snapshot a.json -x");
    }

    #[test]
    fn zones_are_printed_with_their_ports() {
        let around = corefile::System { port: 53 };
        let text = "Example.org:1053 {\n}\na {\nbind 127.0.0.1 ::1\n}\nb:1 {\n}";
        let config = Config::parse_corefile(text, "Corefile", &around).unwrap();
        assert_eq!(zones(&config), "example.org.:1053\na.:53 on 127.0.0.1\na.:53 on ::1\nb.:1\n");
        let version = env!("CARGO_PKG_VERSION");
        assert!(banner(&config).ends_with(&format!("b.:1\nclusterdns-{version}\n{OS}/{ARCH}\n")));
    }
}
