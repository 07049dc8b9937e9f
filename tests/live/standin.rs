//! The stand-in behaves as the API server does: asked by a plain client, line by line.

use std::{
    io::{BufRead, BufReader, ErrorKind, Read, Write},
    net::TcpStream,
};

use serde_json::Value;

use crate::{api::*, patience::*};

const SERVICES: &str = "/api/v1/services";

#[test]
fn a_list_has_items_without_kind_and_a_version() {
    let api = with_services(&["shop/web", "bank/api"]);
    let list = get(&api, SERVICES).json();
    assert_eq!((&list["kind"], &list["apiVersion"]), (&"ServiceList".into(), &"v1".into()));
    assert_eq!(names(&list), ["api", "web"]);
    assert_eq!(list["items"][0]["kind"], Value::Null);
    assert!(list["items"][0]["metadata"]["managedFields"].is_array(), "the noise of a real object");
    let version = |object: &Value| object["metadata"]["resourceVersion"].as_str().unwrap().parse::<u64>().unwrap();
    assert_eq!(version(&list), version(&list["items"][0]));
}

#[test]
fn a_list_is_of_a_namespace_or_of_selected_objects() {
    let api = with_services(&["shop/web", "bank/web"]);
    api.apply(service("shop/api").label("tier", "back"));
    api.apply(pod("shop/done").phase("Succeeded"));
    api.apply(pod("shop/runs"));
    let found = |path: &str| names(&get(&api, path).json());
    assert_eq!(found("/api/v1/namespaces/shop/services"), ["api", "web"]);
    assert_eq!(found("/api/v1/services?labelSelector=tier%3Dback"), ["api"]);
    assert_eq!(found("/api/v1/services?labelSelector=tier+notin+%28back%2C+front%29"), ["web", "web"]);
    assert_eq!(found("/api/v1/services?fieldSelector=metadata.namespace%3Dbank"), ["web"]);
    assert_eq!(found("/api/v1/pods?fieldSelector=status.phase%21%3DSucceeded%2Cstatus.phase%21%3DFailed"), ["runs"]);
    assert_eq!(get(&api, "/api/v1/services?fieldSelector=spec.ports%3D1").status, 400);
    assert_eq!(get(&api, "/api/v1/secrets").status, 404);
}

#[test]
fn pages_follow_each_other_until_they_expire() {
    let api = with_services(&["a/a", "b/b", "c/c"]);
    let first = get(&api, "/api/v1/services?limit=2").json();
    api.delete("services", "c/c");
    let token = first["metadata"]["continue"].as_str().unwrap().replace('=', "%3D");
    let next = format!("/api/v1/services?limit=2&continue={token}");
    let second = get(&api, &next).json();
    assert_eq!((names(&first).len(), names(&second)), (2, vec!["c".to_owned()]), "as it was at the first page");
    assert_eq!(second["metadata"]["continue"], Value::Null);
    api.expire_lists();
    let expired = get(&api, &next);
    assert_eq!((expired.status, &expired.json()["reason"]), (410, &"Expired".into()));
}

#[test]
fn a_watch_tells_what_has_happened_since() {
    let api = with_services(&["shop/web"]);
    let version = get(&api, SERVICES).json()["metadata"]["resourceVersion"].as_str().unwrap().to_owned();
    let mut all = watch(&api, &format!("{SERVICES}?watch=1&resourceVersion={version}"));
    let mut labelled = watch(&api, &format!("{SERVICES}?watch=1&resourceVersion={version}&labelSelector=x%3Dy"));
    api.apply(service("shop/web").label("x", "y"));
    api.apply(service("shop/web"));
    api.delete("services", "shop/web");
    api.apply(pod("shop/other"));
    api.order("services", Order::Bookmark);
    api.order("services", Order::End);
    assert_eq!(all.types(), ["MODIFIED", "MODIFIED", "DELETED", "BOOKMARK"]);
    assert_eq!(labelled.types(), ["ADDED", "DELETED", "BOOKMARK"]);
}

#[test]
fn a_streaming_list_says_where_the_beginning_ends() {
    let api = with_services(&["shop/web"]);
    let path = "/api/v1/services?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan";
    let mut stream = watch(&api, &format!("{path}&allowWatchBookmarks=true"));
    let first = stream.event().unwrap();
    assert_eq!((&first["type"], &first["object"]["kind"]), (&"ADDED".into(), &"Service".into()));
    let last = stream.event().unwrap();
    assert_eq!(last["type"], "BOOKMARK");
    assert_eq!(last["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"], "true");
    api.streaming_lists(StreamingLists::Refused(422));
    assert_eq!(get(&api, path).status, 422);
    api.streaming_lists(StreamingLists::Ignored);
    let mut plain = watch(&api, &format!("{path}&allowWatchBookmarks=true"));
    api.order("services", Order::End);
    assert_eq!(plain.types(), ["ADDED"]);
}

/// As the watch cache of a real server does while it is behind.
#[test]
fn a_beginning_may_hold_changes() {
    let api = with_services(&["shop/web"]);
    api.late_bookmarks();
    let path = "/api/v1/services?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan";
    let mut stream = watch(&api, &format!("{path}&allowWatchBookmarks=true"));
    api.delete("services", "shop/web");
    api.order("services", Order::Begun);
    api.order("services", Order::End);
    assert_eq!(stream.types(), ["ADDED", "DELETED", "BOOKMARK"]);
}

#[test]
fn what_is_compacted_cannot_be_watched() {
    let api = with_services(&["shop/web"]);
    api.compact();
    let mut stream = watch(&api, &format!("{SERVICES}?watch=1&resourceVersion=1001"));
    let error = stream.event().unwrap();
    assert_eq!((&error["type"], &error["object"]["code"]), (&"ERROR".into(), &410.into()));
    assert!(stream.event().is_none(), "the stream is over");
    api.too_old(TooOld::Response);
    assert_eq!(get(&api, &format!("{SERVICES}?watch=1&resourceVersion=1001")).status, 410);
}

