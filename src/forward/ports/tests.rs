//! Questions at ports of ours, and a socket that is asked: which port and id each has, when it is sent, what it hears.

use std::{collections::BTreeSet, net::Ipv4Addr, pin::pin, time::Duration};

use futures_util::{
    future::{join, join_all},
    poll,
};
use tokio::time::timeout;

use super::*;
use crate::forward::message;

const PATIENCE: Duration = Duration::from_secs(5);

async fn upstream() -> UdpSocket {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap()
}

fn ports(upstream: &UdpSocket, source: Option<IpAddr>) -> Ports {
    Ports::new(upstream.local_addr().unwrap(), source, &Counters::default(), &Arc::default())
}

fn query(name: &[u8]) -> Query {
    Query::ours(name, 1, true)
}

/// The reply to what the upstream gets next, and who asked.
async fn reply(upstream: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut message = [0; 64];
    let received = timeout(PATIENCE, upstream.recv_from(&mut message)).await;
    let (octets, client) = received.expect("a question").unwrap();
    message[2] |= 0x80;
    (message[..octets].to_vec(), client)
}

#[tokio::test]
async fn questions_one_after_the_other_have_a_port_each() {
    let upstream = upstream().await;
    for source in [None, Some(Ipv4Addr::LOCALHOST.into())] {
        let ports = ports(&upstream, source);
        let seen: BTreeSet<String> = (0..64).map(|_| ports.ask(&query(b"\x01a\0")).unwrap().local_address()).collect();
        // By accident some may be the same: of 64 out of 28,000 more than four never are.
        assert!(seen.len() > 60, "{} ports", seen.len());
        assert!(ports.kept().idle.len() <= 1);
    }
}

#[tokio::test]
async fn questions_at_a_time_share_ports_sixteen_each_and_have_ids_of_their_own() {
    let upstream = upstream().await;
    let ports = ports(&upstream, None);
    let asked: Vec<_> = (0..64).map(|_| ports.ask(&query(b"\x01a\0")).unwrap()).collect();
    let used: BTreeSet<_> = asked.iter().map(Asked::local_address).collect();
    assert_eq!(used.len(), 4);
    let pairs: BTreeSet<_> = asked.iter().map(|asked| (asked.local_address(), asked.taken.id)).collect();
    assert_eq!(pairs.len(), 64);
    assert_eq!(ports.counters.connections_opened[Proto::Udp as usize].get(), 4);
    assert_eq!(ports.counters.connections_reused[Proto::Udp as usize].get(), 60);
}

#[tokio::test]
async fn each_question_hears_its_own_reply() {
    let upstream = upstream().await;
    let ports = ports(&upstream, None);
    let queries = [query(b"\x01a\0"), query(b"\x01b\0"), query(b"\x01c\0")];
    let asked = queries.each_ref().map(|query| ports.ask(query).unwrap());
    join_all(asked.iter().map(Asked::send)).await;
    let mut replies = vec![reply(&upstream).await, reply(&upstream).await, reply(&upstream).await];
    replies.reverse();
    for (message, client) in replies {
        upstream.send_to(&message, client).await.unwrap();
    }
    for (asked, query) in asked.iter().zip(&queries) {
        let heard = asked.await;
        assert!(matches!(&heard, Heard::Reply(reply) if query.check(asked.taken.id, reply).is_ok()), "{heard:?}");
    }
}

#[tokio::test]
async fn what_comes_behind_the_answer_is_not_heard_by_the_next_question() {
    let upstream = upstream().await;
    let ports = ports(&upstream, None);
    for replies in [1, 2] {
        let asked = ports.ask(&query(b"\x01a\0")).unwrap();
        asked.send().await;
        let (message, client) = reply(&upstream).await;
        for _ in 0..replies {
            upstream.send_to(&message, client).await.unwrap();
        }
        assert!(matches!((&asked).await, Heard::Reply(_)));
        drop(asked);
        let next = ports.ask(&query(b"\x01b\0")).unwrap();
        next.send().await;
        // To the port that was.
        upstream.send_to(&message, client).await.unwrap();
        let (message, client) = reply(&upstream).await;
        upstream.send_to(&message, client).await.unwrap();
        assert!(matches!((&next).await, Heard::Reply(heard) if heard == message));
        assert_eq!(ports.all.wrong_replies.get(), 0);
    }
}

#[tokio::test]
async fn where_a_question_was_lost_none_follows() {
    let upstream = upstream().await;
    let ports = ports(&upstream, None);
    let [lost, waits] = [b"\x01a\0", b"\x01b\0"].map(|name| ports.ask(&query(name)).unwrap());
    assert_eq!(lost.local_address(), waits.local_address());
    drop(lost);
    let next = ports.ask(&query(b"\x01c\0")).unwrap();
    assert_ne!(next.local_address(), waits.local_address());
}

#[tokio::test]
async fn the_same_question_goes_another_way_the_second_time() {
    let upstream = upstream().await;
    let ports = ports(&upstream, None);
    let query = query(b"\x01a\0");
    let [first, second] = [(); 2].map(|()| ports.ask(&query).unwrap());
    assert_ne!(first.local_address(), second.local_address());
}

