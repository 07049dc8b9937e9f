//! An object as a list or a watch of the API carries it: which one it is, what it says, and from
//! where the watch goes on behind it.

use super::{
    Decoded, ListOf, Raw,
    field::{Metadata, Moment, Pairs, Text},
    part,
    protobuf::{Field, Malformed, Pair, Value, message},
};
use crate::objects::{Key, Kind, Needs, problem::Problem};
use k8s_openapi::jiff::Timestamp;
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use std::fmt;

/// An object that is there.
#[derive(Debug, PartialEq)]
pub(in crate::objects) struct Carried {
    /// What it says.
    pub(in crate::objects) decoded: Result<Decoded, Unreadable>,
    /// `metadata.resourceVersion`
    pub(in crate::objects) version: Option<Box<str>>,
    /// When what it says came about: the annotation of the endpoint slice controller, in Unix seconds.
    pub(in crate::objects) triggered_unix_secs: Option<f64>,
}

/// An object that is there and cannot be read.
#[derive(Debug, PartialEq)]
pub(in crate::objects) struct Unreadable {
    /// Which one, if at least that can be read.
    pub(in crate::objects) key: Option<Key>,
    /// Why not.
    pub(in crate::objects) problem: Problem,
}

/// An object that is no longer there.
#[derive(Debug)]
pub(in crate::objects) struct Gone {
    /// Which one, if that can be read.
    pub(in crate::objects) key: Option<Key>,
    /// `metadata.resourceVersion`
    pub(in crate::objects) version: Option<Box<str>>,
}

/// Where a watch has got to.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::objects) struct Mark {
    /// `metadata.resourceVersion`
    pub(in crate::objects) version: Option<Box<str>>,
    /// Whether a list that came as events is whole with it.
    pub(in crate::objects) ends_list: bool,
}

/// What only the API says of an object.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, expecting = "an object")]
pub(super) struct Revision<'a> {
    #[serde(borrow)]
    resource_version: Text<'a>,
    #[serde(borrow)]
    annotations: Annotations<'a>,
}

/// `metadata`, all that anybody wants of it, for those who read it in one pass.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, expecting = "an object")]
pub(super) struct WholeMetadata<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    namespace: Text<'a>,
    #[serde(borrow)]
    labels: Pairs<'a>,
    deletion_timestamp: Moment,
    #[serde(borrow)]
    resource_version: Text<'a>,
    #[serde(borrow)]
    annotations: Annotations<'a>,
}

message!(WholeMetadata<'a> {
    1 => name, 3 => namespace, 6 => resource_version, 9 => deletion_timestamp, 11 => labels, 12 => annotations,
});

/// The annotations that count.
#[derive(Debug, Default)]
struct Annotations<'a> {
    last_change: Text<'a>,
    /// A bookmark has it behind a list that came as events.
    ends_list: bool,
}

const LAST_CHANGE: &str = "endpoints.kubernetes.io/last-change-trigger-time";
const INITIAL_EVENTS_END: &str = "k8s.io/initial-events-end";

/// Reads an object of this kind. Lists leave the kind out, watches name it.
pub(in crate::objects) fn carried(kind: Kind, raw: Raw<'_>, needs: Needs) -> Carried {
    let raw = raw.in_list(&ListOf::of(kind));
    let decoded = if raw.known_kind().is_ok_and(|known| known == Some(kind)) {
        raw.decode(needs).map(|(decoded, _)| decoded)
    } else {
        Err(of_another_kind(kind))
    };
    revision(&raw).carry(decoded.map_err(|problem| Unreadable { key: key(kind, &raw), problem }))
}

/// Reads which object of this kind is gone; what it said last does not matter.
pub(in crate::objects) fn gone(kind: Kind, raw: Raw<'_>) -> Gone {
    let raw = raw.in_list(&ListOf::of(kind));
    Gone { key: key(kind, &raw), version: revision(&raw).mark().version }
}

/// Reads what a bookmark says.
pub(in crate::objects) fn mark(raw: &Raw<'_>) -> Mark {
    revision(raw).mark()
}

/// What stands where an object of this kind belongs.
pub(super) fn of_another_kind(kind: Kind) -> Problem {
    Problem::error(None, format!("an object that is no {kind} among those of this kind"))
}

fn revision<'a>(raw: &Raw<'a>) -> Revision<'a> {
    part("metadata", raw.metadata).unwrap_or_default()
}

fn key(kind: Kind, raw: &Raw<'_>) -> Option<Key> {
    raw.key().filter(|key| key.kind == kind)
}

impl Revision<'_> {
    /// Whether there is one.
    pub(super) fn is_known(&self) -> bool {
        self.resource_version.filled().is_some()
    }

    /// The object with it.
    pub(super) fn carry(&self, decoded: Result<Decoded, Unreadable>) -> Carried {
        let triggered_unix_secs = self.annotations.last_change.filled().and_then(unix_secs);
        Carried { decoded, version: self.mark().version, triggered_unix_secs }
    }

    pub(super) fn mark(&self) -> Mark {
        Mark { version: self.resource_version.filled().map(Into::into), ends_list: self.annotations.ends_list }
    }
}

