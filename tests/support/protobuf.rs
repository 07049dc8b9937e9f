//! Objects of the API in protobuf, written from their JSON: what the API server would send of them.
//!
//! The type of a JSON value decides what a field looks like, so an object of wrong types is one of
//! wrong types here too. A field that is not in the tables below gets a number that nobody knows.

use serde_json::{Map, Value};

/// The fields of a message: name, number, and what is in it.
type Message = &'static [(&'static str, u64, Inside)];

#[derive(Clone, Copy)]
enum Inside {
    Plain,
    Pairs,
    Time,
    Message(Message),
}

use Inside::{Message as Of, Pairs, Plain, Time};

/// An object, a list or a Status, as a reply has it and as an event holds it.
pub(crate) fn object(value: &Value) -> Vec<u8> {
    let text = |name: &str| value[name].as_str().unwrap_or_default();
    let mut of = Vec::new();
    octets(&mut of, 1, text("apiVersion").as_bytes());
    octets(&mut of, 2, text("kind").as_bytes());
    let mut out = b"k8s\0".to_vec();
    octets(&mut out, 1, &of);
    octets(&mut out, 2, &message(schema(text("kind")), value));
    octets(&mut out, 3, b"");
    octets(&mut out, 4, b"");
    out
}

/// An event of a watch, without the length in front of it.
pub(crate) fn event(what: &str, value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    octets(&mut out, 1, what.as_bytes());
    if !value.is_null() {
        let mut extension = Vec::new();
        octets(&mut extension, 1, &object(value));
        octets(&mut out, 2, &extension);
    }
    out
}

fn schema(kind: &str) -> Message {
    match kind {
        "Service" => SERVICE,
        "EndpointSlice" => SLICE,
        "Pod" => POD,
        "ServiceList" => &[("metadata", 1, Of(LIST_META)), ("items", 2, Of(SERVICE))],
        "EndpointSliceList" => &[("metadata", 1, Of(LIST_META)), ("items", 2, Of(SLICE))],
        "NamespaceList" => &[("metadata", 1, Of(LIST_META)), ("items", 2, Of(METADATA_ONLY))],
        "PodList" => &[("metadata", 1, Of(LIST_META)), ("items", 2, Of(POD))],
        "Status" => &[("status", 2, Plain), ("message", 3, Plain), ("reason", 4, Plain), ("code", 6, Plain)],
        _ => METADATA_ONLY,
    }
}

const LIST_META: Message = &[("resourceVersion", 2, Plain), ("continue", 3, Plain), ("remainingItemCount", 4, Plain)];
const METADATA_ONLY: Message = &[("metadata", 1, Of(METADATA))];
const METADATA: Message = &[
    ("name", 1, Plain),
    ("generateName", 2, Plain),
    ("namespace", 3, Plain),
    ("uid", 5, Plain),
    ("resourceVersion", 6, Plain),
    ("generation", 7, Plain),
    ("creationTimestamp", 8, Time),
    ("deletionTimestamp", 9, Time),
    ("labels", 11, Pairs),
    ("annotations", 12, Pairs),
    ("managedFields", 17, Of(&[])),
];
const SERVICE: Message = &[("metadata", 1, Of(METADATA)), ("spec", 2, Of(SERVICE_SPEC)), ("status", 3, Of(&[]))];
const SERVICE_SPEC: Message = &[
    ("ports", 1, Of(SERVICE_PORT)),
    ("selector", 2, Pairs),
    ("clusterIP", 3, Plain),
    ("type", 4, Plain),
    ("sessionAffinity", 7, Plain),
    ("externalName", 10, Plain),
    ("publishNotReadyAddresses", 13, Plain),
    ("clusterIPs", 18, Plain),
    ("internalTrafficPolicy", 22, Plain),
];
const SERVICE_PORT: Message = &[("name", 1, Plain), ("protocol", 2, Plain), ("port", 3, Plain), ("nodePort", 5, Plain)];
const SLICE: Message = &[
    ("metadata", 1, Of(METADATA)),
    ("endpoints", 2, Of(ENDPOINT)),
    ("ports", 3, Of(&[("name", 1, Plain), ("protocol", 2, Plain), ("port", 3, Plain), ("appProtocol", 4, Plain)])),
    ("addressType", 4, Plain),
];
const ENDPOINT: Message = &[
    ("addresses", 1, Plain),
    ("conditions", 2, Of(&[("ready", 1, Plain), ("serving", 2, Plain), ("terminating", 3, Plain)])),
    ("hostname", 3, Plain),
    ("targetRef", 4, Of(&[("kind", 1, Plain), ("namespace", 2, Plain), ("name", 3, Plain), ("uid", 4, Plain)])),
    ("deprecatedTopology", 5, Pairs),
    ("nodeName", 6, Plain),
    ("zone", 7, Plain),
];
const POD: Message = &[("metadata", 1, Of(METADATA)), ("spec", 2, Of(&[])), ("status", 3, Of(POD_STATUS))];
const POD_STATUS: Message = &[
    ("phase", 1, Plain),
    ("hostIP", 5, Plain),
    ("podIP", 6, Plain),
    ("qosClass", 9, Plain),
    ("podIPs", 12, Of(&[("ip", 1, Plain)])),
];
/// What a later release may bring.
const UNKNOWN: u64 = 4711;

/// The fields in the order of their numbers, as Go writes them.
fn message(schema: Message, value: &Value) -> Vec<u8> {
    let Value::Object(fields) = value else { return text(value) };
    let mut out = Vec::new();
    for (name, number, inside) in schema {
        fields.get(*name).into_iter().for_each(|value| field(&mut out, *number, *inside, value));
    }
    for (name, value) in fields {
        let is_known = schema.iter().any(|(known, ..)| known == name) || ["kind", "apiVersion"].contains(&&**name);
        if !is_known {
            octets(&mut out, UNKNOWN, &text(value));
        }
    }
    out
}

fn field(out: &mut Vec<u8>, number: u64, inside: Inside, value: &Value) {
    match (value, inside) {
        (Value::Null, _) => {}
        (Value::Array(items), _) => items.iter().for_each(|item| match item {
            Value::Null => octets(out, number, b""),
            item => field(out, number, inside, item),
        }),
        (Value::Bool(truth), _) => varint_field(out, number, u64::from(*truth)),
        (Value::Number(value), _) => varint_field(out, number, value.as_i64().unwrap_or_default() as u64),
        (Value::String(_), Time) => octets(out, number, &[0x08, 1]),
        (Value::Object(pairs), Pairs) => entries(out, number, pairs),
        (Value::Object(_), Of(schema)) => octets(out, number, &message(schema, value)),
        (Value::Object(_), _) => varint_field(out, number, 0),
        (Value::String(text), _) => octets(out, number, text.as_bytes()),
    }
}

fn entries(out: &mut Vec<u8>, number: u64, pairs: &Map<String, Value>) {
    for (key, value) in pairs {
        let mut entry = Vec::new();
        octets(&mut entry, 1, key.as_bytes());
        field(&mut entry, 2, Plain, value);
        octets(out, number, &entry);
    }
}

/// A text as it is, anything else as JSON.
fn text(value: &Value) -> Vec<u8> {
    value.as_str().map_or_else(|| value.to_string().into_bytes(), |text| text.as_bytes().to_vec())
}

fn octets(out: &mut Vec<u8>, number: u64, octets: &[u8]) {
    varint(out, number << 3 | 2);
    varint(out, octets.len() as u64);
    out.extend_from_slice(octets);
}

fn varint_field(out: &mut Vec<u8>, number: u64, value: u64) {
    varint(out, number << 3);
    varint(out, value);
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
