//! UDP with upstreams that lie, garble, cut and refuse.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use tokio::net::UdpSocket;

use super::{
    super::{
        asking::{Asking, Failure, Over},
        counters::Counters,
        options::Transport,
    },
    query,
    server::{Server, ask, echo, forwarder, options, reply, to, truncated},
};

#[tokio::test]
async fn what_is_asked_is_answered() {
    let server = Server::udp(|query, _| vec![reply(query)]).await;
    let counters = Counters::default();
    let forwarder = forwarder(options(to([&server]), |_| {}), &counters);
    let answer = ask(&forwarder, "www.example", Over::Udp).await.unwrap();
    assert_eq!(answer.message[2..], reply(&query("www.example"))[2..]);
    assert_eq!((answer.upstream, answer.rcode()), (server.address, 0));
    let upstream = counters.of(server.address);
    assert_eq!((upstream.requests.get(), upstream.replies[0].get().unwrap().counts().iter().sum()), (1, 1));
}

#[tokio::test]
async fn a_hundred_who_ask_the_same_are_one_question() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counting = asked.clone();
    let server = Server::udp(move |query, _| {
        counting.fetch_add(1, Ordering::Relaxed);
        vec![reply(query)]
    })
    .await;
    let counters = Counters::default();
    let forwarder = forwarder(options(to([&server]), |_| {}), &counters);
    let answers = join_all((0..100).map(|_| ask(&forwarder, "www.example", Over::Udp))).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!((asked.load(Ordering::Relaxed), counters.shared.get()), (1, 99));
}

#[tokio::test]
async fn ids_and_ports_are_new_for_each_question() {
    let seen = Arc::new(Mutex::new((BTreeSet::new(), BTreeSet::new())));
    let seeing = seen.clone();
    let server = Server::udp(move |query, client| {
        let mut seen = seeing.lock().unwrap();
        seen.0.insert([query[0], query[1]]);
        seen.1.insert(client.port());
        vec![reply(query)]
    })
    .await;
    let forwarder = forwarder(options(to([&server]), |_| {}), &Counters::default());
    for number in 0..64 {
        ask(&forwarder, &format!("n{number}.example"), Over::Udp).await.unwrap();
    }
    let seen = seen.lock().unwrap();
    // By accident some may be the same: of 64 out of 28,000 more than four never are.
    assert!(seen.0.len() > 60 && seen.1.len() > 60, "{} ids, {} ports", seen.0.len(), seen.1.len());
}

#[tokio::test]
async fn wrong_replies_are_counted_and_the_right_one_is_taken() {
    let lies = |query: &[u8]| {
        let mut wrong_id = reply(query);
        wrong_id[0] ^= 0x55;
        let mut wrong_question = reply(query);
        wrong_question[13] ^= 1;
        vec![vec![], b"garbage".to_vec(), vec![0xff; 600], query.to_vec(), wrong_id, wrong_question, reply(query)]
    };
    let server = Server::udp(move |query, _| lies(query)).await;
    let counters = Counters::default();
    let forwarder = forwarder(options(to([&server]), |_| {}), &counters);
    assert_eq!(ask(&forwarder, "www.example", Over::Udp).await.unwrap().message.len(), query("www.example").len());
    assert_eq!(counters.wrong_replies.get(), 6);
}

#[tokio::test]
async fn what_others_send_to_our_port_does_not_arrive() {
    let stranger = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let server = Server::udp(move |query, client| {
        let mut forged = reply(query);
        forged[3] = 3;
        stranger.send_to(&forged, client).unwrap();
        vec![reply(query)]
    })
    .await;
    let forwarder = forwarder(options(to([&server]), |_| {}), &Counters::default());
    assert_eq!(ask(&forwarder, "www.example", Over::Udp).await.unwrap().rcode(), 0);
}

#[tokio::test]
async fn answers_to_another_question_are_a_format_error() {
    let lie = |query: &[u8], _| {
        let mut lie = reply(query);
        lie[13] ^= 1;
        vec![lie]
    };
    let server = Server::udp(lie).await;
    let forwarder = forwarder(options(to([&server]), |_| {}), &Counters::default());
    let failure = ask(&forwarder, "www.example", Over::Udp).await.unwrap_err();
    assert_eq!(failure, Failure::Mismatch { upstream: server.address });
    assert_eq!(failure.rcode(), 1);
}

