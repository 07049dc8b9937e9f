//! Each question once, and no more than there may be.

use std::{
    future::{pending, ready},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures_util::future::join_all;
use tokio::{sync::Notify, task::yield_now};

use super::super::{
    asking::{Answer, Failure, Over},
    counters::Counters,
    flights::{Flights, Key, Place},
    message::Query,
};

fn key(name: &str) -> Key {
    key_of(name, Over::Udp, false)
}

fn key_of(name: &str, over: Over, takes_more: bool) -> Key {
    Key::new(&Query::read(&super::query(name)).unwrap(), over, takes_more)
}

fn answer() -> Result<Answer, Failure> {
    Ok(Answer { message: "reply".into(), upstream: ([10, 0, 0, 1], 53).into() })
}

#[tokio::test]
async fn a_hundred_who_ask_the_same_share_one_flight() {
    let (counters, begun) = (Counters::default(), AtomicUsize::new(0));
    let flights = Flights::new(10, counters.clone());
    let land = Notify::new();
    let ask = async || {
        begun.fetch_add(1, Ordering::Relaxed);
        land.notified().await;
        answer()
    };
    let askers = join_all((0..100).map(|_| flights.join(key("a"), &ask)));
    let landing = async {
        yield_now().await;
        land.notify_one();
    };
    let (answers, ()) = tokio::join!(askers, landing);
    assert!(answers.iter().all(Result::is_ok) && answers.len() == 100);
    assert_eq!((begun.load(Ordering::Relaxed), counters.shared.get(), counters.in_flight.get()), (1, 99, 0));
}

#[tokio::test]
async fn questions_that_differ_fly_apart_and_so_does_one_after_the_other() {
    let counters = Counters::default();
    let flights = Flights::new(10, counters.clone());
    let keys = || [key("a"), key("b"), key_of("a", Over::Tcp, false), key_of("a", Over::Udp, true)];
    let flying = keys().map(|key| flights.place(key).unwrap());
    assert_eq!((counters.in_flight.get(), counters.shared.get()), (4, 0));
    drop(flying);
    for key in keys() {
        assert!(flights.join(key, || ready(answer())).await.is_ok());
    }
    assert_eq!((counters.in_flight.get(), counters.shared.get()), (0, 0));
}

#[tokio::test]
async fn the_others_get_their_answer_when_the_first_who_asked_has_gone() {
    let flights = Arc::new(Flights::new(10, Counters::default()));
    let flying = flights.clone();
    let first = tokio::spawn(async move { flying.join(key("a"), pending).await });
    yield_now().await;
    let second = flights.join(key("a"), || ready(answer()));
    let gone = async {
        first.abort();
        assert!(first.await.unwrap_err().is_cancelled());
    };
    assert!(tokio::join!(second, gone).0.is_ok());
}

#[tokio::test]
async fn a_question_that_nobody_waits_for_any_more_leaves_its_place() {
    let counters = Counters::default();
    let flights = Flights::new(1, counters.clone());
    drop(flights.place(key("a")).unwrap());
    assert_eq!(counters.in_flight.get(), 0);
    assert!(flights.join(key("a"), || ready(answer())).await.is_ok());
}

#[tokio::test]
async fn more_questions_than_there_may_be_are_refused_but_not_those_that_are_asked_already() {
    let counters = Counters::default();
    let flights = Flights::new(2, counters.clone());
    let _flying = ["a", "b"].map(|name| flights.place(key(name)).unwrap());
    let failure = flights.place(key("c")).err().unwrap();
    assert_eq!(failure, Failure::Overloaded { questions_max: 2 });
    assert_eq!((failure.rcode(), failure.to_string().as_str()), (5, "concurrent queries exceeded maximum 2"));
    assert_eq!(counters.overloaded.get(), 1);
    assert!(matches!(flights.place(key("a")), Ok(Place::Beside(_))));
}
