//! The same objects in protobuf, which the API server has in its store as it is: a third of the
//! octets, and no text to be taken apart.
//!
//! Nothing here knows a rule. The structs that are read out of JSON are filled from the numbered
//! fields that stand beside them (`message!`), and the same functions make slim objects of them.

mod wire;

use super::{
    Decoded,
    carried::{Carried, Gone, Mark, Unreadable, WholeMetadata, of_another_kind},
    check_name,
    endpoints::SliceParts,
    field::{Identity, Metadata},
    known_kind, named, namespace, pod, problem,
    service::{self, Parts},
};
use crate::objects::{Key, Kind, Needs, Object, problem::Problem};
pub(in crate::objects) use wire::Malformed;
pub(super) use wire::{Field, Fields, Message, Pair, Value, message};

/// An object or a list, and what it calls itself: `k8s\0` and a `runtime.Unknown`.
#[derive(Default)]
pub(in crate::objects) struct Envelope<'a> {
    of: TypeMeta<'a>,
    octets: &'a [u8],
}

#[derive(Default)]
struct TypeMeta<'a> {
    api_version: &'a str,
    kind: &'a str,
}

/// An event of a watch.
#[derive(Default)]
pub(in crate::objects) struct Event<'a> {
    what: &'a str,
    object: RawExtension<'a>,
}

#[derive(Default)]
struct RawExtension<'a> {
    octets: &'a [u8],
}

/// `meta/v1.Status`
#[derive(Default)]
pub(in crate::objects) struct Status<'a> {
    message: &'a str,
    code: i64,
}

/// A page of a list.
#[derive(Default)]
pub(in crate::objects) struct List<'a> {
    metadata: ListMeta<'a>,
    octets: &'a [u8],
}

#[derive(Default)]
struct ListMeta<'a> {
    version: &'a str,
    continued: &'a str,
}

message!(Envelope<'a> { 1 => of, 2 => octets });
message!(TypeMeta<'a> { 1 => api_version, 2 => kind });
message!(Event<'a> { 1 => what, 2 => object });
message!(RawExtension<'a> { 1 => octets });
message!(Status<'a> { 3 => message, 6 => code });
message!(ListMeta<'a> { 2 => version, 3 => continued });

/// What the API server writes in front of each object and list.
const MAGIC: &[u8] = b"k8s\0";
/// The first field of every object and list.
const METADATA: u64 = 1;
/// The items of a list.
const ITEMS: u64 = 2;

impl<'a> Envelope<'a> {
    /// Reads no further than to what it calls itself.
    pub(in crate::objects) fn read(octets: &'a [u8]) -> Result<Self, Malformed> {
        let mut envelope = Self::default();
        envelope.merge(octets.strip_prefix(MAGIC).ok_or_else(|| Malformed::new("it does not begin with k8s"))?)?;
        Ok(envelope)
    }

    /// What it calls itself.
    pub(in crate::objects) fn kind(&self) -> &'a str {
        self.of.kind
    }

    /// The object of this kind that is in it.
    pub(in crate::objects) fn carried(&self, kind: Kind, needs: Needs) -> Carried {
        match self.is(kind) {
            true => carried(kind, self.octets, needs),
            false => foreign(kind, self.octets),
        }
    }

    /// Which object of this kind is gone.
    pub(in crate::objects) fn gone(&self, kind: Kind) -> Gone {
        let key = self.is(kind).then(|| key(kind, self.octets)).flatten();
        Gone { key, version: self.mark().version }
    }

    /// From where the watch goes on.
    pub(in crate::objects) fn mark(&self) -> Mark {
        metadata(self.octets).parted().1.mark()
    }

    /// What went wrong.
    pub(in crate::objects) fn status(&self) -> Result<Status<'a>, Malformed> {
        read(self.octets)
    }

    /// The list that is in it, whose items are read one by one.
    pub(in crate::objects) fn list(&self) -> Result<List<'a>, Malformed> {
        // All of it is seen here, so that no list breaks off behind items that were taken for the whole.
        Ok(List { octets: self.octets, ..read(self.octets)? })
    }

    fn is(&self, kind: Kind) -> bool {
        known_kind(self.of.api_version, self.of.kind) == Some(kind)
    }
}

impl<'a> Event<'a> {
    /// What happened, and to what.
    pub(in crate::objects) fn read(octets: &'a [u8]) -> Result<(&'a str, Envelope<'a>), Malformed> {
        let Self { what, object } = read(octets)?;
        Ok((what, Envelope::read(object.octets)?))
    }
}

impl Status<'_> {
    /// The status that HTTP would have; zero is none.
    pub(in crate::objects) fn code(&self) -> u16 {
        u16::try_from(self.code).unwrap_or_default()
    }

    /// What a person is told.
    pub(in crate::objects) fn message(&self) -> &str {
        self.message
    }
}

impl<'a> List<'a> {
    /// The objects, of this kind.
    pub(in crate::objects) fn items(&self, kind: Kind, needs: Needs) -> impl Iterator<Item = Carried> + use<'a> {
        let items = Fields(self.octets).filter_map(|field| match field {
            Ok((ITEMS, Value::Octets(octets))) => Some(octets),
            _ => None,
        });
        items.map(move |octets| carried(kind, octets, needs))
    }

    /// What the next page is asked for with.
    pub(in crate::objects) fn continued(&self) -> Option<&str> {
        Some(self.metadata.continued).filter(|text| !text.is_empty())
    }

    /// The version of the whole list.
    pub(in crate::objects) fn version(&self) -> &str {
        self.metadata.version
    }
}

impl<'a> Message<'a> for List<'a> {
    fn set(&mut self, number: u64, value: Value<'a>) -> Result<(), Malformed> {
        match number {
            METADATA => self.metadata.take(value),
            ITEMS => value.octets().map(drop),
            _ => Ok(()),
        }
    }
}

