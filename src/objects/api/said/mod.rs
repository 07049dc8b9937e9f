//! What the API server says: the events of a watch and the pages of a list, taken apart without a copy.
//!
//! It says so in one of two forms. Which one is in the head of its reply, whatever was asked for.

mod json;
mod protobuf;

use std::fmt::Display;

use super::failure::Failure;
use crate::objects::{
    Kind, Needs,
    decode::{
        Raw,
        carried::{Carried, Gone, Mark, carried},
        protobuf::List,
    },
};

/// How objects are written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Text, an event in each line.
    Json,
    /// Numbered fields, an event in each frame.
    Protobuf,
}

/// What an event of a watch says.
pub(super) enum Said {
    /// An object is there, as it is now.
    Seen(Carried),
    /// An object is no longer there.
    Gone(Gone),
    /// Where the watch goes on.
    Bookmark(Mark),
    /// Nothing.
    Skipped,
}

/// A page of a list.
pub(super) struct Page<'a> {
    /// The objects.
    pub(super) items: Items<'a>,
    /// The version of the whole list.
    pub(super) version: String,
    /// What the next page is asked for with; none behind the last.
    pub(super) continued: Option<String>,
}

/// Objects that nobody has looked at. They are read one by one: all beside each other would be large.
pub(super) enum Items<'a> {
    Json(Vec<Raw<'a>>),
    Protobuf(List<'a>),
}

impl Form {
    /// The form of a reply: what is not said to be protobuf is read as JSON, or fails to be.
    pub(super) fn of(content_type: &[u8]) -> Self {
        let media_type = content_type.split(|octet| *octet == b';').next().unwrap_or_default();
        match media_type.trim_ascii().eq_ignore_ascii_case(PROTOBUF.as_bytes()) {
            true => Self::Protobuf,
            false => Self::Json,
        }
    }

    /// What a request says about the form that its reply may have. The last resort is always JSON.
    pub(super) fn accept(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Protobuf => "application/vnd.kubernetes.protobuf,application/json",
        }
    }

    /// Reads an event about objects of this kind.
    pub(super) fn event(self, event: &[u8], kind: Kind, needs: Needs) -> Result<Said, Failure> {
        match self {
            Self::Json => json::event(event, kind, needs),
            Self::Protobuf => protobuf::event(event, kind, needs),
        }
    }

    /// Reads a page of a list of this kind: whatever else a proxy may send with status 200 is no empty list.
    pub(super) fn page(self, body: &[u8], kind: Kind) -> Result<Page<'_>, Failure> {
        match self {
            Self::Json => {
                let json::Page { kind: said, metadata, items } = json::page(body)?;
                let items = Items::Json(items.unwrap_or_default());
                Page::new(items, &said, kind, metadata.resource_version, metadata.continued)
            }
            Self::Protobuf => {
                let (said, list) = protobuf::page(body)?;
                let (version, continued) = (list.version().to_owned(), list.continued().map(str::to_owned));
                Page::new(Items::Protobuf(list), said, kind, version, continued)
            }
        }
    }

    /// The message of a Status, or the body as it is.
    pub(super) fn status(self, body: &[u8]) -> String {
        let status = match self {
            Self::Json => json::status(body),
            Self::Protobuf => protobuf::status(body),
        };
        status.unwrap_or_else(|| String::from_utf8_lossy(body).into_owned())
    }
}

impl<'a> Page<'a> {
    fn new(
        items: Items<'a>,
        said: &str,
        kind: Kind,
        version: String,
        continued: Option<String>,
    ) -> Result<Self, Failure> {
        match said.strip_suffix("List") {
            Some(of) if of == kind.to_string() => {}
            _ => return Err(Failure::Garbled(format!("a {said:?} where a list of {kind} belongs"))),
        }
        let continued = continued.filter(|text| !text.is_empty());
        match continued.is_none() && version.is_empty() {
            true => Err(Failure::Garbled("a list without a resourceVersion".into())),
            false => Ok(Self { items, version, continued }),
        }
    }
}

impl<'a> Items<'a> {
    /// Reads them as objects of this kind.
    pub(super) fn carried(self, kind: Kind, needs: Needs) -> impl Iterator<Item = Carried> + use<'a> {
        let (json, protobuf) = match self {
            Self::Json(items) => (Some(items), None),
            Self::Protobuf(list) => (None, Some(list)),
        };
        let json = json.into_iter().flatten().map(move |item| carried(kind, item, needs));
        json.chain(protobuf.into_iter().flat_map(move |list| list.items(kind, needs)))
    }
}

fn garbled(why: impl Display) -> Failure {
    Failure::Garbled(why.to_string())
}

fn unknown(what: &str) -> Failure {
    Failure::Garbled(format!("an event of type {what:?}"))
}

const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";

/// What fuzzers run: any octets mean something or are garbled, and never a panic.
#[doc(hidden)]
pub fn fuzz(octets: &[u8]) -> bool {
    let needs = Needs { labels: true, pod_names: true, zones: true, pods: true, selectors: true };
    let kinds = [Kind::Namespace, Kind::Service, Kind::EndpointSlice, Kind::Pod];
    let is_read = |form: Form, kind: Kind| {
        let page = form.page(octets, kind);
        let listed = page.is_ok_and(|page| page.items.carried(kind, needs).any(|item| item.decoded.is_ok()));
        listed || form.event(octets, kind, needs).is_ok()
    };
    let read = kinds.iter().flat_map(|kind| [is_read(Form::Json, *kind), is_read(Form::Protobuf, *kind)]);
    read.filter(|is_read| *is_read).count() > 0
}

#[cfg(test)]
mod tests;
