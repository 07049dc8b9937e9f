//! The life of a process that serves: signals, a configuration that changes, the end.

use std::{future, process, time::Duration};

use tokio::{
    select,
    sync::mpsc,
    time::{Instant, sleep, sleep_until},
};

use super::{
    Server, Signals,
    cluster::Cluster,
    loops::Loops,
    signals::{Lame, Told},
};
use crate::config::{Reload, reading::Reading};

/// Why the process has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was told to.
    Told,
    /// Questions come back from an upstream, and the configuration wants no such server.
    Loop(String),
}

/// What happened.
enum Happened {
    Told(Told),
    /// It is time to look whether the configuration has changed.
    Look,
    Loop(String),
}

/// What came of reading the configuration again.
enum Read {
    TakenOver,
    NothingNew,
    /// To end, before it was taken over.
    Told(&'static str, Lame),
}

/// What `/ready` calls the configuration.
const CONFIGURATION: &str = "configuration";

impl Server {
    /// Serves until a signal ends it, and takes over what changes in its configuration. The server is started.
    pub fn run(mut self, mut signals: Signals, mut cluster: Cluster, mut reading: Reading) -> Ended {
        let (fatal, mut loops_found) = mpsc::channel(1);
        let mut loops = Loops::default();
        self.watch_loops(&mut loops, &fatal);
        self.show_hash(&reading);
        let mut look_at = self.next_look();
        loop {
            let happened = self.runtime.block_on(async {
                select! {
                    told = signals.received() => Happened::Told(told),
                    Some(text) = loops_found.recv() => Happened::Loop(text),
                    () = until(look_at) => Happened::Look,
                }
            });
            match happened {
                Happened::Told(Told::End(signal, lame)) => {
                    self.end(signal, lame, signals);
                    return Ended::Told;
                }
                Happened::Loop(text) => {
                    self.shutdown();
                    return Ended::Loop(text);
                }
                Happened::Told(Told::Read) | Happened::Look => {
                    let was_asked = matches!(happened, Happened::Told(_));
                    match self.read_again(&mut reading, &mut cluster, &mut signals, was_asked) {
                        Read::TakenOver => self.watch_loops(&mut loops, &fatal),
                        Read::NothingNew => {}
                        Read::Told(signal, lame) => {
                            self.end(signal, lame, signals);
                            return Ended::Told;
                        }
                    }
                    look_at = self.next_look();
                }
            }
        }
    }

    fn watch_loops(&self, loops: &mut Loops, fatal: &mpsc::Sender<String>) {
        let _in_runtime = self.runtime.enter();
        loops.watch(&self.config, self.responder.plan(), self.readiness.clone(), fatal);
    }

    /// Replicas that were started together do not all change at the same time.
    fn next_look(&self) -> Option<Instant> {
        let Reload { interval, jitter } = self.config.reload?;
        Some(Instant::now() + interval + jitter.mul_f64(fastrand::f64()) - jitter / 2)
    }

    /// Takes over the configuration if it has changed.
    fn read_again(
        &mut self,
        reading: &mut Reading,
        cluster: &mut Cluster,
        signals: &mut Signals,
        was_asked: bool,
    ) -> Read {
        let config = match reading.again() {
            Ok(Some(config)) => config,
            Ok(None) => {
                if was_asked {
                    tracing::info!("the configuration has not changed");
                }
                return Read::NothingNew;
            }
            Err(errors) => {
                let errors: Vec<String> = errors.iter().map(|error| error.line_and_message()).collect();
                // A log has one line for it.
                self.keep_configuration(&errors.join("; "));
                return Read::NothingNew;
            }
        };
        reading.notes().iter().for_each(|note| tracing::warn!("{}", note.line_and_message()));
        let mut told = None;
        let reloaded = self.reload(&config, cluster, || {
            told = signals.ended();
            told.is_some()
        });
        if let Some((signal, lame)) = told {
            return Read::Told(signal, lame);
        }
        match reloaded {
            Ok(()) => {
                self.readiness.clear(CONFIGURATION);
                self.show_hash(reading);
                tracing::info!("the configuration has changed and is taken over");
                Read::TakenOver
            }
            Err(error) => {
                self.keep_configuration(&error.to_string());
                // What is in the way may be gone at the next look.
                reading.forget();
                Read::NothingNew
            }
        }
    }

    fn show_hash(&self, reading: &Reading) {
        if let Some(hash) = reading.hash() {
            self.common.metrics.configured(&hash.to_string());
        }
    }

    fn keep_configuration(&self, why: &str) {
        tracing::error!("the configuration cannot be taken over, the last good one stays in service: {why}");
        self.common.metrics.events.reloads_failed.inc();
        self.readiness.fault(CONFIGURATION, why);
    }

    /// Ends: clients have time to go elsewhere, then what has arrived is answered.
    fn end(self, signal: &'static str, lame: Lame, mut signals: Signals) {
        let lameduck = if lame == Lame::AsConfigured { self.config.lameduck } else { Duration::ZERO };
        self.readiness.draining();
        if !lameduck.is_zero() {
            tracing::info!("{signal}: answering on for {lameduck:?}, then ending");
            let told = self.runtime.block_on(async {
                select! {
                    () = sleep(lameduck) => None,
                    told = signals.end() => Some(told),
                }
            });
            if let Some((signal, _)) = told {
                tracing::warn!("{signal} again: not waiting any longer");
            }
        }
        tracing::info!("{signal}: answering what has arrived, then ending");
        self.runtime.spawn(async move {
            let (signal, _) = signals.end().await;
            tracing::warn!("{signal} again: ending at once");
            process::exit(1);
        });
        self.shutdown();
    }
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => future::pending().await,
    }
}
