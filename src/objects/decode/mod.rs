//! One object as the API writes it becomes one slim object.
//!
//! The same rules serve snapshots and API watches: one object in, what DNS needs of it out. Snapshots
//! are JSON text, the API may also speak `protobuf`. JSON is read in two steps. `Raw` takes it apart without a look inside, because
//! `kind` comes after `endpoints` where keys are sorted and because the `spec` of a kind we do not
//! read may have any shape. Then the parts that the kind needs are read into small typed structs.
//!
//! An object that cannot be understood yields a [`Problem`] which names it, and nothing else.

pub(super) mod carried;
pub(super) mod endpoints;
mod field;
mod pod;
pub(super) mod protobuf;
mod service;

use super::{Key, Kind, Labels, Namespace, Needs, Object, problem::Problem};
use crate::objects::manifest::Backing;
pub(super) use endpoints::SERVICE_NAME_LABEL;
use field::{Identity, Metadata, Pairs, Text};
use serde::Deserialize;
use serde_json::value::RawValue;

/// What one JSON object turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decoded {
    /// An object that DNS is made of.
    Object(Object),
    /// An object of a kind we read which has no part in DNS: a Pod that has ended, or any Pod where
    /// Pods are not asked for. For a watch this means: delete it where it is known.
    Without(Key),
    /// An object of a kind we do not read.
    Unknown(Box<str>),
}

impl Decoded {
    /// Which object this is; of a kind that we do not read nothing is known.
    pub fn key(&self) -> Option<Key> {
        match self {
            Self::Object(object) => Some(object.key()),
            Self::Without(key) => Some(key.clone()),
            Self::Unknown(_) => None,
        }
    }
}

/// Reads one object, given as JSON text.
pub fn object(json: &str, needs: Needs) -> Result<Decoded, Problem> {
    Ok(Raw::parse(json)?.decode(needs)?.0)
}

/// An object or a list, taken apart but not read.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Raw<'a> {
    #[serde(borrow, default)]
    api_version: Text<'a>,
    #[serde(borrow, default)]
    kind: Text<'a>,
    #[serde(borrow)]
    metadata: Option<&'a RawValue>,
    #[serde(borrow)]
    spec: Option<&'a RawValue>,
    #[serde(borrow)]
    status: Option<&'a RawValue>,
    #[serde(borrow)]
    endpoints: Option<&'a RawValue>,
    #[serde(borrow)]
    ports: Option<&'a RawValue>,
    #[serde(borrow)]
    subsets: Option<&'a RawValue>,
    #[serde(borrow)]
    items: Option<&'a RawValue>,
}

/// The kind that the items of a typed list leave out: it is in the name of the list's kind.
#[derive(Clone, Debug, Default)]
pub(super) struct ListOf<'a> {
    api_version: Text<'a>,
    kind: Option<String>,
}

impl ListOf<'_> {
    /// A list of this kind.
    fn of(kind: Kind) -> Self {
        let api_version = if kind == Kind::EndpointSlice { "discovery.k8s.io/v1" } else { "v1" };
        Self { api_version: Text(api_version.into()), kind: Some(kind.to_string()) }
    }
}

/// A slim object beside what only a snapshot of plain manifests needs.
pub(super) type WithBacking = (Decoded, Option<Backing>);

impl<'a> Raw<'a> {
    pub(super) fn parse(json: &'a str) -> Result<Self, Problem> {
        // The derived reader would also take an array for a struct.
        if !json.trim_start().starts_with('{') {
            return Err(Problem::error(None, "not an object; expected {\"apiVersion\": …, \"kind\": …}"));
        }
        serde_json::from_str(json).map_err(|error| Problem::error(None, without_position(&error)))
    }

    /// The items, where this is a list of objects, and the kind they may leave out.
    pub(super) fn list(&self) -> Option<(Option<&'a RawValue>, ListOf<'a>)> {
        let of = self.kind.0.strip_suffix("List")?;
        let is_list = self.items.is_some() || self.spec.is_none();
        let kind = (!of.is_empty()).then(|| of.to_owned());
        let api_version = if kind.is_some() { self.api_version.clone() } else { Text::default() };
        is_list.then_some((self.items, ListOf { api_version, kind }))
    }

    /// Takes the kind from the list that holds this object, where the object has none.
    pub(super) fn in_list(mut self, list: &ListOf<'a>) -> Self {
        if let (Some(kind), None) = (&list.kind, self.kind.filled()) {
            self.kind = Text(kind.clone().into());
            self.api_version = list.api_version.clone();
        }
        self
    }

    /// The kind of ours that this typed list holds.
    pub(super) fn list_kind(&self) -> Option<Kind> {
        known_kind(&self.api_version.0, self.kind.0.strip_suffix("List")?)
    }

    /// A `List` of any kinds.
    pub(super) fn is_plain_list(&self) -> bool {
        self.kind.0 == "List"
    }

    /// Whether this is an object at all.
    pub(super) fn has_kind(&self) -> bool {
        self.kind.filled().is_some()
    }

