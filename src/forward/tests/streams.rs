//! TCP and TLS: many questions on few connections, and connections that end.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{io::AsyncWriteExt, net::TcpSocket, sync::Notify};

use super::{
    super::{
        asking::Over,
        counters::{Counters, Proto},
        options::{Options, Tls, To},
    },
    encrypted::Identity,
    server::{Server, ask, ask_at_once, echo, forwarder, options, read, reply, to, write},
};

#[tokio::test]
async fn one_connection_serves_questions_one_after_the_other() {
    let server = Server::tcp(echo).await;
    let counters = Counters::default();
    let forwarder = forwarder(options(to([&server]), |_| {}), &counters);
    for number in 0..20 {
        ask(&forwarder, &format!("n{number}.example"), Over::Tcp).await.unwrap();
    }
    let upstream = counters.of(server.address);
    let tcp = Proto::Tcp as usize;
    assert_eq!((upstream.connections_opened[tcp].get(), upstream.connections_reused[tcp].get()), (1, 19));
}

#[tokio::test]
async fn questions_on_a_connection_are_answered_in_any_order() {
    let server = Server::tcp(|mut stream| async move {
        let mut queries = Vec::new();
        while queries.len() < 5 {
            queries.push(read(&mut stream).await.unwrap());
        }
        for query in queries.iter().rev() {
            write(&mut stream, &reply(query)).await;
        }
        // Stays open until the client closes.
        read(&mut stream).await;
    })
    .await;
    let forwarder = forwarder(options(to([&server]), |_| {}), &Counters::default());
    assert_eq!(ask_at_once(&forwarder, 5).await, 5);
}

#[tokio::test]
async fn many_questions_at_once_take_few_connections() {
    let opened = Arc::new(AtomicUsize::new(0));
    let counting = opened.clone();
    let server = Server::tcp(move |stream| {
        counting.fetch_add(1, Ordering::Relaxed);
        echo(stream)
    })
    .await;
    let forwarder = forwarder(options(to([&server]), |_| {}), &Counters::default());
    assert_eq!(ask_at_once(&forwarder, 400).await, 400);
    let opened = opened.load(Ordering::Relaxed);
    assert!((1..=50).contains(&opened), "{opened} connections");
}

#[tokio::test]
async fn a_connection_that_was_closed_while_it_was_idle_is_nobodys_failure() {
    let closed = Arc::new(Notify::new());
    let closing = closed.clone();
    let server = Server::tcp(move |mut stream| {
        let closing = closing.clone();
        async move {
            let query = read(&mut stream).await.unwrap();
            write(&mut stream, &reply(&query)).await;
            // The next question is read and not answered: what a server does that ends just now.
            read(&mut stream).await;
            drop(stream);
            closing.notify_one();
        }
    })
    .await;
    let counters = Counters::default();
    let forwarder = forwarder(options(to([&server]), |_| {}), &counters);
    for number in 0..3 {
        ask(&forwarder, &format!("n{number}.example"), Over::Tcp).await.unwrap();
    }
    closed.notified().await;
    assert_eq!(counters.of(server.address).lost.get(), 0);
}

#[tokio::test]
async fn a_server_that_closes_behind_each_answer_loses_no_question() {
    let server = Server::tcp(|mut stream| async move {
        let query = read(&mut stream).await.unwrap();
        write(&mut stream, &reply(&query)).await;
    })
    .await;
    let counters = Counters::default();
    let forwarder = forwarder(options(to([&server]), |_| {}), &counters);
    assert_eq!(ask_at_once(&forwarder, 8).await, 8);
    assert_eq!(counters.of(server.address).lost.get(), 0);
}

#[tokio::test]
async fn a_new_connection_that_is_closed_is_a_failure() {
    let server = Server::tcp(|mut stream| async move {
        let query = read(&mut stream).await.unwrap();
        // The length and half of the message.
        let reply = reply(&query);
        stream.write_all(&(reply.len() as u16).to_be_bytes()).await.unwrap();
        stream.write_all(&reply[..reply.len() / 2]).await.unwrap();
    })
    .await;
    let counters = Counters::default();
    let forwarder = forwarder(options(to([&server]), |_| {}), &counters);
    let failure = ask(&forwarder, "www.example", Over::Tcp).await.unwrap_err();
    assert_eq!(failure.to_string(), format!("read tcp ->{}: EOF", server.address));
    assert_eq!(counters.of(server.address).lost.get(), 1);
}

#[tokio::test]
async fn a_connection_nobody_takes_is_a_failure_at_once() {
    // A port that is taken, where nobody listens.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let nobody = socket.local_addr().unwrap();
    let forwarder = forwarder(options(vec![To::Plain(nobody)], |_| {}), &Counters::default());
    let failure = ask(&forwarder, "www.example", Over::Tcp).await.unwrap_err();
    assert!(failure.to_string().starts_with(&format!("dial tcp {nobody}: ")), "{failure}");
}

#[tokio::test]
async fn answers_to_other_questions_are_not_taken_from_a_stream_either() {
    let server = Server::tcp(|mut stream| async move {
        while let Some(query) = read(&mut stream).await {
            let mut stray = reply(&query);
            stray[0] ^= 0x55;
            write(&mut stream, &stray).await;
            let mut lie = reply(&query);
            lie[13] ^= 1;
            write(&mut stream, &lie).await;
        }
    })
    .await;
    let forwarder = forwarder(options(to([&server]), |_| {}), &Counters::default());
    assert_eq!(ask(&forwarder, "www.example", Over::Tcp).await.unwrap_err().rcode(), 1);
}

