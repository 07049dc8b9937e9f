//! Protobuf: each event is a frame, and objects in it are as the API server stores them.

use super::{super::failure::Failure, Said, garbled};
use crate::objects::{
    Kind, Needs,
    decode::protobuf::{Envelope, Event, List},
};

/// Reads a frame about objects of this kind.
pub(super) fn event(frame: &[u8], kind: Kind, needs: Needs) -> Result<Said, Failure> {
    let (what, object) = Event::read(frame).map_err(garbled)?;
    match what {
        "ADDED" | "MODIFIED" => Ok(Said::Seen(object.carried(kind, needs))),
        "DELETED" => Ok(Said::Gone(object.gone(kind))),
        "BOOKMARK" => Ok(Said::Bookmark(object.mark())),
        "ERROR" => {
            let status = object.status().map_err(garbled)?;
            Err(Failure::of(status.code(), status.message(), None))
        }
        other => Err(super::unknown(other)),
    }
}

/// Takes a page apart, and says of which kind it is.
pub(super) fn page(body: &[u8]) -> Result<(&str, List<'_>), Failure> {
    let envelope = Envelope::read(body).map_err(garbled)?;
    Ok((envelope.kind(), envelope.list().map_err(garbled)?))
}

/// What a Status says, if this is one.
pub(super) fn status(body: &[u8]) -> Option<String> {
    let status = Envelope::read(body).ok()?.status().ok()?;
    Some(status.message().to_owned())
}
