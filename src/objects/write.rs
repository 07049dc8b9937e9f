//! Slim objects as JSON, in the form in which kubectl prints them.
//!
//! An object is one line with the fields that [`decode`](super::decode) reads and no others, so
//! whoever decodes it has the same object again. What the API has no words for comes back as what
//! it stands for: endpoints derived from Pods as an Endpoints object, a cluster IP that was chosen
//! here as a cluster IP.

mod endpoints;
mod shape;

use std::io::{self, Write};

use super::{Known, Object};
use shape::Written;

/// Writes one object, without an end of the line.
///
/// # Errors
/// Those of `out`.
pub fn object(object: &Object, out: &mut impl Write) -> io::Result<()> {
    Ok(serde_json::to_writer(out, &Written::of(object))?)
}

/// A `List` as `kubectl get -o json` prints one, with an object a line.
pub struct List<W> {
    out: W,
    /// The kinds that it speaks about so far.
    told: Known,
    is_empty: bool,
}

/// What a [`List`] begins with.
pub const LIST_START: &str = "{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[";
/// What it ends with.
const LIST_END: &str = "\n]}\n";

impl<W: Write> List<W> {
    /// An empty list, of which nothing is written yet.
    pub fn new(out: W) -> Self {
        Self { out, told: Known::default(), is_empty: true }
    }

    /// Where it is written to.
    pub fn output(&mut self) -> &mut W {
        &mut self.out
    }

    /// Adds an object.
    ///
    /// # Errors
    /// Those of the output.
    pub fn add(&mut self, object: &Object) -> io::Result<()> {
        match object {
            Object::Service(_) => self.told.services = true,
            Object::Endpoints(_) => self.told.endpoints = true,
            Object::Namespace(_) => self.told.namespaces = true,
            Object::Pod(_) => self.told.pods = true,
        }
        self.separate()?;
        self::object(object, &mut self.out)
    }

    /// Ends the list, and gives the output back. Of each kind that is `known` and has no object it
    /// then holds an empty list: about a kind that nothing speaks of a reader knows nothing.
    ///
    /// # Errors
    /// Those of the output.
    pub fn finish(mut self, known: Known) -> io::Result<W> {
        let Known { services, endpoints, namespaces, pods } = self.told;
        for (api_version, kind, is_missing) in [
            ("v1", "Service", known.services && !services),
            ("discovery.k8s.io/v1", "EndpointSlice", known.endpoints && !endpoints),
            ("v1", "Namespace", known.namespaces && !namespaces),
            ("v1", "Pod", known.pods && !pods),
        ] {
            if is_missing {
                self.separate()?;
                write!(self.out, "{{\"apiVersion\":\"{api_version}\",\"kind\":\"{kind}List\",\"items\":[]}}")?;
            }
        }
        if self.is_empty {
            self.out.write_all(LIST_START.as_bytes())?;
        }
        self.out.write_all(LIST_END.as_bytes())?;
        Ok(self.out)
    }

    /// Writes what stands in front of the next item.
    fn separate(&mut self) -> io::Result<()> {
        let front = if self.is_empty { LIST_START } else { "," };
        self.is_empty = false;
        self.out.write_all(front.as_bytes())?;
        self.out.write_all(b"\n")
    }
}

#[cfg(test)]
mod tests;
