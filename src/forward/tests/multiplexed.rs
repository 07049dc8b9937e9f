//! HTTPS: many questions as streams of few connections, and connections that end.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::{Either, select};
use h2::{Reason, server};
use hyper::{Response, header::CONTENT_TYPE};
use tokio::{
    sync::{Barrier, Notify, mpsc},
    time::timeout,
};

use super::{
    super::{asking::Over, counters::Counters, options::Options, stream::PIPELINE_MAX},
    encrypted::Identity,
    http::{DNS, HTTP2, Http, Upstream, answer_all, answer_one, echo, hold_all, send},
    server::{ask, ask_at_once, forwarder, reply},
};

#[tokio::test]
async fn questions_that_overlap_share_a_connection_and_are_answered_in_any_order() {
    // Nobody is answered before all have asked.
    let all = Arc::new(Barrier::new(60));
    let upstream = Upstream::new(move |http| {
        let all = all.clone();
        answer_all(http, move |query, to| {
            let all = all.clone();
            async move {
                all.wait().await;
                send(to, 200, DNS, reply(&query));
            }
        })
    })
    .await;
    let counters = Counters::default();
    assert_eq!(ask_at_once(&upstream.forwarder(&counters), 60).await, 60);
    assert_eq!(upstream.connections(&counters), (1, 59));
}

#[tokio::test]
async fn another_connection_is_opened_where_one_is_full() {
    // Two questions on each connection, and all four before the first is answered.
    let identity = Identity::new(HTTP2);
    let all = Arc::new(Barrier::new(4));
    let is_first = Arc::new(AtomicUsize::new(0));
    let server = identity
        .serve(move |stream| {
            let (all, is_first) = (all.clone(), is_first.clone());
            async move {
                let http = server::Builder::new().max_concurrent_streams(2).handshake(stream).await.unwrap();
                answer_all(http, move |query, to| {
                    let (all, is_first) = (all.clone(), is_first.clone());
                    async move {
                        if is_first.fetch_add(1, Ordering::Relaxed) > 0 {
                            all.wait().await;
                        }
                        send(to, 200, DNS, reply(&query));
                    }
                })
                .await;
            }
        })
        .await;
    let upstream = Upstream { server, identity };
    let counters = Counters::default();
    let forwarder = upstream.forwarder(&counters);
    ask(&forwarder, "first.example", Over::Udp).await.unwrap();
    assert_eq!(ask_at_once(&forwarder, 4).await, 4);
    assert_eq!(upstream.connections(&counters), (2, 3));
}

#[tokio::test]
async fn a_connection_that_was_closed_while_it_was_idle_is_nobodys_failure() {
    let upstream = Upstream::new(|mut http: Http| async move {
        answer_one(&mut http).await;
        // The next question is taken and not answered: what a server does that ends just now.
        let _ = http.accept().await;
    })
    .await;
    let counters = Counters::default();
    let forwarder = upstream.forwarder(&counters);
    for number in 0..3 {
        ask(&forwarder, &format!("n{number}.example"), Over::Udp).await.unwrap();
    }
    assert_eq!((upstream.connections(&counters), counters.of(upstream.server.address).lost.get()), ((3, 2), 0));
}

#[tokio::test]
async fn questions_whose_connection_was_closed_share_the_next() {
    let upstream = Upstream::with_first(|mut http: Http| async move {
        answer_one(&mut http).await;
        let mut asked = Vec::new();
        while asked.len() < 30 {
            asked.push(http.accept().await.unwrap().unwrap());
        }
    })
    .await;
    let counters = Counters::default();
    let forwarder = upstream.forwarder(&counters);
    ask(&forwarder, "first.example", Over::Udp).await.unwrap();
    assert_eq!(ask_at_once(&forwarder, 30).await, 30);
    assert_eq!(upstream.connections(&counters).0, 2);
}

#[tokio::test]
async fn a_question_that_is_refused_is_asked_elsewhere_and_its_connection_stays() {
    let connections = Arc::new(AtomicUsize::new(0));
    let (answered, mut answers) = mpsc::unbounded_channel();
    let upstream = Upstream::new(move |http: Http| {
        let connection = connections.fetch_add(1, Ordering::Relaxed);
        let answered = answered.clone();
        answer_all(http, move |query, mut to| {
            let answered = answered.clone();
            async move {
                if connection == 0 && query[13..].starts_with(b"refused") {
                    to.send_reset(Reason::REFUSED_STREAM);
                } else {
                    answered.send(connection).unwrap();
                    send(to, 200, DNS, reply(&query));
                }
            }
        })
    })
    .await;
    let counters = Counters::default();
    let forwarder = upstream.forwarder(&counters);
    for (name, connection) in [("first", 0), ("refused", 1), ("third", 0)] {
        ask(&forwarder, &format!("{name}.example"), Over::Udp).await.unwrap();
        assert_eq!(answers.recv().await, Some(connection), "{name}");
    }
    assert_eq!(counters.of(upstream.server.address).lost.get(), 0);
}

#[tokio::test]
async fn who_waits_no_more_leaves_his_place_on_a_connection() {
    let (held, mut holds) = mpsc::unbounded_channel();
    let upstream = Upstream::new(move |http| {
        let held = held.clone();
        answer_all(http, move |query, to| {
            let held = held.clone();
            async move {
                if query[13..].starts_with(b"free") {
                    send(to, 200, DNS, reply(&query));
                } else {
                    held.send(to).unwrap();
                }
            }
        })
    })
    .await;
    let counters = Counters::default();
    let forwarder = upstream.forwarder(&counters);
    let all_held = async {
        let mut all = Vec::new();
        while all.len() < PIPELINE_MAX {
            all.push(holds.recv().await);
        }
        all
    };
    let held = match select(pin!(ask_at_once(&forwarder, PIPELINE_MAX)), pin!(all_held)).await {
        Either::Left((answered, _)) => panic!("{answered} answers"),
        Either::Right((held, _)) => held,
    };
    assert!(ask(&forwarder, "free.example", Over::Udp).await.is_ok());
    assert_eq!((upstream.connections(&counters).0, counters.of(upstream.server.address).lost.get()), (1, 0));
    drop(held);
}

