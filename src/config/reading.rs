//! Where a configuration is written, and reading it once more.
//!
//! A file that changed is recognised by a hash of all that was read for it, imports included: dates of
//! files say little where a ConfigMap is mounted. The same text is read once, whatever came of it, so one
//! bad file is one complaint however often it is looked at.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

use ring::digest::{Context, Digest, SHA512};

use super::{
    Config,
    corefile::{Corefile, FILE_OCTETS_MAX, Surroundings, System},
    error::ConfigError,
};

/// Where a configuration is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nowhere: it is the default.
    Default,
    /// A file in TOML.
    Toml(PathBuf),
    /// A file in CoreDNS's language. The port is for keys that name none.
    Corefile(PathBuf, u16),
    /// The text of such a file that came through a pipe, so that nobody can read it again.
    Piped(String, u16),
}

impl Origin {
    /// Of a file in either language, as its name or, where that says nothing, its text looks. The port is for
    /// keys of a Corefile that name none.
    pub fn guess(path: &Path, port: u16) -> Self {
        let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
        let is_corefile = match &*name {
            name if name.ends_with(".toml") => false,
            name if name.starts_with("corefile") || name.ends_with(".corefile") => true,
            // Whoever reads it says what is wrong with it.
            _ => !fs::read_to_string(path).is_ok_and(|text| is_toml(&text)),
        };
        if is_corefile { Self::Corefile(path.into(), port) } else { Self::Toml(path.into()) }
    }
}

/// Whether a text begins with a table or a value, which is nothing that a Corefile begins with.
fn is_toml(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim_start).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.next().is_none_or(|line| line.starts_with('[') || line.contains(" = "))
}

/// A configuration that is read, and may be read again. This blocks: files are read.
pub struct Reading {
    origin: Origin,
    adjust: Option<Box<Adjust>>,
    hash: Option<Hash>,
    notes: Vec<ConfigError>,
    files: Vec<PathBuf>,
    folders: Vec<PathBuf>,
}

/// What is done to a configuration before anybody has it.
type Adjust = dyn Fn(&mut Config) -> Result<(), String> + Send + Sync;

/// SHA-512 of every file of a configuration. It is shown in hexadecimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hash([u8; 64]);

impl Reading {
    /// Of this origin. Nothing is read yet.
    pub fn new(origin: Origin) -> Self {
        Self { origin, adjust: None, hash: None, notes: Vec::new(), files: Vec::new(), folders: Vec::new() }
    }

    /// With what the command line says in the place of the file.
    #[must_use]
    pub fn adjusted(mut self, adjust: impl Fn(&mut Config) -> Result<(), String> + Send + Sync + 'static) -> Self {
        self.adjust = Some(Box::new(adjust));
        self
    }

    /// The configuration as it is now. None: nothing has changed since the last time, good or bad.
    ///
    /// # Errors
    /// Every problem that was found, with its file, line and column.
    pub fn again(&mut self) -> Result<Option<Config>, Vec<ConfigError>> {
        let Read { config, hash, notes, files, folders } = read(&self.origin);
        (self.notes, self.files, self.folders) = (notes, files, folders);
        if self.hash.replace(hash) == Some(hash) {
            return Ok(None);
        }
        let mut config = config?;
        if let Some(adjust) = &self.adjust {
            adjust(&mut config).map_err(|message| vec![ConfigError::of_file(&self.name(), message)])?;
        }
        Ok(Some(config))
    }

    /// What was read last came to nothing: the next look takes it for new.
    pub fn forget(&mut self) {
        self.hash = None;
    }

    /// Where it is written.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Of what was read last.
    pub fn hash(&self) -> Option<Hash> {
        self.hash
    }

    /// What of it is no problem and may yet surprise.
    pub fn notes(&self) -> &[ConfigError] {
        &self.notes
    }

    /// The files that were read last, the first one first.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// The folders in which a new file may belong to it.
    pub fn folders(&self) -> &[PathBuf] {
        &self.folders
    }

    fn name(&self) -> String {
        match &self.origin {
            Origin::Default => "config.example.toml".into(),
            Origin::Toml(path) | Origin::Corefile(path, _) => path.display().to_string(),
            Origin::Piped(..) => PIPE.into(),
        }
    }
}

impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reading").field("origin", &self.origin).field("hash", &self.hash).finish_non_exhaustive()
    }
}

impl Hash {
    /// Of texts in their order.
    pub(super) fn of<'t>(texts: impl IntoIterator<Item = &'t str>) -> Self {
        let mut context = Context::new(&SHA512);
        for text in texts {
            // With its length a text ends where it ends.
            context.update(&(text.len() as u64).to_be_bytes());
            context.update(text.as_bytes());
        }
        Self::from(context.finish())
    }
}

impl From<Digest> for Hash {
    fn from(digest: Digest) -> Self {
        let mut octets = [0; 64];
        octets.copy_from_slice(digest.as_ref());
        Self(octets)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

/// What a pipe is called in errors.
const PIPE: &str = "standard input";

/// What one look has found.
struct Read {
    config: Result<Config, Vec<ConfigError>>,
    hash: Hash,
    notes: Vec<ConfigError>,
    files: Vec<PathBuf>,
    folders: Vec<PathBuf>,
}

fn read(origin: &Origin) -> Read {
    match origin {
        Origin::Default => plain(Ok(Config::default()), Hash::of([]), None),
        Origin::Toml(path) => match fs::read_to_string(path) {
            Ok(text) => plain(Config::parse(&text, &path.display().to_string()), Hash::of([&*text]), Some(path)),
            Err(error) => unreadable(path, &format!("{error}; clusterdns config > FILE makes one")),
        },
        Origin::Corefile(path, port) => {
            let around = System { port: *port };
            match around.read(path) {
                Ok(text) if text.len() > FILE_OCTETS_MAX => {
                    unreadable(path, &format!("it has more than {FILE_OCTETS_MAX} octets: import parts of it"))
                }
                Ok(text) => corefile(&text, &path.display().to_string(), &around),
                Err(error) => unreadable(path, &error.to_string()),
            }
        }
        Origin::Piped(text, port) => corefile(text, PIPE, &System { port: *port }),
    }
}

fn corefile(text: &str, name: &str, around: &System) -> Read {
    let Corefile { config, notes, hash, files, folders } = Corefile::read(text, name, around);
    Read { config, hash, notes, files, folders }
}

fn plain(config: Result<Config, Vec<ConfigError>>, hash: Hash, path: Option<&Path>) -> Read {
    Read { config, hash, notes: Vec::new(), files: path.into_iter().map(Into::into).collect(), folders: Vec::new() }
}

/// What is complained of is hashed: it is news once.
fn unreadable(path: &Path, message: &str) -> Read {
    let error = ConfigError::of_file(&path.display().to_string(), message.into());
    let hash = Hash::of([&*error.to_string()]);
    plain(Err(vec![error]), hash, Some(path))
}

#[cfg(test)]
mod tests;
