//! Where we answer differently from CoreDNS on purpose, and why.
//!
//! Only differences that a golden case shows are listed. The list is held against the server in both directions: our
//! answer must be the one given here, and it must still differ from theirs. An entry that stopped differing, or that no
//! case shows any more, fails the test, so that the list never tells of something that is not so.

use std::{collections::HashSet, net::Ipv4Addr};

use super::case::{Case, Question, Reply, Run};
use super::compare::{compare, transferred, with_ttl};

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
    /// The same without this flag.
    Without(&'static str),
    /// The same with the flag CD.
    CheckingDisabled,
    /// The same, with owners as the client spelled them.
    Spelled,
    /// The same, with all names in lower case but the client's.
    LowerCase,
    /// The same with this TTL.
    Ttl(u32),
    /// A transfer of what questions are answered with.
    Zone,
    /// A transfer of a reverse zone: the apex, its glue, and PTR records.
    Pointers,
}

/// Every difference that the golden cases show. A case may show several: each begins where the one before it ended.
pub(crate) const DIFFERENCES: [Difference; 13] = [
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
        run: None,
        asked: |question, reply| question.kind == "AXFR" && reply.has("RA"),
        ours: Ours::Refused,
        reason: "a whole zone is not asked of others: they would send it to this server, not to the client that may have it",
    },
    Difference {
        run: Some("autopath"),
        asked: |question, reply| {
            question.from == NO_POD && COMPLETED.contains(&question.name.as_str()) && reply.rcode == "NXDOMAIN"
        },
        ours: Ours::Completed,
        reason: "the name of a client that is no pod is completed by what it says itself: behind a node's cache or \
                 address all clients are such; CoreDNS answers them NXDOMAIN",
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
    Difference {
        run: Some("autopath"),
        asked: |question, reply| reply.answer.iter().any(|record| *record != lowered(record, &question.name)),
        ours: Ours::LowerCase,
        reason: "others are asked in lower case, so that all who ask share one reply; the client's name stays as it is",
    },
    Difference {
        run: None,
        asked: |_, reply| reply.has("AA") && reply.has("RA"),
        ours: Ours::Without("AA"),
        reason: "a cache has no authority over the names of others; CoreDNS says AA from its cache on",
    },
    Difference {
        run: None,
        asked: |question, reply| question.flags.iter().any(|flag| flag == "CD") && reply.has("RA") && !reply.has("CD"),
        ours: Ours::CheckingDisabled,
        reason: "CD is copied from the question (RFC 4035 section 3.2.2), though the upstream has forgotten it",
    },
    Difference {
        run: None,
        asked: |question, reply| reply.answer.iter().any(|record| *record != respelled(record, &question.name)),
        ours: Ours::Spelled,
        reason: "each client sees its own spelling; CoreDNS's is that of the first client behind a cache, and that of the \
                 rule behind a rewrite",
    },
    Difference {
        run: Some("cache30"),
        asked: |question, reply| {
            question.name.ends_with(".cluster.local.") && TICKING.contains(&&*reply.answer.concat())
        },
        ours: Ours::Ttl(5),
        reason: "names of the cluster are not cached, so their TTL does not run down and what changed is seen at once",
    },
];

/// A client whose address no pod has.
const NO_POD: Ipv4Addr = Ipv4Addr::new(172, 16, 9, 9);
/// Names that a search list has begun, and that the cluster or the upstream has.
const COMPLETED: [&str; 7] = [
    "web.testns.testns.svc.cluster.local.",
    "kubernetes.default.testns.svc.cluster.local.",
    "www.example.com.default.svc.cluster.local.",
    "www.example.com.testns.svc.cluster.local.",
    "WWW.Example.com.TestNS.svc.Cluster.local.",
    "alias.example.com.testns.svc.cluster.local.",
    "v4only.example.com.testns.svc.cluster.local.",
];
/// What CoreDNS had kept for two seconds.
const TICKING: [&str; 1] = ["web.testns.svc.cluster.local. 3 A 10.96.1.1"];

