//! HTTPS: questions as streams of HTTP/2, and upstreams that answer with something else.

use std::{
    future::Future,
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use data_encoding::BASE64URL_NOPAD;
use futures_util::future::{Either, select};
use h2::{
    RecvStream,
    server::{self, Connection, SendResponse},
};
use hyper::{Request, Response, header::CONTENT_TYPE};
use tokio::{
    net::TcpStream,
    sync::{Barrier, Notify, mpsc},
    task::JoinSet,
};
use tokio_rustls::server::TlsStream;

use super::{
    super::{
        Forwarder,
        asking::Over,
        counters::{Counters, Proto},
        options::{Https, Method, Options, To},
    },
    encrypted::Identity,
    query,
    server::{Server, ask, ask_at_once, forwarder, options, reply},
};

const HTTP2: &[&[u8]] = &[b"h2"];
const DNS: &str = "application/dns-message";

type Http = Connection<TlsStream<TcpStream>, Bytes>;

/// An upstream over HTTPS, and who it is.
struct Upstream {
    server: Server,
    identity: Identity,
}

impl Upstream {
    /// Does something with each connection of HTTP/2.
    async fn new<F, C>(serve: F) -> Self
    where
        F: FnMut(Http) -> C + Clone + Send + Sync + 'static,
        C: Future<Output = ()> + Send,
    {
        let identity = Identity::new(HTTP2);
        let server = identity.serve(move |stream| {
            let mut serve = serve.clone();
            async move {
                if let Ok(http) = server::handshake(stream).await {
                    serve(http).await;
                }
            }
        });
        Self { server: server.await, identity }
    }

    fn options(&self, set: impl FnOnce(&mut Options)) -> Options {
        let to = Https { address: self.server.address, name: None, path: "/dns-query".into() };
        options(vec![To::Https(to)], |options| {
            options.tls.authority = Some(self.identity.authority.clone());
            set(options);
        })
    }

    fn forwarder(&self, counters: &Counters) -> Arc<Forwarder> {
        forwarder(self.options(|_| {}), counters)
    }

    /// Connections that were opened, and questions that found one.
    fn connections(&self, counters: &Counters) -> (u64, u64) {
        let (upstream, https) = (counters.of(self.server.address), Proto::Https as usize);
        (upstream.connections_opened[https].get(), upstream.connections_reused[https].get())
    }
}

/// The message of a request that is as RFC 8484 has it.
async fn read(request: Request<RecvStream>) -> Vec<u8> {
    assert_eq!(request.headers()["accept"], DNS);
    let (head, mut body) = request.into_parts();
    let message = match &*head.method.to_string() {
        "GET" => {
            let question = head.uri.query().unwrap().strip_prefix("dns=").unwrap();
            BASE64URL_NOPAD.decode(question.as_bytes()).unwrap()
        }
        method => {
            assert_eq!((method, &head.headers["content-type"]), ("POST", &DNS.parse().unwrap()));
            let mut message = Vec::new();
            while let Some(part) = body.data().await {
                message.extend_from_slice(&part.unwrap());
            }
            assert_eq!(head.headers["content-length"], message.len().to_string());
            message
        }
    };
    assert_eq!(message[..2], [0, 0], "the id");
    message
}

/// What a client that is gone does not get, it does not miss.
fn send(mut to: SendResponse<Bytes>, status: u16, media_type: &str, body: impl Into<Bytes>) {
    let head = Response::builder().status(status).header(CONTENT_TYPE, media_type).body(()).unwrap();
    if let Ok(mut stream) = to.send_response(head, false) {
        let _ = stream.send_data(body.into(), true);
    }
}

/// Answers every question, at once or whenever another could be.
async fn answer_all<F, C>(mut http: Http, answer: F)
where
    F: Fn(Vec<u8>, SendResponse<Bytes>) -> C + Clone + Send + Sync + 'static,
    C: Future<Output = ()> + Send,
{
    let mut answers = JoinSet::new();
    while let Some(Ok((request, to))) = http.accept().await {
        let answer = answer.clone();
        answers.spawn(async move { answer(read(request).await, to).await });
    }
}

async fn echo(http: Http) {
    answer_all(http, |query, to| async move { send(to, 200, DNS, reply(&query)) }).await;
}

/// The next question, answered.
async fn answer_one(http: &mut Http) {
    let (request, to) = http.accept().await.unwrap().unwrap();
    // The body comes while somebody drives the connection.
    let message = tokio::select! {
        message = read(request) => message,
        _ = http.accept() => panic!("a second question"),
    };
    send(to, 200, DNS, reply(&message));
}

#[tokio::test]
async fn questions_are_the_body_of_a_post_or_stand_in_the_url_of_a_get() {
    for (method, name) in [(Method::Post, "POST"), (Method::Get, "GET")] {
        let upstream = Upstream::new(move |mut http: Http| async move {
            while let Some(Ok((request, to))) = http.accept().await {
                assert_eq!((request.method().as_str(), request.uri().path()), (name, "/dns-query"));
                tokio::spawn(async move { send(to, 200, DNS, reply(&read(request).await)) });
            }
        })
        .await;
        let counters = Counters::default();
        let forwarder = forwarder(upstream.options(|options| options.doh_method = method), &counters);
        for number in 0..20 {
            let name = format!("n{number}.example");
            let answer = ask(&forwarder, &name, Over::Udp).await.unwrap();
            assert_eq!(answer.message[2..], reply(&query(&name))[2..]);
        }
        assert_eq!(upstream.connections(&counters), (1, 19));
    }
}

#[tokio::test]
async fn a_path_and_a_port_are_asked_as_they_are_written() {
    let seen = Arc::new(Mutex::new(String::new()));
    let seeing = seen.clone();
    let upstream = Upstream::new(move |mut http: Http| {
        let seeing = seeing.clone();
        async move {
            while let Some(Ok((request, to))) = http.accept().await {
                *seeing.lock().unwrap() = request.uri().to_string();
                tokio::spawn(async move { send(to, 200, DNS, reply(&read(request).await)) });
            }
        }
    })
    .await;
    let address = upstream.server.address;
    for (name, path, url) in [
        (None, "/a/b", format!("https://{address}/a/b")),
        (Some("dns.example"), "/dns-query", format!("https://dns.example:{}/dns-query", address.port())),
    ] {
        let to = Https { address, name: name.map(str::to_owned), path: path.into() };
        let forwarder = forwarder(upstream.options(|options| options.to = vec![To::Https(to)]), &Counters::default());
        ask(&forwarder, "www.example", Over::Udp).await.unwrap();
        assert_eq!(*seen.lock().unwrap(), url);
    }
}

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
async fn what_is_no_reply_is_a_failure_that_says_why() {
    let upstream = Upstream::new(|http| {
        answer_all(http, |query, to| async move {
            let good = reply(&query);
            match query[12..].get(1..5).unwrap() {
                b"fail" => send(to, 500, "text/plain", "no"),
                b"html" => send(to, 200, "text/html; charset=utf-8", good),
                b"none" => send(to, 200, DNS, ""),
                b"junk" => send(to, 200, DNS, &b"<html>this is no message</html>"[..]),
                b"long" => send(to, 200, DNS, vec![0; 66_000]),
                b"echo" => send(to, 200, DNS, query),
                b"lies" => {
                    let mut lie = good;
                    lie[13] ^= 1;
                    send(to, 200, DNS, lie);
                }
                b"stop" => drop(to),
                _ => send(to, 203, "Application/DNS-Message ; a=b", good),
            }
        })
    })
    .await;
    let counters = Counters::default();
    // Health checks would be counted.
    let forwarder = forwarder(upstream.options(|options| options.max_fails = 0), &counters);
    let url = format!("Post \"https://{}/dns-query\": ", upstream.server.address);
    for (name, rcode, why) in [
        ("fail", 2, "the status is 500 Internal Server Error"),
        ("html", 2, "the Content-Type is \"text/html; charset=utf-8\", not application/dns-message"),
        ("none", 2, "the body is no DNS reply"),
        ("junk", 2, "the body is no DNS reply"),
        ("long", 2, "the body is longer than a DNS reply can be"),
        ("echo", 2, "the body is no DNS reply"),
        ("stop", 2, "stream error received"),
    ] {
        let failure = ask(&forwarder, &format!("{name}.example"), Over::Udp).await.unwrap_err();
        assert_eq!(failure.rcode(), rcode, "{name}");
        let text = failure.to_string();
        assert!(text.strip_prefix(&*url).is_some_and(|text| text.starts_with(why)), "{name}: {text}");
    }
    assert_eq!(ask(&forwarder, "lies.example", Over::Udp).await.unwrap_err().rcode(), 1);
    assert!(ask(&forwarder, "good.example", Over::Udp).await.is_ok());
    // All of that is the business of one question, and none of its connection.
    assert_eq!(upstream.connections(&counters), (1, 8));
}

#[tokio::test]
async fn ids_of_replies_mean_nothing_and_seconds_in_caches_are_taken_from_their_ttls() {
    let upstream = Upstream::new(|http| {
        answer_all(http, |query, mut to| async move {
            let mut message = reply(&query);
            message[..2].copy_from_slice(&[7, 8]);
            (message[7], message[11]) = (2, 1);
            for ttl in [600_u32, 10] {
                message.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1]);
                message.extend_from_slice(&ttl.to_be_bytes());
                message.extend_from_slice(&[0, 4, 192, 0, 2, 1]);
            }
            message.extend_from_slice(&[0, 0, 41, 4, 208, 0, 0, 0x80, 0, 0, 0]);
            let head = Response::builder().header(CONTENT_TYPE, DNS).header("age", "250").body(()).unwrap();
            to.send_response(head, false).unwrap().send_data(message.into(), true).unwrap();
        })
    })
    .await;
    let answer = ask(&upstream.forwarder(&Counters::default()), "a.b", Over::Udp).await.unwrap();
    let records = &answer.message[12 + 5 + 4..];
    assert_eq!((&records[6..10], &records[22..26]), (&[0, 0, 1, 94][..], &[0; 4][..]), "{records:?}");
    assert_eq!(records[32..], [0, 0, 41, 4, 208, 0, 0, 0x80, 0, 0, 0]);
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
    let connections = Arc::new(AtomicUsize::new(0));
    let upstream = Upstream::new(move |mut http: Http| {
        let is_first = connections.fetch_add(1, Ordering::Relaxed) == 0;
        async move {
            if is_first {
                answer_one(&mut http).await;
                let mut asked = Vec::new();
                while asked.len() < 30 {
                    asked.push(http.accept().await.unwrap().unwrap());
                }
            } else {
                echo(http).await;
            }
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

/// Takes every question and answers none.
async fn hold_all(mut http: Http) {
    let mut held = Vec::new();
    while let Some(Ok(question)) = http.accept().await {
        held.push(question);
    }
}

#[tokio::test]
async fn an_upstream_that_never_answers_is_a_failure_in_time() {
    let upstream = Upstream::new(hold_all).await;
    let options = upstream.options(|options| options.read_timeout = Duration::from_millis(100));
    let failure = ask(&forwarder(options, &Counters::default()), "www.example", Over::Udp).await.unwrap_err();
    assert!(failure.rcode() == 2 && failure.to_string().ends_with("i/o timeout"), "{failure}");
}

#[tokio::test]
async fn a_connection_on_which_nothing_comes_any_more_is_left() {
    let connections = Arc::new(AtomicUsize::new(0));
    let upstream = Upstream::new(move |mut http: Http| {
        let is_silent = connections.fetch_add(1, Ordering::Relaxed) == 0;
        async move {
            if is_silent {
                answer_one(&mut http).await;
                hold_all(http).await;
            } else {
                echo(http).await;
            }
        }
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

#[tokio::test]
async fn an_upstream_is_who_its_certificate_says() {
    let upstream = Upstream::new(echo).await;
    for (written, server_name, is_right) in [
        (None, None, true),
        (Some("dns.example"), None, true),
        (None, Some("dns.example"), true),
        (None, Some("other.example"), false),
        (Some("other.example"), None, false),
    ] {
        let to =
            Https { address: upstream.server.address, name: written.map(str::to_owned), path: "/dns-query".into() };
        let options = upstream.options(|options| {
            options.to = vec![To::Https(to)];
            options.tls.server_name = server_name.map(str::to_owned);
        });
        let answer = ask(&forwarder(options, &Counters::default()), "www.example", Over::Udp).await;
        assert_eq!(answer.is_ok(), is_right, "{written:?} {server_name:?} {answer:?}");
        assert!(is_right || answer.unwrap_err().to_string().contains("certificate"));
    }
}

#[tokio::test]
async fn an_upstream_without_http_2_is_named_as_that() {
    let identity = Identity::new(&[]);
    let server = identity.serve(|_| async {}).await;
    let upstream = Upstream { server, identity };
    let failure = ask(&upstream.forwarder(&Counters::default()), "www.example", Over::Udp).await.unwrap_err();
    let address = upstream.server.address;
    assert_eq!(failure.to_string(), format!("dial tcp {address}: the upstream does not speak HTTP/2"));
}

#[tokio::test]
async fn an_upstream_that_fails_is_down_until_it_answers_again() {
    let is_well = Arc::new(AtomicBool::new(false));
    let being = is_well.clone();
    let upstream = Upstream::new(move |http| {
        let being = being.clone();
        answer_all(http, move |query, to| {
            let status = if being.load(Ordering::Relaxed) { 200 } else { 503 };
            async move { send(to, status, DNS, reply(&query)) }
        })
    })
    .await;
    let counters = Counters::default();
    let options = upstream.options(|options| {
        options.health_check.interval = Duration::from_millis(1);
        options.max_fails = 1;
    });
    let forwarder = forwarder(options, &counters);
    ask(&forwarder, "www.example", Over::Udp).await.unwrap_err();
    let down = || counters.of(upstream.server.address).down.get();
    while down() == 0 {
        tokio::task::yield_now().await;
    }
    is_well.store(true, Ordering::Relaxed);
    while down() == 1 {
        tokio::task::yield_now().await;
    }
    assert!(ask(&forwarder, "www.example", Over::Udp).await.is_ok());
}
