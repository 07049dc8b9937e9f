//! The way to the API server, which tests can cut: objects change while nobody looks.

use std::{
    io,
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

/// Passes connections on to a port, TLS and all, as long as it is not cut. It ends with the process.
pub(crate) struct Relay {
    port: u16,
    way: Arc<Way>,
}

#[derive(Default)]
struct Way {
    cut: AtomicBool,
    streams: Mutex<Vec<TcpStream>>,
}

impl Relay {
    pub(crate) fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let relay = Self { port: listener.local_addr().expect("its address").port(), way: Arc::default() };
        let way = relay.way.clone();
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                // Whoever is not passed on sees the connection closed, and tries again.
                let _ = way.pass(client, SocketAddr::from(([127, 0, 0, 1], port)));
            }
        });
        relay
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Ends every connection, and takes no further ones.
    pub(crate) fn cut(&self) {
        let mut streams = self.way.streams();
        self.way.cut.store(true, Ordering::SeqCst);
        for stream in streams.drain(..) {
            // It may be closed already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    pub(crate) fn mend(&self) {
        self.way.cut.store(false, Ordering::SeqCst);
    }
}

impl Way {
    fn streams(&self) -> MutexGuard<'_, Vec<TcpStream>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pass(&self, client: TcpStream, to: SocketAddr) -> io::Result<()> {
        let mut streams = self.streams();
        if self.cut.load(Ordering::SeqCst) {
            return Ok(());
        }
        let server = TcpStream::connect(to)?;
        let copies = [(client.try_clone()?, server.try_clone()?), (server.try_clone()?, client.try_clone()?)];
        streams.extend([client, server]);
        for (mut from, mut into) in copies {
            thread::spawn(move || {
                // The end of one direction, for whatever reason, is the end of both.
                let _ = io::copy(&mut from, &mut into);
                let _ = from.shutdown(Shutdown::Both);
                let _ = into.shutdown(Shutdown::Both);
            });
        }
        Ok(())
    }
}
