//! Tests of the yardstick itself: it must take the answers CoreDNS gave and refuse any that are not these.

use std::collections::HashSet;

use super::case::{Case, Reply, Run, Transport};
use super::differences::{self, DIFFERENCES};
use super::play::{Tally, Treatment, judge, treatment};
use super::{COMPARED, DELIBERATE, LEFT_OUT, compare, mirror, played, server, text};

#[test]
fn the_data_is_all_there() {
    let runs = text::runs();
    assert_eq!((runs.len(), runs.iter().map(|run| run.cases.len()).sum::<usize>()), (34, 1632));
    let ids: HashSet<&str> = runs.iter().flat_map(|run| &run.cases).map(|case| case.id.as_str()).collect();
    assert_eq!(ids.len(), 1632, "every case has an id of its own");
    let unsynced: Vec<&str> = runs.iter().filter(|run| !run.synced).map(|run| run.name.as_str()).collect();
    assert_eq!(unsynced, ["nosync"]);
    let objects: serde_json::Value = serde_json::from_str(&text::objects()).expect("JSON");
    assert_eq!((objects["kind"].as_str(), objects["items"].as_array().map(Vec::len)), (Some("List"), Some(122)));
}

#[test]
fn few_cases_are_left_out() {
    assert_eq!(played().len(), 28);
    let mut tally = Tally::default();
    for run in &played() {
        run.cases.iter().for_each(|case| tally.count(run, case, Vec::new()));
    }
    assert_eq!((tally.compared, tally.deliberate), (COMPARED, DELIBERATE));
}

#[test]
fn a_run_is_left_out_only_for_a_directive_that_is_refused() {
    let upstream = ([127, 0, 0, 1], 53).into();
    for run in text::runs() {
        let refused = LEFT_OUT.iter().any(|(directive, _)| run.uses(directive));
        assert_eq!(server::config(&run, upstream).is_err(), refused, "{}: see LEFT_OUT", run.name);
    }
}

#[test]
fn what_coredns_answered_is_right() {
    let mut tally = Tally::default();
    let mut runs = played();
    // hickory, which writes these messages, compresses less.
    let replies = runs.iter_mut().flat_map(|run| &mut run.cases).filter_map(|case| case.reply.as_mut());
    replies.for_each(|reply| reply.octets = None);
    for run in &runs {
        for case in run.cases.iter().filter(|case| is_compared(run, case)) {
            tally.count(run, case, judge_as(run, case, |_, reply| reply));
        }
    }
    assert!(tally.failures.is_empty(), "{tally}");
    assert_eq!(tally.compared, COMPARED);
}

#[test]
fn anything_else_is_wrong() {
    for run in &played() {
        for case in run.cases.iter().filter(|case| is_compared(run, case)) {
            for (what, spoil) in SPOILT {
                let complaints = judge_as(run, case, |transport, mut reply| {
                    if transport == case.transport {
                        spoil(&mut reply);
                    }
                    reply
                });
                assert!(!complaints.is_empty(), "{} {}: {what} was not noticed", run.name, case.title());
            }
        }
    }
}

#[test]
fn silence_and_another_clients_reply_are_wrong() {
    let (run, case) = find("p0331");
    assert_eq!(judge(&run, &case, &|_, _| Vec::new(), &|| 0), ["no reply came"]);
    let ask = |query: &[u8], _: Transport| {
        let mut packet = mirror::encode(query, case.reply.as_ref().unwrap());
        packet[1] ^= 1;
        vec![packet]
    };
    let complaints = judge(&run, &case, &ask, &|| 0);
    assert!(complaints[0].contains("id of the query"), "{complaints:?}");
}

#[test]
fn a_reply_longer_than_theirs_is_wrong() {
    let (run, mut case) = find("p0331");
    case.reply.as_mut().unwrap().octets = Some(60);
    assert_eq!(judge_as(&run, &case, |_, reply| reply), ["70 octets instead of at most 60"]);
}

#[test]
fn each_listed_difference_is_shown_and_must_differ() {
    let mut shown = [false; DIFFERENCES.len()];
    for run in &played() {
        for case in &run.cases {
            let Treatment::Deliberate(differences) = treatment(run, case) else { continue };
            for difference in &differences {
                shown[DIFFERENCES.iter().position(|listed| listed.reason == difference.reason).unwrap()] = true;
            }
            let gone = judge_as(run, case, |_, reply| reply);
            assert!(gone[0].starts_with("this difference is gone"), "{}: {gone:?}", case.title());
            if let Some(ours) = differences::expected(&differences, run, case.reply.as_ref().unwrap()) {
                assert_eq!(judge_as(run, case, |_, _| ours.clone()), [""; 0], "{}", case.title());
            }
        }
    }
    assert_eq!(shown, [true; DIFFERENCES.len()], "a listed difference is shown by no case");
}

