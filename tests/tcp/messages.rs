//! Messages: many at once, overtaking, malformed, and some that break the answering.

use clusterdns::{
    objects::Known,
    respond::general::Handler,
    sockets::{events::Closed, tcp::TcpLimits},
};
use hickory_proto::{
    op::{Message, ResponseCode},
    rr::{Record, RecordType},
};
use tokio::io::AsyncWriteExt;

use super::{
    common::{A, id_and_rcode, query, responder, responder_of, service, within},
    room::{AXFR, Room, Scripted, Told, framed},
};

fn cluster(services: usize) -> Handler {
    let more =
        (0..services).map(|number| service(&format!("s{number}"), &format!("10.0.{}.{}", number / 250, number % 250)));
    let objects: Vec<String> = [service("web", "10.96.0.10")].into_iter().chain(more).collect();
    Handler::new(responder(&objects), 0)
}

const WEB: &str = "web.shop.svc.cluster.local";

#[tokio::test]
async fn a_hundred_questions_at_once_are_answered_in_their_order() {
    let mut room = Room::open(cluster(0), TcpLimits::default());
    let mut client = room.connect().await;
    client.send(&(0..100).map(|id| query(id, WEB, A)).collect::<Vec<_>>()).await;
    for id in 0..100 {
        let reply = client.reply().await;
        assert_eq!(id_and_rcode(&reply), (id, 0));
        assert!(reply.ends_with(&[10, 96, 0, 10]));
    }
    let query_octets = query(0, WEB, A).len();
    room.tells(Told::Answered { rcode: 0, query_octets, reply_octets: client.ask(query(7, WEB, A)).await.len() }).await;
    drop(client);
    room.tells(Told::Closed(Closed::ByClient)).await;
    assert_eq!(room.streams.open(), 0);
}

#[tokio::test]
async fn a_question_may_come_octet_by_octet() {
    let room = Room::open(cluster(0), TcpLimits::default());
    let mut client = room.connect().await;
    client.0.set_nodelay(true).unwrap();
    for octet in framed(&query(9, WEB, A)) {
        within(client.0.write_u8(octet)).await.unwrap();
        tokio::task::yield_now().await;
    }
    assert_eq!(id_and_rcode(&client.reply().await), (9, 0));
}

#[tokio::test]
async fn a_transfer_is_whole_and_does_not_hold_up_what_comes_behind_it() {
    let room = Room::open(cluster(1_000), TcpLimits::default());
    let mut client = room.connect().await;
    client.send(&[query(1, "cluster.local", AXFR), query(2, WEB, A)]).await;
    assert_eq!(id_and_rcode(&client.reply().await), (2, 0), "the quick one overtakes");
    let (mut messages, mut records) = (0, Vec::new());
    let is_end = |record: &Record| record.record_type() == RecordType::SOA;
    while records.len() < 2 || !records.last().is_some_and(is_end) {
        let message = Message::from_vec(&client.reply().await).unwrap();
        assert_eq!((message.metadata.id, message.metadata.response_code), (1, ResponseCode::NoError));
        messages += 1;
        records.extend(message.answers);
    }
    assert!(is_end(&records[0]));
    // A and SRV at each service, and SRV at its port.
    assert!(messages > 10 && records.len() > 3 * 1_001, "{messages} messages, {} records", records.len());
    assert_eq!(id_and_rcode(&client.ask(query(3, WEB, A)).await), (3, 0), "and nothing came behind it");
}

