//! Names and addresses of files like /etc/hosts, and of a Corefile: CoreDNS's `hosts`.
//!
//! A file is looked at again and again, and read when its length or time has changed. What was read last
//! stays in service while a file is gone, too large or unreadable: a file counts as a whole or not at all.

mod file;
mod table;
#[cfg(test)]
mod tests;

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use arc_swap::ArcSwap;
use tokio::{runtime::Handle, task::spawn_blocking, time};

use super::{
    Reach, Verdict,
    draft::{Draft, Record},
    zones::Zones,
};
use crate::{
    answers::{
        code,
        question::{QueryName, Question},
        reverse,
    },
    records::name::Name,
};
pub use file::FILE_OCTETS_MAX;
use file::Stamp;
pub use table::NAMES_MAX;
use table::{Addresses, Table};

/// What CoreDNS's `hosts` can be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The file.
    pub path: PathBuf,
    /// Names outside of these are left to others.
    pub zones: Zones,
    /// Lines of the same kind from the Corefile.
    pub inline: String,
    /// Of every record.
    pub ttl_secs: u32,
    /// Between two looks at the file; none: it is read once.
    pub reload: Option<Duration>,
    /// Whether addresses have names.
    pub reverse: bool,
    /// Names in these that have no entry are left to the next stage.
    pub fallthrough: Zones,
    /// So are questions for other types than addresses, whatever the name has.
    pub hands_on_types: bool,
}

impl Options {
    /// CoreDNS's, for the names in these zones.
    pub fn new(zones: Zones) -> Self {
        Self {
            path: "/etc/hosts".into(),
            zones,
            inline: String::new(),
            ttl_secs: 3600,
            reload: Some(Duration::from_secs(5)),
            reverse: true,
            fallthrough: Zones::default(),
            hands_on_types: false,
        }
    }
}

/// The longest TTL that may be told: CoreDNS's.
pub const TTL_SECS_MAX: u32 = 65_535;

/// Whether an entry may begin with this word.
pub fn is_address(word: &str) -> bool {
    table::address(word).is_some()
}

/// See the module.
pub struct Hosts {
    options: Options,
    inline: Table,
    file: ArcSwap<Read>,
    /// Trees whose names others would like to answer without asking.
    shades: Mutex<Vec<Shade>>,
    /// What was said last of the file.
    told: Mutex<Option<Fault>>,
}

/// What was read of the file.
#[derive(Default)]
struct Read {
    table: Table,
    stamp: Option<Stamp>,
}

struct Shade {
    tree: Box<[u8]>,
    is_set: Weak<AtomicBool>,
}

/// Where an entry is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// In which file; none: in the configuration.
    pub path: Option<PathBuf>,
    /// The line of the file, or which of the entries of the configuration it is, from one.
    pub line: usize,
}

/// Why nothing new was read.
type Fault = String;

impl Hosts {
    /// Reads the file, as far as it is there.
    pub fn new(options: Options) -> Self {
        let inline = Table::read(&options.inline, &options.zones, options.reverse).unwrap_or_default();
        let (file, shades, told) = Default::default();
        let hosts = Self { options, inline, file, shades, told };
        hosts.look();
        hosts
    }

    /// Looks at the file now and then, until this is dropped.
    pub fn follow(self: &Arc<Self>, runtime: &Handle) {
        if let Some(interval) = self.options.reload {
            runtime.spawn(follow(Arc::downgrade(self), interval));
        }
    }

    /// What it was told. It survives a reload that tells it the same.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The file's path.
    pub fn path(&self) -> &Path {
        &self.options.path
    }

    /// Addresses of names and names of addresses, of the file and of the Corefile.
    pub fn entries(&self) -> u64 {
        self.inline.entries + self.file.load().table.entries
    }

    /// When the file was changed that is in service; none where none was read.
    pub fn modified(&self) -> Option<SystemTime> {
        self.file.load().stamp.map(|stamp| stamp.modified)
    }