#[test]
fn a_reply_is_older_only_where_it_came_late() {
    let (run, case) = find("p3452");
    let younger = |late_secs: u64, secs: u32| {
        let ask = |query: &[u8], _: Transport| {
            let mut reply = compare::aged(case.reply.as_ref().unwrap(), secs);
            reply.flags.retain(|flag| flag != "AA");
            vec![mirror::encode(query, &reply)]
        };
        judge(&run, &case, &ask, &|| late_secs).len()
    };
    assert_eq!([younger(0, 0), younger(2, 1), younger(2, 2)], [0; 3]);
    assert_eq!([younger(0, 1), younger(2, 3)], [2; 2]);
}

#[test]
fn an_alias_behind_its_target_is_wrong() {
    let (run, case) = find("p3423");
    let turned = |turn: usize| {
        judge_as(&run, &case, |_, mut reply| {
            reply.answer.rotate_left(turn);
            reply
        })
    };
    assert_eq!(turned(0), [""; 0]);
    assert_eq!(turned(2), ["alias.example.com. 5 CNAME www.example.com. stands behind what it leads to"]);
}

#[test]
fn a_reverse_zone_is_its_pointers() {
    let (run, case) = find("p3795");
    let zone = |pointer: &str| {
        let mut reply = case.reply.clone().unwrap();
        let soa = reply.answer.pop().unwrap();
        reply.answer.truncate(2);
        reply.answer.extend([pointer.to_owned(), soa]);
        reply
    };
    let good = zone("1.0.96.10.in-addr.arpa. 5 PTR kubernetes.default.svc.cluster.local.");
    assert_eq!(judge_as(&run, &case, |_, _| good.clone()), [""; 0]);
    let bad = zone("kubernetes.default.svc.in-addr.arpa. 5 A 10.96.0.1");
    assert_eq!(judge_as(&run, &case, |_, _| bad.clone()).len(), 2);
}

#[test]
fn an_answer_is_cut_from_its_end() {
    let (run, case) = find("p1074");
    let whole = |reply: &Reply| Reply {
        flags: vec!["AA".into(), "RD".into()],
        additional: [reply.additional.clone(), vec!["dup.hl.testns.svc.cluster.local. 5 A 10.244.6.7".into()]].concat(),
        ..reply.clone()
    };
    let cut = |spoil: fn(&mut Reply)| {
        judge_as(&run, &case, |transport, mut reply| match transport {
            Transport::Tcp => whole(&reply),
            Transport::Udp => {
                spoil(&mut reply);
                reply
            }
        })
    };
    assert_eq!(cut(|_| ()), [""; 0]);
    assert_eq!(cut(|reply| reply.flags.retain(|flag| flag != "TC")).len(), 1);
    assert_eq!(cut(|reply| reply.additional.truncate(2)).len(), 1);
    assert_eq!(cut(|reply| reply.answer.truncate(6)).len(), 2, "too few, and the additional section still there");
    assert_eq!(cut(|reply| reply.answer[0] = reply.answer[1].clone()).len(), 1);
}

/// Judges a case as if the server had sent its own reply after `alter`. The whole of a truncated answer is the reply
/// and one more additional record.
fn judge_as(run: &Run, case: &Case, alter: impl Fn(Transport, Reply) -> Reply) -> Vec<String> {
    let ask = |query: &[u8], transport: Transport| {
        let mut reply = case.reply.clone().expect("every case of the played runs has a reply");
        if reply.has("TC") && transport == Transport::Tcp {
            reply.flags.retain(|flag| flag != "TC");
            reply.additional.push("more.testns.svc.cluster.local. 5 A 10.244.6.7".to_owned());
        }
        vec![mirror::encode(query, &alter(transport, reply))]
    };
    judge(run, case, &ask, &|| 0)
}

fn is_compared(run: &Run, case: &Case) -> bool {
    matches!(treatment(run, case), Treatment::Compared)
}

fn find(id: &str) -> (Run, Case) {
    let mut run = played().into_iter().find(|run| run.cases.iter().any(|case| case.id == id)).expect("a played case");
    let place = run.cases.iter().position(|case| case.id == id).expect("found above");
    let case = run.cases.swap_remove(place);
    (run, case)
}

/// Makes a reply wrong.
type Spoil = fn(&mut Reply);

/// Ways for a reply to be wrong, all of which apply to every case.
const SPOILT: [(&str, Spoil); 5] = [
    ("another response code", |reply| {
        let other = if reply.rcode == "NXDOMAIN" { "NOERROR" } else { "NXDOMAIN" };
        other.clone_into(&mut reply.rcode);
    }),
    ("RA, or none", |reply| match reply.flags.iter().position(|flag| flag == "RA") {
        Some(place) => drop(reply.flags.remove(place)),
        None => reply.flags.push("RA".to_owned()),
    }),
    ("another letter case, or TC where there is no record", |reply| {
        match reply.answer.first_mut().or(reply.authority.first_mut()) {
            Some(record) => *record = record.to_uppercase(),
            None => reply.flags.push("TC".to_owned()),
        }
    }),
    ("a record more", |reply| reply.additional.push("stray.example. 5 A 192.0.2.1".to_owned())),
    ("a missing section, or EDNS where there is no section", |reply| {
        let sections = [&mut reply.answer, &mut reply.authority];
        match sections.into_iter().find(|section| !section.is_empty()) {
            Some(section) => section.clear(),
            None => reply.edns = Some("1232".to_owned()),
        }
    }),
];
