//! The end: what has been received is answered, nothing else is waited for.

use std::time::{Duration, Instant};

use clusterdns::sockets::{events::Closed, tcp::TcpLimits};
use tokio::io::AsyncWriteExt;

use super::{
    common::{A, id_and_rcode, query, within},
    room::{AXFR, Room, Scripted, Told, framed},
};

#[tokio::test]
async fn idle_connections_are_closed_at_once() {
    let (answer, _begins) = Scripted::new(1);
    let mut room = Room::open(answer, TcpLimits::default());
    let mut clients = Vec::new();
    for _ in 0..10 {
        clients.push(room.connect().await);
        room.tells(Told::Opened).await;
    }
    clients[0].ask(query(1, "quick", A)).await;
    let begun = Instant::now();
    room.stop.send_replace(true);
    for client in &mut clients {
        client.is_closed().await;
        room.tells(Told::Closed(Closed::Drained)).await;
    }
    room.close().await;
    assert!(begun.elapsed() < Duration::from_millis(900), "they were waited for: {:?}", begun.elapsed());
}

#[tokio::test]
async fn a_question_that_has_been_sent_is_answered() {
    let (answer, _begins) = Scripted::new(1);
    let mut room = Room::open(answer, TcpLimits::default());
    let mut client = room.connect().await;
    room.tells(Told::Opened).await;
    client.send(&[query(1, "quick", A), query(2, "quick", A)]).await;
    room.stop.send_replace(true);
    for id in [1, 2] {
        assert_eq!(id_and_rcode(&client.reply().await), (id, 0));
    }
    client.is_closed().await;
    drop(client);
    room.close().await;
}

#[tokio::test]
async fn a_question_that_is_being_answered_is_answered() {
    let (answer, mut begins) = Scripted::new(5);
    let room = Room::open(answer.clone(), TcpLimits::default());
    let mut client = room.connect().await;
    client.send(&[query(1, "slow", AXFR)]).await;
    within(begins.recv()).await.unwrap();
    room.stop.send_replace(true);
    answer.let_go();
    for _ in 0..5 {
        assert_eq!(id_and_rcode(&client.reply().await), (1, 0));
    }
    client.is_closed().await;
    drop(client);
    room.close().await;
}

#[tokio::test]
async fn a_question_that_has_begun_to_arrive_may_arrive() {
    let (answer, _begins) = Scripted::new(1);
    let mut room = Room::open(answer, TcpLimits::default());
    let (mut client, _idle) = (room.connect().await, room.connect().await);
    for _ in 0..2 {
        room.tells(Told::Opened).await;
    }
    let question = framed(&query(1, "quick", A));
    within(client.0.write_all(&question[..9])).await.unwrap();
    room.stop.send_replace(true);
    room.tells(Told::Closed(Closed::Drained)).await;
    within(client.0.write_all(&question[9..])).await.unwrap();
    assert_eq!(id_and_rcode(&client.reply().await), (1, 0));
    client.is_closed().await;
    drop(client);
    room.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_never_stops_asking_is_stopped() {
    let (answer, _begins) = Scripted::new(1);
    let drain_timeout = Duration::from_secs(1_000);
    let mut room = Room::open(answer, TcpLimits { drain_timeout, ..TcpLimits::default() });
    let (mut replies, mut questions) = room.connect().await.0.into_split();
    let asking = tokio::spawn(async move {
        let question = framed(&query(1, "quick", A)).repeat(1_000);
        while questions.write_all(&question).await.is_ok() {}
    });
    let listening = tokio::spawn(async move { tokio::io::copy(&mut replies, &mut tokio::io::sink()).await });
    room.tells(Told::Answered { rcode: 0, query_octets: query(1, "quick", A).len(), reply_octets: 12 }).await;
    room.stop.send_replace(true);
    room.tells(Told::Closed(Closed::Drained)).await;
    room.close().await;
    within(asking).await.unwrap();
    // It ended one way or the other.
    let _ = within(listening).await.unwrap();
}

#[tokio::test]
async fn a_connection_that_the_system_accepted_for_us_is_served() {
    let (answer, _begins) = Scripted::new(1);
    let room = Room::open(answer, TcpLimits::default());
    // Nobody has run since the room was opened: its end comes before its first connection.
    let mut client = std::net::TcpStream::connect(room.address).unwrap();
    std::io::Write::write_all(&mut client, &framed(&query(1, "quick", A))).unwrap();
    room.stop.send_replace(true);
    let mut client = super::room::Client({
        client.set_nonblocking(true).unwrap();
        tokio::net::TcpStream::from_std(client).unwrap()
    });
    assert_eq!(id_and_rcode(&client.reply().await), (1, 0));
    drop(client);
    room.close().await;
}

#[tokio::test]
async fn nobody_is_waited_for_longer_than_the_drain_timeout() {
    let (answer, mut begins) = Scripted::new(1);
    let drain_timeout = Duration::from_millis(100);
    let mut room = Room::open(answer.clone(), TcpLimits { drain_timeout, ..TcpLimits::default() });
    let mut client = room.connect().await;
    client.send(&[query(1, "slow", AXFR)]).await;
    within(begins.recv()).await.unwrap();
    room.stop.send_replace(true);
    client.is_closed().await;
    room.tells(Told::Closed(Closed::CutOff)).await;
    room.close().await;
    answer.let_go();
}

#[tokio::test]
async fn nobody_new_is_served() {
    let (answer, _begins) = Scripted::new(1);
    let room = Room::open(answer, TcpLimits::default());
    let address = room.address;
    room.close().await;
    tokio::net::TcpStream::connect(address).await.unwrap_err();
}