    /// Lines of that file that are no entries.
    pub fn bad_lines(&self) -> usize {
        self.file.load().table.bad.lines
    }

    /// Whether a question is answered here, or fails here.
    #[inline]
    pub(super) fn touches(&self, name: &QueryName, qtype: u16) -> bool {
        let read = self.file.load();
        if qtype == code::PTR {
            let Some(address) = reverse::address(name).map(|address| address.to_canonical()) else { return false };
            return self.tables(&read).into_iter().any(|table| !table.names(address).is_empty());
        }
        self.options.zones.has(name) && (!self.options.fallthrough.has(name) || self.has(&read, name))
    }

    /// What becomes of a question.
    pub fn answer(&self, name: &QueryName, question: &Question<'_>) -> Verdict {
        let read = self.file.load();
        let falls = || self.options.fallthrough.has(name);
        if question.qtype == code::PTR {
            let names = self.names(&read, name);
            return if names.is_empty() { Verdict::Pass } else { self.reply(question, names) };
        }
        if !self.options.zones.has(name) {
            return Verdict::Pass;
        }
        let is_address = matches!(question.qtype, code::A | code::AAAA);
        match self.has(&read, name) {
            true if is_address || !self.options.hands_on_types || !falls() => {
                self.reply(question, self.addresses(&read, name, question.qtype))
            }
            false if !falls() => Verdict::Fail(None),
            _ => Verdict::Pass,
        }
    }

    /// Whether a question ends here, with an answer or without.
    pub fn keeps(&self, name: &QueryName, question: &Question<'_>) -> bool {
        !matches!(self.answer(name, question), Verdict::Pass)
    }

    /// Where the entry of a question is written, if it has one.
    pub fn entry(&self, name: &QueryName, qtype: u16) -> Option<Entry> {
        let read = self.file.load();
        let line = |table: &Table| match qtype {
            code::PTR => table.line_of_address(reverse::address(name)?.to_canonical()),
            _ => table.line_of(name),
        };
        let of_file = line(&read.table).map(|line| Entry { path: Some(self.path().to_owned()), line });
        of_file.or_else(|| line(&self.inline).map(|line| Entry { path: None, line }))
    }

    /// Which questions for addresses in a tree may be touched.
    pub(super) fn reach(&self, tree: &[u8]) -> Reach {
        let Options { zones, fallthrough, .. } = &self.options;
        if !zones.meets(tree) {
            return Reach::Nothing;
        }
        if !fallthrough.has_all(tree) || self.inline.meets(tree) {
            return Reach::Anything;
        }
        let is_set = Arc::new(AtomicBool::new(true));
        let mut shades = self.shades.lock().unwrap_or_else(PoisonError::into_inner);
        shades.retain(|shade| shade.is_set.strong_count() > 0);
        shades.push(Shade { tree: tree.into(), is_set: Arc::downgrade(&is_set) });
        is_set.store(self.file.load().table.meets(tree), Ordering::Relaxed);
        Reach::While(is_set)
    }

    // ----------- Look-ups --------------------------------------------------

