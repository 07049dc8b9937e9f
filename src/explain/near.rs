//! Near misses: what somebody may have meant who wrote something else.
//!
//! Every name of the tables is compared once. Most differ too much in length to be looked at
//! closely, and no more than [`KEPT_MAX`] are kept, so ten thousand Services take milliseconds.

use std::collections::BTreeSet;

use crate::records::{
    name::Labels,
    service::{Service, Target},
    view::View,
};

/// A Service that may be meant, by its name and namespace.
pub(super) type Near = (String, String);

/// As many are tried to find [`SUGGESTIONS_MAX`](super::SUGGESTIONS_MAX) that resolve.
pub(super) const KEPT_MAX: usize = 8;

/// Services that may be meant by `service` in `namespace`, the likeliest first: the same name
/// elsewhere, then names like it.
pub(super) fn services(view: &View, service: &str, namespace: &str) -> Vec<Near> {
    let namespace_exists = view.namespace_exposed(&crate::records::service::wire_label(namespace));
    let mut kept = BTreeSet::new();
    each_service(view, |name, its_namespace| {
        let Some(of_name) = distance(service, name) else { return };
        let of_namespace = match distance(namespace, its_namespace) {
            Some(0) => 0,
            // Who names a namespace that exists may have meant another one altogether.
            Some(distance) if !namespace_exists => 2 * distance,
            _ if namespace_exists => 1,
            _ => NAMESPACE_FAR,
        };
        keep(&mut kept, (2 * of_name + of_namespace, its_namespace.to_owned(), name.to_owned()));
    });
    kept.into_iter().map(|(_, namespace, name)| (name, namespace)).collect()
}

/// The namespaces that have a Service of this name, in their order.
pub(super) fn namespaces_of(view: &View, service: &str) -> Vec<String> {
    let mut found = BTreeSet::new();
    each_service(view, |name, namespace| {
        if name == service {
            found.insert(namespace.to_owned());
        }
    });
    found.into_iter().collect()
}

/// The namespace that may be meant by one that does not exist.
pub(super) fn namespace(view: &View, text: &str) -> Option<String> {
    let mut names = Vec::new();
    view.namespaces.for_each(|namespace| {
        if namespace.is_exposed() {
            names.push(label_text(&namespace.label));
        }
    });
    closest(text, names.iter().map(String::as_str))
}

/// The one that is most like `text`.
pub(super) fn closest<'a>(text: &str, among: impl Iterator<Item = &'a str>) -> Option<String> {
    let near = among.filter_map(|name| Some((distance(text, name)?, name)));
    near.min().map(|(_, name)| name.to_owned())
}

/// Shows the name and namespace of every Service that there is.
pub(super) fn each_service(view: &View, mut show: impl FnMut(&str, &str)) {
    view.services.for_each(|service| {
        if exists(service)
            && let [Ok(name), Ok(namespace)] = parts(service)
        {
            show(name, namespace);
        }
    });
}

/// Whether there is such a Service, and not only endpoints of one.
pub(super) fn exists(service: &Service) -> bool {
    !matches!(service.target, Target::Nothing) && service.namespace.is_exposed()
}

fn parts(service: &Service) -> [Result<&str, std::str::Utf8Error>; 2] {
    let mut labels = Labels(&service.key.wire).map(|label| str::from_utf8(label));
    [labels.next().unwrap_or(Ok("")), labels.next().unwrap_or(Ok(""))]
}

/// The text of one label in wire form.
pub(super) fn label_text(label: &[u8]) -> String {
    String::from_utf8_lossy(label.get(1..).unwrap_or_default()).into_owned()
}

/// How many letters must be changed to come from one to the other, if they are so much alike that
/// one may be meant by the other. `web` for `web-service` is the longest way.
fn distance(written: &str, meant: &str) -> Option<usize> {
    let most = (written.len() / 3).clamp(1, DISTANCE_MAX);
    let begins =
        written.len() >= BEGINNING_MIN && meant.strip_prefix(written).is_some_and(|rest| rest.starts_with('-'));
    if begins {
        return Some(DISTANCE_MAX);
    }
    if written.len().abs_diff(meant.len()) > most {
        return None;
    }
    Some(strsim::osa_distance(written, meant)).filter(|&distance| distance <= most)
}

fn keep<T: Ord>(kept: &mut BTreeSet<T>, new: T) {
    kept.insert(new);
    if kept.len() > KEPT_MAX {
        kept.pop_last();
    }
}

/// Letters that may differ in a name of nine or more; in a shorter one a third of them.
const DISTANCE_MAX: usize = 3;
/// Shorter beginnings mean everything.
const BEGINNING_MIN: usize = 3;
/// A namespace that has nothing in common with what was written is less likely than one that is
/// like it.
const NAMESPACE_FAR: usize = 2 * DISTANCE_MAX + 1;

#[cfg(test)]
mod tests {
    use super::*;

    fn meant(text: &str, among: &[&str]) -> Option<String> {
        closest(text, among.iter().copied())
    }

    #[test]
    fn a_slip_of_the_fingers_is_near() {
        assert_eq!(meant("exmaple", &["default", "example", "examples"]).as_deref(), Some("example"));
        assert_eq!(
            meant("bakend-servcie", &["backend-service", "frontend-service"]).as_deref(),
            Some("backend-service")
        );
        assert_eq!(meant("backend", &["backend-service", "backends-of-all"]).as_deref(), Some("backend-service"));
        assert_eq!(meant("db", &["dv"]).as_deref(), Some("dv"));
    }

    #[test]
    fn another_word_is_not() {
        for (text, other) in
            [("web", "api"), ("cat", "dog"), ("orders", "users"), ("be", "be-service"), ("com", "shop")]
        {
            assert_eq!(meant(text, &[other]), None, "{text} {other}");
        }
    }
}
