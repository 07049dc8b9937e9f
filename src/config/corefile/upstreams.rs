//! The upstreams of `forward`, each with its place.

use super::{
    checked::Checked,
    report::{Word, quoted},
};
use crate::{
    config::upstream::{self, UPSTREAMS_MAX},
    forward::options::To,
};

/// `TO..`, each once.
pub(super) fn read(words: &[Word], checked: &mut Checked<'_>) -> Vec<To> {
    let mut upstreams: Vec<To> = Vec::new();
    if let Some(more) = words.get(UPSTREAMS_MAX) {
        checked.problem::<()>(more.place, format!("more than {UPSTREAMS_MAX} upstreams: take some out"));
        return upstreams;
    }
    for word in words {
        let read = upstream::read(&word.text, checked.around);
        let Some(to) = checked.report.checked(word.place, read) else { continue };
        if let (To::Plain(_), (_, Some(name))) = (&to, upstream::without_name(&word.text)) {
            checked.report.note(word.place, format!("{} is not read: the address is all", quoted(&name)));
        }
        if !upstreams.contains(&to) {
            upstreams.push(to);
        }
    }
    if let Some(first) = words.first() {
        checked.report.checked(first.place, upstream::some_server(&upstreams, checked.around));
    }
    upstreams
}
