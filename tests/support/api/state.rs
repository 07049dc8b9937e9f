//! What the stand-in holds and knows: objects, their history, what was asked, what is to go wrong.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};

use super::{
    fault::{Fault, Order, status, status_reply},
    form::Form,
    http::{Reply, Request},
    kind::Kind,
    object::Object,
    selector::Selector,
};

/// See the module.
pub(super) struct State {
    /// The resourceVersion, one for all resources.
    version: u64,
    /// By resource, then by path.
    objects: BTreeMap<&'static str, BTreeMap<String, Value>>,
    history: Vec<Step>,
    /// Watches from before this version are too old.
    compacted: u64,
    /// What paged lists are read from: later pages are of the time of the first one.
    lists: Vec<List>,
    orders: Vec<Given>,
    pub(super) habits: Habits,
    pub(super) requests: Vec<Request>,
    /// Each for a resource, and whether it lasts.
    pub(super) faults: Vec<(&'static str, Fault, bool)>,
    /// The resources of the streams that are open.
    pub(super) streams: Vec<&'static str>,
}

/// How this API server behaves: versions and configurations differ.
#[derive(Clone, Debug)]
pub(super) struct Habits {
    pub(super) streaming_lists: StreamingLists,
    pub(super) too_old: TooOld,
    /// None: what the client accepts.
    pub(super) form: Option<Form>,
    /// The only bearer token that it takes.
    pub(super) token: Option<String>,
    pub(super) page_objects_max: usize,
    /// An empty list is `null`, as Go writes one that was never made.
    pub(super) null_items: bool,
    /// The bookmark that ends the beginning of a stream waits for an order.
    pub(super) late_bookmarks: bool,
    /// How long a stream is quiet before a bookmark says that it lives.
    pub(super) bookmark_interval: Duration,
}

/// What a server does with `sendInitialEvents`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StreamingLists {
    Served,
    /// By a Status with this code.
    Refused(u16),
    /// It watches, and never says that the beginning is over.
    Ignored,
}

/// How a server says that a watch begins too far back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TooOld {
    /// By the status of its response.
    Response,
    /// By an event.
    Event,
}

struct Step {
    version: u64,
    kind: &'static Kind,
    old: Option<Value>,
    new: Option<Value>,
}

struct Given {
    /// What happened later is behind it on a stream.
    version: u64,
    plural: &'static str,
    order: Order,
}

struct List {
    version: u64,
    objects: Vec<Value>,
}

/// Where a stream has got to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor {
    version: u64,
    orders: usize,
}

/// What a stream does next.
#[derive(Debug)]
pub(super) enum Piece {
    Event(&'static str, Value),
    Line(String),
    Octets(Vec<u8>),
    HalfLine,
    End,
    Reset,
    Mute,
}

/// A real one has none that is so low.
const FIRST_VERSION: u64 = 1000;
/// A real server sends them once a minute; what waits for them in tests waits less.
const BOOKMARK_INTERVAL: Duration = Duration::from_millis(200);

impl State {
    pub(super) fn new() -> Self {
        Self {
            version: FIRST_VERSION,
            objects: BTreeMap::new(),
            history: Vec::new(),
            compacted: 0,
            lists: Vec::new(),
            orders: Vec::new(),
            habits: Habits {
                streaming_lists: StreamingLists::Served,
                too_old: TooOld::Event,
                form: None,
                token: None,
                page_objects_max: usize::MAX,
                null_items: false,
                late_bookmarks: false,
                bookmark_interval: BOOKMARK_INTERVAL,
            },
            requests: Vec::new(),
            faults: Vec::new(),
            streams: Vec::new(),
        }
    }

    // ----------- Changes ---------------------------------------------------

    pub(super) fn apply(&mut self, object: Object) {
        let stamped = self.stamp(object.value);
        let shelf = self.objects.entry(object.kind.plural).or_default();
        let old = shelf.insert(object.path, stamped.clone());
        self.history.push(Step { version: self.version, kind: object.kind, old, new: Some(stamped) });
    }

    pub(super) fn delete(&mut self, kind: &'static Kind, path: &str) {
        let old = self.objects.get_mut(kind.plural).and_then(|shelf| shelf.remove(path));
        let old = old.unwrap_or_else(|| panic!("no {} {path} to delete", kind.name));
        let old = self.stamp(old);
        self.history.push(Step { version: self.version, kind, old: Some(old), new: None });
    }

