//! What was saved is read again, and what was not is refused.

use std::os::unix::fs::{PermissionsExt, symlink};

use proptest::{collection::vec, prelude::*, sample::Index};
use tempfile::TempDir;

use super::*;
use crate::objects::{
    decode::{self, Decoded},
    snapshot::{self, EXAMPLE},
};

const NEEDS: Needs = Needs { labels: true, pod_names: true, zones: true, pods: true, selectors: true };

fn header() -> Header {
    let known = Known { pods: false, ..Known::ALL };
    Header { fingerprint: "https://10.0.0.1 pods".into(), saved_unix_secs: 1_760_000_000, known }
}

fn namespaces(names: &[&str]) -> Vec<Object> {
    let of = |name: &&str| {
        let json = format!(r#"{{"apiVersion":"v1","kind":"Namespace","metadata":{{"name":"{name}"}}}}"#);
        match decode::object(&json, NEEDS) {
            Ok(Decoded::Object(object)) => object,
            other => panic!("{other:?}"),
        }
    };
    names.iter().map(of).collect()
}

/// The octets of a state.
fn state(objects: &[Object]) -> Vec<u8> {
    let mut state = Vec::new();
    let mut writer = format::Writer::new(&mut state, &header()).unwrap();
    objects.iter().for_each(|object| writer.add(object).unwrap());
    let octets = writer.finish().unwrap();
    assert_eq!(octets, state.len() as u64);
    state
}

fn read(state: &[u8]) -> Result<Saved, Fault> {
    format::read(state, &header().fingerprint, NEEDS)
}

/// What is said of a state that is of no use.
fn fault(state: &[u8]) -> String {
    read(state).expect_err("it is of no use").to_string()
}

fn save_all(path: &Path, objects: &[Object]) -> io::Result<u64> {
    save(path, &header(), objects.iter().cloned())
}

fn load_all(path: &Path) -> Vec<Object> {
    load(path, &header().fingerprint, NEEDS).unwrap().expect("there is a file").picture.objects
}

// ----------- Files ---------------------------------------------------------

#[test]
fn a_cluster_that_was_saved_is_read_again() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("state");
    let objects = snapshot::fuzz(EXAMPLE.as_bytes()).unwrap().picture.objects;
    assert!(load(&path, "any", NEEDS).unwrap().is_none(), "nothing was saved yet");
    let octets = save_all(&path, &objects).unwrap();
    assert_eq!(octets, fs::metadata(&path).unwrap().len());
    let saved = load(&path, &header().fingerprint, NEEDS).unwrap().unwrap();
    assert_eq!((saved.saved_unix_secs, saved.picture.known), (header().saved_unix_secs, header().known));
    assert_eq!((saved.picture.objects, saved.picture.left_out), (objects, Vec::new()));
}

#[test]
fn a_file_is_the_owners_alone_and_replaced_in_one_piece() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("state");
    // A server was killed while it saved.
    fs::write(folder.path().join("state.part"), "half").unwrap();
    save_all(&path, &namespaces(&["a"])).unwrap();
    let before = File::open(&path).unwrap();
    save_all(&path, &namespaces(&["b"])).unwrap();
    assert_eq!(load_all(&path), namespaces(&["b"]));
    let kept = format::read(BufReader::new(before), &header().fingerprint, NEEDS).unwrap();
    assert_eq!(kept.picture.objects, namespaces(&["a"]), "who has it open goes on with what it was");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_link_stays_a_link() {
    let folder = TempDir::new().unwrap();
    let (path, link) = (folder.path().join("state"), folder.path().join("link"));
    save_all(&path, &namespaces(&["a"])).unwrap();
    symlink(&path, &link).unwrap();
    save_all(&link, &namespaces(&["b"])).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(load_all(&path), namespaces(&["b"]));
}

#[test]
fn nobody_elses_file_is_replaced() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("cluster.json");
    fs::write(&path, EXAMPLE).unwrap();
    let refused = save_all(&path, &[]).unwrap_err().to_string();
    assert!(refused.contains("choose another path"), "{refused}");
    assert_eq!(fs::read_to_string(&path).unwrap(), EXAMPLE);
    fs::write(&path, "").unwrap();
    save_all(&path, &[]).expect("an empty file is a place that was kept");
}

#[test]
fn a_save_that_fails_leaves_what_was_there() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("state");
    save_all(&path, &namespaces(&["a"])).unwrap();
    let before = fs::read(&path).unwrap();

    let Object::Namespace(mut large) = namespaces(&["b"]).remove(0) else { unreachable!() };
    large.labels = Box::new([("label".into(), "x".repeat(16 << 20).into())]);
    let refused = save_all(&path, &[Object::Namespace(large)]).unwrap_err().to_string();
    assert!(refused.contains("with Namespace b it is larger"), "{refused}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");

    // A folder stands where the new file is to be written.
    fs::create_dir(folder.path().join("state.part")).unwrap();
    save_all(&path, &namespaces(&["b"])).unwrap_err();
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn two_processes_do_not_take_each_others_file() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("state");
    let mut other = None;
    let meanwhile = namespaces(&["a"]).into_iter().inspect(|_| other = Some(Aside::create(&path).unwrap()));
    let refused = save(&path, &header(), meanwhile).unwrap_err().to_string();
    assert!(refused.contains("another process saves its state there"), "{refused}");
    assert!(other.unwrap().is_in_place().unwrap() && !path.exists());
}

