//! `rewrite edns0`.

use super::Words;
use crate::{
    config::corefile::{
        checked::Checked,
        report::{Word, quoted},
    },
    stages::rewrite::{Action, Data, OptionRule, What},
};

const USAGE: &str = "edns0 local|nsid|subnet append|replace|set|unset ..";
const LOCAL: &str = "edns0 local append|replace|set CODE DATA [revert]";
const LOCAL_UNSET: &str = "edns0 local unset CODE";
const NSID: &str = "edns0 nsid append|replace|set|unset [revert]";
const SUBNET: &str = "edns0 subnet append|replace|set BITS_V4 BITS_V6 [revert]";
const SUBNET_UNSET: &str = "edns0 subnet unset";
/// A question has few of them, and fits into a packet.
const DATA_OCTETS_MAX: usize = 1024;

pub(super) fn read(mut words: Words<'_>, checked: &mut Checked<'_>) -> Option<OptionRule> {
    let (kind, action) = (words.next(USAGE, checked)?, words.next(USAGE, checked)?);
    let action = match &*action.text.to_ascii_lowercase() {
        "append" => Action::Append,
        "replace" => Action::Replace,
        "set" => Action::Set,
        "unset" => Action::Unset,
        _ => {
            let message = format!("{} is no action: write append, replace, set or unset", quoted(&action.text));
            return checked.problem(action.place, message);
        }
    };
    let is_unset = action == Action::Unset;
    // Replies show a client its own options in any case.
    if let [rest @ .., last] = words.rest
        && last.text == "revert"
        && !is_unset
    {
        words.rest = rest;
    }
    let what = match &*kind.text.to_ascii_lowercase() {
        "local" if is_unset => {
            let [code] = words.all(LOCAL_UNSET, checked)?;
            What::Local(number(code, u16::MAX, checked)?, Data::Octets(Vec::new()))
        }
        "local" => {
            let [code, data] = words.all(LOCAL, checked)?;
            What::Local(number(code, u16::MAX, checked)?, checked.report.checked(data.place, self::data(&data.text))?)
        }
        "nsid" => {
            let [] = words.all(NSID, checked)?;
            What::Nsid
        }
        "subnet" if is_unset => {
            let [] = words.all(SUBNET_UNSET, checked)?;
            What::Subnet { v4_bits: 0, v6_bits: 0 }
        }
        "subnet" => {
            let [v4, v6] = words.all(SUBNET, checked)?;
            What::Subnet { v4_bits: number(v4, 32, checked)? as u8, v6_bits: number(v6, 128, checked)? as u8 }
        }
        _ => {
            let message = format!("{} is no option of EDNS: write local, nsid or subnet", quoted(&kind.text));
            return checked.problem(kind.place, message);
        }
    };
    Some(OptionRule { action, what })
}

/// A number as Go writes it: decimal, or behind `0x`, `0o` or `0b`.
fn number(word: &Word, most: u16, checked: &mut Checked<'_>) -> Option<u16> {
    let text = word.text.to_ascii_lowercase();
    let (digits, radix) = match text.get(..2) {
        Some("0x") => (&text[2..], 16),
        Some("0o") => (&text[2..], 8),
        Some("0b") => (&text[2..], 2),
        _ => (&*text, 10),
    };
    let read = u16::from_str_radix(digits, radix).ok().filter(|number| *number <= most);
    checked.report.checked(word.place, read.ok_or_else(|| format!("{} is no number up to {most}", quoted(&word.text))))
}

/// A text, octets behind `0x`, or what is known of the question between braces.
fn data(text: &str) -> Result<Data, String> {
    if text.starts_with('{') && text.ends_with('}') {
        return match text {
            "{qname}" => Ok(Data::Name),
            "{qtype}" => Ok(Data::Type),
            "{client_ip}" => Ok(Data::ClientAddress),
            "{client_port}" => Ok(Data::ClientPort),
            "{protocol}" => Ok(Data::Protocol),
            "{server_port}" => Ok(Data::ServerPort),
            _ => Err(format!(
                "clusterdns does not have {}: write {{qname}}, {{qtype}}, {{client_ip}}, {{client_port}}, {{protocol}} \
                 or {{server_port}}",
                quoted(text)
            )),
        };
    }
    let octets = match text.strip_prefix("0x") {
        Some(digits) => hex(digits).ok_or_else(|| format!("{} is no hexadecimal number", quoted(text)))?,
        None => text.as_bytes().to_vec(),
    };
    if octets.len() > DATA_OCTETS_MAX {
        return Err(format!("this has more than {DATA_OCTETS_MAX} octets"));
    }
    Ok(Data::Octets(octets))
}

fn hex(digits: &str) -> Option<Vec<u8>> {
    data_encoding::HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).ok()
}
