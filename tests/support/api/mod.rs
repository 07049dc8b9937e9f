//! A stand-in for the Kubernetes API server, for what a real one cannot be made to do on command.
//!
//! It speaks plain HTTP on a port of its own, keeps what a test [applies](Api::apply) and serves
//! lists and watches of it. Then things go wrong on command: a request meets a [`Fault`], an open
//! stream gets an [`Order`], the whole server [stops](Api::stop) and [comes back](Api::resume). What
//! was asked is [recorded](Api::requests).
//!
//! ```ignore
//! let api = Api::start();
//! api.apply(service("shop/web").cluster_ip("10.0.0.1"));
//! api.fail_next("services", Fault::status(429).retry_after(1));
//! ```

#![allow(dead_code, reason = "every test binary uses a part of it")]

mod fault;
mod form;
mod http;
mod kind;
mod object;
#[path = "../protobuf.rs"]
mod protobuf;
mod selector;
mod serve;
mod state;

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::{
    net::TcpListener,
    runtime::{Builder, Runtime},
    task::{AbortHandle, JoinSet},
};

pub(crate) use fault::{Asked, Fault, Order};
pub(crate) use form::Form;
pub(crate) use http::Request;
use kind::{Target, kind};
pub(crate) use object::{Object, namespace, pod, service, slice};
use serve::Shared;
pub(crate) use state::{StreamingLists, TooOld};

/// See the module. It ends when it is dropped.
pub(crate) struct Api {
    shared: Arc<Shared>,
    address: SocketAddr,
    /// Keeps the port while nobody listens: it is bound and does not listen.
    _reserved: Socket,
    listening: Mutex<Option<AbortHandle>>,
    runtime: Option<Runtime>,
}

impl Api {
    /// An API server without objects.
    pub(crate) fn start() -> Self {
        let reserved = bound((Ipv4Addr::LOCALHOST, 0).into());
        let address = reserved.local_addr().expect("it is bound").as_socket().expect("an address of IP");
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a thread");
        let api = Self {
            shared: Shared::new(),
            address,
            _reserved: reserved,
            listening: Mutex::new(None),
            runtime: Some(runtime),
        };
        api.resume();
        api
    }

    /// What a kubeconfig calls it.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    // ----------- Objects ---------------------------------------------------

    /// Creates an object or replaces it.
    pub(crate) fn apply(&self, object: Object) {
        self.shared.change(|state| state.apply(object));
    }

    /// Deletes an object.
    pub(crate) fn delete(&self, plural: &str, path: &str) {
        self.shared.change(|state| state.delete(kind(plural), path));
    }

    /// Forgets what has happened: a watch that begins in the past gets a 410.
    pub(crate) fn compact(&self) {
        self.shared.change(state::State::compact);
    }

    // ----------- Habits ----------------------------------------------------

    /// What it does when it is asked for a streaming list.
    pub(crate) fn streaming_lists(&self, streaming_lists: StreamingLists) {
        self.shared.change(|state| state.habits.streaming_lists = streaming_lists);
    }

    /// The form in which it says everything, whatever a client accepts.
    pub(crate) fn speaks(&self, form: Form) {
        self.shared.change(|state| state.habits.form = Some(form));
    }

    /// How it says that a watch begins too far back.
    pub(crate) fn too_old(&self, too_old: TooOld) {
        self.shared.change(|state| state.habits.too_old = too_old);
    }

    /// From now on every request needs this bearer token.
    pub(crate) fn require_token(&self, token: &str) {
        self.shared.change(|state| state.habits.token = Some(token.to_owned()));
    }

    /// Pages hold no more than this, whatever limit is asked for.
    pub(crate) fn pages_of(&self, objects: usize) {
        self.shared.change(|state| state.habits.page_objects_max = objects);
    }

    /// Empty lists have `items: null`.
    pub(crate) fn null_items(&self) {
        self.shared.change(|state| state.habits.null_items = true);
    }

    /// The bookmark that ends the beginning of a streaming list waits for [`Order::Begun`]. What
    /// changes before it is told as it happens, deletions too.
    pub(crate) fn late_bookmarks(&self) {
        self.shared.change(|state| state.habits.late_bookmarks = true);
    }

    /// How long streams are quiet before a bookmark says that they live.
    pub(crate) fn bookmarks_every(&self, interval: Duration) {
        self.shared.change(|state| state.habits.bookmark_interval = interval);
    }

    // ----------- Faults ----------------------------------------------------

    /// What the next request for a resource meets.
    pub(crate) fn fail_next(&self, plural: &str, fault: Fault) {
        self.shared.change(|state| state.faults.push((kind(plural).plural, fault, false)));
    }

    /// What every request for a resource meets, until it is [healed](Self::heal).
    pub(crate) fn fail(&self, plural: &str, fault: Fault) {
        self.shared.change(|state| state.faults.push((kind(plural).plural, fault, true)));
    }

    /// Requests for a resource meet no fault any more.
    pub(crate) fn heal(&self, plural: &str) {
        self.shared.change(|state| state.faults.retain(|(of, ..)| *of != plural));
    }

    /// Pages of lists that were begun are not to be had any more.
    pub(crate) fn expire_lists(&self) {
        self.shared.change(state::State::expire_lists);
    }

    /// What happens now on the open streams of a resource.
    pub(crate) fn order(&self, plural: &str, order: Order) {
        self.shared.change(|state| state.order(kind(plural).plural, order));
    }

    /// An event on the open streams of a resource that tells of nothing this server knows of.
    pub(crate) fn event(&self, plural: &str, what: &str, object: Object) {
        self.shared.change(|state| {
            let event = serde_json::json!({"type": what, "object": state.stamp(object.value)});
            state.order(kind(plural).plural, Order::Line(event.to_string()));
        });
    }

    /// Ends the listener and all connections: from now on they are refused.
    pub(crate) fn stop(&self) {
        if let Some(listening) = self.listening().take() {
            listening.abort();
        }
    }

    /// Listens again, on the same port.
    pub(crate) fn resume(&self) {
        let runtime = self.runtime.as_ref().expect("it is there until the end");
        let _in_runtime = runtime.enter();
        let socket = bound(self.address);
        socket.listen(128).expect("a port of ours");
        let listener = TcpListener::from_std(socket.into()).expect("a listener");
        *self.listening() = Some(runtime.spawn(listen(listener, self.shared.clone())).abort_handle());
    }

    fn listening(&self) -> MutexGuard<'_, Option<AbortHandle>> {
        self.listening.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // ----------- What was asked --------------------------------------------

    /// Every request so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.shared.state().requests.clone()
    }

    /// The requests so far for a resource.
    pub(crate) fn requests_for(&self, plural: &str) -> Vec<Request> {
        let of = |request: &Request| Target::of(&request.path).is_some_and(|target| target.kind.plural == plural);
        self.requests().into_iter().filter(of).collect()
    }

    /// Forgets them.
    pub(crate) fn forget_requests(&self) {
        self.shared.state().requests.clear();
    }

    /// How many streams of a resource are open.
    pub(crate) fn streams(&self, plural: &str) -> usize {
        self.shared.state().streams.iter().filter(|of| **of == plural).count()
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Accepts until it is aborted, and takes its connections with it.
async fn listen(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            connections.spawn(serve::serve(stream, shared.clone()));
        }
        while connections.try_join_next().is_some() {}
    }
}

/// A socket that shares its port with others of ours.
fn bound(address: SocketAddr) -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).expect("a socket");
    socket.set_nonblocking(true).expect("a socket option");
    socket.set_reuse_port(true).expect("a socket option");
    socket.bind(&address.into()).expect("a port");
    socket
}
