//! What a client may not use up: connections, time, memory, and everybody else's turn.

use std::{io::ErrorKind, time::Duration};

use clusterdns::sockets::{
    events::{Closed, Refused},
    tcp::TcpLimits,
};
use tokio::io::AsyncWriteExt;

use super::{
    common::{A, id_and_rcode, query, within},
    room::{AXFR, Client, LONG_OCTETS, Room, Scripted, Told, framed},
};

const SHORT: Duration = Duration::from_millis(100);

async fn is_served(client: &mut Client) {
    assert_eq!(id_and_rcode(&client.ask(query(77, "quick", A)).await), (77, 0));
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let (answer, _begins) = Scripted::new(1);
    let mut room = Room::open(answer, TcpLimits { idle_timeout: 5 * SHORT, ..TcpLimits::default() });
    let (mut silent, mut asked) = (room.connect().await, room.connect().await);
    is_served(&mut asked).await;
    for client in [&mut silent, &mut asked] {
        client.is_closed().await;
        room.tells(Told::Closed(Closed::Idle)).await;
    }
}

#[tokio::test]
async fn a_message_that_dribbles_is_cut_and_nobody_waits_for_it() {
    let (answer, _begins) = Scripted::new(1);
    let mut room = Room::open(answer, TcpLimits { read_timeout: SHORT, ..TcpLimits::default() });
    let (dribbling, mut other) = (room.connect().await, room.connect().await);
    let (mut replies, mut questions) = dribbling.0.into_split();
    let dribble = tokio::spawn(async move {
        // Each octet is in time; the message is not.
        while questions.write_all(&[0xff]).await.is_ok() {
            tokio::time::sleep(SHORT / 20).await;
        }
    });
    is_served(&mut other).await;
    room.tells(Told::Closed(Closed::SlowSender)).await;
    is_served(&mut other).await;
    within(dribble).await.unwrap();
    let _ = tokio::io::AsyncReadExt::read_u8(&mut replies).await.unwrap_err();
}

#[tokio::test]
async fn replies_that_are_not_taken_are_cut_and_nobody_waits_for_them() {
    let (answer, mut begins) = Scripted::new(1_000);
    let mut room = Room::open(answer.clone(), TcpLimits { write_timeout: SHORT, ..TcpLimits::default() });
    let (mut deaf, mut other) = (room.connect().await, room.connect().await);
    answer.let_go();
    // 60 MB: more than any system buffers for a connection.
    deaf.send(&[query(1, "big", AXFR)]).await;
    within(begins.recv()).await.unwrap();
    is_served(&mut other).await;
    room.tells(Told::Closed(Closed::SlowReader)).await;
    is_served(&mut other).await;
}

#[tokio::test]
async fn a_long_transfer_arrives_whole_with_other_replies_in_between() {
    let (answer, _begins) = Scripted::new(400);
    let room = Room::open(answer.clone(), TcpLimits::default());
    let mut client = room.connect().await;
    answer.let_go();
    client.send(&[query(1, "big", AXFR)]).await;
    assert_eq!(client.reply().await.len(), LONG_OCTETS);
    client.send(&[query(2, "quick", A)]).await;
    let mut place = None;
    for number in 1..=400 {
        let reply = client.reply().await;
        match id_and_rcode(&reply) {
            (2, 0) => place = Some(number),
            other => assert_eq!((other, reply.len()), ((1, 0), LONG_OCTETS)),
        }
    }
    assert!(place.is_some_and(|place| place < 400), "the quick one came {place:?}");
}

#[tokio::test]
async fn connections_beyond_the_limit_are_refused_until_one_is_closed() {
    let (answer, mut begins) = Scripted::new(1);
    let mut room = Room::open(answer.clone(), TcpLimits { connections_max: 1, ..TcpLimits::default() });
    let mut busy = room.connect().await;
    busy.send(&[query(1, "slow", AXFR)]).await;
    within(begins.recv()).await.unwrap();
    room.connect().await.is_closed().await;
    room.tells(Told::Refused(Refused::Connections)).await;
    assert_eq!(room.streams.open(), 1);

    answer.let_go();
    assert_eq!(id_and_rcode(&busy.reply().await), (1, 0));
    drop(busy);
    room.tells(Told::Closed(Closed::ByClient)).await;
    is_served(&mut room.connect().await).await;
}

#[tokio::test]
async fn the_connection_idle_for_longest_makes_room() {
    let (answer, _begins) = Scripted::new(1);
    let idle_timeout = Duration::from_secs(1_000);
    let mut room = Room::open(answer, TcpLimits { connections_max: 2, idle_timeout, ..TcpLimits::default() });
    let (mut first, mut second) = (room.connect().await, room.connect().await);
    is_served(&mut second).await;
    is_served(&mut first).await;
    // The first has asked last. Idle time is counted in milliseconds.
    tokio::time::sleep(Duration::from_millis(2)).await;
    is_served(&mut first).await;
    let mut third = room.connect().await;
    is_served(&mut third).await;
    second.is_closed().await;
    room.tells(Told::Closed(Closed::Evicted)).await;
    is_served(&mut first).await;
}

