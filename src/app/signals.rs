//! The signals that the process listens to, as CoreDNS does (behaviour E5).

use std::io;

use futures_util::FutureExt;
use tokio::{
    runtime::Runtime,
    select,
    signal::unix::{Signal, SignalKind, signal},
};

/// SIGTERM, SIGINT and SIGQUIT end it, SIGUSR1 has it read its configuration, and SIGHUP does nothing. While
/// this is there they do not end the process by themselves.
pub struct Signals {
    ending: Ending,
    user: Signal,
    _hangup: Signal,
}

/// Those that end it.
struct Ending {
    terminate: Signal,
    interrupt: Signal,
    quit: Signal,
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
            ending: Ending {
                terminate: signal(SignalKind::terminate())?,
                interrupt: signal(SignalKind::interrupt())?,
                quit: signal(SignalKind::quit())?,
            },
            user: signal(SignalKind::user_defined1())?,
            _hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for one.
    pub(super) async fn received(&mut self) -> Told {
        select! {
            _ = self.user.recv() => Told::Read,
            (signal, lame) = self.ending.received() => Told::End(signal, lame),
        }
    }

    /// Waits for one that ends, and says which. SIGUSR1 stays for who listens to it.
    pub(super) async fn end(&mut self) -> (&'static str, Lame) {
        self.ending.received().await
    }

    /// One that ends, if it has come.
    pub(super) fn ended(&mut self) -> Option<(&'static str, Lame)> {
        self.end().now_or_never()
    }
}

impl Ending {
    async fn received(&mut self) -> (&'static str, Lame) {
        select! {
            _ = self.terminate.recv() => ("SIGTERM", Lame::AsConfigured),
            _ = self.interrupt.recv() => ("SIGINT", Lame::No),
            _ = self.quit.recv() => ("SIGQUIT", Lame::No),
        }
    }
}
