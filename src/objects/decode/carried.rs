//! An object as a list or a watch of the API carries it: which one it is, what it says, and from
//! where the watch goes on behind it.

use super::{Decoded, ListOf, Raw, field, part};
use crate::objects::{Key, Kind, Needs, problem::Problem};
use field::Text;
use k8s_openapi::jiff::Timestamp;
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use std::fmt;

/// An object that is there.
#[derive(Debug)]
pub(in crate::objects) struct Carried {
    /// What it says.
    pub(in crate::objects) decoded: Result<Decoded, Unreadable>,
    /// `metadata.resourceVersion`
    pub(in crate::objects) version: Option<Box<str>>,
    /// When what it says came about: the annotation of the endpoint slice controller, in Unix seconds.
    pub(in crate::objects) triggered_unix_secs: Option<f64>,
}

/// An object that is there and cannot be read.
#[derive(Debug)]
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

/// What only the API says of an object.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, expecting = "an object")]
struct Revision<'a> {
    #[serde(borrow)]
    resource_version: Text<'a>,
    #[serde(borrow)]
    annotations: LastChange<'a>,
}

/// The one annotation that counts.
#[derive(Debug, Default)]
struct LastChange<'a>(Text<'a>);

const LAST_CHANGE: &str = "endpoints.kubernetes.io/last-change-trigger-time";

/// Reads an object of this kind. Lists leave the kind out, watches name it.
pub(in crate::objects) fn carried(kind: Kind, raw: Raw<'_>, needs: Needs) -> Carried {
    let raw = raw.in_list(&ListOf::of(kind));
    let Revision { resource_version, annotations } = part("metadata", raw.metadata).unwrap_or_default();
    let decoded = if raw.known_kind().is_ok_and(|known| known == Some(kind)) {
        raw.decode(needs).map(|(decoded, _)| decoded)
    } else {
        Err(Problem::error(None, format!("an object that is no {kind} among those of this kind")))
    };
    let decoded = decoded.map_err(|problem| Unreadable { key: key(kind, &raw), problem });
    Carried {
        decoded,
        version: resource_version.filled().map(Into::into),
        triggered_unix_secs: annotations.0.filled().and_then(unix_secs),
    }
}

/// Reads which object of this kind is gone; what it said last does not matter.
pub(in crate::objects) fn gone(kind: Kind, raw: Raw<'_>) -> Gone {
    let raw = raw.in_list(&ListOf::of(kind));
    let Revision { resource_version, .. } = part("metadata", raw.metadata).unwrap_or_default();
    Gone { key: key(kind, &raw), version: resource_version.filled().map(Into::into) }
}

fn key(kind: Kind, raw: &Raw<'_>) -> Option<Key> {
    raw.key().filter(|key| key.kind == kind)
}

impl<'de: 'a, 'a> Deserialize<'de> for LastChange<'a> {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct LastChangeVisitor;

        impl<'de> Visitor<'de> for LastChangeVisitor {
            type Value = LastChange<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of strings")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut found = LastChange::default();
                while let Some(key) = map.next_key::<Text<'_>>()? {
                    if key.0 == LAST_CHANGE {
                        found.0 = map.next_value()?;
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(found)
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(LastChange::default())
            }
        }

        input.deserialize_any(LastChangeVisitor)
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
