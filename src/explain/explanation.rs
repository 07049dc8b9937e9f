//! The explanation as it is shown: by `clusterdns explain --json`, by `/api/explain`, and read by
//! the page and by `clusterdns explain --server`. Fields are added, not renamed.

use hickory_proto::rr;
use serde::{Deserialize, Serialize};

use crate::{
    respond::{messages::type_name, zone_file},
    search,
};

/// What a program sees when it looks a name up, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// What the program looks up.
    pub name: String,
    /// The namespace of its pod.
    pub from: String,
    /// Whose rules its resolver follows: `glibc`, `musl`, `go`, ...
    pub resolver: String,
    /// What it asks for: `A+AAAA` as `getaddrinfo` does, or one type.
    #[serde(rename = "type")]
    pub qtype: String,
    /// A name with so many dots is asked as it is before the search list is used.
    pub ndots: usize,
    /// The search list, as the resolver reads it.
    pub search: Vec<String>,
    /// Whether the program gets what it wants.
    pub resolves: bool,
    /// Whether that depends on others, who are not asked here.
    #[serde(default)]
    pub undecided: bool,
    /// The result in the words of its language: `addresses`, `EAI_NONAME`, `no such host`, ...
    pub program_sees: String,
    /// Why, in the cluster's terms.
    pub reason: String,
    /// Names that resolve from the same namespace, at most 3, the likeliest first.
    pub suggestions: Vec<String>,
    /// Each candidate in order.
    pub steps: Vec<Step>,
    /// What the program gets in the end; additional records left out.
    pub records: Vec<Record>,
}

/// One candidate for the name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The name as the resolver put it together.
    pub candidate: String,
    /// One for each type; none where nothing was asked.
    pub replies: Vec<Reply>,
    /// What the resolver heard, and what it did then: `NXDOMAIN: goes on`.
    pub then: String,
    /// Whether the search ends here, in vain or not.
    pub stop: bool,
    /// Why there are no records; empty where there is nothing to say.
    pub reason: String,
}

/// The reply to one question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// QTYPE.
    #[serde(rename = "type")]
    pub qtype: String,
    /// `ANSWER`, `CNAME` (an alias of nothing), `NODATA`, `NXDOMAIN`, `SERVFAIL`, `REFUSED`, ..., and `FORWARDED`
    /// where others would say, who are not asked.
    pub result: String,
    /// The answer.
    pub records: Vec<Record>,
}

/// A record, as a zone file writes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Its owner, with the last dot.
    pub name: String,
    /// How long clients may keep it.
    pub ttl_secs: u32,
    /// Its type.
    #[serde(rename = "type")]
    pub rtype: String,
    /// What it says.
    pub data: String,
}

impl Record {
    pub(super) fn new(record: &rr::Record) -> Self {
        Self {
            name: zone_file::name(&record.name),
            ttl_secs: record.ttl,
            rtype: type_name(record.record_type().into()),
            data: zone_file::data(&record.data),
        }
    }
}

impl Reply {
    pub(super) fn new(qtype: u16, reply: search::Reply, records: &[rr::Record]) -> Self {
        let records = records.iter().map(Record::new).collect();
        Self { qtype: type_name(qtype), result: result(reply).into(), records }
    }

    /// Others would have to be asked.
    pub(super) fn forwarded(qtype: u16) -> Self {
        Self { qtype: type_name(qtype), result: "FORWARDED".into(), records: Vec::new() }
    }
}

/// The name of a reply.
pub(super) fn result(reply: search::Reply) -> &'static str {
    match reply {
        search::Reply::Answer => "ANSWER",
        search::Reply::Alias => "CNAME",
        search::Reply::NoData => "NODATA",
        search::Reply::NxDomain => "NXDOMAIN",
        search::Reply::ServFail => "SERVFAIL",
        search::Reply::Refused => "REFUSED",
        search::Reply::NotImp => "NOTIMP",
        search::Reply::Other => "ERROR",
        search::Reply::Timeout => "NO REPLY",
    }
}
