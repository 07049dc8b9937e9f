//! Snapshot files that change while they are served.

use std::{
    fs,
    net::SocketAddr,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use clusterdns::{
    Server,
    app::source::Snapshots,
    objects::snapshot::{Options, Source},
};
use tempfile::TempDir;

use crate::running::*;

/// A server of the files below a path.
struct Served {
    address: SocketAddr,
    admin: SocketAddr,
    _server: Server,
    _snapshots: Snapshots,
}

fn serve(path: PathBuf) -> Served {
    let mut server = Server::bind(&config(PLAIN)).unwrap();
    let snapshots = Snapshots::start(vec![Source::Path(path)], Options::default(), server.feed()).unwrap();
    server.start().unwrap();
    let (address, admin) = (server.addresses()[0], server.admin_addresses()[0]);
    Served { address, admin, _server: server, _snapshots: snapshots }
}

impl Served {
    fn gives(&self, ip: [u8; 4]) -> bool {
        ask(self.address, WEB) == (NOERROR, Some(ip))
    }

    fn metric(&self, line: &str) -> bool {
        page(self.admin, "/metrics").1.lines().any(|other| other == line)
    }
}

fn folder_with(name: &str, text: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(name);
    fs::write(&file, text).unwrap();
    (folder, file)
}

#[test]
fn a_file_that_is_rewritten_in_place_is_read_again() {
    let (_folder, file) = folder_with("cluster.json", &cluster("10.96.0.1"));
    let served = serve(file.clone());
    assert!(served.gives([10, 96, 0, 1]));
    fs::write(&file, cluster("10.96.0.2")).unwrap();
    until("the rewritten file", || served.gives([10, 96, 0, 2]));
    until("two loads", || served.metric("clusterdns_source_loads_total{result=\"ok\"} 2"));
}

#[test]
fn a_file_that_is_new_in_a_folder_is_read() {
    let (folder, _) = folder_with("a.json", &cluster("10.96.0.1"));
    let served = serve(folder.path().to_owned());
    let new = cluster("10.96.0.2").replace("\"web\"", "\"api\"");
    fs::write(folder.path().join("b.json"), new).unwrap();
    until("the new file", || ask(served.address, "api.shop.svc.cluster.local") == (NOERROR, Some([10, 96, 0, 2])));
    assert!(served.gives([10, 96, 0, 1]), "the other file is there still");
}

/// A mounted ConfigMap: its files are links through `..data`, which is swapped.
#[test]
fn a_config_map_that_is_swapped_is_read_again() {
    for name in ["cluster.json", ""] {
        let folder = tempfile::tempdir().unwrap();
        swap(folder.path(), "..2026_01", &cluster("10.96.0.1"));
        symlink("..data/cluster.json", folder.path().join("cluster.json")).unwrap();
        let served = serve(folder.path().join(name));
        assert!(served.gives([10, 96, 0, 1]));
        swap(folder.path(), "..2026_02", &cluster("10.96.0.2"));
        fs::remove_dir_all(folder.path().join("..2026_01")).unwrap();
        until("the swapped folder", || served.gives([10, 96, 0, 2]));
        swap(folder.path(), "..2026_03", &cluster("10.96.0.3"));
        until("the folder that is swapped again", || served.gives([10, 96, 0, 3]));
    }
}

/// As the kubelet does it.
fn swap(folder: &Path, version: &str, text: &str) {
    fs::create_dir(folder.join(version)).unwrap();
    fs::write(folder.join(version).join("cluster.json"), text).unwrap();
    symlink(version, folder.join("..data_tmp")).unwrap();
    fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
}

#[test]
fn the_last_good_snapshot_stays_in_service() {
    let (_folder, file) = folder_with("cluster.json", &cluster("10.96.0.1"));
    let served = serve(file.clone());
    assert_eq!(page(served.admin, "/ready"), (200, "OK".into()));
    fs::write(&file, "{\"items\": [\n").unwrap();
    let fault = format!("OK\nsnapshot: {}:2:1: not JSON: EOF while parsing", file.display());
    until("the fault in /ready", || page(served.admin, "/ready").1.starts_with(&fault));
    assert_eq!(page(served.admin, "/ready").0, 200, "no reason to send clients away");
    assert!(served.metric("clusterdns_source_loads_total{result=\"failed\"} 1"));
    assert!(served.gives([10, 96, 0, 1]));

    fs::write(&file, cluster("10.96.0.2")).unwrap();
    until("the mended file", || served.gives([10, 96, 0, 2]));
    until("no fault", || page(served.admin, "/ready") == (200, "OK".into()));
}
