//! HTTPS: questions as requests, and upstreams that answer with something else.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use hyper::{Response, header::CONTENT_TYPE};

use super::{
    super::{
        asking::Over,
        counters::Counters,
        options::{Https, Method, To},
    },
    encrypted::Identity,
    http::{DNS, Http, Upstream, answer_all, echo, hold_all, read, send},
    query,
    server::{ask, forwarder, reply},
};

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
async fn an_upstream_that_never_answers_is_a_failure_in_time() {
    let upstream = Upstream::new(hold_all).await;
    let options = upstream.options(|options| options.read_timeout = Duration::from_millis(100));
    let failure = ask(&forwarder(options, &Counters::default()), "www.example", Over::Udp).await.unwrap_err();
    assert!(failure.rcode() == 2 && failure.to_string().ends_with("i/o timeout"), "{failure}");
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
