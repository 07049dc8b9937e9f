//! Upstreams that lead back here.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{runtime::Handle, sync::watch, time::sleep};

use super::{
    super::{asking::Failure, loops::Watch, options::Policy},
    script::{Act, Script, Stage, address, options},
};
use crate::{answers::question::QueryName, records::name::Name};

const HINFO: u16 = 13;

/// The name and the type of a question.
fn asked(message: &[u8]) -> (QueryName, u16) {
    let mut name = QueryName::new();
    name.read(&message[12..]).unwrap();
    let kind = 12 + name.wire().len();
    (name, u16::from_be_bytes([message[kind], message[kind + 1]]))
}

/// A stage whose first upstream leads back to it while `leads_back` says so.
fn round<const N: usize>(
    acts: [Act; N],
    leads_back: &Arc<AtomicBool>,
) -> (Stage, Arc<Watch<Script>>, watch::Sender<()>) {
    let stage = Stage::steady(options(|options| options.policy = Policy::Sequential), acts);
    let zone = Name::parse("Example.org").unwrap();
    let (loops, end) = Watch::start(&zone, [&stage.core].into_iter(), &Handle::current());
    let (server, leads_back) = (Arc::downgrade(&loops), leads_back.clone());
    *stage.upstream(0).line.on_message.lock().unwrap() = Box::new(move |message| {
        let (name, kind) = asked(message);
        if leads_back.load(Ordering::Relaxed)
            && let Some(server) = server.upgrade()
        {
            assert_eq!(server.returned(&name, kind), kind == HINFO);
        }
    });
    (stage, loops, end)
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_leads_back_is_set_apart_until_it_does_not() {
    let leads_back = Arc::new(AtomicBool::new(true));
    let (stage, loops, _end) = round([Act::Reply(1, 5), Act::After(2)], &leads_back);
    let found = loops.found();
    sleep(Duration::from_millis(10)).await;
    assert_eq!(stage.ask().await.unwrap().upstream, address(1));
    assert_eq!(loops.isolated(), ["10.0.0.0:53"]);
    assert_eq!((stage.counters.loops.get(), stage.upstream(0).counters.isolated.get()), (1, 1));
    let text = "Loop: what upstream 10.0.0.0:53 is asked for zone \"example.org.\" comes back here";
    assert_eq!(found.borrow().as_deref(), Some(text));
    // It is asked less and less often whether it still does, and that is no other loop.
    let before = stage.asked(0);
    sleep(Duration::from_secs(600)).await;
    assert!((4..=8).contains(&(stage.asked(0) - before)), "{}", stage.asked(0) - before);
    assert_eq!(stage.counters.loops.get(), 1);
    leads_back.store(false, Ordering::Relaxed);
    sleep(Duration::from_secs(400)).await;
    assert_eq!(loops.isolated(), [""; 0]);
    assert_eq!(stage.ask().await.unwrap().upstream, address(0));
}

#[tokio::test(start_paused = true)]
async fn with_no_upstream_that_leads_elsewhere_questions_fail_at_once() {
    let (stage, _loops, _end) = round([Act::After(1)], &Arc::new(AtomicBool::new(true)));
    sleep(Duration::from_millis(10)).await;
    let failure = stage.ask().await.unwrap_err();
    assert_eq!((failure.rcode(), failure), (2, Failure::Looping));
}

#[tokio::test(start_paused = true)]
async fn a_loop_that_begins_later_is_found_too() {
    let leads_back = Arc::new(AtomicBool::new(false));
    let (_stage, loops, _end) = round([Act::After(1)], &leads_back);
    sleep(Duration::from_secs(100)).await;
    assert_eq!(loops.isolated(), [""; 0]);
    leads_back.store(true, Ordering::Relaxed);
    sleep(Duration::from_secs(80)).await;
    assert_eq!(loops.isolated(), ["10.0.0.0:53"]);
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_says_nothing_stays_what_it_was() {
    let (stage, loops, _end) = round([Act::Silence], &Arc::new(AtomicBool::new(false)));
    sleep(Duration::from_secs(30)).await;
    assert_eq!(loops.isolated(), [""; 0]);
    // After 1, 2, 4 and 8 seconds, and the two that each is waited for.
    assert!((3..=6).contains(&stage.asked(0)), "{}", stage.asked(0));
}

#[tokio::test(start_paused = true)]
async fn what_was_set_apart_is_asked_again_when_nobody_watches() {
    let (stage, loops, end) = round([Act::After(1)], &Arc::new(AtomicBool::new(true)));
    sleep(Duration::from_millis(10)).await;
    assert_eq!(loops.isolated().len(), 1);
    drop((loops, end));
    sleep(Duration::from_millis(10)).await;
    assert!(stage.ask().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn probes_cannot_be_guessed_nor_used_for_other_types() {
    let (stage, loops, _end) = round([Act::After(1)], &Arc::new(AtomicBool::new(false)));
    sleep(Duration::from_secs(200)).await;
    let heard = stage.upstream(0).line.heard.lock().unwrap().clone();
    let names: std::collections::BTreeSet<_> = heard.iter().map(|message| asked(message).0.wire().to_vec()).collect();
    assert!(names.len() > 2 && names.len() == heard.len());
    for message in &heard {
        let (name, kind) = asked(message);
        assert_eq!((kind, name.labels(), name.wire().ends_with(b"\x07example\x03org\0")), (HINFO, 4, true));
        assert!(!loops.returned(&name, 1));
    }
    // Only the last may still come back.
    let came_back = heard.iter().filter(|message| loops.returned(&asked(message).0, HINFO)).count();
    assert_eq!(came_back, 1);
}

#[test]
fn a_probe_fits_into_any_zone() {
    let long = format!("{0}.{0}.{0}.{1}", "x".repeat(63), "y".repeat(61));
    for zone in [".", "example.org", &long] {
        let name = super::super::loops::probe_name(&Name::parse(zone).unwrap());
        assert!(QueryName::new().read(&name).is_some(), "{zone}");
    }
}
