//! Objects that the API server takes and that DNS can make nothing of. They are served as CoreDNS
//! serves them, and whoever wrote them learns why their name does not work.

use std::net::IpAddr;

use crate::objects::{Object, ServiceSpec};

/// What is doubtful about an object, and what to do.
pub(super) fn doubt(object: &Object) -> Option<String> {
    let Object::Service(service) = object else { return None };
    let ServiceSpec::External { target, .. } = &service.spec else { return None };
    let target = &**target;
    if matches!(target, "" | ".") {
        return Some("externalName is empty, so the name has no records; write the name that it stands for".into());
    }
    if target.parse::<IpAddr>().is_ok() {
        return Some(format!(
            "externalName is the address {target}, so the name does not exist; \
             list the address in an EndpointSlice of a Service without a selector instead"
        ));
    }
    (!is_name(target)).then(|| format!("externalName {target:?} is no domain name, so questions for it fail; mend it"))
}

/// Whether a message can hold it (RFC 1035 section 2.3.4).
fn is_name(text: &str) -> bool {
    let text = text.strip_suffix('.').unwrap_or(text);
    // On the wire each label stands behind its length, and the root label at the end.
    text.len() + 2 <= 255 && text.split('.').all(|label| (1..=63).contains(&label.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objects::Service;

    fn doubt_of(target: &str) -> String {
        doubt(&Object::Service(Service {
            namespace: "shop".into(),
            name: "mail".into(),
            spec: ServiceSpec::External { target: target.into(), ips: Box::default() },
            ports: Box::default(),
            selector: Box::default(),
            labels: Box::default(),
        }))
        .unwrap_or_default()
    }

    #[test]
    fn a_name_is_not_doubted() {
        let longest = format!("{0}.{0}.{0}.{1}", "x".repeat(63), "y".repeat(61));
        for target in ["www.example.com", "www.example.com.", "_a._b", "1.2.3", &longest] {
            assert_eq!(doubt_of(target), "", "{target}");
        }
    }

    #[test]
    fn what_is_no_name_is_doubted() {
        let (label, name) = ("x".repeat(64), format!("{0}.{0}.{0}.{1}", "x".repeat(63), "y".repeat(62)));
        for target in ["a..b", ".a", &label, &name] {
            assert!(doubt_of(target).contains("is no domain name"), "{target}");
        }
        for target in ["192.0.2.1", "2001:db8::1"] {
            assert!(doubt_of(target).starts_with(&format!("externalName is the address {target}, so")), "{target}");
        }
        assert!(doubt_of("").contains("is empty") && doubt_of(".").contains("is empty"));
    }
}
