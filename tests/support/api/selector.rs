//! Label and field selectors of a request.

use serde_json::Value;

use super::{http::Request, kind::Target};

/// What of a resource a request is about.
#[derive(Clone, Debug)]
pub(super) struct Selector {
    namespace: Option<String>,
    labels: Vec<Term>,
    fields: Vec<Term>,
}

/// One condition of a selector.
#[derive(Clone, Debug)]
struct Term {
    key: String,
    /// None: the key need only be there.
    values: Option<Vec<String>>,
    negated: bool,
}

/// The fields that can be selected by; a real server has a few more.
const FIELDS: [&str; 4] = ["metadata.name", "metadata.namespace", "status.phase", "spec.nodeName"];

impl Selector {
    /// An error is what a Status says.
    pub(super) fn of(request: &Request, target: &Target) -> Result<Self, String> {
        let fields = terms(request.parameter("fieldSelector"));
        match fields.iter().find(|term| !FIELDS.contains(&&*term.key)) {
            Some(term) => Err(format!("field label not supported: {}", term.key)),
            None => {
                let labels = terms(request.parameter("labelSelector"));
                Ok(Self { namespace: target.namespace.clone(), labels, fields })
            }
        }
    }

    pub(super) fn selects(&self, object: &Value) -> bool {
        let metadata = &object["metadata"];
        let of_namespace = self.namespace.as_deref().is_none_or(|namespace| metadata["namespace"] == namespace);
        let label = |key: &str| metadata["labels"][key].as_str();
        let field = |key: &str| object.pointer(&format!("/{}", key.replace('.', "/"))).and_then(Value::as_str);
        of_namespace
            && self.labels.iter().all(|term| term.holds(label(&term.key)))
            && self.fields.iter().all(|term| term.holds(Some(field(&term.key).unwrap_or_default())))
    }
}

impl Term {
    fn holds(&self, value: Option<&str>) -> bool {
        let found = match &self.values {
            None => value.is_some(),
            Some(values) => value.is_some_and(|value| values.iter().any(|other| other == value)),
        };
        found != self.negated
    }
}

/// `a=b`, `a!=b`, `a in (b, c)`, `a notin (b, c)`, `a`, `!a`, joined by commas.
fn terms(selector: Option<&str>) -> Vec<Term> {
    let mut depth = 0;
    let outside = |character: char| {
        depth += i32::from(character == '(') - i32::from(character == ')');
        character == ',' && depth == 0
    };
    selector.unwrap_or_default().split(outside).map(str::trim).filter(|text| !text.is_empty()).map(term).collect()
}

fn term(text: &str) -> Term {
    let set = |list: &str| list.trim_matches(['(', ')']).split(',').map(|value| value.trim().to_owned()).collect();
    for (operator, negated) in [(" notin ", true), (" in ", false), ("!=", true), ("==", false), ("=", false)] {
        if let Some((key, values)) = text.split_once(operator) {
            return Term { key: key.trim().to_owned(), values: Some(set(values.trim())), negated };
        }
    }
    let bare = text.trim_start_matches('!');
    Term { key: bare.trim().to_owned(), values: None, negated: bare != text }
}
