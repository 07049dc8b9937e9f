//! Clients that ask all the time, each one question after the other, and take no reply but the right one.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

/// A question that is not answered within this is lost: nobody's kernel keeps packets so long.
const LOST: Duration = Duration::from_secs(10);
/// Clients over each transport.
const CLIENTS: usize = 4;
/// So many more answers are seen before something else happens.
const SOME: usize = 100;

pub(crate) struct Askers {
    asked: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    clients: Vec<JoinHandle<()>>,
}

impl Askers {
    pub(crate) fn start(port: u16) -> Self {
        let (asked, stop) = (Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
        let client = |ask: fn(u16, u16)| {
            let (asked, stop) = (asked.clone(), stop.clone());
            thread::spawn(move || {
                for id in (0..=u16::MAX).cycle() {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    ask(port, id);
                    asked.fetch_add(1, Ordering::Relaxed);
                }
            })
        };
        let clients = (0..2 * CLIENTS).map(|number| client(if number < CLIENTS { by_udp } else { by_tcp })).collect();
        Self { asked, stop, clients }
    }

    /// Waits until some more questions were answered.
    pub(crate) fn ask_some(&self) {
        let until = self.asked.load(Ordering::Relaxed) + SOME;
        while self.asked.load(Ordering::Relaxed) < until {
            assert!(!self.clients.iter().any(JoinHandle::is_finished), "a client has given up");
            thread::yield_now();
        }
    }

    /// Ends, and says how many questions were answered: all that were asked.
    pub(crate) fn end(self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        for client in self.clients {
            client.join().expect("every question is answered");
        }
        self.asked.load(Ordering::Relaxed)
    }
}

/// One question over each transport.
pub(crate) fn ask(port: u16) {
    by_udp(port, 7);
    by_tcp(port, 7);
}

fn by_udp(port: u16, id: u16) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.set_read_timeout(Some(LOST)).unwrap();
    socket.connect(server(port)).unwrap();
    socket.send(&question(id)).unwrap();
    let mut reply = [0; 512];
    let octets = socket.recv(&mut reply).expect("no question over UDP is lost");
    check(id, &reply[..octets]);
}

/// A connection that is being made while its listener closes is reset by the kernel, whatever the listener
/// does. That may happen once; resolvers connect again then.
fn by_tcp(port: u16, id: u16) {
    let reply = match try_by_tcp(port, id) {
        Err(error) if error.kind() == ErrorKind::ConnectionReset => try_by_tcp(port, id),
        reply => reply,
    };
    check(id, &reply.expect("no question over TCP is lost"));
}

fn try_by_tcp(port: u16, id: u16) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server(port))?;
    stream.set_read_timeout(Some(LOST))?;
    let question = question(id);
    stream.write_all(&[&(question.len() as u16).to_be_bytes()[..], &question].concat())?;
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut reply = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut reply)?;
    Ok(reply)
}

fn server(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// `web.shop.svc.cluster.local A`
fn question(id: u16) -> Vec<u8> {
    let header = [&id.to_be_bytes()[..], &[0, 0, 0, 1, 0, 0, 0, 0, 0, 0]].concat();
    [&header, &b"\x03web\x04shop\x03svc\x07cluster\x05local\0\0\x01\0\x01"[..]].concat()
}

fn check(id: u16, reply: &[u8]) {
    assert_eq!(reply[..2], id.to_be_bytes());
    assert_eq!((reply[3] & 15, &reply[reply.len() - 4..]), (0, &[10, 96, 0, 10][..]), "the right answer");
}
