//! Files that name upstreams, and those of TLS.

use std::{fs, path::PathBuf, sync::Arc};

use tempfile::TempDir;
use tokio::runtime::Handle;

use super::{
    super::{
        Forwarder, StartError,
        asking::Answer,
        counters::Counters,
        options::{Https, Options, To},
    },
    script::address,
};
use crate::{answers::question::QueryName, records::name::Name};

/// A file in a folder of its own.
fn file(text: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("resolv.conf");
    fs::write(&file, text).unwrap();
    (folder, file)
}

fn options(to: Vec<To>) -> Options {
    Options::new(Name::root(), to)
}

fn start(options: Options) -> Result<Arc<Forwarder>, StartError> {
    Forwarder::new(options, &Counters::default(), &Handle::current())
}

fn refused(options: Options) -> String {
    start(options).err().expect("options that are refused").to_string()
}

fn upstreams(forwarder: &Forwarder) -> Vec<String> {
    forwarder.core.upstreams.load().0.iter().map(|member| member.upstream.to_string()).collect()
}

#[tokio::test(start_paused = true)]
async fn name_servers_of_a_file_are_followed() {
    let (_folder, file) = file("nameserver 10.0.0.1\nnameserver 10.0.0.2\n");
    let forwarder = start(options(vec![To::ResolvConf(file.clone()), To::Plain(address(9))])).unwrap();
    let path = file.display();
    assert_eq!(
        upstreams(&forwarder),
        [format!("10.0.0.1:53 ({path}, line 1)"), format!("10.0.0.2:53 ({path}, line 2)"), "10.0.0.9:53".to_owned()]
    );
    let kept = forwarder.core.upstreams.load().upstream(1).clone();
    let mut changed = forwarder.core.changed.subscribe();
    fs::write(&file, "nameserver 10.0.0.2\nnameserver 10.0.0.3\n").unwrap();
    changed.changed().await.unwrap();
    let now = forwarder.core.upstreams.load();
    assert_eq!([0, 1, 2].map(|place| now.upstream(place).target.address), [2, 3, 9].map(address));
    // What is known of an upstream that stays is not forgotten.
    assert!(Arc::ptr_eq(now.upstream(0), &kept));
}

#[tokio::test(start_paused = true)]
async fn a_file_that_went_bad_changes_nothing_until_it_is_good_again() {
    let (_folder, file) = file("nameserver 10.0.0.1\n");
    let forwarder = start(options(vec![To::ResolvConf(file.clone())])).unwrap();
    let mut changed = forwarder.core.changed.subscribe();
    fs::write(&file, "search example\n").unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    fs::remove_file(&file).unwrap();
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    assert!(!changed.has_changed().unwrap());
    assert!(upstreams(&forwarder)[0].starts_with("10.0.0.1:53"));
    fs::write(&file, "nameserver 10.0.0.4\n").unwrap();
    changed.changed().await.unwrap();
    assert!(upstreams(&forwarder)[0].starts_with("10.0.0.4:53"));
}

#[tokio::test]
async fn a_file_without_name_servers_is_refused_with_what_to_do() {
    let (_folder, file) = file("search example\n");
    let text = refused(options(vec![To::ResolvConf(file.clone())]));
    let expected = "it has no line `nameserver ADDRESS`: add one, or name upstreams by address";
    assert_eq!(text, format!("{}: {expected}", file.display()));
    let text = refused(options(vec![To::ResolvConf("/nowhere/resolv.conf".into())]));
    assert!(text.starts_with("/nowhere/resolv.conf: it cannot be read: "), "{text}");
}

#[tokio::test]
async fn there_are_fifteen_upstreams_at_most() {
    assert!(start(options((1..16).map(|place| To::Plain(address(place))).collect())).is_ok());
    let text = refused(options((1..17).map(|place| To::Plain(address(place))).collect()));
    assert_eq!(text, "16 upstreams are named, there may be 15");
}

#[tokio::test]
async fn bad_files_of_tls_are_refused_by_name() {
    let (_folder, file) = file("no PEM\n");
    let encrypted = |set: &dyn Fn(&mut Options)| {
        let mut options = options(vec![To::Tls(address(1), None)]);
        set(&mut options);
        refused(options)
    };
    let text = encrypted(&|options| options.tls.authority = Some(file.clone()));
    assert_eq!(
        text,
        format!("{}: it holds no certificate; PEM begins with -----BEGIN CERTIFICATE-----", file.display())
    );
    let text = encrypted(&|options| options.tls.authority = Some("/nowhere/ca.pem".into()));
    assert!(text.starts_with("/nowhere/ca.pem: no certificate in PEM can be read from it: "), "{text}");
}

#[tokio::test]
async fn what_is_no_path_of_a_url_is_refused() {
    let https = Https { address: address(1), name: Some("dns.example".into()), path: "/a b".into() };
    let (_folder, authority) = file(&rcgen::generate_simple_self_signed([]).unwrap().cert.pem());
    let mut options = options(vec![To::Https(https)]);
    options.tls.authority = Some(authority);
    assert_eq!(refused(options), "/a b is no path of a URL at 10.0.0.1:53");
}

#[tokio::test]
async fn names_are_taken_that_are_below_from_but_for_exceptions() {
    let mut options = options(vec![To::Plain(address(1))]);
    options.from = Name::parse("Example.org").unwrap();
    options.except = ["not.example.org", "example.org"].map(|name| Name::parse(name).unwrap()).into();
    let forwarder = start(options.clone()).unwrap();
    let takes = |forwarder: &Forwarder, text: &str| {
        let mut name = QueryName::new();
        name.read(Name::parse(text).unwrap().wire()).unwrap();
        forwarder.takes(&name)
    };
    assert!(takes(&forwarder, "eXample.org") && !takes(&forwarder, "a.example.org"));
    options.except.pop();
    let forwarder = start(options).unwrap();
    assert!(takes(&forwarder, "a.EXAMPLE.org") && takes(&forwarder, "xnot.example.org"));
    assert!(!takes(&forwarder, "a.not.example.org") && !takes(&forwarder, "org") && !takes(&forwarder, "xexample.org"));
}

#[tokio::test]
async fn answers_are_handed_on_by_rcode_or_where_there_are_no_such_records() {
    let answer = |rcode: u8, answers: u8| Answer {
        message: vec![0, 0, 0x80, rcode, 0, 1, 0, answers, 0, 0, 0, 0].into(),
        upstream: address(1),
    };
    let mut options = options(vec![To::Plain(address(1))]);
    options.next = vec![3];
    let forwarder = start(options.clone()).unwrap();
    assert!(
        forwarder.hands_on(&answer(3, 0)) && !forwarder.hands_on(&answer(2, 0)) && !forwarder.hands_on(&answer(0, 0))
    );
    options.next_on_nodata = true;
    let forwarder = start(options).unwrap();
    assert!(
        forwarder.hands_on(&answer(0, 0)) && !forwarder.hands_on(&answer(0, 1)) && !forwarder.hands_on(&answer(2, 0))
    );
}