/// An object of any kind: its metadata, and parts that only its kind has.
struct Whole<'a, P> {
    metadata: WholeMetadata<'a>,
    parts: P,
}

impl<'a, P: Message<'a>> Message<'a> for Whole<'a, P> {
    fn set(&mut self, number: u64, value: Value<'a>) -> Result<(), Malformed> {
        match number {
            METADATA => self.metadata.take(value).map_err(|malformed| malformed.inside("metadata")),
            number => self.parts.set(number, value),
        }
    }
}

/// Nothing but the metadata.
struct Nothing;

impl Message<'_> for Nothing {
    fn set(&mut self, _: u64, _: Value<'_>) -> Result<(), Malformed> {
        Ok(())
    }
}

/// Reads an object of this kind.
fn carried(kind: Kind, octets: &[u8], needs: Needs) -> Carried {
    match kind {
        Kind::EndpointSlice => {
            carry(kind, octets, SliceParts::of(octets, needs), |metadata, parts| parts.decoded(metadata))
        }
        Kind::Service => carry(kind, octets, Parts::default(), |metadata, Parts { spec }| {
            service::service(metadata, &spec, needs).map(|service| Decoded::Object(Object::Service(service)))
        }),
        Kind::Pod => carry(kind, octets, pod::Parts::default(), |metadata, pod::Parts { status }| {
            pod::pod(metadata, &status, needs)
        }),
        Kind::Namespace => carry(kind, octets, Nothing, |metadata, Nothing| Ok(namespace(metadata, needs))),
        // Nobody watches these: the control plane makes slices of them.
        Kind::Endpoints => foreign(kind, octets),
    }
}

fn carry<'a, P: Message<'a>>(
    kind: Kind,
    octets: &'a [u8],
    parts: P,
    decode: impl FnOnce(&Metadata<'a>, P) -> Result<Decoded, String>,
) -> Carried {
    let mut whole = Whole { metadata: WholeMetadata::default(), parts };
    let read = whole.merge(octets);
    let (metadata, revision) = whole.metadata.parted();
    let decoded = match read {
        Ok(()) => check_name(kind, &metadata)
            .and_then(|()| decode(&metadata, whole.parts))
            .map_err(|message| Unreadable { key: named(kind, &metadata), problem: problem(kind, &metadata, message) }),
        Err(malformed) => Err(unreadable(kind, octets, malformed)),
    };
    revision.carry(decoded)
}

/// Something that is no object of this kind.
fn foreign(kind: Kind, octets: &[u8]) -> Carried {
    let revision = metadata(octets).parted().1;
    revision.carry(Err(Unreadable { key: None, problem: of_another_kind(kind) }))
}

fn unreadable(kind: Kind, octets: &[u8], malformed: Malformed) -> Unreadable {
    let key = key(kind, octets);
    let object = key.as_ref().map_or_else(|| kind.to_string(), Key::to_string);
    Unreadable { key, problem: Problem::error(Some(object.into()), malformed.to_string()) }
}

/// Which object this is, if that can be read: whatever else it says.
fn key(kind: Kind, octets: &[u8]) -> Option<Key> {
    let Identity { name, namespace } = read(metadata_octets(octets)?).ok()?;
    named(kind, &Metadata { name, namespace, ..Metadata::default() })
}

/// What can be read of the metadata.
fn metadata(octets: &[u8]) -> WholeMetadata<'_> {
    metadata_octets(octets).and_then(|octets| read(octets).ok()).unwrap_or_default()
}

fn metadata_octets(octets: &[u8]) -> Option<&[u8]> {
    Fields(octets).find_map(|field| match field {
        Ok((METADATA, Value::Octets(metadata))) => Some(metadata),
        _ => None,
    })
}

fn read<'a, M: Message<'a> + Default>(octets: &'a [u8]) -> Result<M, Malformed> {
    let mut message = M::default();
    message.merge(octets)?;
    Ok(message)
}

#[cfg(test)]
mod tests;
#[cfg(test)]
#[path = "../../../../tests/support/protobuf.rs"]
pub(in crate::objects) mod written;
