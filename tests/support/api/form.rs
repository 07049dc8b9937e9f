//! The forms in which the stand-in speaks, and which of them a client hears.

use serde_json::{Value, json};

use super::{http::Request, protobuf};

/// How objects are written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Json,
    Protobuf,
}

pub(super) const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";

impl Form {
    /// What a client hears of a server that knows both.
    pub(super) fn accepted(request: &Request) -> Self {
        let accepted = request.accept.as_deref().unwrap_or_default();
        if accepted.split(',').next() == Some(PROTOBUF) { Self::Protobuf } else { Self::Json }
    }

    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Protobuf => PROTOBUF,
        }
    }

    /// What a real one calls a stream.
    pub(super) fn stream_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Protobuf => "application/vnd.kubernetes.protobuf;stream=watch",
        }
    }

    /// An object, a list or a Status.
    pub(super) fn object(self, object: &Value) -> Vec<u8> {
        match self {
            Self::Json => object.to_string().into_bytes(),
            Self::Protobuf => protobuf::object(object),
        }
    }

    pub(super) fn event(self, what: &str, object: &Value) -> Vec<u8> {
        match self {
            Self::Json => (json!({"type": what, "object": object}).to_string() + "\n").into_bytes(),
            Self::Protobuf => frame(&protobuf::event(what, object)),
        }
    }

    /// A line that somebody thought of, or a frame that says the same.
    pub(super) fn line(self, line: &str) -> Vec<u8> {
        match (self, serde_json::from_str::<Value>(line)) {
            (Self::Json, _) => format!("{line}\n").into_bytes(),
            (Self::Protobuf, Ok(event)) => self.event(event["type"].as_str().unwrap_or_default(), &event["object"]),
            (Self::Protobuf, Err(_)) => frame(line.as_bytes()),
        }
    }

    /// An event that is not said to its end.
    pub(super) fn half(self) -> Vec<u8> {
        let mut whole = self.event("MODIFIED", &json!({"metadata": {"name": "half"}}));
        whole.truncate(whole.len() / 2);
        whole
    }
}

fn frame(content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).expect("a frame");
    [&length.to_be_bytes(), content].concat()
}
