//! Each question once, and no more than there may be.

use std::{
    future::{pending, ready},
    sync::atomic::{AtomicUsize, Ordering},
};

use futures_util::future::{FutureExt, join_all};
use tokio::{sync::oneshot, task::yield_now};

use super::super::{
    asking::{Answer, Failure, Over},
    counters::Counters,
    flights::{Flights, Key},
};

fn key(query: &'static str) -> Key {
    Key { query: query.into(), over: Over::Udp, takes_more: false }
}

fn answer() -> Result<Answer, Failure> {
    Ok(Answer { message: "reply".into(), upstream: ([10, 0, 0, 1], 53).into() })
}

#[tokio::test]
async fn a_hundred_who_ask_the_same_share_one_flight() {
    let (counters, begun) = (Counters::default(), AtomicUsize::new(0));
    let flights = Flights::new(10, counters.clone());
    let (land, landed) = oneshot::channel::<()>();
    let mut landed = Some(landed);
    let askers: Vec<_> = (0..100)
        .map(|_| {
            let begin = || {
                begun.fetch_add(1, Ordering::Relaxed);
                landed.take().unwrap().map(|_| answer())
            };
            flights.join(key("a"), begin).unwrap()
        })
        .collect();
    land.send(()).unwrap();
    let answers = join_all(askers).await;
    assert!(answers.iter().all(Result::is_ok) && answers.len() == 100);
    assert_eq!((begun.into_inner(), counters.shared.get(), counters.in_flight.get()), (1, 99, 0));
}

#[tokio::test]
async fn questions_that_differ_fly_apart_and_so_does_one_after_the_other() {
    let counters = Counters::default();
    let flights = Flights::new(10, counters.clone());
    let tcp = Key { over: Over::Tcp, ..key("a") };
    let long = Key { takes_more: true, ..key("a") };
    let flying: Vec<_> = [key("a"), key("b"), tcp, long].map(|key| flights.join(key, || ready(answer()))).into();
    assert_eq!((counters.in_flight.get(), counters.shared.get()), (4, 0));
    for flight in flying {
        assert!(flight.unwrap().await.is_ok());
    }
    assert!(flights.join(key("a"), || ready(answer())).unwrap().await.is_ok());
    assert_eq!((counters.in_flight.get(), counters.shared.get()), (0, 0));
}

#[tokio::test]
async fn the_others_get_their_answer_when_the_first_who_asked_has_gone() {
    let flights = Flights::new(10, Counters::default());
    let (land, landed) = oneshot::channel::<()>();
    let first = flights.join(key("a"), || landed.map(|_| answer())).unwrap();
    let first = tokio::spawn(first);
    yield_now().await;
    let second = flights.join(key("a"), pending).unwrap();
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    land.send(()).unwrap();
    assert!(second.await.is_ok());
}

#[tokio::test]
async fn a_question_that_nobody_waits_for_any_more_leaves_its_place() {
    let counters = Counters::default();
    let flights = Flights::new(1, counters.clone());
    drop(flights.join(key("a"), pending).unwrap());
    assert_eq!(counters.in_flight.get(), 0);
    assert!(flights.join(key("a"), || ready(answer())).unwrap().await.is_ok());
}

#[tokio::test]
async fn more_questions_than_there_may_be_are_refused_but_not_those_that_are_asked_already() {
    let counters = Counters::default();
    let flights = Flights::new(2, counters.clone());
    let _flying = ["a", "b"].map(|query| flights.join(key(query), pending).unwrap());
    let failure = flights.join(key("c"), pending).err().unwrap();
    assert_eq!(failure, Failure::Overloaded { questions_max: 2 });
    assert_eq!((failure.rcode(), failure.to_string().as_str()), (5, "concurrent queries exceeded maximum 2"));
    assert_eq!(counters.overloaded.get(), 1);
    assert!(flights.join(key("a"), pending).is_ok());
}