#[tokio::test]
async fn one_question_without_an_answer_does_not_hold_up_the_others() {
    let server = Server::tcp(|mut stream| async move {
        while let Some(query) = read(&mut stream).await {
            if !query.windows(6).any(|octets| octets == b"silent") {
                write(&mut stream, &reply(&query)).await;
            }
        }
    })
    .await;
    let options = options(to([&server]), |options| options.read_timeout = Duration::from_millis(200));
    let forwarder = forwarder(options, &Counters::default());
    let (silent, answered) = tokio::join!(ask(&forwarder, "silent.example", Over::Tcp), ask_at_once(&forwarder, 7));
    assert!(silent.unwrap_err().to_string().ends_with("i/o timeout"));
    assert_eq!(answered, 7);
}

#[tokio::test]
async fn a_connection_that_may_not_be_idle_is_asked_all_the_same() {
    let server = Server::tcp(echo).await;
    let forwarder = forwarder(options(to([&server]), |options| options.expire = Duration::ZERO), &Counters::default());
    for number in 0..20 {
        ask(&forwarder, &format!("n{number}.example"), Over::Tcp).await.unwrap();
    }
}

/// A server that tells of each connection when it has ended.
async fn telling_server() -> (Server, tokio::sync::mpsc::UnboundedReceiver<()>) {
    let (tell, told) = tokio::sync::mpsc::unbounded_channel();
    let server = Server::tcp(move |stream| {
        let tell = tell.clone();
        async move {
            echo(stream).await;
            tell.send(()).unwrap();
        }
    });
    (server.await, told)
}

#[tokio::test]
async fn connections_close_when_they_were_idle_for_long_enough_or_are_too_many() {
    for set in [(|options: &mut Options| options.expire = Duration::from_millis(1)) as fn(&mut Options), |options| {
        options.idle_connections_max = Some(0);
    }] {
        let (server, mut told) = telling_server().await;
        let forwarder = forwarder(options(to([&server]), set), &Counters::default());
        assert!(ask(&forwarder, "www.example", Over::Tcp).await.is_ok());
        told.recv().await.unwrap();
    }
}

#[tokio::test]
async fn an_old_connection_is_asked_nothing_more() {
    for (age_max_secs, young_secs) in [(None, 299), (Some(60), 59), (Some(1000), 999)] {
        let server = Server::tcp(echo).await;
        let counters = Counters::default();
        let options = options(to([&server]), |options| {
            options.expire = Duration::from_secs(3600);
            options.age_max = age_max_secs.map(Duration::from_secs);
        });
        let forwarder = forwarder(options, &counters);
        let opened = || counters.of(server.address).connections_opened[Proto::Tcp as usize].get();
        for (secs, expected) in [(0, 1), (young_secs, 1), (2, 2)] {
            tokio::time::pause();
            tokio::time::advance(Duration::from_secs(secs)).await;
            tokio::time::resume();
            assert!(ask(&forwarder, "www.example", Over::Tcp).await.is_ok());
            assert_eq!(opened(), expected, "{age_max_secs:?} after {secs} more seconds");
        }
    }
}

#[tokio::test]
async fn connections_close_with_the_forwarder() {
    let (server, mut told) = telling_server().await;
    let forwarder = forwarder(options(to([&server]), |_| {}), &Counters::default());
    assert!(ask(&forwarder, "www.example", Over::Tcp).await.is_ok());
    drop(forwarder);
    told.recv().await.unwrap();
}

// ----------- TLS -----------------------------------------------------------

/// An upstream over TLS.
async fn encrypted() -> (Server, Identity) {
    let identity = Identity::new(&[]);
    (identity.serve(echo).await, identity)
}

#[tokio::test]
async fn tls_upstreams_are_who_their_certificate_says() {
    let (server, identity) = encrypted().await;
    for (written, server_name, is_right) in [
        (None, None, true),
        (Some("dns.example"), None, true),
        (Some("dns.example"), Some("other.example"), true),
        (None, Some("dns.example"), true),
        (None, Some("other.example"), false),
        (Some("other.example"), None, false),
    ] {
        let upstream = To::Tls(server.address, written.map(str::to_owned));
        let options = options(vec![upstream], |options| {
            options.tls = Tls {
                authority: Some(identity.authority.clone()),
                server_name: server_name.map(str::to_owned),
                identity: None,
            };
        });
        let counters = Counters::default();
        let forwarder = forwarder(options, &counters);
        let answer = ask(&forwarder, "www.example", Over::Udp).await;
        assert_eq!(answer.is_ok(), is_right, "{written:?} {server_name:?} {answer:?}");
        if is_right {
            assert_eq!(ask_at_once(&forwarder, 5).await, 5);
            assert_eq!(counters.of(server.address).connections_opened[Proto::Tls as usize].get(), 1);
        } else {
            assert!(answer.unwrap_err().to_string().contains("certificate"));
        }
    }
}

#[tokio::test]
async fn certificates_of_unknown_authorities_are_not_believed() {
    let (server, _identity) = encrypted().await;
    let other = Identity::new(&[]);
    let options =
        options(vec![To::Tls(server.address, None)], |options| options.tls.authority = Some(other.authority.clone()));
    assert!(ask(&forwarder(options, &Counters::default()), "www.example", Over::Tcp).await.is_err());
}