    /// The object with the next version.
    pub(super) fn stamp(&mut self, mut object: Value) -> Value {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        object
    }

    /// Forgets what was: streams that are open go on, but no other can begin where one ended.
    pub(super) fn compact(&mut self) {
        self.version += 1;
        self.compacted = self.version;
        self.expire_lists();
    }

    /// Lists that were begun cannot be continued.
    pub(super) fn expire_lists(&mut self) {
        self.lists.iter_mut().for_each(|list| list.version = 0);
    }

    pub(super) fn order(&mut self, plural: &'static str, order: Order) {
        self.orders.push(Given { version: self.version, plural, order });
    }

    /// The fault that a request meets, if any.
    pub(super) fn fault(&mut self, plural: &str, request: &Request) -> Option<Fault> {
        let meets = |(of, fault, _): &(&str, Fault, bool)| *of == plural && fault.concerns(request);
        let at = self.faults.iter().position(meets)?;
        let (_, fault, lasts) = self.faults[at].clone();
        if !lasts {
            self.faults.remove(at);
        }
        Some(fault)
    }

    // ----------- Lists -----------------------------------------------------

    pub(super) fn list(&mut self, kind: &'static Kind, selector: &Selector, request: &Request) -> Reply {
        let (at, from) = match request.parameter("continue") {
            None => {
                self.lists.push(List { version: self.version, objects: self.selected(kind, selector) });
                (self.lists.len() - 1, 0)
            }
            Some(token) => {
                let place = token.split_once('=').and_then(|(at, from)| Some((at.parse().ok()?, from.parse().ok()?)));
                let Some((at, from)) = place else { return status_reply(400, kind) };
                (at, from)
            }
        };
        let Some(list) = self.lists.get(at).filter(|list| list.version > 0) else { return status_reply(410, kind) };
        let limit = request.parameter("limit").and_then(|limit| limit.parse().ok()).filter(|&limit| limit > 0);
        let limit = limit.unwrap_or(usize::MAX).min(self.habits.page_objects_max);
        let page: Vec<Value> = list.objects.iter().skip(from).take(limit).cloned().map(without_kind).collect();
        let next = from + page.len();
        let mut metadata = json!({"resourceVersion": list.version.to_string()});
        if next < list.objects.len() {
            metadata["continue"] = json!(format!("{at}={next}"));
            metadata["remainingItemCount"] = json!(list.objects.len() - next);
        }
        let items = if page.is_empty() && self.habits.null_items { Value::Null } else { json!(page) };
        let list_kind = format!("{}List", kind.name);
        let list = json!({"kind": list_kind, "apiVersion": kind.api_version, "metadata": metadata, "items": items});
        Reply::new(200, list)
    }

    fn selected(&self, kind: &Kind, selector: &Selector) -> Vec<Value> {
        let objects = self.objects.get(kind.plural).into_iter().flat_map(BTreeMap::values);
        objects.filter(|object| selector.selects(object)).cloned().collect()
    }

    // ----------- Streams ---------------------------------------------------

    /// What a watch begins with.
    pub(super) fn open(
        &self,
        kind: &'static Kind,
        selector: &Selector,
        request: &Request,
    ) -> Result<(Vec<Piece>, Cursor), Reply> {
        let mut cursor = Cursor { version: self.version, orders: self.orders.len() };
        let mut pieces = Vec::new();
        let whole = self.streaming_list(kind, request)?;
        match request.parameter("resourceVersion").unwrap_or_default() {
            "" | "0" => {
                let all = self.selected(kind, selector);
                pieces.extend(all.into_iter().map(|object| Piece::Event("ADDED", object)));
            }
            _ if whole => return Err(status_reply(422, kind)),
            version => {
                let Ok(version) = version.parse() else { return Err(status_reply(400, kind)) };
                if version < self.compacted {
                    match self.habits.too_old {
                        TooOld::Response => return Err(status_reply(410, kind)),
                        TooOld::Event => return Ok((error(410, kind), cursor)),
                    }
                }
                cursor.version = version;
                pieces = self.since(&mut cursor, kind, selector);
            }
        }
        if whole && wants_bookmarks(request) && !self.habits.late_bookmarks {
            pieces.push(bookmark(kind, self.version, true));
        }
        Ok((pieces, cursor))
    }

