//! Where we answer differently from CoreDNS on purpose, and why.
//!
//! Only differences that a golden case shows are listed. The list is held against the server in both directions: our
//! answer must be the one given here, and it must still differ from theirs. An entry that stopped differing, or that no
//! case shows any more, fails the test, so that the list never tells of something that is not so.

use std::collections::HashSet;

use super::case::{Case, Question, Reply, Run};
use super::compare::{compare, transferred};

/// One deliberate difference.
pub(crate) struct Difference {
    /// The run it is limited to.
    run: Option<&'static str>,
    /// The questions it is about.
    asked: fn(&Question, &Reply) -> bool,
    ours: Ours,
    pub(crate) reason: &'static str,
}

/// What we answer instead.
enum Ours {
    /// NOERROR with the authority section they gave.
    NoData,
    /// NXDOMAIN with the SOA of this zone.
    NoName(&'static str),
    Refused,
    /// What CoreDNS answers a client that it takes for a pod of the name's namespace.
    Completed,
    /// The same, with the apex as the client spelled it.
    Apex(&'static str),
    /// A transfer of what questions are answered with.
    Zone,
    /// A transfer of a reverse zone: the apex, its glue, and PTR records.
    Pointers,
}

/// Every difference that the golden cases show.
pub(crate) const DIFFERENCES: [Difference; 7] = [
    Difference {
        run: None,
        asked: |question, _| question.kind == "TXT" && EMPTY_NON_TERMINALS.contains(&question.name.as_str()),
        ours: Ours::NoData,
        reason: "names below this one exist, so it exists too (RFC 8020); CoreDNS says NODATA for every type but TXT",
    },
    Difference {
        run: Some("namespace-labels"),
        asked: |question, _| question.kind == "PTR" && question.name == "1.0.96.10.in-addr.arpa.",
        ours: Ours::NoName("in-addr.arpa."),
        reason: "a namespace that namespace_labels hides is hidden in reverse lookups too, as `namespaces` does it",
    },
    Difference {
        run: Some("transfer"),
        asked: |question, _| question.kind == "AXFR" && question.name == "svc.cluster.local.",
        ours: Ours::Refused,
        reason: "only the apex of a zone can be transferred; CoreDNS sends the records under owners that do not exist",
    },
    Difference {
        run: Some("transfer"),
        asked: |question, _| question.kind == "AXFR" && question.name == "in-addr.arpa.",
        ours: Ours::Pointers,
        reason: "a reverse zone holds PTR records; CoreDNS lists the services under owners that do not exist",
    },
    Difference {
        run: Some("transfer"),
        asked: |question, _| question.kind == "AXFR" && question.name == "cluster.local.",
        ours: Ours::Zone,
        reason: "a transfer holds the records that questions get, endpoint names included; CoreDNS computes other SRV \
                 weights for it, repeats records, sends glue with TTL 0 and ports that do not exist (65535, `SRV .`)",
    },
    Difference {
        run: Some("autopath"),
        asked: |question, reply| COMPLETED.contains(&question.name.as_str()) && reply.rcode == "NXDOMAIN",
        ours: Ours::Completed,
        reason: "a name is completed by what it says of its client, whatever the client's address; CoreDNS looks for a \
                 pod at that address, and answers every other client NXDOMAIN",
    },
    Difference {
        run: Some("autopath"),
        asked: |question, reply| {
            question.name.ends_with(".svc.Cluster.local.")
                && reply.authority.iter().any(|soa| soa.starts_with("cluster.local. "))
        },
        ours: Ours::Apex("Cluster.local."),
        reason: "the apex stands as the client spelled it, as everywhere else; behind CoreDNS's autopath it is in lower case",
    },
];

/// Names that a search list has begun and the cluster has.
const COMPLETED: [&str; 2] = ["web.testns.testns.svc.cluster.local.", "kubernetes.default.testns.svc.cluster.local."];

/// The difference a case shows, if it shows one.
pub(crate) fn of(run: &Run, case: &Case) -> Option<&'static Difference> {
    let question = case.question().filter(|_| !is_refusal(case))?;
    let reply = case.reply.as_ref()?;
    DIFFERENCES
        .iter()
        .find(|difference| difference.run.is_none_or(|name| name == run.name) && (difference.asked)(question, reply))
}

impl Difference {
    /// What is wrong with our reply, given that it should differ from theirs in this way.
    pub(crate) fn complaints(&self, run: &Run, theirs: &Reply, ours: &Reply) -> Vec<String> {
        if compare(theirs, ours).is_empty() {
            return vec![format!("this difference is gone, delete it: {}", self.reason)];
        }
        match self.expected(run, theirs) {
            Some(expected) => compare(&expected, ours),
            None => self.transferred(theirs, ours),
        }
    }