/// Its messages are cut by octets: 200 of these records are more than a message can hold.
#[tokio::test]
async fn a_transfer_of_long_records_is_whole() {
    let zone = format!("{0}.{0}.cluster.local", "z".repeat(40));
    let ports: Vec<_> =
        (0..12).map(|port| format!(r#"{{"name":"a-long-name-{port:03}","port":{}}}"#, 80 + port)).collect();
    let objects = (10..90).flat_map(|number| {
        let long = format!("{number}").repeat(31) + "a";
        let name = format!("n{}", &long[1..]);
        let service = format!(
            r#"{{"apiVersion":"v1","kind":"Service","metadata":{{"name":"{name}","namespace":"{name}"}},
                "spec":{{"clusterIP":"10.0.0.{number}","ports":[{}]}}}}"#,
            ports.join(",")
        );
        [format!(r#"{{"apiVersion":"v1","kind":"Namespace","metadata":{{"name":"{name}"}}}}"#), service]
    });
    let objects: Vec<String> = objects.collect();
    let room = Room::open(Handler::new(responder_of(&zone, &objects), 0), TcpLimits::default());
    let mut client = room.connect().await;
    client.send(&[query(1, &zone, AXFR)]).await;
    let (mut soas, mut srvs) = (0, 0);
    while soas < 2 {
        let message = Message::from_vec(&client.reply().await).unwrap();
        let count = |wanted| message.answers.iter().filter(|record| record.record_type() == wanted).count();
        soas += count(RecordType::SOA);
        srvs += count(RecordType::SRV);
    }
    assert_eq!(srvs, 80 * 24, "each port at its service, and by its name");
}

/// A secondary would say of what is missing that it does not exist.
#[tokio::test]
async fn a_zone_that_is_known_in_part_is_not_transferred() {
    let responder = responder(&[service("web", "10.96.0.10")]);
    let room = Room::open(Handler::new(responder.clone(), 0), TcpLimits::default());
    let view = responder.plan().servers[0].view.as_ref().expect("a view");
    for (known, rcode) in [(Known { endpoints: false, ..Known::ALL }, 2), (Known::ALL, 0)] {
        view.set_known(known);
        let reply = room.connect().await.ask(query(1, "cluster.local", AXFR)).await;
        assert_eq!(id_and_rcode(&reply), (1, rcode), "{known:?}");
    }
}

#[tokio::test]
async fn a_mapped_client_is_an_ipv4_client() {
    // Which is allowed transfers; an IPv6 client is not.
    let mut room = Room::open_at("[::]:0", cluster(0), TcpLimits::default());
    room.address.set_ip([127, 0, 0, 1].into());
    let reply = room.connect().await.ask(query(1, "cluster.local", AXFR)).await;
    assert_eq!(id_and_rcode(&reply), (1, 0));
}

#[tokio::test]
async fn a_slow_answer_is_overtaken() {
    let (answer, mut begins) = Scripted::new(3);
    let room = Room::open(answer.clone(), TcpLimits::default());
    let mut client = room.connect().await;
    client.send(&[query(1, "slow", AXFR), query(2, "quick", A)]).await;
    assert_eq!(id_and_rcode(&client.reply().await), (2, 0));
    within(begins.recv()).await.unwrap();
    assert_eq!(id_and_rcode(&client.ask(query(3, "quick", A)).await), (3, 0));
    answer.let_go();
    for _ in 0..3 {
        assert_eq!(id_and_rcode(&client.reply().await), (1, 0));
    }
}

#[tokio::test]
async fn a_length_that_no_message_has_ends_the_connection() {
    for length in [0, 11] {
        let mut room = Room::open(cluster(0), TcpLimits::default());
        let mut client = room.connect().await;
        within(client.0.write_all(&[framed(&query(1, WEB, A)), vec![0, length]].concat())).await.unwrap();
        assert_eq!(id_and_rcode(&client.reply().await), (1, 0), "what came before is answered");
        client.is_closed().await;
        room.tells(Told::Closed(Closed::Malformed)).await;
    }
}

#[tokio::test]
async fn a_length_that_is_not_kept_ends_with_the_client() {
    let mut room = Room::open(cluster(0), TcpLimits::default());
    let mut client = room.connect().await;
    within(client.0.write_all(&[framed(&query(1, WEB, A)), vec![0xff, 0xff, 1, 2, 3]].concat())).await.unwrap();
    within(client.0.shutdown()).await.unwrap();
    assert_eq!(id_and_rcode(&client.reply().await), (1, 0));
    client.is_closed().await;
    room.tells(Told::Closed(Closed::ByClient)).await;
}

#[tokio::test]
async fn a_count_of_questions_is_not_believed() {
    let room = Room::open(cluster(0), TcpLimits::default());
    let mut client = room.connect().await;
    let bomb = |octets: usize| {
        let mut message = vec![0; octets];
        message[..6].copy_from_slice(&[0, 5, 1, 0, 0xff, 0xff]);
        message
    };
    for octets in [12, 65_535] {
        let reply = client.ask(bomb(octets)).await;
        assert_eq!((id_and_rcode(&reply), reply.len()), ((5, 1), 12));
    }
}

#[tokio::test]
async fn responses_are_no_questions() {
    let room = Room::open(cluster(0), TcpLimits::default());
    let mut client = room.connect().await;
    let mut response = query(1, WEB, A);
    response[2] |= 0x80;
    client.send(&[response, query(2, WEB, A)]).await;
    assert_eq!(id_and_rcode(&client.reply().await), (2, 0));
}

#[tokio::test]
async fn a_question_that_breaks_the_answering_gets_servfail_and_the_next_its_answer() {
    let (answer, _begins) = Scripted::new(1);
    let mut room = Room::open(answer, TcpLimits::default());
    let mut client = room.connect().await;
    // Where it is answered in passing, and where it has a thread of its own.
    for qtype in [A, AXFR] {
        let asked = query(0xabcd, "panic", qtype);
        let reply = client.ask(asked.clone()).await;
        assert_eq!(reply, [&[0xab, 0xcd, 0x81, 2], &asked[4..]].concat(), "SERVFAIL to the question that was asked");
        room.tells(Told::Panicked).await;
        room.tells(Told::Answered { rcode: 2, query_octets: 23, reply_octets: 23 }).await;
    }
    assert_eq!(id_and_rcode(&client.ask(query(2, "well", A)).await), (2, 0));
}