#[tokio::test]
async fn a_reply_that_comes_too_late_is_nobodys_guess() {
    let upstream = upstream().await;
    let ports = ports(&upstream, None);
    let queries = [query(b"\x01a\0"), query(b"\x01b\0")];
    let [late, waits] = queries.each_ref().map(|query| ports.ask(query).unwrap());
    join(late.send(), waits.send()).await;
    drop(late);
    for _ in 0..2 {
        let (message, client) = reply(&upstream).await;
        upstream.send_to(&message, client).await.unwrap();
    }
    assert!(matches!((&waits).await, Heard::Reply(_)));
    assert_eq!(ports.all.wrong_replies.get(), 0);
}

#[tokio::test]
async fn a_question_that_cannot_be_sent_takes_no_other_with_it() {
    let upstream = upstream().await;
    let ports = ports(&upstream, None);
    let queries = [query(b"\x01a\0"), Query::read(&longer_than_a_datagram()).unwrap(), query(b"\x01b\0")];
    let asked = queries.each_ref().map(|query| ports.ask(query).unwrap());
    join_all(asked.iter().map(Asked::send)).await;
    let [before, long, behind] = &asked;
    for other in [before, behind] {
        let (message, client) = reply(&upstream).await;
        upstream.send_to(&message, client).await.unwrap();
        assert!(matches!(other.await, Heard::Reply(_)));
    }
    assert!(matches!(long.await, Heard::Unsent(error) if error.raw_os_error() == Some(libc::EMSGSIZE)));
}

#[tokio::test]
async fn who_is_gone_before_its_question_is_sent_takes_no_other_with_it() {
    let upstream = upstream().await;
    let ports = ports(&upstream, None);
    let [first, second] = [b"\x01a\0", b"\x01b\0"].map(|name| ports.ask(&query(name)).unwrap());
    {
        let mut sending = pin!(first.send());
        assert!(poll!(&mut sending).is_pending());
        second.send().await;
    }
    drop(first);
    let ids = [reply(&upstream).await, reply(&upstream).await].map(|(message, _)| message::id(&message));
    assert!(ids.contains(&Some(second.taken.id)), "{ids:?}");
}

#[tokio::test]
async fn one_sends_for_all_and_who_has_the_last_place_at_once() {
    let upstream = upstream().await;
    let ports = ports(&upstream, None);
    let asked: Vec<_> = (0..16).map(|_| ports.ask(&query(b"\x01a\0")).unwrap()).collect();
    let sent: Vec<_> = asked.iter().map(|asked| asked.taken.sent).collect();
    assert_eq!((sent[0], sent[15]), (Sent::Soon, Sent::Now));
    assert_eq!(sent[1..15], [Sent::With; 14]);
    assert!(poll!(pin!(asked[15].send())).is_ready());
    let ids: BTreeSet<_> = join_all((0..16).map(|_| reply(&upstream))).await.into_iter().collect();
    assert_eq!(ids.len(), 16);
}

#[tokio::test]
async fn where_nobody_is_at_the_other_end_all_hear_of_it_at_once() {
    let gone = upstream().await;
    let ports = ports(&gone, None);
    drop(gone);
    let first = ports.ask(&query(b"\x01a\0")).unwrap();
    first.port.send();
    let [second, third] = [b"\x01b\0", b"\x01c\0"].map(|name| ports.ask(&query(name)).unwrap());
    second.port.send();
    // Nobody has read from the port meanwhile.
    let heard = [poll!(&mut &first), poll!(&mut &second), poll!(&mut &third)];
    for (heard, expected) in heard.iter().zip(["Ready(Failed(", "Ready(Unsent(", "Ready(Failed("]) {
        let heard = format!("{heard:?}");
        assert!(heard.starts_with(expected) && heard.contains("ConnectionRefused"), "{heard}");
    }
}

#[tokio::test]
async fn a_reply_to_what_is_not_sent_yet_is_a_guess() {
    let upstream = upstream().await;
    let ports = ports(&upstream, None);
    let (early, other) = (query(b"\x01a\0"), query(b"\x01b\0"));
    let sent = ports.ask(&other).unwrap();
    sent.send().await;
    let (message, client) = reply(&upstream).await;
    let asked = ports.ask(&early).unwrap();
    let mut guess = Vec::new();
    early.write(asked.taken.id, &mut guess);
    guess[2] |= 0x80;
    upstream.send_to(&guess, client).await.unwrap();
    upstream.send_to(&message, client).await.unwrap();
    assert!(matches!((&sent).await, Heard::Reply(_)));
    assert!(poll!(&mut &asked).is_pending());
    assert_eq!(ports.all.wrong_replies.get(), 1);
}

/// What a client may ask over TCP: an EDNS option of 65,500 octets.
fn longer_than_a_datagram() -> Vec<u8> {
    const OCTETS: u16 = 65_500;
    let mut message = b"\0\0\x01\0\0\x01\0\0\0\0\0\x01\0\0\x01\0\x01\0\0\x29\x04\xd0\0\0\0\0".to_vec();
    for word in [OCTETS + 4, 0xfde9, OCTETS] {
        message.extend_from_slice(&word.to_be_bytes());
    }
    message.resize(message.len() + usize::from(OCTETS), 0);
    message
}

#[tokio::test]
async fn no_more_than_the_limit_are_kept() {
    let upstream = upstream().await;
    let ports = ports(&upstream, None);
    let asked: Vec<_> = (0..=16 * IDLE_MAX).map(|_| ports.ask(&query(b"\x01a\0")).unwrap()).collect();
    drop(asked);
    assert!((1..=IDLE_MAX).contains(&ports.kept().idle.len()));
}