#[test]
fn a_file_that_is_of_no_use_is_named() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("state");
    fs::write(&path, "").unwrap();
    let error = load(&path, "any", NEEDS).unwrap_err().to_string();
    assert_eq!(
        error,
        format!("{}: the saved state ends too early and is not used; the next save replaces it", path.display())
    );
    assert!(matches!(load(folder.path(), "any", NEEDS), Err(StateError { fault: Fault::Io(_), .. })));
}

// ----------- What is of no use ---------------------------------------------

#[test]
fn what_is_wrong_is_told() {
    let text = String::from_utf8(state(&namespaces(&["a", "b"]))).unwrap();
    let with = |what: &str, by: &str| {
        let changed = text.replacen(what, by, 1);
        assert_ne!(changed, text);
        fault(changed.as_bytes())
    };
    assert!(
        with("\"version\":1,", "\"version\":2,\"more\":[],")
            .contains("by a newer clusterdns (format 2, known here: 1)")
    );
    assert!(with("10.0.0.1", "10.0.0.2").contains("with other options (\"https://10.0.0.2 pods\")"));
    assert!(with("clusterdns-state", "clusterdns-other").contains("choose another path"));
    assert!(with("Namespace", "Mamespace").contains("damaged in line 2"), "the decoder knows no such kind");
    assert!(with("\"name\":\"b\"", "\"name\":\"c\"").contains("damaged in line 4 or above"), "the sum is wrong");
    assert!(
        with("\"saved_unix_secs\":1", "\"saved_unix_secs\":2").contains("damaged in line 4"),
        "so it is of the header"
    );
    assert!(with("\"objects\":2", "\"objects\":1").contains("damaged in line 4"));
    let mut lines: Vec<_> = text.split_inclusive('\n').collect();
    lines.remove(1);
    assert!(fault(lines.concat().as_bytes()).contains("damaged in line 3"), "a line is missing");
    assert!(fault((text.clone() + "\n").as_bytes()).contains("damaged"));
    assert!(
        fault(b"{}\n").contains("choose another path") && fault(EXAMPLE.as_bytes()).contains("choose another path")
    );
}

#[test]
fn a_line_without_end_is_not_read_without_end() {
    let first = state(&[]).split_inclusive(|octet| *octet == b'\n').next().unwrap().to_vec();
    let mut input = BufReader::new(Read::chain(&*first, io::repeat(b'x')));
    let read = format::read(&mut input, &header().fingerprint, NEEDS);
    assert!(matches!(read, Err(Fault::Corrupt { line: 2 })), "{read:?}");
    assert!(matches!(format::read(BufReader::new(io::repeat(b'x')), "", NEEDS), Err(Fault::Foreign)));
}

#[test]
fn a_state_that_was_cut_off_anywhere_is_refused() {
    let state = state(&namespaces(&["a", "b"]));
    for octets in 0..state.len() {
        let cut = read(&state[..octets]);
        assert!(matches!(cut, Err(Fault::Truncated)), "{octets}: {cut:?}");
    }
}

proptest! {
    #[test]
    fn every_octet_that_differs_is_noticed(changes in vec((any::<Index>(), 1..=255_u8), 1..4)) {
        let whole = state(&namespaces(&["a", "shop"]));
        let mut changed = whole.clone();
        for (index, flip) in changes {
            changed[index.index(whole.len())] ^= flip;
        }
        prop_assume!(changed != whole);
        prop_assert!(read(&changed).is_err());
    }

    #[test]
    fn any_octets_give_a_picture_or_an_error(octets in vec(any::<u8>(), 0..200)) {
        let (bare, sealed) = fuzz(&octets);
        prop_assert!(bare.is_err());
        prop_assert!(octets.is_empty() || sealed.is_err());
    }

    #[test]
    fn objects_in_any_order_are_read_in_it(order in Just(vec![0, 1, 2, 3]).prop_shuffle()) {
        let text = state(&namespaces(&["a", "b", "c", "d"]));
        let lines: Vec<_> = text.split_inclusive(|octet| *octet == b'\n').skip(1).collect();
        let shuffled = order.iter().flat_map(|at| lines[*at].to_vec()).collect::<Vec<_>>();
        let names = order.iter().map(|at| ["a", "b", "c", "d"][*at]).collect::<Vec<_>>();
        let (_, sealed) = fuzz(&shuffled);
        prop_assert_eq!(sealed.unwrap().picture.objects, namespaces(&names));
    }
}

#[test]
fn every_single_octet_counts() {
    let whole = state(&namespaces(&["a"]));
    for (index, flip) in (0..whole.len()).flat_map(|index| [1, 2, 0x20, 0x80].map(|flip| (index, flip))) {
        let mut changed = whole.clone();
        changed[index] ^= flip;
        assert!(read(&changed).is_err(), "{index}: {}", String::from_utf8_lossy(&changed));
    }
}
