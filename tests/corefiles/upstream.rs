//! A name server that knows a few addresses, over UDP and TCP, and remembers what it was asked for.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use hickory_proto::{
    op::{Message, ResponseCode},
    rr::{RData, Record, RecordType, rdata::SOA},
};

/// It ends with the process.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    known: Arc<Known>,
}

struct Known {
    names: &'static [(&'static str, Ipv4Addr)],
    heard: Mutex<Vec<String>>,
}

/// A port may be free for UDP and taken for TCP.
const PORT_ATTEMPTS: usize = 16;

impl Upstream {
    pub(crate) fn start(names: &'static [(&'static str, Ipv4Addr)]) -> Self {
        let (udp, tcp) = (0..PORT_ATTEMPTS).find_map(|_| sockets().ok()).expect("a port for UDP and TCP");
        let address = udp.local_addr().expect("its address");
        let known = Arc::new(Known { names, heard: Mutex::default() });
        let datagrams = known.clone();
        thread::spawn(move || datagrams.serve_udp(&udp));
        let streams = known.clone();
        thread::spawn(move || {
            for stream in tcp.incoming().map_while(Result::ok) {
                let known = streams.clone();
                // A client that closes its connection has had its answers.
                thread::spawn(move || known.serve_tcp(stream));
            }
        });
        Self { address, known }
    }

    /// Whether it was asked for this name.
    pub(crate) fn has_heard(&self, name: &str) -> bool {
        self.known.heard.lock().unwrap_or_else(PoisonError::into_inner).iter().any(|heard| heard == name)
    }
}

fn sockets() -> io::Result<(UdpSocket, TcpListener)> {
    let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let tcp = TcpListener::bind(udp.local_addr()?)?;
    Ok((udp, tcp))
}

impl Known {
    fn serve_udp(&self, socket: &UdpSocket) {
        let mut packet = [0; 4096];
        while let Ok((octets, client)) = socket.recv_from(&mut packet) {
            socket.send_to(&self.reply(&packet[..octets]), client).expect("a client on loopback");
        }
    }

    fn serve_tcp(&self, mut stream: TcpStream) -> io::Result<()> {
        loop {
            let mut length = [0; 2];
            stream.read_exact(&mut length)?;
            let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
            stream.read_exact(&mut message)?;
            let reply = self.reply(&message);
            let length = u16::try_from(reply.len()).expect("a short reply").to_be_bytes();
            stream.write_all(&[&length, &reply[..]].concat())?;
        }
    }

    fn reply(&self, query: &[u8]) -> Vec<u8> {
        let query = Message::from_vec(query).expect("a question");
        let question = query.queries[0].clone();
        let name = question.name().to_ascii().to_lowercase();
        let mut reply = Message::response(query.metadata.id, query.metadata.op_code);
        reply.metadata.recursion_desired = query.metadata.recursion_desired;
        reply.metadata.recursion_available = true;
        match self.names.iter().find(|(known, _)| *known == name && question.query_type() == RecordType::A) {
            Some(&(_, address)) => {
                reply.answers.push(Record::from_rdata(question.name().clone(), 60, RData::A(address.into())));
            }
            None => {
                reply.metadata.response_code = ResponseCode::NXDomain;
                reply.authorities.push(soa());
            }
        }
        reply.queries.push(question);
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).push(name);
        reply.to_vec().expect("a reply")
    }
}

fn soa() -> Record {
    let name = |text: &str| text.parse().expect("a name");
    Record::from_rdata(
        name("."),
        60,
        RData::SOA(SOA::new(name("ns.test."), name("admin.test."), 1, 7200, 1800, 86400, 60)),
    )
}