    /// What is wrong with a zone that was transferred.
    fn transferred(&self, theirs: &Reply, ours: &Reply) -> Vec<String> {
        let mut complaints = transferred(ours);
        if (&ours.rcode, &ours.flags) != (&theirs.rcode, &theirs.flags) {
            complaints.push(format!("{} {:?} instead of {} {:?}", ours.rcode, ours.flags, theirs.rcode, theirs.flags));
        }
        complaints.extend(match self.ours {
            Ours::Pointers => strays(theirs, ours),
            _ => missing(theirs, ours),
        });
        complaints
    }

    /// Our reply, where it follows from theirs.
    pub(crate) fn expected(&self, run: &Run, theirs: &Reply) -> Option<Reply> {
        let mut reply = Reply { octets: None, ..theirs.clone() };
        match self.ours {
            Ours::NoData => "NOERROR".clone_into(&mut reply.rcode),
            Ours::NoName(zone) => {
                "NXDOMAIN".clone_into(&mut reply.rcode);
                reply.answer.clear();
                reply.authority = vec![format!("{zone} 5 SOA ns.dns.{zone} hostmaster.{zone} * 7200 1800 86400 5")];
            }
            Ours::Refused => {
                "REFUSED".clone_into(&mut reply.rcode);
                reply.flags.retain(|flag| flag != "AA");
                reply.answer.clear();
            }
            Ours::Completed => {
                let mut replies = run.cases.iter().filter_map(|case| case.reply.as_ref());
                let completed = |reply: &&Reply| reply.question == theirs.question && reply.rcode == "NOERROR";
                reply = Reply { octets: None, ..replies.find(completed).expect("another client's").clone() };
            }
            Ours::Apex(apex) => {
                reply.authority.iter_mut().for_each(|soa| *soa = soa.replace(&apex.to_lowercase(), apex));
            }
            Ours::Zone | Ours::Pointers => return None,
        }
        Some(reply)
    }
}

/// What a reverse zone should not hold: anything but its apex, the address of its name server, and PTR records.
fn strays(theirs: &Reply, ours: &Reply) -> Vec<String> {
    let apex = theirs.question.split(' ').next().unwrap_or_default();
    let kind = |record: &str| record.split(' ').nth(2).unwrap_or_default().to_owned();
    let glue =
        |record: &str| ours.answer.iter().any(|ns| ns.ends_with(&format!(" NS {}", record.split(' ').next().unwrap())));
    let stray = |record: &&String| match &*kind(record) {
        "SOA" | "NS" => !record.starts_with(apex),
        "A" | "AAAA" => !glue(record),
        kind => kind != "PTR",
    };
    let mut complaints: Vec<_> =
        ours.answer.iter().filter(stray).map(|record| format!("a reverse zone has no {record}")).collect();
    if !ours.answer.iter().any(|record| kind(record) == "PTR") {
        complaints.push("not a single PTR record is listed".to_owned());
    }
    complaints
}

/// Records of theirs that ours lack, whatever the weight of a SRV.
fn missing(theirs: &Reply, ours: &Reply) -> Vec<String> {
    let weightless = |record: &String| match record.split(' ').collect::<Vec<_>>()[..] {
        [owner, ttl, "SRV", priority, _, port, target] => [owner, ttl, "SRV", priority, port, target].join(" "),
        _ => record.clone(),
    };
    let listed: HashSet<_> = ours.answer.iter().map(weightless).collect();
    let sound = |record: &&String| !record.contains(" 0 A ") && !record.contains(" 65535 ") && !record.ends_with(" .");
    let lacking = theirs.answer.iter().filter(sound).filter(|record| !listed.contains(&weightless(record)));
    lacking.map(|record| format!("the zone lacks {record}")).collect()
}

/// A question that CoreDNS refused, like AXFR over UDP, shows no difference in content.
fn is_refusal(case: &Case) -> bool {
    case.reply.as_ref().is_some_and(|reply| reply.rcode == "REFUSED")
}

/// Names that have names below them and no records of their own, of those asked for TXT.
const EMPTY_NON_TERMINALS: [&str; 2] = ["pod.cluster.local.", "default.svc.cluster.local."];
