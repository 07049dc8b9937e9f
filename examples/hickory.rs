//! A hickory server that mounts us: its sockets and streams, our answers.
//!
//! For a program that has a hickory server already and wants the names of a cluster beside its own:
//! our [`Handler`] is a `RequestHandler`, and another one may hand requests on to it.
//!
//! ```text
//! cargo run --example hickory
//! ```

use std::{error::Error, net::Ipv4Addr, sync::Arc, time::Duration};

use clusterdns::{
    Config, Server,
    objects::{
        Change,
        snapshot::{self, Source},
    },
    respond::{Responder, general::Handler},
};
use hickory_proto::{
    op::{Message, Query},
    rr::{Name, RecordType},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UdpSocket},
};

/// Any time does for a cluster that does not change: it is the serial of the zones.
const NOW_SECS: u32 = 1;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // The tables of the built-in example cluster.
    let (plan, mut store) = Server::tables(&Config::default());
    let loaded = snapshot::load(&[Source::example()], &snapshot::Options::default(), &mut |_| {})?;
    store.apply(Change::Reset(loaded.picture), NOW_SECS);

    // Our handler in their server. It answers as the plan's first listener would.
    let handler = Handler::new(Arc::new(Responder::new(plan)), 0);
    let mut server = hickory_server::Server::new(handler);
    let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let (udp_address, tcp_address) = (udp.local_addr()?, tcp.local_addr()?);
    server.register_socket(udp);
    server.register_listener(tcp, Duration::from_secs(10), 4096);

    let mut question = Message::query();
    question.add_query(Query::query(Name::from_ascii("queue.example.svc.cluster.local.")?, RecordType::SRV));
    let question = question.to_vec()?;

    let client = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    client.send_to(&question, udp_address).await?;
    let mut reply = [0; 512];
    let octets = client.recv(&mut reply).await?;
    println!("UDP:\n{}", Message::from_vec(&reply[..octets])?);

    let mut stream = TcpStream::connect(tcp_address).await?;
    stream.write_u16(question.len() as u16).await?;
    stream.write_all(&question).await?;
    let mut reply = vec![0; stream.read_u16().await?.into()];
    stream.read_exact(&mut reply).await?;
    println!("TCP:\n{}", Message::from_vec(&reply)?);

    server.shutdown_gracefully().await?;
    Ok(())
}
