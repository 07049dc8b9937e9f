//! The signals that the process listens to, as CoreDNS does (behaviour E5).

use std::io;

use tokio::{
    runtime::Runtime,
    select,
    signal::unix::{Signal, SignalKind, signal},
};

/// SIGTERM, SIGINT and SIGQUIT end it, SIGUSR1 has it read its configuration, and SIGHUP does nothing. While
/// this is there they do not end the process by themselves.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    quit: Signal,
    user: Signal,
    _hangup: Signal,
}

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// To end: which signal, and whether clients may go on to come for a while.
    End(&'static str, Lame),
    /// To read the configuration.
    Read,
}

/// Whether it answers on for a while before it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lame {
    /// As configured: the cluster takes a while to send clients elsewhere.
    AsConfigured,
    /// Somebody waits for the end.
    No,
}

impl Signals {
    pub(super) fn new(runtime: &Runtime) -> io::Result<Self> {
        let _in_runtime = runtime.enter();
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            user: signal(SignalKind::user_defined1())?,
            _hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for one.
    pub(super) async fn received(&mut self) -> Told {
        select! {
            _ = self.user.recv() => Told::Read,
            _ = self.terminate.recv() => Told::End("SIGTERM", Lame::AsConfigured),
            _ = self.interrupt.recv() => Told::End("SIGINT", Lame::No),
            _ = self.quit.recv() => Told::End("SIGQUIT", Lame::No),
        }
    }

    /// Waits for one that ends, and says which.
    pub(super) async fn end(&mut self) -> (&'static str, Lame) {
        loop {
            if let Told::End(signal, lame) = self.received().await {
                return (signal, lame);
            }
        }
    }
}