#[test]
fn requests_fail_on_command() {
    let api = with_services(&["shop/web"]);
    api.fail_next("services", Fault::status(429).retry_after(7));
    let refused = get(&api, SERVICES);
    assert!(refused.head.contains("Retry-After: 7"), "{}", refused.head);
    assert_eq!((refused.status, &refused.json()["code"]), (429, &429.into()));
    assert_eq!(get(&api, SERVICES).status, 200, "only the next one");
    api.fail("services", Fault::body(503, "upstream is down").on(Asked::List));
    assert_eq!((get(&api, SERVICES).status, &*get(&api, SERVICES).body), (503, "upstream is down"));
    api.heal("services");
    api.fail_next("services", Fault::reset());
    assert_eq!(begin(&api, SERVICES).read(&mut [0]).unwrap_err().kind(), RESET);
    let (wait, gate) = Fault::wait();
    api.fail_next("services", wait);
    let asked = api.requests().len();
    let waiting = begin(&api, SERVICES);
    eventually("it waits", || api.requests().len() > asked);
    assert_eq!(get(&api, SERVICES).status, 200, "others do not wait");
    gate.open();
    assert_eq!(read(waiting).status, 200);
    api.require_token("s3cret");
    assert_eq!(get(&api, SERVICES).status, 401);
}

#[test]
fn streams_break_on_command() {
    let api = with_services(&["shop/web"]);
    let opened = || watch(&api, &format!("{SERVICES}?watch=1&resourceVersion=1001"));
    let mut broken = opened();
    api.order("services", Order::Line("garbage".into()));
    api.order("services", Order::HalfLine);
    assert_eq!(broken.line().as_deref(), Some("garbage"));
    let half = broken.line().unwrap();
    assert!(half.starts_with("{\"") && !half.contains('\n') && serde_json::from_str::<Value>(&half).is_err());
    let mut reset = opened();
    api.order("services", Order::Reset);
    assert_eq!(reset.0.read(&mut [0]).unwrap_err().kind(), RESET);
    let mut wrong = opened();
    api.event("services", "FROBNICATED", service("shop/x"));
    api.order("services", Order::Error(500));
    assert_eq!(wrong.types(), ["FROBNICATED", "ERROR"]);
}

#[test]
fn it_goes_away_and_comes_back_on_its_port() {
    let api = with_services(&["shop/web"]);
    let mut stream = watch(&api, &format!("{SERVICES}?watch=1&resourceVersion=1001"));
    assert_eq!(api.streams("services"), 1);
    api.stop();
    assert!(matches!(stream.0.read(&mut [0]), Ok(0) | Err(_)), "the stream goes too");
    assert_eq!(TcpStream::connect(address(&api)).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    api.resume();
    assert_eq!(get(&api, SERVICES).status, 200);
    assert_eq!(api.requests_for("services").len(), 2);
    assert!(api.requests()[0].is_watch() && !api.requests()[1].is_watch());
}

// ----------- A plain client ------------------------------------------------

const RESET: ErrorKind = ErrorKind::ConnectionReset;

struct Page {
    status: u16,
    head: String,
    body: String,
}

impl Page {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

/// A stream without its head.
struct Stream(BufReader<TcpStream>);

impl Stream {
    /// The content of the next chunk, less the end of its line.
    fn line(&mut self) -> Option<String> {
        let mut length = String::new();
        self.0.read_line(&mut length).unwrap();
        let length = usize::from_str_radix(length.trim_end(), 16).unwrap();
        let mut chunk = vec![0; length + 2];
        self.0.read_exact(&mut chunk).unwrap();
        (length > 0).then(|| String::from_utf8(chunk).unwrap().trim_end().to_owned())
    }

    fn event(&mut self) -> Option<Value> {
        self.line().map(|line| serde_json::from_str(&line).unwrap())
    }

    /// The types of all events, to the end of the stream.
    fn types(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.event()).map(|event| event["type"].as_str().unwrap().to_owned()).collect()
    }
}

fn with_services(paths: &[&str]) -> Api {
    let api = Api::start();
    // None comes between the events that a test counts.
    api.bookmarks_every(PATIENCE);
    for path in paths {
        api.apply(service(path).cluster_ip("10.0.0.1"));
    }
    api
}

fn names(list: &Value) -> Vec<String> {
    let name = |item: &Value| item["metadata"]["name"].as_str().unwrap().to_owned();
    list["items"].as_array().unwrap().iter().map(name).collect()
}

fn address(api: &Api) -> String {
    api.url().replace("http://", "")
}

fn begin(api: &Api, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address(api)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    stream
}

fn get(api: &Api, path: &str) -> Page {
    read(begin(api, path))
}

/// The head of a response, and what reads on.
fn head(stream: TcpStream) -> (String, BufReader<TcpStream>) {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(reader.read_line(&mut head).unwrap() > 0, "the end within {head:?}");
    }
    (head, reader)
}

fn read(stream: TcpStream) -> Page {
    let (head, mut reader) = head(stream);
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).expect("a length");
    let mut body = vec![0; length.parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    Page { status: head[9..12].parse().unwrap(), body: String::from_utf8(body).unwrap(), head }
}

/// A stream, once it is open: what happens after this is on it.
fn watch(api: &Api, path: &str) -> Stream {
    let (head, reader) = head(begin(api, path));
    assert!(head.starts_with("HTTP/1.1 200") && head.contains("chunked"), "{head}");
    Stream(reader)
}