#[tokio::test]
async fn a_new_connection_that_is_closed_in_the_middle_is_a_failure() {
    let upstream = Upstream::new(|mut http: Http| async move {
        let (_request, mut to) = http.accept().await.unwrap().unwrap();
        let head = Response::builder().header(CONTENT_TYPE, DNS).body(()).unwrap();
        let mut stream = to.send_response(head, false).unwrap();
        stream.send_data(Bytes::from_static(&[0; 20]), false).unwrap();
        tokio::select! {
            biased;
            _ = http.accept() => {}
            // What was to be sent is.
            () = tokio::task::yield_now() => {}
        }
    })
    .await;
    let counters = Counters::default();
    let failure = ask(&upstream.forwarder(&counters), "www.example", Over::Udp).await.unwrap_err();
    assert_eq!((failure.rcode(), upstream.connections(&counters)), (2, (1, 0)));
    assert!(failure.to_string().starts_with("Post \"https://"), "{failure}");
}

#[tokio::test]
async fn a_connection_that_says_goodbye_answers_what_it_was_asked_and_gets_nothing_more() {
    let connections = Arc::new(AtomicUsize::new(0));
    let is_asked_elsewhere = Arc::new(Notify::new());
    let upstream = Upstream::new(move |mut http: Http| {
        let is_first = connections.fetch_add(1, Ordering::Relaxed) == 0;
        let is_asked_elsewhere = is_asked_elsewhere.clone();
        async move {
            if is_first {
                http.graceful_shutdown();
            } else {
                is_asked_elsewhere.notify_one();
            }
            answer_all(http, move |query, to| {
                let is_asked_elsewhere = is_asked_elsewhere.clone();
                async move {
                    if query[13..].starts_with(b"held") {
                        is_asked_elsewhere.notified().await;
                    }
                    send(to, 200, DNS, reply(&query));
                }
            })
            .await;
        }
    })
    .await;
    let counters = Counters::default();
    let forwarder = upstream.forwarder(&counters);
    let mut held = pin!(ask(&forwarder, "held.example", Over::Udp));
    for number in 0.. {
        let name = format!("n{number}.example");
        match select(&mut held, pin!(ask(&forwarder, &name, Over::Udp))).await {
            Either::Left((answer, _)) => {
                answer.unwrap();
                break;
            }
            Either::Right((answer, _)) => assert!(answer.is_ok(), "{answer:?}"),
        }
    }
    assert_eq!((upstream.connections(&counters).0, counters.of(upstream.server.address).lost.get()), (2, 0));
}

#[tokio::test]
async fn a_connection_on_which_nothing_comes_any_more_is_left() {
    let upstream = Upstream::with_first(|mut http: Http| async move {
        answer_one(&mut http).await;
        hold_all(http).await;
    })
    .await;
    let counters = Counters::default();
    let options = upstream.options(|options| {
        options.read_timeout = Duration::from_millis(500);
        options.max_fails = 0;
    });
    let forwarder = forwarder(options, &counters);
    ask(&forwarder, "first.example", Over::Udp).await.unwrap();
    // Asked again in time or not: that is its own business.
    let _ = ask(&forwarder, "second.example", Over::Udp).await;
    ask(&forwarder, "third.example", Over::Udp).await.unwrap();
    ask(&forwarder, "fourth.example", Over::Udp).await.unwrap();
    assert_eq!(upstream.connections(&counters).0, 2);
}

#[tokio::test]
async fn a_connection_is_left_too_where_all_who_asked_had_a_better_answer() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let upstream = Upstream::new(move |mut http: Http| {
        let tell = tell.clone();
        async move {
            let _held = http.accept().await;
            tell.send("asked").unwrap();
            hold_all(http).await;
            tell.send("ended").unwrap();
        }
    })
    .await;
    let options = upstream.options(|options| {
        options.read_timeout = Duration::from_millis(300);
        options.expire = Duration::from_secs(3600);
    });
    let forwarder = forwarder(options, &Counters::default());
    let is_asked =
        matches!(select(pin!(ask(&forwarder, "www.example", Over::Udp)), pin!(told.recv())).await, Either::Right(_));
    assert!(is_asked);
    assert_eq!(timeout(Duration::from_secs(60), told.recv()).await, Ok(Some("ended")));
}

#[tokio::test]
async fn connections_close_when_they_were_idle_for_long_enough_or_with_the_forwarder() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let upstream = Upstream::new(move |http| {
        let tell = tell.clone();
        async move {
            echo(http).await;
            tell.send(()).unwrap();
        }
    })
    .await;
    for set in [(|options: &mut Options| options.expire = Duration::from_millis(1)) as fn(&mut Options), |options| {
        options.idle_connections_max = Some(0);
    }] {
        let forwarder = forwarder(upstream.options(set), &Counters::default());
        assert!(ask(&forwarder, "www.example", Over::Udp).await.is_ok());
        told.recv().await.unwrap();
    }
    let forwarder = upstream.forwarder(&Counters::default());
    assert!(ask(&forwarder, "www.example", Over::Udp).await.is_ok());
    drop(forwarder);
    told.recv().await.unwrap();
}