    /// The file's entries come first.
    fn tables<'t>(&'t self, read: &'t Read) -> [&'t Table; 2] {
        [&read.table, &self.inline]
    }

    /// Whether a name has addresses of either family.
    fn has(&self, read: &Read, name: &QueryName) -> bool {
        self.tables(read).into_iter().map(|table| table.of(name)).any(|(exact, wild)| exact.is_some() || wild.is_some())
    }

    /// The data of the records of a name. A wildcard has those of the families that the name itself lacks.
    fn addresses(&self, read: &Read, name: &QueryName, qtype: u16) -> Vec<Box<[u8]>> {
        let of_type = |addresses: Option<&Addresses>| -> Vec<Box<[u8]>> {
            match (addresses, qtype) {
                (Some(addresses), code::A) => addresses.v4.iter().map(|v4| v4.octets().into()).collect(),
                (Some(addresses), code::AAAA) => addresses.v6.iter().map(|v6| v6.octets().into()).collect(),
                _ => Vec::new(),
            }
        };
        let mut all: Vec<Box<[u8]>> = Vec::new();
        for (exact, wild) in self.tables(read).map(|table| table.of(name)) {
            let exact = of_type(exact);
            let found = if exact.is_empty() { of_type(wild) } else { exact };
            all.extend(found.into_iter().filter(|one| !all.contains(one)).collect::<Vec<_>>());
        }
        all
    }

    /// The names of the address that a reverse name stands for.
    fn names(&self, read: &Read, name: &QueryName) -> Vec<Box<[u8]>> {
        let Some(address): Option<IpAddr> = reverse::address(name) else { return Vec::new() };
        let mut all: Vec<Box<[u8]>> = Vec::new();
        for found in self.tables(read).into_iter().flat_map(|table| table.names(address.to_canonical())).map(Name::wire)
        {
            if !all.iter().any(|known| **known == *found) {
                all.push(found.into());
            }
        }
        all
    }

    fn reply(&self, question: &Question<'_>, data: Vec<Box<[u8]>>) -> Verdict {
        let record = |data| Record {
            owner: question.name.into(),
            kind: question.qtype,
            class: code::CLASS_IN,
            ttl_secs: self.options.ttl_secs,
            data,
        };
        let draft = Draft { answers: data.into_iter().map(record).collect(), ..Draft::default() };
        match draft.foreign(question) {
            Ok(reply) => Verdict::Reply(reply),
            Err(_) => Verdict::Fail(Some("hosts: a name has more entries than fit into a message".into())),
        }
    }

    // ----------- The file --------------------------------------------------

    /// Reads the file if it has changed. A fault is told once, and once more when it is another.
    fn look(&self) {
        let fault = self.read().err();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(fault) = fault.as_ref().filter(|fault| told.as_ref() != Some(fault)) {
            tracing::warn!("hosts: {fault}: what was read before stays in service");
        }
        *told = fault;
    }

    /// Whether there was anything to be read, and could be.
    fn read(&self) -> Result<(), Fault> {
        let before = self.file.load();
        let path = self.path();
        let Some((text, stamp)) = file::read(path, before.stamp)? else { return Ok(()) };
        let table = Table::read(&text, &self.options.zones, self.options.reverse);
        let table = table.ok_or_else(|| format!("{} has more than {} names", path.display(), NAMES_MAX))?;
        if table.bad.lines > 0 {
            let (lines, first) = (table.bad.lines, table.bad.first);
            tracing::warn!("hosts: {}:{first}: no address with names ({lines} such lines in all)", path.display());
        }
        self.publish(Read { table, stamp: Some(stamp) });
        Ok(())
    }

    /// What is in the new table is not answered without asking while it becomes the table.
    fn publish(&self, read: Read) {
        let mut shades = self.shades.lock().unwrap_or_else(PoisonError::into_inner);
        shades.retain(|shade| shade.is_set.strong_count() > 0);
        let met: Vec<_> =
            shades.iter().filter_map(|shade| Some((shade.is_set.upgrade()?, read.table.meets(&shade.tree)))).collect();
        met.iter().filter(|(_, meets)| *meets).for_each(|(is_set, _)| is_set.store(true, Ordering::Relaxed));
        self.file.store(Arc::new(read));
        met.iter().filter(|(_, meets)| !*meets).for_each(|(is_set, _)| is_set.store(false, Ordering::Relaxed));
    }
}

async fn follow(hosts: Weak<Hosts>, interval: Duration) {
    loop {
        time::sleep(interval).await;
        let Some(hosts) = hosts.upgrade() else { return };
        // One look that panics is one look less.
        drop(spawn_blocking(move || hosts.look()).await);
    }
}