#[tokio::test]
async fn who_guesses_ids_gets_few_guesses() {
    let guesses = |query: &[u8], _| {
        let wrong = |guess: u8| {
            let mut wrong = reply(query);
            wrong[0] ^= guess;
            wrong
        };
        (1..=100).map(wrong).chain([reply(query)]).collect()
    };
    let server = Server::udp(guesses).await;
    let counters = Counters::default();
    let forwarder = forwarder(options(to([&server]), |_| {}), &counters);
    assert!(ask(&forwarder, "www.example", Over::Udp).await.is_err());
    assert_eq!(counters.wrong_replies.get(), 64);
}

#[tokio::test]
async fn a_port_where_nobody_is_fails_at_once() {
    // It listens to one other only, and nobody else gets its port.
    let deaf = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    deaf.connect("127.0.0.1:9").await.unwrap();
    let nobody = deaf.local_addr().unwrap();
    let forwarder = forwarder(options(vec![super::super::options::To::Plain(nobody)], |_| {}), &Counters::default());
    let failure = ask(&forwarder, "www.example", Over::Udp).await.unwrap_err();
    assert_eq!(failure.rcode(), 2);
    let text = failure.to_string();
    assert!(
        text.starts_with("read udp 127.0.0.1:") && text.contains(&format!("->{nobody}: Connection refused")),
        "{text}"
    );
}

#[tokio::test]
async fn silence_is_told_as_coredns_tells_it() {
    let server = Server::udp(|_, _| vec![]).await;
    let options = options(to([&server]), |options| options.read_timeout = Duration::from_millis(20));
    let failure = ask(&forwarder(options, &Counters::default()), "www.example", Over::Udp).await.unwrap_err();
    assert!(failure.to_string().ends_with(&format!("->{}: i/o timeout", server.address)), "{failure}");
}

#[tokio::test]
async fn cut_replies_are_fetched_over_tcp_where_the_client_can_take_more() {
    for (over, transport, reply_octets_max, is_cut) in [
        (Over::Udp, Transport::AsClient, 512, true),
        (Over::Udp, Transport::AsClient, 513, false),
        (Over::Udp, Transport::PreferUdp, 512, false),
        (Over::Tcp, Transport::PreferUdp, 512, false),
        (Over::Udp, Transport::ForceTcp, 512, false),
        (Over::Tcp, Transport::AsClient, 512, false),
    ] {
        let server = Server::udp_and_tcp(|query, _| vec![truncated(query)], echo).await;
        let forwarder =
            forwarder(options(to([&server]), |options| options.transport = transport), &Counters::default());
        let asking = Asking { query: &query("www.example"), over, reply_octets_max };
        let answer = forwarder.ask(&asking).await.unwrap();
        assert_eq!(answer.message[2] & 2 != 0, is_cut, "{over:?} {transport:?} {reply_octets_max}");
    }
}

#[tokio::test]
async fn a_cut_reply_is_better_than_none_where_there_is_no_tcp() {
    let server = Server::udp(|query, _| vec![truncated(query)]).await;
    let forwarder = forwarder(options(to([&server]), |_| {}), &Counters::default());
    let asking = Asking { query: &query("www.example"), over: Over::Udp, reply_octets_max: 4096 };
    assert_eq!(forwarder.ask(&asking).await.unwrap().message[2] & 2, 2);
}

#[tokio::test]
async fn upstreams_see_the_source_that_was_given() {
    let server = Server::udp(|query, client| {
        assert_eq!(client.ip().to_string(), "127.0.0.9");
        vec![reply(query)]
    })
    .await;
    let source = options(to([&server]), |options| options.source = Some([127, 0, 0, 9].into()));
    assert!(ask(&forwarder(source, &Counters::default()), "www.example", Over::Udp).await.is_ok());
}

#[tokio::test]
async fn an_upstream_that_failed_is_checked_with_the_question_that_was_chosen() {
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let server = Server::udp(move |query, _| {
        tell.send(query[2..].to_vec()).unwrap();
        vec![]
    })
    .await;
    let options = options(to([&server]), |options| {
        options.read_timeout = Duration::from_millis(20);
        options.health_check.recursion_desired = false;
        options.health_check.domain = crate::records::name::Name::parse("a.b").unwrap();
    });
    let forwarder = forwarder(options, &Counters::default());
    assert!(ask(&forwarder, "www.example", Over::Udp).await.is_err());
    assert_eq!(told.recv().await.unwrap(), query("www.example")[2..]);
    assert_eq!(told.recv().await.unwrap(), b"\0\0\0\x01\0\0\0\0\0\0\x01a\x01b\0\0\x02\0\x01");
}
