//! JSON: each event is a line. Whatever speaks of Kubernetes at all speaks it.

use std::borrow::Cow;

use serde::Deserialize;

use super::{super::failure::Failure, Said, garbled};
use crate::objects::{
    Kind, Needs,
    decode::{
        Raw,
        carried::{self, Carried},
        endpoints::WholeSlice,
    },
};

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    object: Raw<'a>,
}

#[derive(Deserialize)]
struct SliceEvent<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    object: WholeSlice<'a>,
}

#[derive(Deserialize)]
struct ErrorEvent {
    object: Status,
}

/// `meta/v1.Status`
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Status {
    message: String,
    code: u16,
}

/// A page of a list.
#[derive(Deserialize)]
pub(super) struct Page<'a> {
    #[serde(borrow)]
    pub(super) kind: Cow<'a, str>,
    pub(super) metadata: PageMetadata,
    // `null` is an empty list; where it is left out, this is no list.
    #[serde(borrow, deserialize_with = "Option::deserialize")]
    pub(super) items: Option<Vec<Raw<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PageMetadata {
    #[serde(default)]
    pub(super) resource_version: String,
    #[serde(default, rename = "continue")]
    pub(super) continued: Option<String>,
}

/// Reads a line about objects of this kind.
pub(super) fn event(line: &[u8], kind: Kind, needs: Needs) -> Result<Said, Failure> {
    if line.trim_ascii().is_empty() {
        return Ok(Said::Skipped);
    }
    if kind == Kind::EndpointSlice
        && let Some(carried) = slice_at_once(line, needs)
    {
        return Ok(Said::Seen(carried));
    }
    let event: Event<'_> = serde_json::from_slice(line).map_err(garbled)?;
    match &*event.kind {
        "ADDED" | "MODIFIED" => Ok(Said::Seen(carried::carried(kind, event.object, needs))),
        "DELETED" => Ok(Said::Gone(carried::gone(kind, event.object))),
        "BOOKMARK" => Ok(Said::Bookmark(carried::mark(&event.object))),
        "ERROR" => {
            let Status { code, message } = serde_json::from_slice::<ErrorEvent>(line).map_err(garbled)?.object;
            Err(Failure::of(code, &message, None))
        }
        other => Err(super::unknown(other)),
    }
}

/// A slice that is there. None where anything about the line is unusual.
pub(super) fn slice_at_once(line: &[u8], needs: Needs) -> Option<Carried> {
    let SliceEvent { kind, object } = serde_json::from_slice(line).ok()?;
    matches!(&*kind, "ADDED" | "MODIFIED").then(|| object.carried(needs))?
}

/// Takes a page apart. Its items are objects that nobody has looked at.
pub(super) fn page(body: &[u8]) -> Result<Page<'_>, Failure> {
    serde_json::from_slice(body).map_err(garbled)
}

/// What a Status says, if this is one.
pub(super) fn status(body: &[u8]) -> Option<String> {
    serde_json::from_slice::<Status>(body).ok().map(|status| status.message)
}
