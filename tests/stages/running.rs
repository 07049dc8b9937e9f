//! A server of a small cluster that was told a Corefile, and an upstream behind it.

use std::{
    net::{SocketAddr, UdpSocket},
    thread,
    time::{Duration, Instant},
};

use clusterdns::{
    Config, Server,
    config::corefile::System,
    objects::{
        Change, Known, Picture,
        decode::{self, Decoded},
    },
};
use hickory_proto::{
    op::{Message, OpCode, Query, ResponseCode},
    rr::{Name, RData, Record, RecordType, rdata},
};

use crate::common::service;

pub(crate) struct Running {
    address: SocketAddr,
    _server: Server,
}

impl Running {
    /// With `kubernetes`, these directives, and `forward`.
    pub(crate) fn start(directives: &str) -> Self {
        let corefile = format!(
            ". {{\nkubernetes cluster.local in-addr.arpa {{\nfallthrough in-addr.arpa\n}}\n{directives}\nforward . {}\n}}",
            upstream()
        );
        let config = Config::parse_corefile(&corefile, "Corefile", &System { port: 53 });
        let mut config = config.unwrap_or_else(|errors| panic!("{corefile}\n{errors:?}"));
        config.servers[0].listen = vec!["127.0.0.1:0".parse().unwrap()];
        let mut server = Server::bind(&config).unwrap();
        let namespace = r#"{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"shop"}}"#.to_owned();
        let far = r#"{"apiVersion":"v1","kind":"Service","metadata":{"name":"far","namespace":"shop"},
                      "spec":{"type":"ExternalName","externalName":"alias.example.com"}}"#;
        let objects = [namespace, far.to_owned(), service("web", "10.96.0.10")];
        let objects = objects.iter().filter_map(|json| match decode::object(json, Default::default()).unwrap() {
            Decoded::Object(object) => Some(object),
            _ => None,
        });
        let picture = Picture { objects: objects.collect(), known: Known::ALL, ..Picture::default() };
        server.feed().apply(Change::Reset(picture));
        server.start().unwrap();
        Self { address: server.addresses()[0], _server: server }
    }

    /// The reply to a question.
    pub(crate) fn reply(&self, query: &Query) -> Message {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut message = Message::query();
        message.metadata.id = 7;
        message.metadata.recursion_desired = true;
        message.add_query(query.clone());
        socket.send_to(&message.to_vec().unwrap(), self.address).unwrap();
        let mut reply = [0; 4096];
        let octets = socket.recv(&mut reply).unwrap();
        let reply = Message::from_vec(&reply[..octets]).unwrap();
        assert_eq!((reply.metadata.id, &reply.queries), (7, &message.queries));
        reply
    }

    /// The rcode with AA, and every record as `owner TTL TYPE data`, each section on lines of its own.
    pub(crate) fn ask(&self, name: &str, kind: RecordType) -> Vec<String> {
        let reply = self.reply(&Query::query(Name::from_ascii(name).unwrap(), kind));
        let flag = if reply.metadata.authoritative { " AA" } else { "" };
        let mut lines = vec![format!("{:?}{flag}", reply.metadata.response_code)];
        let sections = [("", &reply.answers), ("authority ", &reply.authorities), ("additional ", &reply.additionals)];
        for (section, record) in
            sections.into_iter().flat_map(|(section, all)| all.iter().map(move |one| (section, one)))
        {
            let Record { name, ttl, data, .. } = record;
            lines.push(format!("{section}{name} {ttl} {} {data}", record.record_type()));
        }
        lines
    }
}

/// Asks until this is so. Only a failure takes so long.
pub(crate) fn until(mut is_so: impl FnMut() -> bool) {
    let late = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < late, "it should have happened by now");
    }
}

/// Knows some names of `example.com`, and repeats the EDNS options that it was asked with in a TXT record.
fn upstream() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    thread::spawn(move || {
        let mut packet = [0; 4096];
        while let Ok((octets, client)) = socket.recv_from(&mut packet) {
            let query = Message::from_vec(&packet[..octets]).unwrap();
            socket.send_to(&answer(&query).to_vec().unwrap(), client).unwrap();
        }
    });
    address
}

fn answer(query: &Message) -> Message {
    let question = query.queries[0].clone();
    let name = |text: &str| text.parse::<Name>().unwrap();
    let address = |last: u8| RData::A(rdata::A::new(192, 0, 2, last));
    let mut reply = Message::response(query.metadata.id, OpCode::Query);
    let data = match (question.name().to_ascii().as_str(), question.query_type()) {
        ("www.example.com.", RecordType::A) => vec![("www.example.com.", address(1))],
        ("other.example.com.", RecordType::A) => vec![("other.example.com.", address(2))],
        ("alias.example.com.", RecordType::A) => vec![
            ("alias.example.com.", RData::CNAME(rdata::CNAME(name("www.example.com.")))),
            ("www.example.com.", address(1)),
        ],
        ("mail.example.com.", RecordType::MX) => {
            vec![("mail.example.com.", RData::MX(rdata::MX::new(10, name("mx.mail.example.com."))))]
        }
        ("options.example.com.", RecordType::TXT) => {
            let options = query.edns.as_ref().map_or(String::new(), |edns| format!("{:?}", edns.options()));
            vec![("options.example.com.", RData::TXT(rdata::TXT::new(vec![options])))]
        }
        ("failing.example.com.", _) => {
            reply.metadata.response_code = ResponseCode::ServFail;
            Vec::new()
        }
        _ => {
            reply.metadata.response_code = ResponseCode::NXDomain;
            Vec::new()
        }
    };
    reply.answers.extend(data.into_iter().map(|(owner, data)| Record::from_rdata(name(owner), 300, data)));
    reply.queries.push(question);
    reply
}