#[tokio::test]
async fn a_client_has_its_own_limit() {
    let (answer, mut begins) = Scripted::new(1);
    let mut room = Room::open(answer.clone(), TcpLimits { connections_per_client_max: 1, ..TcpLimits::default() });
    let mut busy = room.connect_from([127, 0, 0, 2]).await;
    busy.send(&[query(1, "slow", AXFR)]).await;
    within(begins.recv()).await.unwrap();
    room.connect_from([127, 0, 0, 2]).await.is_closed().await;
    room.tells(Told::Refused(Refused::ConnectionsOfClient)).await;
    is_served(&mut room.connect_from([127, 0, 0, 3]).await).await;
    answer.let_go();
    busy.reply().await;
}

#[tokio::test]
async fn only_so_many_questions_of_a_connection_are_in_flight() {
    let (answer, mut begins) = Scripted::new(1);
    let room = Room::open(answer.clone(), TcpLimits { in_flight_max: 2, ..TcpLimits::default() });
    let mut client = room.connect().await;
    client.send(&[query(1, "slow", AXFR), query(2, "slow", AXFR), query(3, "slow", AXFR), query(4, "quick", A)]).await;
    within(begins.recv()).await.unwrap();
    within(begins.recv()).await.unwrap();
    // Others are served, so this one would have gone on if it did.
    is_served(&mut room.connect().await).await;
    assert!(begins.try_recv().is_err(), "a third was begun");
    answer.let_go();
    let mut ids = [0; 4];
    for id in &mut ids {
        *id = id_and_rcode(&client.reply().await).0;
    }
    let place = |wanted| ids.iter().position(|&id| id == wanted).unwrap();
    assert!(place(4) > 0, "the quick one stood behind three slow ones of which two may be in flight: {ids:?}");
}

#[tokio::test]
async fn a_question_that_is_not_read_for_others_sake_is_not_slow() {
    let (answer, mut begins) = Scripted::new(1);
    let limits = TcpLimits { in_flight_max: 1, read_timeout: SHORT, ..TcpLimits::default() };
    let room = Room::open(answer.clone(), limits);
    let mut client = room.connect().await;
    client.send(&[query(1, "slow", AXFR), query(2, "quick", A)]).await;
    within(begins.recv()).await.unwrap();
    tokio::time::sleep(2 * SHORT).await;
    answer.let_go();
    for id in [1, 2] {
        assert_eq!(id_and_rcode(&client.reply().await), (id, 0));
    }
}

#[tokio::test]
async fn only_so_many_transfers_are_held_in_memory() {
    let (answer, mut begins) = Scripted::new(2);
    let room = Room::open(answer.clone(), TcpLimits { transfers_max: 1, ..TcpLimits::default() });
    let (mut first, mut second) = (room.connect().await, room.connect().await);
    first.send(&[query(1, "slow", AXFR)]).await;
    within(begins.recv()).await.unwrap();
    second.send(&[query(2, "slow", AXFR)]).await;
    is_served(&mut second).await;
    assert!(begins.try_recv().is_err(), "a second was begun");
    answer.let_go();
    for (client, id) in [(&mut first, 1), (&mut second, 2)] {
        for _ in 0..2 {
            assert_eq!(id_and_rcode(&client.reply().await), (id, 0));
        }
    }
}

#[tokio::test]
async fn a_transfer_counts_until_it_is_sent() {
    let (answer, mut begins) = Scripted::new(1_000);
    let limits = TcpLimits { transfers_max: 1, write_timeout: Duration::from_secs(1_000), ..TcpLimits::default() };
    let room = Room::open(answer.clone(), limits);
    let (mut deaf, mut other) = (room.connect().await, room.connect().await);
    answer.let_go();
    deaf.send(&[query(1, "big", AXFR)]).await;
    assert_eq!(deaf.reply().await.len(), LONG_OCTETS);
    within(begins.recv()).await.unwrap();
    other.send(&[query(2, "big", AXFR)]).await;
    tokio::time::timeout(SHORT, begins.recv()).await.expect_err("a second was begun");
    drop(deaf);
    within(begins.recv()).await.unwrap();
    assert_eq!(id_and_rcode(&other.reply().await), (2, 0));
}

#[tokio::test]
async fn a_connection_is_recycled_after_its_questions() {
    let (answer, _begins) = Scripted::new(1);
    let mut room = Room::open(answer, TcpLimits { queries_per_connection_max: Some(3), ..TcpLimits::default() });
    let mut client = room.connect().await;
    // More than is read at once: what is not read must not turn the end into a reset.
    client.send(&(1..=3_000).map(|id| query(id, "quick", A)).collect::<Vec<_>>()).await;
    for id in 1..=3 {
        assert_eq!(id_and_rcode(&client.reply().await), (id, 0));
    }
    assert_eq!(client.closed().await, ErrorKind::UnexpectedEof);
    drop(client);
    room.tells(Told::Closed(Closed::Recycled)).await;
}

#[tokio::test]
async fn a_connection_is_recycled_at_its_age_however_busy_it_is() {
    let (answer, _begins) = Scripted::new(1);
    let mut room = Room::open(answer, TcpLimits { age_max: Some(SHORT), ..TcpLimits::default() });
    let mut idle = room.connect().await;
    idle.is_closed().await;
    room.tells(Told::Closed(Closed::Recycled)).await;
    let (mut replies, mut questions) = room.connect().await.0.into_split();
    let busy = tokio::spawn(async move {
        let question = framed(&query(1, "quick", A));
        while questions.write_all(&question).await.is_ok() {}
    });
    within(tokio::io::copy(&mut replies, &mut tokio::io::sink())).await.ok();
    room.tells(Told::Closed(Closed::Recycled)).await;
    within(busy).await.unwrap();
}
