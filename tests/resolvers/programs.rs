//! The programs with a resolver each, built here and now.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use clusterdns::search::Resolver;

/// One per resolver that there is on a Debian machine.
pub(crate) const NAMES: [&str; 3] = ["glibc", "musl", "go"];

/// A program that looks up a name and prints what came of it.
#[derive(Debug)]
pub(crate) struct Program {
    /// What it proves something about.
    pub(crate) version: String,
    /// By whose rules it should behave.
    pub(crate) resolver: Resolver,
}

impl Program {
    /// Builds one; the error says what is missing.
    pub(crate) fn build(name: &str, folder: &Path) -> Result<Self, String> {
        let output = path(name, folder);
        match name {
            "glibc" => {
                said(Command::new("gcc").args(["-o"]).arg(&output).arg(source("getaddrinfo.c")).arg("-lresolv"))?;
                let version = said(Command::new("getconf").arg("GNU_LIBC_VERSION"))?;
                Ok(Self { version, resolver: Resolver::Glibc })
            }
            "musl" => {
                said(Command::new("musl-gcc").args(["-static", "-o"]).arg(&output).arg(source("getaddrinfo.c")))?;
                let version = musl_version()?;
                let resolver = if is_before(&version, [1, 2, 4]) { Resolver::MuslOld } else { Resolver::Musl };
                Ok(Self { version: format!("musl {version}"), resolver })
            }
            _ => {
                let mut go = Command::new("go");
                go.args(["build", "-o"]).arg(&output).arg(source("lookup.go"));
                // Without these Go might fetch another Go, or ask the C library.
                go.envs([("CGO_ENABLED", "0"), ("GOTOOLCHAIN", "local"), ("GOFLAGS", "")]);
                if env::var_os("HOME").is_none() {
                    go.env("GOCACHE", folder.join("go-cache"));
                }
                said(&mut go)?;
                let version = said(Command::new("go").args(["env", "GOVERSION"]))?;
                if is_before(version.trim_start_matches("go"), [1, 24, 0]) {
                    return Err(format!("go: {version} has other rules than those since 1.24"));
                }
                Ok(Self { version, resolver: Resolver::Go })
            }
        }
    }
}

/// Where a program lies once it is built.
pub(crate) fn path(name: &str, folder: &Path) -> PathBuf {
    folder.join(format!("program-{name}"))
}

fn source(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/resolvers").join(file)
}

/// What a tool prints when it has worked.
fn said(command: &mut Command) -> Result<String, String> {
    let tool = command.get_program().to_string_lossy().into_owned();
    let Output { status, stdout, stderr } = command.output().map_err(|error| format!("{tool}: {error}"))?;
    if !status.success() {
        return Err(format!("{tool}: {}", String::from_utf8_lossy(&stderr).trim()));
    }
    Ok(String::from_utf8_lossy(&stdout).trim().to_owned())
}

/// The loader says it, and fails in doing so.
fn musl_version() -> Result<String, String> {
    let loaders = fs::read_dir("/lib").map_err(|error| format!("/lib: {error}"))?;
    let mut loaders = loaders.filter_map(|entry| Some(entry.ok()?.path()));
    let is_musl =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"ld-musl-"));
    let loader = loaders.find(is_musl).ok_or("/lib/ld-musl-*: missing")?;
    let output = Command::new(&loader).output().map_err(|error| format!("{}: {error}", loader.display()))?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let version = text.lines().find_map(|line| line.strip_prefix("Version "));
    version.map(str::to_owned).ok_or_else(|| format!("{}: no version in {text:?}", loader.display()))
}

fn is_before(version: &str, first: [u32; 3]) -> bool {
    let mut numbers = version.split('.').map(|number| number.parse().unwrap_or(0));
    [(); 3].map(|()| numbers.next().unwrap_or(0)) < first
}
