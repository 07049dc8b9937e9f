//! What a golden file holds: a run, its Corefile's facts, and its cases in the order they were asked.
//!
//! Records stay text (`owner TTL TYPE data`), since text is what a person reviews and what a difference is printed as.

use std::{net::Ipv4Addr, time::Duration};

/// One CoreDNS instance: what it was configured with and what it answered.
pub(crate) struct Run {
    /// Name of the file without `.txt`.
    pub(crate) name: String,
    /// The Corefile, with `UPSTREAM` in place of an address.
    pub(crate) corefile: String,
    /// Whether the Kubernetes API had delivered everything before the first question; if not, it had delivered nothing.
    pub(crate) synced: bool,
    /// The questions, in order.
    pub(crate) cases: Vec<Case>,
}

/// One question and its answer.
pub(crate) struct Case {
    /// `p0031`: unique over all runs.
    pub(crate) id: String,
    /// Changes to the objects, made in this order before the question is asked.
    pub(crate) before: Vec<Change>,
    /// What was sent.
    pub(crate) ask: Ask,
    /// How it was sent.
    pub(crate) transport: Transport,
    /// What came back; none if nothing did.
    pub(crate) reply: Option<Reply>,
}

/// A change to the cluster between two questions.
pub(crate) enum Change {
    /// An object, as JSON, that appears or takes the place of its former self.
    Put(String),
    /// An object that goes away.
    Delete { kind: String, namespace: Option<String>, name: String },
    /// So much time passes; only runs with a cache have these.
    Wait(Duration),
}

/// What is on the wire of a query.
pub(crate) enum Ask {
    /// An ordinary query.
    Question(Question),
    /// These octets, since no ordinary encoder would send them.
    Raw(Vec<u8>),
}

/// An ordinary query.
pub(crate) struct Question {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) class: String,
    pub(crate) flags: Vec<String>,
    pub(crate) edns: Option<QueryEdns>,
    /// Who asks.
    pub(crate) from: Ipv4Addr,
}

/// The OPT record of a query.
#[derive(Clone, Copy)]
pub(crate) struct QueryEdns {
    pub(crate) size: u16,
    pub(crate) dnssec_ok: bool,
}

/// UDP or TCP.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Transport {
    Udp,
    Tcp,
}

/// A reply as text, whether read from a golden file or from packets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Reply {
    pub(crate) rcode: String,
    /// Of AA TC RD RA Z AD CD, in this order.
    pub(crate) flags: Vec<String>,
    /// `name CLASS TYPE`, or `none`.
    pub(crate) question: String,
    pub(crate) answer: Vec<String>,
    pub(crate) authority: Vec<String>,
    pub(crate) additional: Vec<String>,
    /// `size [do] [code:hex]...`
    pub(crate) edns: Option<String>,
    /// Length of the first message; none where a length of ours has nothing to be compared with.
    pub(crate) octets: Option<usize>,
}

impl Run {
    /// Where on loopback an address of the run is: clients that are Pods are known by theirs.
    pub(crate) fn on_loopback(&self, address: Ipv4Addr) -> Ipv4Addr {
        let [_, b, c, d] = address.octets();
        if self.uses("autopath") { Ipv4Addr::new(127, b, c, d) } else { Ipv4Addr::LOCALHOST }
    }

    /// Whether the Corefile has this directive.
    pub(crate) fn uses(&self, directive: &str) -> bool {
        self.corefile.lines().any(|line| line.split_whitespace().next() == Some(directive))
    }
}

impl Case {
    /// Name and type for a failure's headline.
    pub(crate) fn title(&self) -> String {
        match &self.ask {
            Ask::Question(question) => format!("{} {} {}", self.id, question.name, question.kind),
            Ask::Raw(_) => format!("{} (octets of its own)", self.id),
        }
    }

    /// The ordinary question, if it is one.
    pub(crate) fn question(&self) -> Option<&Question> {
        match &self.ask {
            Ask::Question(question) => Some(question),
            Ask::Raw(_) => None,
        }
    }

    /// Who asks.
    pub(crate) fn from(&self) -> Ipv4Addr {
        self.question().map_or(USUAL_CLIENT, |question| question.from)
    }

    /// Whether a whole zone is asked for, so that the answer may take several messages.
    pub(crate) fn is_transfer(&self) -> bool {
        self.question().is_some_and(|question| question.kind == "AXFR" || question.kind == "IXFR")
    }

    /// The octets a reply over UDP may have.
    pub(crate) fn octets_max(&self) -> usize {
        let size = self.question().and_then(|question| question.edns).map_or(0, |edns| edns.size);
        usize::from(size).max(UDP_OCTETS)
    }
}

impl Question {
    /// How a reply repeats it.
    pub(crate) fn echo(&self) -> String {
        format!("{} {} {}", self.name, self.class, self.kind)
    }
}

impl Reply {
    /// Whether a flag is set.
    pub(crate) fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|set| set == flag)
    }
}

/// Who asks where nobody is named.
pub(crate) const USUAL_CLIENT: Ipv4Addr = Ipv4Addr::new(10, 240, 0, 1);
/// What a client without EDNS can take over UDP.
const UDP_OCTETS: usize = 512;
