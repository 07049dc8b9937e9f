//! An object as a list or a watch of the API carries it: which one it is, what it says, and from
//! where the watch goes on behind it.

use super::{Decoded, ListOf, Raw, field, part};
use crate::objects::{Key, Kind, Needs, problem::Problem};
use field::{Pairs, Text};
use k8s_openapi::jiff::Timestamp;
use serde::Deserialize;

/// See the module.
#[derive(Debug)]
pub(in crate::objects) struct Carried {
    /// Which object, where that can be read.
    pub(in crate::objects) key: Option<Key>,
    /// What it says.
    pub(in crate::objects) decoded: Result<Decoded, Problem>,
    /// `metadata.resourceVersion`
    pub(in crate::objects) version: Option<Box<str>>,
    /// When what it says came about: the annotation of the endpoint slice controller, in Unix seconds.
    pub(in crate::objects) triggered_unix_secs: Option<f64>,
}

/// What only the API says of an object.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, expecting = "an object")]
struct Revision<'a> {
    #[serde(borrow)]
    resource_version: Text<'a>,
    #[serde(borrow)]
    annotations: Pairs<'a>,
}

const LAST_CHANGE: &str = "endpoints.kubernetes.io/last-change-trigger-time";

/// Reads an object of this kind. Lists leave the kind out, watches name it.
pub(in crate::objects) fn carried(kind: Kind, json: &str, needs: Needs) -> Carried {
    let raw = match Raw::parse(json) {
        Ok(raw) => raw.in_list(&ListOf::of(kind)),
        Err(problem) => return Carried { key: None, decoded: Err(problem), version: None, triggered_unix_secs: None },
    };
    let revision: Revision<'_> = part("metadata", raw.metadata).unwrap_or_default();
    let key = raw.key().filter(|key| key.kind == kind);
    let decoded = raw.decode(needs).and_then(|(decoded, _)| match key {
        Some(_) => Ok(decoded),
        None => Err(Problem::error(None, format!("an object that is no {kind} among those of this kind"))),
    });
    Carried {
        key,
        decoded,
        version: revision.resource_version.filled().map(Into::into),
        triggered_unix_secs: revision.annotations.get(LAST_CHANGE).and_then(unix_secs),
    }
}

fn unix_secs(text: &str) -> Option<f64> {
    let time: Timestamp = text.parse().ok()?;
    Some(time.as_second() as f64 + f64::from(time.subsec_nanosecond()) / 1e9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_of_a_list_has_no_kind_and_is_known_all_the_same() {
        let json = r#"{"metadata":{"name":"web-1","namespace":"shop","resourceVersion":"12",
            "annotations":{"endpoints.kubernetes.io/last-change-trigger-time":"1970-01-01T00:00:02.5Z"}},
            "addressType":"IPv4","endpoints":null,"ports":null}"#;
        let carried = carried(Kind::EndpointSlice, json, Needs::default());
        assert_eq!(carried.key.unwrap().to_string(), "EndpointSlice shop/web-1");
        assert_eq!((carried.version.as_deref(), carried.triggered_unix_secs), (Some("12"), Some(2.5)));
        assert!(matches!(carried.decoded, Ok(Decoded::Object(_))));
    }

    #[test]
    fn what_cannot_be_read_still_says_which_object_it_is() {
        let json = r#"{"metadata":{"name":"web","namespace":"shop","resourceVersion":"7"},"spec":{"clusterIPs":5}}"#;
        let carried = carried(Kind::Service, json, Needs::default());
        assert_eq!(
            (carried.key.unwrap().to_string(), carried.version.as_deref()),
            ("Service shop/web".into(), Some("7"))
        );
        assert!(carried.decoded.unwrap_err().to_string().starts_with("Service shop/web: left out: spec"));
    }

    #[test]
    fn bad_metadata_do_not_hide_which_object_it_is() {
        for bad in [r#""labels":5"#, r#""deletionTimestamp":{}"#, r#""annotations":[]"#] {
            let json = format!(r#"{{"metadata":{{"name":"web","namespace":"shop",{bad}}},"spec":[]}}"#);
            let carried = carried(Kind::Service, &json, Needs::default());
            assert_eq!(carried.key.unwrap().to_string(), "Service shop/web", "{bad}");
            assert!(carried.decoded.is_err(), "{bad}");
        }
    }

    #[test]
    fn another_kind_is_not_taken_for_this_one() {
        let json = r#"{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"web"}}"#;
        let carried = carried(Kind::Service, json, Needs::default());
        assert!(carried.key.is_none() && carried.decoded.is_err());
    }
}