    /// Reads what the kind needs.
    pub(super) fn decode(&self, needs: Needs) -> Result<WithBacking, Problem> {
        let Some(kind) = self.known_kind()? else {
            return Ok((Decoded::Unknown(self.kind.boxed()), None));
        };
        let metadata: Metadata<'_> = part("metadata", self.metadata).map_err(|why| {
            let object = self.key().map_or_else(|| kind.to_string(), |key| key.to_string());
            Problem::error(Some(object.into()), why)
        })?;
        let read = check_name(kind, &metadata).and_then(|()| match kind {
            Kind::Service => service::read(self, &metadata, needs),
            Kind::EndpointSlice => Ok((endpoints::slice(self, &metadata, needs)?, None)),
            Kind::Endpoints => Ok((endpoints::endpoints(self, &metadata, needs)?, None)),
            Kind::Namespace => Ok((namespace(&metadata, needs), None)),
            Kind::Pod => pod::read(self, &metadata, needs),
        });
        read.map_err(|message| problem(kind, &metadata, message))
    }

    /// Which object this is, if that can be read: whatever else its metadata say.
    pub(super) fn key(&self) -> Option<Key> {
        let Identity { name, namespace } = part("metadata", self.metadata).ok()?;
        named(self.known_kind().ok()??, &Metadata { name, namespace, ..Metadata::default() })
    }

    fn known_kind(&self) -> Result<Option<Kind>, Problem> {
        let Some(kind) = self.kind.filled() else {
            return Err(Problem::error(None, "no kind; expected an object as kubectl prints it"));
        };
        if self.api_version.filled().is_none() {
            let message = "no apiVersion; a Service needs \"apiVersion\": \"v1\"";
            return Err(Problem::error(Some(kind.into()), message));
        }
        Ok(known_kind(&self.api_version.0, kind))
    }
}

/// What is wrong with an object of this kind.
fn problem(kind: Kind, metadata: &Metadata<'_>, message: String) -> Problem {
    let object = match metadata.name.filled() {
        Some(_) => key(kind, metadata).to_string(),
        None => format!("{kind} without a name"),
    };
    Problem::error(Some(object.into()), message)
}

/// Which kind of ours this is. The group counts: a Knative Service is none.
fn known_kind(api_version: &str, kind: &str) -> Option<Kind> {
    Some(match (api_version, kind) {
        ("v1", "Service") => Kind::Service,
        ("v1", "Endpoints") => Kind::Endpoints,
        ("v1", "Namespace") => Kind::Namespace,
        ("v1", "Pod") => Kind::Pod,
        ("discovery.k8s.io/v1" | "discovery.k8s.io/v1beta1", "EndpointSlice") => Kind::EndpointSlice,
        _ => return None,
    })
}

/// `v1/Namespace`
fn namespace(metadata: &Metadata<'_>, needs: Needs) -> Decoded {
    let labels = labels(&metadata.labels, needs);
    Decoded::Object(Object::Namespace(Namespace { name: metadata.name.boxed(), labels }))
}

/// The key under which an object is known; a namespace that was left out is `default`.
fn key(kind: Kind, metadata: &Metadata<'_>) -> Key {
    let namespace = if kind == Kind::Namespace { Box::default() } else { namespace_of(metadata) };
    Key { kind, namespace, name: metadata.name.boxed() }
}

/// The same, of an object that has a name which can be one.
fn named(kind: Kind, metadata: &Metadata<'_>) -> Option<Key> {
    check_name(kind, metadata).ok().map(|()| key(kind, metadata))
}

fn namespace_of(metadata: &Metadata<'_>) -> Box<str> {
    metadata.namespace.filled().unwrap_or("default").into()
}

/// Names of Services and Namespaces become labels of DNS names; other kinds only need to have one.
fn check_name(kind: Kind, metadata: &Metadata<'_>) -> Result<(), String> {
    let Some(name) = metadata.name.filled() else {
        return Err("metadata.name is missing".into());
    };
    if matches!(kind, Kind::Service | Kind::Namespace) && !field::is_label(name) {
        return Err("its name cannot be a DNS label: at most 63 octets and no dot".into());
    }
    match metadata.namespace.filled() {
        Some(namespace) if kind != Kind::Namespace && !field::is_label(namespace) => {
            Err("its namespace cannot be a DNS label: at most 63 octets and no dot".into())
        }
        _ => Ok(()),
    }
}

fn labels(pairs: &Pairs<'_>, needs: Needs) -> Labels {
    if needs.labels { pairs.sorted() } else { Labels::default() }
}

/// Reads one part of an object, which is an object itself; an absent part is the default.
fn part<'a, T: Deserialize<'a> + Default>(name: &str, raw: Option<&'a RawValue>) -> Result<T, String> {
    // The derived reader would also take an array for a struct.
    match raw {
        Some(raw) if raw.get().starts_with('[') => Err(format!("{name}: a list where an object belongs")),
        raw => value(name, raw),
    }
}

fn value<'a, T: Deserialize<'a> + Default>(name: &str, raw: Option<&'a RawValue>) -> Result<T, String> {
    let Some(raw) = raw else { return Ok(T::default()) };
    serde_json::from_str(raw.get()).map_err(|error| format!("{name}: {}", without_position(&error)))
}

/// Reads a part that is a list, with Go's tolerance for `null`.
fn list_part<'a, T: Deserialize<'a> + Default>(name: &str, raw: Option<&'a RawValue>) -> Result<Vec<T>, String> {
    let list: Vec<Option<T>> = value(name, raw)?;
    Ok(list.into_iter().map(Option::unwrap_or_default).collect())
}

/// The parser counts from the start of a part, the reader of a file from the start of the file.
fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.clone(), |(message, _)| message.to_owned())
}

#[cfg(test)]
mod tests;