    /// Whether the watch is to begin with all objects and a bookmark behind them.
    fn streaming_list(&self, kind: &Kind, request: &Request) -> Result<bool, Reply> {
        if !request.is_streaming_list() {
            return Ok(false);
        }
        match self.habits.streaming_lists {
            StreamingLists::Refused(code) => Err(status_reply(code, kind)),
            StreamingLists::Ignored => Ok(false),
            StreamingLists::Served if request.parameter("resourceVersionMatch") == Some("NotOlderThan") => Ok(true),
            StreamingLists::Served => Err(status_reply(422, kind)),
        }
    }

    /// What has happened since.
    pub(super) fn since(&self, cursor: &mut Cursor, kind: &'static Kind, selector: &Selector) -> Vec<Piece> {
        let steps = self.history.iter().filter(|step| step.kind == kind && step.version > cursor.version);
        let steps = steps.filter_map(|step| Some((step.version, vec![step.event(selector)?])));
        let orders = self.orders[cursor.orders..].iter().filter(|given| given.plural == kind.plural);
        let orders = orders.map(|given| (given.version, obey(given, kind)));
        let mut pieces: Vec<(u64, Vec<Piece>)> = steps.chain(orders).collect();
        // Of one version is a step and what was ordered behind it, in this order already.
        pieces.sort_by_key(|(version, _)| *version);
        *cursor = Cursor { version: self.version.max(cursor.version), orders: self.orders.len() };
        pieces.into_iter().flat_map(|(_, pieces)| pieces).collect()
    }

    /// A bookmark of the present version.
    pub(super) fn bookmark(&self, kind: &Kind) -> Piece {
        bookmark(kind, self.version, false)
    }
}

/// What an order is on a stream.
fn obey(given: &Given, kind: &Kind) -> Vec<Piece> {
    match &given.order {
        Order::Line(line) => vec![Piece::Line(line.clone())],
        Order::Octets(octets) => vec![Piece::Octets(octets.clone())],
        Order::Bookmark => vec![bookmark(kind, given.version, false)],
        Order::Begun => vec![bookmark(kind, given.version, true)],
        Order::Error(code) => error(*code, kind),
        Order::End => vec![Piece::End],
        Order::HalfLine => vec![Piece::HalfLine],
        Order::Reset => vec![Piece::Reset],
        Order::Mute => vec![Piece::Mute],
    }
}

fn bookmark(kind: &Kind, version: u64, ends_the_beginning: bool) -> Piece {
    let mut object = json!({
        "kind": kind.name, "apiVersion": kind.api_version,
        "metadata": {"resourceVersion": version.to_string(), "creationTimestamp": null},
        "spec": {}, "status": {}
    });
    if ends_the_beginning {
        object["metadata"]["annotations"] = json!({"k8s.io/initial-events-end": "true"});
    }
    Piece::Event("BOOKMARK", object)
}

impl Step {
    /// What somebody sees of it who has selected objects: one that is no longer selected is deleted.
    fn event(&self, selector: &Selector) -> Option<Piece> {
        let seen = |object: &Option<Value>| object.as_ref().is_some_and(|object| selector.selects(object));
        let (what, object) = match (seen(&self.old), seen(&self.new)) {
            (false, false) => return None,
            (false, true) => ("ADDED", self.new.clone()),
            (true, true) => ("MODIFIED", self.new.clone()),
            (true, false) => ("DELETED", self.old.clone()),
        };
        let mut object = object?;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        Some(Piece::Event(what, object))
    }
}

/// The server ends the stream behind it.
fn error(code: u16, kind: &Kind) -> Vec<Piece> {
    vec![Piece::Event("ERROR", status(code, kind)), Piece::End]
}

pub(super) fn wants_bookmarks(request: &Request) -> bool {
    request.parameter("allowWatchBookmarks") == Some("true")
}

/// As items of a typed list are.
fn without_kind(mut object: Value) -> Value {
    if let Some(fields) = object.as_object_mut() {
        fields.remove("kind");
        fields.remove("apiVersion");
    }
    object
}
