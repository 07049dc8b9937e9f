//! The clusters in `zones/`, each beside the records that it must give.
//!
//! The records are reviewed data. After a change that is meant to alter them:
//! `REWRITE_RECORDS=1 cargo test --test zones`, then read the difference before it is committed.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex},
};

use clusterdns::{
    Config, Server,
    objects::{
        Change, Known,
        snapshot::{self, Loaded, Options, Source},
        write::List,
    },
    records::{
        store::{Pages, Store},
        view::View,
    },
    respond::{
        listing,
        plan::Plan,
        zone_file::{self, Chosen},
    },
};

/// The serial of every SOA: 2026-01-01T00:00:00Z.
const NOW_SECS: u32 = 1_767_225_600;

#[test]
fn every_cluster_gives_the_records_beside_it() {
    let rewrite = env::var_os("REWRITE_RECORDS").is_some();
    for cluster in clusters() {
        let file = cluster.join("records.txt");
        let records = records(&cluster);
        if rewrite {
            fs::write(&file, &records).unwrap();
        }
        let expected = fs::read_to_string(&file).unwrap_or_default();
        let differences: Vec<_> = difference(&expected, &records);
        assert!(
            differences.is_empty(),
            "{} holds other records (- the file, + served):\n{}\n\
             If they are meant: REWRITE_RECORDS=1 cargo test --test zones",
            file.display(),
            differences.join("\n")
        );
    }
}

/// What a server keeps of a cluster, written as a list and read again, gives the records of the cluster.
#[test]
fn a_cluster_that_was_written_gives_the_same_records() {
    for config in [Config::default(), Config::parse(EVERY_NEED, "test").unwrap()] {
        for cluster in clusters() {
            let tables = |source| {
                let (plan, mut store) = Server::tables(&config);
                store.apply(Change::Reset(load(source, &config).picture), NOW_SECS);
                (plan, Arc::new(Mutex::new(store)))
            };
            let (plan, store) = tables(Source::Path(cluster.clone()));
            let written = written(store);
            let (other_plan, other_store) = tables(Source::Text("written".into(), written.clone().into()));
            assert_eq!(records_of(&other_plan), records_of(&plan), "{}", cluster.display());
            assert_eq!(String::from_utf8(self::written(other_store)), String::from_utf8(written), "{cluster:?}");
        }
    }
}

/// What each view knows, and its records.
fn records_of(plan: &Plan) -> Vec<(Known, Vec<String>)> {
    let views = plan.servers.iter().filter_map(|server| server.view.as_deref());
    let records = |view: &View| {
        let records = view.options.zones.iter().flat_map(|zone| listing::records(view, zone));
        records.map(|record| record.to_string()).collect()
    };
    views.map(|view| (view.known(), records(view))).collect()
}

fn written(store: Arc<Mutex<Store>>) -> Vec<u8> {
    let mut list = List::new(Vec::new());
    let pages = Pages::new(store, None);
    let known = pages.known();
    pages.flatten().for_each(|object| list.add(&object).unwrap());
    list.finish(known).unwrap()
}

/// Debian has named-checkzone in `bind9-utils` and kzonecheck in `knot-dnssecutils`. Where they are
/// missing this proves nothing, except in CI, which must have them.
#[test]
fn other_servers_accept_every_zone() {
    let folder = tempfile::tempdir().unwrap();
    for cluster in clusters() {
        for (zone, text) in zones(&cluster) {
            let file = folder.path().join("zone");
            fs::write(&file, text).unwrap();
            let complaints = [
                verdict(Command::new("named-checkzone").arg(&zone).arg(&file)),
                verdict(Command::new("kzonecheck").args(["-v", "-o", &zone]).arg(&file)),
            ];
            assert_eq!(complaints.concat(), "", "{zone} of {}", cluster.display());
        }
    }
}

/// What a checker finds wrong.
fn verdict(checker: &mut Command) -> String {
    let Ok(output) = checker.output() else {
        assert!(env::var_os("CI").is_none(), "{checker:?} is missing: see .ci/run");
        return String::new();
    };
    let said = [output.stdout, output.stderr].concat();
    let is_fine = |line: &&str| {
        ["OK", "No semantic error found"].contains(line)
            || line.contains("loaded serial")
            // A hostname with a dot is the target of SRV and PTR and has no address of its own (behaviour C4).
            || line.contains("'one.two.dotted.odd.svc.cluster.local' has no address records")
    };
    let said = String::from_utf8(said).unwrap();
    let complaints: Vec<_> = said.lines().filter(|line| !is_fine(line)).collect();
    assert!(output.status.success() || !complaints.is_empty(), "{checker:?}: {}", output.status);
    complaints.join("\n")
}

fn clusters() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("zones");
    let mut clusters: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    clusters.sort();
    assert!(clusters.len() >= 4, "{clusters:?}");
    clusters
}

/// The text of `records.txt`: every zone that has more than its own apex and name server.
fn records(cluster: &Path) -> String {
    let mut text = String::from("; What is served from this folder, zone by zone. See tests/zones.rs.\n");
    let own = |line: &str| line.contains("\tSOA\t") || line.contains("\tNS\t") || line.starts_with([';', 'n']);
    for (_, zone) in zones(cluster).iter().filter(|(_, zone)| !zone.lines().all(own)) {
        text += "\n";
        text += zone;
    }
    text
}

/// Name and text of every zone that the default configuration serves from a folder.
fn zones(cluster: &Path) -> Vec<(String, String)> {
    let config = Config::default();
    let loaded = load(Source::Path(cluster.to_owned()), &config);
    let chosen = Chosen::among(&loaded.picture.objects);
    let (plan, mut store) = Server::tables(&config);
    store.apply(Change::Reset(loaded.picture), NOW_SECS);
    let view = plan.servers[0].view.as_ref().expect("the default serves a cluster");
    let zones = view.options.zones.iter();
    zones.map(|zone| (zone.apex.to_string(), zone_file::text(zone, &listing::records(view, zone), &chosen))).collect()
}

fn load(source: Source, config: &Config) -> Loaded {
    let options = Options { needs: config.needs(), service_cidr: config.snapshot.service_cidr };
    snapshot::load(&[source], &options, &mut |_| {}).unwrap()
}

/// A configuration for which everything is kept that an object can have.
const EVERY_NEED: &str = r#"
[[server]]
[server.kubernetes]
pods = "verified"
endpoint_pod_names = true
zonal = true
labels = "!never"
"#;

/// The lines that only one of two texts has.
fn difference(expected: &str, found: &str) -> Vec<String> {
    let only_in = |one: &str, other: &str, sign: char| {
        one.lines()
            .filter(|line| !other.lines().any(|seen| seen == *line))
            .map(|line| format!("{sign} {line}"))
            .collect()
    };
    let mut lines: Vec<String> = only_in(expected, found, '-');
    lines.extend::<Vec<_>>(only_in(found, expected, '+'));
    if lines.is_empty() && expected != found {
        lines.push("the same lines in another order".into());
    }
    lines
}
