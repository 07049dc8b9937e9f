//! What goes wrong on command: with a request, or on a stream that is open.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;

use super::{
    form::{Form, PROTOBUF},
    http::{Reply, Request},
    kind::Kind,
};

/// What becomes of a request instead of its answer.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(super) what: What,
    asked: Asked,
    pub(super) retry_after: Option<Duration>,
}

#[derive(Clone, Debug)]
pub(super) enum What {
    Status(u16),
    Body(u16, &'static str, Vec<u8>),
    Hang,
    Reset,
    Wait(watch::Receiver<bool>),
}

/// Which requests a fault is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Any,
    /// A list, any page of it.
    List,
    /// A page of a list but the first.
    NextPage,
    /// A watch, a streaming list among them.
    Watch,
    /// A watch that goes on from a version.
    Resumed,
    /// Whatever would like protobuf best.
    Protobuf,
}

/// Keeps a request waiting until it is opened or dropped.
pub(crate) struct Gate(watch::Sender<bool>);

impl Fault {
    /// A Status with this code, as the API server has them.
    pub(crate) fn status(code: u16) -> Self {
        Self::new(What::Status(code))
    }

    /// Any body, as something in front of an API server may give.
    pub(crate) fn body(code: u16, text: &str) -> Self {
        Self::new(What::Body(code, "text/plain", text.as_bytes().to_vec()))
    }

    /// Any octets with status 200, said to be protobuf.
    pub(crate) fn protobuf(octets: &[u8]) -> Self {
        Self::new(What::Body(200, PROTOBUF, octets.to_vec()))
    }

    /// It is never answered.
    pub(crate) fn hang() -> Self {
        Self::new(What::Hang)
    }

    /// The connection is reset.
    pub(crate) fn reset() -> Self {
        Self::new(What::Reset)
    }

    /// It is answered once the gate opens.
    pub(crate) fn wait() -> (Self, Gate) {
        let (open, opened) = watch::channel(false);
        (Self::new(What::Wait(opened)), Gate(open))
    }

    /// With the header Retry-After.
    pub(crate) fn retry_after(self, secs: u64) -> Self {
        Self { retry_after: Some(Duration::from_secs(secs)), ..self }
    }

    /// For such requests alone.
    pub(crate) fn on(self, asked: Asked) -> Self {
        Self { asked, ..self }
    }

    fn new(what: What) -> Self {
        Self { what, asked: Asked::Any, retry_after: None }
    }

    pub(super) fn concerns(&self, request: &Request) -> bool {
        match self.asked {
            Asked::Any => true,
            Asked::List => !request.is_watch(),
            Asked::NextPage => !request.is_watch() && request.parameter("continue").is_some(),
            Asked::Watch => request.is_watch(),
            Asked::Protobuf => Form::accepted(request) == Form::Protobuf,
            Asked::Resumed => {
                request.is_watch() && request.parameter("resourceVersion").is_some_and(|version| !version.is_empty())
            }
        }
    }
}

impl Gate {
    pub(crate) fn open(&self) {
        self.0.send_replace(true);
    }
}

/// What happens on every open stream of a resource.
#[derive(Clone, Debug)]
pub(crate) enum Order {
    /// This line is sent, whatever it says; in protobuf a frame that says the same.
    Line(String),
    /// These octets are sent.
    Octets(Vec<u8>),
    /// A bookmark of the present version.
    Bookmark,
    /// The bookmark that ends the beginning, where they [come late](super::Api::late_bookmarks).
    Begun,
    /// An ERROR event with this code, and the end.
    Error(u16),
    /// The end of the stream, as after its time is up.
    End,
    /// The same in the middle of a line.
    HalfLine,
    /// RST.
    Reset,
    /// Nothing is sent any more, as if the other machine had vanished.
    Mute,
}

/// A Status of this code, in the words of the API server.
pub(super) fn status(code: u16, kind: &Kind) -> Value {
    let Kind { plural, .. } = kind;
    let group = kind.group();
    let (reason, message) = match code {
        400 => ("BadRequest", "invalid request".to_owned()),
        401 => ("Unauthorized", "Unauthorized".to_owned()),
        403 => ("Forbidden", forbidden(plural, group)),
        404 => ("NotFound", "the server could not find the requested resource".to_owned()),
        410 => ("Expired", "too old resource version: 1 (100)".to_owned()),
        422 => ("Invalid", INVALID.to_owned()),
        429 => ("TooManyRequests", "the server has received too many requests, please try again later".to_owned()),
        504 => ("Timeout", "the server was unable to return a response in the time allotted".to_owned()),
        _ => ("InternalError", "an error on the server has prevented the request from succeeding".to_owned()),
    };
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": code
    })
}

pub(super) fn status_reply(code: u16, kind: &Kind) -> Reply {
    Reply::new(code, status(code, kind))
}

const INVALID: &str = "ListOptions.meta.k8s.io \"\" is invalid: sendInitialEvents: Forbidden: \
                       sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled";

fn forbidden(plural: &str, group: &str) -> String {
    format!(
        "{plural} is forbidden: User \"system:serviceaccount:kube-system:dns\" cannot list resource \"{plural}\" \
         in API group \"{group}\" at the cluster scope"
    )
}