impl<'a> WholeMetadata<'a> {
    /// What any source says, and what only the API does.
    pub(super) fn parted(self) -> (Metadata<'a>, Revision<'a>) {
        let Self { name, namespace, labels, deletion_timestamp, resource_version, annotations } = self;
        (Metadata { name, namespace, labels, deletion_timestamp }, Revision { resource_version, annotations })
    }
}

impl<'a> Annotations<'a> {
    /// The place for the value of this one, if it counts.
    fn place(&mut self, name: &str) -> Option<&mut Text<'a>> {
        self.ends_list |= name == INITIAL_EVENTS_END;
        (name == LAST_CHANGE).then_some(&mut self.last_change)
    }
}

impl<'a> Field<'a> for Annotations<'a> {
    fn take(&mut self, value: Value<'a>) -> Result<(), Malformed> {
        let mut pair = Pair::default();
        pair.take(value)?;
        if let Some(place) = self.place(&pair.key.0) {
            *place = pair.value;
        }
        Ok(())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Annotations<'a> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct AnnotationsVisitor;

        impl<'de> Visitor<'de> for AnnotationsVisitor {
            type Value = Annotations<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of strings")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut found = Annotations::default();
                while let Some(key) = map.next_key::<Text<'_>>()? {
                    match found.place(&key.0) {
                        Some(place) => *place = map.next_value()?,
                        None => _ = map.next_value::<IgnoredAny>()?,
                    }
                }
                Ok(found)
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Annotations::default())
            }
        }

        input.deserialize_any(AnnotationsVisitor)
    }
}

fn unix_secs(text: &str) -> Option<f64> {
    let time: Timestamp = text.parse().ok()?;
    Some(time.as_second() as f64 + f64::from(time.subsec_nanosecond()) / 1e9)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: Kind, json: &str) -> Carried {
        carried(kind, Raw::parse(json).unwrap(), Needs::default())
    }

    fn key_of_unreadable(carried: Carried) -> Option<String> {
        carried.decoded.expect_err("it cannot be read").key.map(|key| key.to_string())
    }

    #[test]
    fn an_item_of_a_list_has_no_kind_and_is_known_all_the_same() {
        let json = r#"{"metadata":{"name":"web-1","namespace":"shop","resourceVersion":"12",
            "annotations":{"a":"b","endpoints.kubernetes.io/last-change-trigger-time":"1970-01-01T00:00:02.5Z"}},
            "addressType":"IPv4","endpoints":null,"ports":null}"#;
        let carried = read(Kind::EndpointSlice, json);
        assert_eq!((carried.version.as_deref(), carried.triggered_unix_secs), (Some("12"), Some(2.5)));
        let Ok(Decoded::Object(object)) = carried.decoded else { panic!("an object") };
        assert_eq!(object.key().to_string(), "EndpointSlice shop/web-1");
        let gone = gone(Kind::EndpointSlice, Raw::parse(json).unwrap());
        assert_eq!((gone.key, gone.version.as_deref()), (Some(object.key()), Some("12")));
    }

    #[test]
    fn what_cannot_be_read_still_says_which_object_it_is() {
        let json = r#"{"metadata":{"name":"web","namespace":"shop","resourceVersion":"7"},"spec":{"clusterIPs":5}}"#;
        let carried = read(Kind::Service, json);
        assert_eq!(carried.version.as_deref(), Some("7"));
        let unreadable = carried.decoded.unwrap_err();
        assert!(unreadable.problem.to_string().starts_with("Service shop/web: left out: spec"));
        assert_eq!(unreadable.key.unwrap().to_string(), "Service shop/web");
    }

    #[test]
    fn bad_metadata_do_not_hide_which_object_it_is() {
        for bad in [r#""labels":5"#, r#""deletionTimestamp":{}"#, r#""annotations":[]"#] {
            let json = format!(r#"{{"metadata":{{"name":"web","namespace":"shop",{bad}}},"spec":[]}}"#);
            assert_eq!(key_of_unreadable(read(Kind::Service, &json)).as_deref(), Some("Service shop/web"), "{bad}");
        }
    }

    #[test]
    fn another_kind_is_not_taken_for_this_one() {
        let namespace = r#"{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"web"}}"#;
        let status = r#"{"apiVersion":"v1","kind":"Status","metadata":{}}"#;
        for json in [namespace, status, r#"{"apiVersion":"v2","kind":"Service","metadata":{"name":"web"}}"#] {
            assert_eq!(key_of_unreadable(read(Kind::Service, json)), None, "{json}");
        }
        assert_eq!(gone(Kind::Service, Raw::parse(namespace).unwrap()).key, None);
    }
}
