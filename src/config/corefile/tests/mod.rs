//! Corefiles and what is made of them: the language, each directive, and the files that distributions ship.

mod cache;
mod directives;
mod drawn;
mod forward;
mod hosts;
mod kubernetes;
mod language;
mod life;
mod logs;
mod rewrite;
mod samples;
mod servers;
mod template;

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use super::{Corefile, Surroundings};
use crate::config::Config;

/// Surroundings of a test.
#[derive(Default)]
struct World {
    files: BTreeMap<PathBuf, String>,
    variables: BTreeMap<String, String>,
}

impl World {
    fn files(files: &[(&str, &str)]) -> Self {
        let files = files.iter().map(|(path, text)| (path.into(), (*text).to_owned())).collect();
        Self { files, ..Self::default() }
    }

    fn variables(variables: &[(&str, &str)]) -> Self {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self { variables, ..Self::default() }
    }
}

impl Surroundings for World {
    fn read(&self, path: &Path) -> io::Result<String> {
        self.files.get(path).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn names(&self, folder: &Path) -> io::Result<Vec<String>> {
        let inside = |path: &PathBuf| {
            let mut rest = path.strip_prefix(folder).ok()?.components();
            Some(rest.next()?.as_os_str().to_string_lossy().into_owned())
        };
        // Backwards: whoever reads must sort.
        Ok(self.files.keys().rev().filter_map(inside).collect())
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }

    fn addresses(&self, interface: &str) -> Option<Vec<SocketAddr>> {
        let lo = || ["127.0.0.1:0", "[::1]:0"].map(|address| address.parse().unwrap()).to_vec();
        (interface == "lo").then(lo)
    }
}

fn config(text: &str) -> Config {
    config_in(&World::default(), text)
}

fn config_in(world: &World, text: &str) -> Config {
    Config::parse_corefile(text, "/etc/coredns/Corefile", world).unwrap_or_else(|errors| panic!("{text}\n{errors:#?}"))
}

/// The errors of a text, each as its place and sentence.
fn errors(text: &str) -> Vec<String> {
    errors_in(&World::default(), text)
}

fn errors_in(world: &World, text: &str) -> Vec<String> {
    first_lines(&Config::parse_corefile(text, "Corefile", world).expect_err(text))
}

/// The one error of a text.
fn error(text: &str) -> String {
    let mut errors = errors(text);
    assert_eq!(errors.len(), 1, "{text}: {errors:#?}");
    errors.remove(0)
}

fn notes(text: &str) -> Vec<String> {
    let read = Corefile::read(text, "Corefile", &World::default());
    assert!(read.config.is_ok(), "{text}: {:#?}", read.config);
    first_lines(&read.notes)
}

fn first_lines(errors: &[crate::config::error::ConfigError]) -> Vec<String> {
    errors.iter().map(|error| error.to_string().lines().next().unwrap().to_owned()).collect()
}