/// The differences that a case shows.
pub(crate) fn of(run: &Run, case: &Case) -> Vec<&'static Difference> {
    let (Some(question), Some(reply)) = (case.question(), &case.reply) else { return Vec::new() };
    // A question that CoreDNS refused, like AXFR over UDP, shows no difference in content.
    if reply.rcode == "REFUSED" && reply.flags == ["RD"] {
        return Vec::new();
    }
    let mut reply = reply.clone();
    let shows = |difference: &&Difference| {
        let shown = difference.run.is_none_or(|name| name == run.name) && (difference.asked)(question, &reply);
        if shown && let Some(ours) = difference.expected(run, &reply) {
            reply = ours;
        }
        shown
    };
    DIFFERENCES.iter().filter(shows).collect()
}

/// What is wrong with our reply, given that it should differ from theirs in these ways.
pub(crate) fn complaints(differences: &[&Difference], run: &Run, theirs: &Reply, ours: &Reply) -> Vec<String> {
    if compare(theirs, ours).is_empty() {
        return differences.iter().map(|gone| format!("this difference is gone, delete it: {}", gone.reason)).collect();
    }
    match expected(differences, run, theirs) {
        Some(expected) => compare(&expected, ours),
        None => differences.iter().flat_map(|zone| zone.transferred(theirs, ours)).collect(),
    }
}

/// Our reply, where it follows from theirs.
pub(crate) fn expected(differences: &[&Difference], run: &Run, theirs: &Reply) -> Option<Reply> {
    differences.iter().try_fold(theirs.clone(), |reply, difference| difference.expected(run, &reply))
}

impl Difference {
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

    fn expected(&self, run: &Run, theirs: &Reply) -> Option<Reply> {
        let mut reply = Reply { octets: None, ..theirs.clone() };
        let asked = theirs.question.split(' ').next().unwrap_or_default();
        let answers = reply.answer.iter_mut();
        match self.ours {
            Ours::NoData => "NOERROR".clone_into(&mut reply.rcode),
            Ours::NoName(zone) => {
                "NXDOMAIN".clone_into(&mut reply.rcode);
                reply.answer.clear();
                reply.authority = vec![format!("{zone} 5 SOA ns.dns.{zone} hostmaster.{zone} * 7200 1800 86400 5")];
            }
            Ours::Refused => {
                "REFUSED".clone_into(&mut reply.rcode);
                reply.flags.retain(|flag| flag == "RD");
                reply.answer.clear();
                reply.authority.clear();
            }
            Ours::Completed => {
                let mut replies = run.cases.iter().filter_map(|case| case.reply.as_ref());
                let completed = |reply: &&Reply| reply.question == theirs.question && reply.rcode == "NOERROR";
                reply = Reply { octets: None, ..replies.find(completed).expect("another client's").clone() };
            }
            Ours::Apex(apex) => {
                reply.authority.iter_mut().for_each(|soa| *soa = soa.replace(&apex.to_lowercase(), apex));
            }
            Ours::Without(flag) => reply.flags.retain(|set| set != flag),
            Ours::CheckingDisabled => reply.flags.push("CD".to_owned()),
            Ours::Spelled => answers.for_each(|record| *record = respelled(record, asked)),
            Ours::LowerCase => answers.for_each(|record| *record = lowered(record, asked)),
            Ours::Ttl(secs) => answers.for_each(|record| *record = with_ttl(record, |_| secs)),
            Ours::Zone | Ours::Pointers => return None,
        }
        Some(reply)
    }
}

/// The record with the owner as the client spelled it.
fn respelled(record: &str, asked: &str) -> String {
    match record.split_at_checked(asked.len()) {
        Some((owner, rest)) if owner.eq_ignore_ascii_case(asked) => format!("{asked}{rest}"),
        _ => record.to_owned(),
    }
}

/// The record with every name in lower case that the client did not ask for.
fn lowered(record: &str, asked: &str) -> String {
    let is_name = |word: &str| word.ends_with('.') && word != asked;
    let words = record.split(' ').map(|word| if is_name(word) { word.to_lowercase() } else { word.to_owned() });
    words.collect::<Vec<_>>().join(" ")
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

/// Names that have names below them and no records of their own, of those asked for TXT.
const EMPTY_NON_TERMINALS: [&str; 2] = ["pod.cluster.local.", "default.svc.cluster.local."];
