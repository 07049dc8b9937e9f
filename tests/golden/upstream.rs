//! The upstream of every run, over UDP and TCP: it says what `upstream.txt` says, and that nothing else exists.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::thread;

use hickory_proto::op::{Edns, Message, ResponseCode};
use hickory_proto::rr::{Name, RData, Record, RecordType};

use super::{packet, text};

/// What there is.
struct Upstream {
    records: Vec<Record>,
    codes: Vec<(Name, ResponseCode)>,
}

/// Of whatever does not exist.
const SOA: &str = ". 900 SOA a.root. nstld.root. * 1800 900 604800 86400";
/// How often to try for a port that is free for UDP and TCP.
const PORT_ATTEMPTS: usize = 16;

/// Answers at the address it gives, until the process ends.
pub(crate) fn start() -> SocketAddr {
    let both = || {
        let tcp = TcpListener::bind("127.0.0.1:0").ok()?;
        Some((UdpSocket::bind(tcp.local_addr().ok()?).ok()?, tcp))
    };
    let (udp, tcp) = (0..PORT_ATTEMPTS).find_map(|_| both()).expect("a port that is free for UDP and TCP");
    let address = udp.local_addr().expect("a bound socket");
    let upstream = Arc::new(Upstream::read(&text::upstream()));
    let shared = upstream.clone();
    thread::spawn(move || shared.serve_datagrams(&udp));
    thread::spawn(move || {
        for stream in tcp.incoming().flatten() {
            let upstream = upstream.clone();
            // A connection that breaks is asked nothing more.
            thread::spawn(move || drop(upstream.serve_stream(stream)));
        }
    });
    address
}

impl Upstream {
    fn read(text: &str) -> Self {
        let (mut records, mut codes) = (Vec::new(), Vec::new());
        for line in text.lines() {
            match line.split(' ').collect::<Vec<_>>()[..] {
                [owner, _, code, "-"] => codes.push((packet::name(owner), packet::response_code(code))),
                _ => records.push(packet::record(line)),
            }
        }
        Self { records, codes }
    }

    fn serve_datagrams(&self, socket: &UdpSocket) {
        let mut query = [0; 4096];
        while let Ok((octets, client)) = socket.recv_from(&mut query) {
            socket.send_to(&self.reply(&query[..octets]), client).expect("a client on loopback");
        }
    }

    fn serve_stream(&self, mut stream: TcpStream) -> io::Result<()> {
        loop {
            let mut length = [0; 2];
            stream.read_exact(&mut length)?;
            let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
            stream.read_exact(&mut query)?;
            stream.write_all(&packet::framed(&self.reply(&query)))?;
        }
    }

    fn reply(&self, query: &[u8]) -> Vec<u8> {
        let query = Message::from_vec(query).expect("we send no garbage");
        let [question] = &query.queries[..] else { panic!("one question is asked: {query}") };
        let mut reply = Message::response(query.metadata.id, query.metadata.op_code);
        reply.metadata.recursion_desired = query.metadata.recursion_desired;
        reply.metadata.recursion_available = true;
        reply.edns = query.edns.as_ref().map(|asked| {
            let mut edns = Edns::new();
            edns.set_max_payload(asked.max_payload()).set_dnssec_ok(asked.flags().dnssec_ok);
            edns
        });
        match self.codes.iter().find(|(name, _)| *name == question.name) {
            Some((_, code)) => reply.metadata.response_code = *code,
            None => self.look_up(&question.name, question.query_type, &mut reply),
        }
        reply.queries.push(question.clone());
        reply.to_vec().expect("a reply fits a message")
    }

    fn look_up(&self, name: &Name, kind: RecordType, reply: &mut Message) {
        let here = || self.records.iter().filter(|record| record.name == *name);
        let found = here().filter(|record| [kind, RecordType::CNAME].contains(&record.record_type()));
        let already = reply.answers.len();
        reply.answers.extend(found.cloned());
        match reply.answers.get(already).map(|record| record.data.clone()) {
            Some(RData::CNAME(target)) if kind != RecordType::CNAME => self.look_up(&target, kind, reply),
            Some(_) => {}
            None => {
                let code = if here().next().is_some() { ResponseCode::NoError } else { ResponseCode::NXDomain };
                reply.metadata.response_code = code;
                reply.authorities.push(packet::record(SOA));
            }
        }
    }
}
