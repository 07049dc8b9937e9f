//! Questions over real sockets, and answers as one line of text that tests compare.

use std::{
    fmt,
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream, UdpSocket},
    str::FromStr,
    time::Duration,
};

use hickory_proto::{
    op::{Edns, Message, Query, ResponseCode},
    rr::{Name, Record, RecordType},
    serialize::binary::{BinDecodable, BinEncodable},
};

/// A reply that takes longer is lost.
const REPLY_TIMEOUT: Duration = Duration::from_secs(2);

/// What a resolver of today says it can take.
const UDP_PAYLOAD: u16 = 1232;

/// `NAME TYPE`. A name without a final dot lies below `svc.cluster.local.`
#[derive(Clone, Debug)]
pub(crate) struct Question {
    name: Name,
    rtype: RecordType,
}

impl Question {
    pub(crate) fn new(text: &str) -> Self {
        let (name, rtype) = text.split_once(' ').unwrap_or_else(|| panic!("NAME TYPE: {text}"));
        let whole = if name.ends_with('.') { name.to_owned() } else { format!("{name}.svc.cluster.local.") };
        let name = Name::from_ascii(&whole).unwrap_or_else(|error| panic!("{whole}: {error}"));
        Self { name, rtype: RecordType::from_str(rtype).unwrap_or_else(|error| panic!("{rtype}: {error}")) }
    }

    /// The reverse name of an address.
    pub(crate) fn reverse(address: &str) -> Self {
        let address: std::net::IpAddr = address.parse().unwrap_or_else(|_| panic!("{address} is no address"));
        Self { name: address.into(), rtype: RecordType::PTR }
    }

    fn message(&self, id: u16) -> Message {
        let mut message = Message::query();
        message.metadata.id = id;
        message.metadata.recursion_desired = true;
        let mut query = Query::query(self.name.clone(), self.rtype);
        query.set_query_class(hickory_proto::rr::DNSClass::IN);
        message.add_query(query);
        message
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.rtype)
    }
}

/// The sorted data of the records joined by `, `, or `NODATA`, or the response code. Records of
/// another type than the question's have theirs in front.
pub(crate) type Answer = String;

/// The same for records that a test expects: an empty set is NODATA.
pub(crate) fn set<T: ToString>(records: impl IntoIterator<Item = T>) -> Answer {
    let mut records: Vec<_> = records.into_iter().map(|record| record.to_string()).collect();
    records.sort_unstable();
    if records.is_empty() { "NODATA".to_owned() } else { records.join(", ") }
}

fn answer(message: &Message, asked: RecordType) -> Answer {
    match message.metadata.response_code {
        ResponseCode::NoError => set(message.answers.iter().map(|record| match record.record_type() {
            same if same == asked => record.data.to_string(),
            other => format!("{other} {}", record.data),
        })),
        ResponseCode::NXDomain => "NXDOMAIN".to_owned(),
        ResponseCode::ServFail => "SERVFAIL".to_owned(),
        other => format!("{other:?}"),
    }
}

/// How a question travels.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Over {
    Udp,
    Tcp,
}

/// A socket to ask with, question by question.
pub(crate) struct Client {
    socket: Socket,
    last_id: u16,
}

enum Socket {
    Udp(UdpSocket),
    Tcp(TcpStream),
}

impl Client {
    pub(crate) fn new(server: SocketAddr, over: Over) -> io::Result<Self> {
        Self::patient(server, over, REPLY_TIMEOUT)
    }

    /// One that waits so long for a reply.
    pub(crate) fn patient(server: SocketAddr, over: Over, patience: Duration) -> io::Result<Self> {
        let socket = match over {
            Over::Udp => {
                let socket = UdpSocket::bind("127.0.0.1:0")?;
                socket.connect(server)?;
                socket.set_read_timeout(Some(patience))?;
                Socket::Udp(socket)
            }
            Over::Tcp => {
                let stream = TcpStream::connect_timeout(&server, patience)?;
                stream.set_read_timeout(Some(patience))?;
                stream.set_nodelay(true)?;
                Socket::Tcp(stream)
            }
        };
        Ok(Self { socket, last_id: 0 })
    }

    /// Asks once. What was cut over UDP is `TRUNCATED`.
    pub(crate) fn ask(&mut self, question: &Question) -> io::Result<Answer> {
        let mut message = question.message(self.next_id());
        if matches!(self.socket, Socket::Udp(_)) {
            let mut edns = Edns::new();
            edns.set_max_payload(UDP_PAYLOAD);
            message.edns = Some(edns);
        }
        self.send(&message)?;
        let reply = self.receive()?;
        Ok(if reply.metadata.truncation { "TRUNCATED".to_owned() } else { answer(&reply, question.rtype) })
    }

    /// All records of a zone, by a transfer. The SOA is among them twice.
    pub(crate) fn transfer(&mut self, zone: &str) -> io::Result<Vec<Record>> {
        let question = Question { name: Name::from_ascii(zone).expect("a zone"), rtype: RecordType::AXFR };
        let id = self.next_id();
        self.send(&question.message(id))?;
        let mut records: Vec<Record> = Vec::new();
        let is_soa = |record: &&Record| record.record_type() == RecordType::SOA;
        while records.iter().filter(is_soa).count() < 2 {
            let reply = self.receive()?;
            if reply.metadata.response_code != ResponseCode::NoError {
                return Err(io::Error::other(format!("{zone}: {:?}", reply.metadata.response_code)));
            }
            records.extend(reply.answers);
        }
        Ok(records)
    }

    fn next_id(&mut self) -> u16 {
        self.last_id = self.last_id.wrapping_add(1);
        self.last_id
    }

    fn send(&mut self, message: &Message) -> io::Result<()> {
        let octets = message.to_bytes().map_err(io::Error::other)?;
        match &mut self.socket {
            Socket::Udp(socket) => socket.send(&octets).map(drop),
            Socket::Tcp(stream) => {
                let length = u16::try_from(octets.len()).map_err(io::Error::other)?.to_be_bytes();
                stream.write_all(&[&length, &octets[..]].concat())
            }
        }
    }

    /// The reply to the last question. An earlier one that comes late is passed over.
    fn receive(&mut self) -> io::Result<Message> {
        loop {
            let octets = match &mut self.socket {
                Socket::Udp(socket) => {
                    let mut buffer = vec![0; usize::from(u16::MAX)];
                    let length = socket.recv(&mut buffer)?;
                    buffer.truncate(length);
                    buffer
                }
                Socket::Tcp(stream) => {
                    let mut length = [0; 2];
                    stream.read_exact(&mut length)?;
                    let mut buffer = vec![0; usize::from(u16::from_be_bytes(length))];
                    stream.read_exact(&mut buffer)?;
                    buffer
                }
            };
            let message = Message::from_bytes(&octets).map_err(io::Error::other)?;
            if message.metadata.id == self.last_id {
                return Ok(message);
            }
        }
    }
}
