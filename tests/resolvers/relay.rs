//! Stands between a program and the server, and writes down what is asked.
//!
//! It passes packets on as they are. What the server does not say by itself (NOTIMP and other rcodes,
//! silence, an answer to A beside an error to AAAA) is said here, for the names below `rule.test`: the
//! label in front of it has the reply to A and the reply to everything else, `answer-servfail` say.

use std::{
    net::{SocketAddr, UdpSocket},
    sync::mpsc::{self, Receiver},
    thread,
    time::Duration,
};

use clusterdns::{records::name::Name, search::Reply};
use hickory_proto::{op::Message, rr::RecordType};

/// What a program asked: name and type, or nothing that can be read.
pub(crate) type Asked = Option<(String, u16)>;

/// A relay on an address of its own.
pub(crate) struct Relay {
    address: SocketAddr,
    seen: Receiver<Vec<Asked>>,
    mark: UdpSocket,
}

impl Relay {
    pub(crate) fn start(address: SocketAddr, server: SocketAddr) -> Self {
        let socket = UdpSocket::bind(address).expect("an address of the worker");
        let upstream = Upstream::new(server);
        let (sender, seen) = mpsc::channel();
        thread::spawn(move || {
            let (mut asked, mut packet) = (Vec::new(), [0; 2048]);
            while let Ok((octets, client)) = socket.recv_from(&mut packet) {
                if octets == MARK.len() {
                    let _ = sender.send(std::mem::take(&mut asked));
                    continue;
                }
                let question = read(&packet[..octets]);
                asked.push(question.as_ref().map(|(name, qtype)| (name.to_string(), *qtype)));
                if let Some(reply) = upstream.reply(&packet[..octets], question.as_ref()) {
                    let _ = socket.send_to(&reply, client);
                }
            }
        });
        let mark = UdpSocket::bind(SocketAddr::new(address.ip(), 0)).expect("a port");
        Self { address, seen, mark }
    }

    /// What has been asked since the last time. Packets come in the order in which they were sent, so
    /// everything has been seen when the mark has.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.mark.send_to(&MARK, self.address).expect("loopback takes it");
        self.seen.recv_timeout(Duration::from_secs(20)).expect("the relay lives")
    }
}

/// The server, as a client sees it.
pub(crate) struct Upstream {
    socket: UdpSocket,
}

impl Upstream {
    pub(crate) fn new(server: SocketAddr) -> Self {
        let socket = UdpSocket::bind((std::net::Ipv4Addr::LOCALHOST, 0)).expect("a port");
        socket.connect(server).expect("an address");
        socket.set_read_timeout(Some(Duration::from_secs(2))).expect("a timeout");
        Self { socket }
    }

    /// What comes back for a packet, if anything does.
    fn reply(&self, packet: &[u8], question: Option<&(Name, u16)>) -> Option<Vec<u8>> {
        if let Some((name, qtype)) = question
            && let Some(rule) = rule(name, *qtype)
        {
            return by_rule(packet, name, *qtype, rule);
        }
        let mut reply = vec![0; 65_535];
        self.socket.send(packet).ok()?;
        let octets = self.socket.recv(&mut reply).ok()?;
        reply.truncate(octets);
        Some(reply)
    }

    /// What the server says to a question, in the words of `search`.
    pub(crate) fn says(&self, name: &Name, qtype: u16) -> Reply {
        let mut packet = [&[0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0][..], name.wire()].concat();
        packet.extend([qtype, 1].iter().flat_map(|word| word.to_be_bytes()));
        let Some(reply) = self.reply(&packet, Some(&(name.clone(), qtype))) else { return Reply::Timeout };
        let reply = Message::from_vec(&reply).expect("a message");
        match reply.metadata.response_code.low() {
            0 if reply.answers.is_empty() => Reply::NoData,
            0 if reply.answers.iter().any(|record| record.record_type() == RecordType::from(qtype)) => Reply::Answer,
            0 => Reply::Alias,
            2 => Reply::ServFail,
            3 => Reply::NxDomain,
            4 => Reply::NotImp,
            5 => Reply::Refused,
            _ => Reply::Other,
        }
    }
}

/// The question of a packet.
fn read(packet: &[u8]) -> Option<(Name, u16)> {
    let mut labels = Vec::new();
    let mut rest = packet.get(12..)?;
    loop {
        let (&length, behind) = rest.split_first()?;
        let (label, behind) = behind.split_at_checked(usize::from(length))?;
        rest = behind;
        match length {
            0 => break,
            _ => labels.push(std::str::from_utf8(label).ok().filter(|_| length < 64)?),
        }
    }
    let name = Name::parse(&labels.join(".")).ok()?;
    let qtype = u16::from_be_bytes([*rest.first()?, *rest.get(1)?]);
    // What is left of a broken packet may look like a name.
    (rest.get(2..4)? == [0, 1]).then_some((name, qtype))
}

/// What is to be said to a name below [`ZONE`].
fn rule(name: &Name, qtype: u16) -> Option<Reply> {
    let text = name.to_string();
    let pair = text.strip_suffix(ZONE)?.rsplit('.').next()?;
    let (to_a, to_others) = pair.split_once('-')?;
    let word = if qtype == 1 { to_a } else { to_others };
    RULES.into_iter().find(|(of, ..)| *of == word).map(|(_, reply, _)| reply)
}

fn by_rule(packet: &[u8], name: &Name, qtype: u16, reply: Reply) -> Option<Vec<u8>> {
    let (.., rcode) = RULES.into_iter().find(|(_, of, _)| *of == reply)?;
    let record = match reply {
        Reply::Timeout => return None,
        Reply::Alias => Some((5, vec![1, b'x', 0])),
        Reply::Answer => Some((
            qtype,
            match qtype {
                1 => vec![192, 0, 2, 1],
                28 => [&[0x20, 1, 0x0d, 0xb8][..], &[0; 11], &[1]].concat(),
                33 => vec![0, 0, 0, 0, 0, 80, 1, b'x', 0],
                _ => vec![1, b'x'],
            },
        )),
        _ => None,
    };
    let mut message = packet[..2].to_vec();
    message.extend([0x85, 0x80 | rcode, 0, 1, 0, u8::from(record.is_some()), 0, 0, 0, 0]);
    message.extend_from_slice(&packet[12..12 + name.wire().len() + 4]);
    if let Some((rtype, data)) = record {
        message.extend([0xc0, 12]);
        message.extend([rtype, 1, 0, 5, data.len() as u16].iter().flat_map(|word: &u16| word.to_be_bytes()));
        message.extend(data);
    }
    Some(message)
}

const MARK: [u8; 1] = [0];
const ZONE: &str = ".rule.test.";
/// Each reply, its word in names, and its rcode.
pub(crate) const RULES: [(&str, Reply, u8); 9] = [
    ("answer", Reply::Answer, 0),
    ("alias", Reply::Alias, 0),
    ("nodata", Reply::NoData, 0),
    ("nxdomain", Reply::NxDomain, 3),
    ("servfail", Reply::ServFail, 2),
    ("refused", Reply::Refused, 5),
    ("notimp", Reply::NotImp, 4),
    ("formerr", Reply::Other, 1),
    ("timeout", Reply::Timeout, 0),
];
