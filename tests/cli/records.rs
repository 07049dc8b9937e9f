//! `clusterdns records`.

use std::fs;

use crate::program::{Folder, repository, run};

/// The records beside the example cluster, without the serial, which is the time.
fn expected(zone: &str) -> Vec<String> {
    let file = fs::read_to_string(repository("zones/example/records.txt")).unwrap();
    let part = file.split("\n\n").find(|part| part.starts_with(&format!("; zone {zone}.: ")));
    part.unwrap_or_default().lines().filter(|line| !line.contains("\tSOA\t")).map(str::to_owned).collect()
}

#[test]
fn every_default_zone_is_printed() {
    for (arguments, zone) in [
        (&["records"][..], "cluster.local"),
        (&["records", "--zone", "Cluster.LOCAL."], "cluster.local"),
        (&["records", "--zone", "in-addr.arpa"], "in-addr.arpa"),
    ] {
        let records = run(arguments);
        assert_eq!((records.code, &*records.err), (Some(0), ""), "{arguments:?}");
        let lines: Vec<_> = records.out.lines().filter(|line| !line.contains("\tSOA\t")).collect();
        assert_eq!(lines, expected(zone), "{arguments:?}");
        assert!(lines.len() > 10);
    }
    let empty = run(&["records", "--zone", "ip6.arpa"]);
    assert!(empty.out.starts_with("; zone ip6.arpa.: 3 records\nip6.arpa.\t5\tIN\tSOA\t"), "{}", empty.out);
}

#[test]
fn a_zone_that_is_not_served_is_told_beside_those_that_are() {
    let records = run(&["records", "--zone", "example.com"]);
    assert_eq!((records.code, &*records.out), (Some(1), ""));
    assert_eq!(records.err, "zone example.com is not served; these are: cluster.local. in-addr.arpa. ip6.arpa.\n");
    let records = run(&["records", "--zone", "a..b"]);
    assert_eq!(records.code, Some(1));
    assert!(records.err.starts_with("\"a..b\" is no zone: it has an empty label; write"), "{}", records.err);
}

#[test]
fn addresses_that_were_chosen_here_are_marked() {
    let records = run(&["records", "--snapshot", &repository("zones/manifests")]);
    let marked = records.out.lines().filter(|line| line.ends_with("; chosen here: the manifest has no clusterIP"));
    assert_eq!(marked.count(), 2, "{}", records.out);
}

/// The zone is on standard output, whole, and what is missing in it on standard error.
#[test]
fn objects_that_are_left_out_are_told() {
    let folder = Folder::new();
    let file = folder.file("a.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {clusterIP: ten}\n");
    let records = run(&["records", "--snapshot", &file]);
    assert_eq!(records.code, Some(0));
    let told = format!("{file}:1:1: Service default/a: left out: cluster IP \"ten\" is no IP address\n");
    assert!(records.err.starts_with(&told), "{}", records.err);
    assert!(records.out.starts_with("; zone cluster.local.: 4 records\n"), "{}", records.out);
}
