//! What the API server says: the lines of a watch and the pages of a list, taken apart without a copy.

use std::borrow::Cow;

use serde::Deserialize;

use super::{failure::Failure, request::Status};
use crate::objects::{
    Kind, Needs,
    decode::{
        Raw,
        carried::{self, Carried, Gone},
    },
};

/// What a line of a watch says.
pub(super) enum Said {
    /// An object is there, as it is now.
    Seen(Carried),
    /// An object is no longer there.
    Gone(Gone),
    /// Where the watch goes on, and whether a list that came as events is whole now.
    Bookmark(Option<Box<str>>, bool),
    /// Nothing.
    Skipped,
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    object: Raw<'a>,
}

#[derive(Deserialize)]
struct ErrorEvent {
    object: Status,
}

/// A page of a list.
#[derive(Deserialize)]
pub(super) struct Page<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    metadata: PageMetadata,
    // `null` is an empty list; where it is left out, this is no list.
    #[serde(borrow, deserialize_with = "Option::deserialize")]
    items: Option<Vec<Raw<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageMetadata {
    #[serde(default)]
    resource_version: Box<str>,
    #[serde(rename = "continue")]
    continued: Option<String>,
}

/// Reads a line about objects of this kind.
pub(super) fn read(line: &[u8], kind: Kind, needs: Needs) -> Result<Said, Failure> {
    let event: Event<'_> = serde_json::from_slice(line).map_err(garbled)?;
    match &*event.kind {
        "ADDED" | "MODIFIED" => Ok(Said::Seen(carried::carried(kind, event.object, needs))),
        "DELETED" => Ok(Said::Gone(carried::gone(kind, event.object))),
        "BOOKMARK" => {
            let is_end = event.object.has_in_metadata(INITIAL_EVENTS_END);
            Ok(Said::Bookmark(carried::gone(kind, event.object).version, is_end))
        }
        "ERROR" => {
            let Status { code, message } = serde_json::from_slice::<ErrorEvent>(line).map_err(garbled)?.object;
            Err(Failure::of(code, &message, None))
        }
        other => Err(Failure::Garbled(format!("an event of type {other:?}"))),
    }
}

impl<'a> Page<'a> {
    /// Reads a page of a list of this kind: whatever else a proxy may send with status 200 is no empty list.
    pub(super) fn read(body: &'a [u8], kind: Kind) -> Result<Self, Failure> {
        let page: Self = serde_json::from_slice(body).map_err(garbled)?;
        match page.kind.strip_suffix("List") {
            Some(of) if of == kind.to_string() => {}
            _ => return Err(Failure::Garbled(format!("a {} where a list of {kind} belongs", page.kind))),
        }
        match page.continued().is_none() && page.metadata.resource_version.is_empty() {
            true => Err(Failure::Garbled("a list without a resourceVersion".into())),
            false => Ok(page),
        }
    }

    /// The objects, once.
    pub(super) fn items(&mut self) -> impl Iterator<Item = Raw<'a>> + use<'a> {
        self.items.take().into_iter().flatten()
    }

    /// What the next page is asked for with; none behind the last.
    pub(super) fn continued(&self) -> Option<&str> {
        self.metadata.continued.as_deref().filter(|text| !text.is_empty())
    }

    /// The version of the whole list.
    pub(super) fn version(self) -> Box<str> {
        self.metadata.resource_version
    }
}

fn garbled(why: serde_json::Error) -> Failure {
    Failure::Garbled(why.to_string())
}

/// The annotation of the bookmark behind a list that came as events.
const INITIAL_EVENTS_END: &str = "k8s.io/initial-events-end";

/// What fuzzers run: any line and any body mean something or are garbled, and never a panic.
#[doc(hidden)]
pub fn fuzz(text: &[u8]) -> bool {
    let needs = Needs { labels: true, pod_names: true, zones: true, pods: true, selectors: true };
    let kinds = [Kind::Namespace, Kind::Service, Kind::EndpointSlice, Kind::Pod];
    let lines = kinds.iter().filter(|kind| read(text, **kind, needs).is_ok()).count();
    let listed = |mut page: Page<'_>| {
        page.items()
            .map(|item| carried::carried(Kind::Service, item, needs))
            .filter(|item| item.decoded.is_ok())
            .count()
    };
    lines > 0 || Page::read(text, Kind::Service).is_ok_and(|page| listed(page) > 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn said(line: &str) -> Result<Said, Failure> {
        read(line.as_bytes(), Kind::Service, Needs::default())
    }

    #[test]
    fn a_bookmark_tells_where_to_go_on_and_where_a_list_ends() {
        let bookmark = |annotations: &str| {
            let metadata = format!(r#"{{"resourceVersion":"12","annotations":{annotations}}}"#);
            match said(&format!(r#"{{"type":"BOOKMARK","object":{{"kind":"Service","metadata":{metadata}}}}}"#)) {
                Ok(Said::Bookmark(version, is_end)) => (version.unwrap(), is_end),
                _ => panic!("a bookmark"),
            }
        };
        assert_eq!(bookmark(r#"{"k8s.io/initial-events-end":"true"}"#), ("12".into(), true));
        assert_eq!(bookmark("null"), ("12".into(), false));
    }

    #[test]
    fn an_error_is_the_failure_that_it_names() {
        let error = |code: u16| said(&format!(r#"{{"type":"ERROR","object":{{"code":{code},"message":"m"}}}}"#)).err();
        assert_eq!(error(410), Some(Failure::Gone("m".into())));
        assert_eq!(error(500), Some(Failure::Failing(500, "m".into())));
        assert!(matches!(said(r#"{"type":"NEWS","object":{}}"#), Err(Failure::Garbled(_))));
        assert!(matches!(said("<html>"), Err(Failure::Garbled(_))));
    }

    #[test]
    fn only_a_list_of_the_kind_is_a_list() {
        let read = |json: &str| Page::read(json.as_bytes(), Kind::Service).map(|mut page| page.items().count());
        let version = r#""metadata":{"resourceVersion":"5"}"#;
        assert_eq!(read(&format!(r#"{{"kind":"ServiceList",{version},"items":null}}"#)), Ok(0));
        assert_eq!(read(&format!(r#"{{"kind":"ServiceList",{version},"items":[{{}},{{}}]}}"#)), Ok(2));
        for no_list in [
            format!(r#"{{"kind":"ServiceList",{version}}}"#),
            format!(r#"{{"kind":"PodList",{version},"items":[]}}"#),
            r#"{"kind":"Status","metadata":{},"items":[]}"#.to_owned(),
            r#"{"kind":"ServiceList","metadata":{},"items":[]}"#.to_owned(),
        ] {
            assert!(matches!(read(&no_list), Err(Failure::Garbled(_))), "{no_list}");
        }
    }

    proptest! {
        #[test]
        fn any_text_means_something_or_is_garbled(
            kind in prop_oneof![Just("ADDED"), Just("DELETED"), Just("BOOKMARK"), Just("ERROR")],
            object in r#"\{("metadata":\{("name":"[a-z.]{0,3}")?,?("labels":(5|\{\}))?\})?,?("spec":(\[\]|\{\}|7))?\}"#,
            text in prop::collection::vec(any::<u8>(), 0..64),
        ) {
            fuzz(format!(r#"{{"type":"{kind}","object":{object}}}"#).as_bytes());
            fuzz(&text);
        }
    }
}
