//! How soon a change shows: from the write of an endpoint to the first answer that has it.
//!
//! A bare watch of that one object beside it says when anybody could have known: what the API server takes until then is in
//! every server's time, and on a busy machine it is most of it.

use std::{
    net::SocketAddr,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use crate::{
    ask::{Client, Over, Question},
    changes::{Changes, MEASURED},
};

/// One change. In milliseconds.
pub(crate) struct Sample {
    /// From the API server's acknowledgement. Below zero where the watch was faster than the acknowledgement.
    pub(crate) since_acknowledged: f64,
    /// From just before the request.
    pub(crate) since_written: f64,
    /// From when a bare watch saw it. Below zero where the server was faster.
    pub(crate) since_seen: f64,
}

/// Between two questions about the same name: what the result is good for.
const LOOK: Duration = Duration::from_micros(50);
/// From one sample to the next.
const PACE: Duration = Duration::from_millis(100);
/// A change that does not show after so long is missing.
const MISSING: Duration = Duration::from_secs(20);

/// One sample of each of these headless Services, one after the other.
pub(crate) fn samples(server: SocketAddr, changes: &Changes<'_>, services: &[(String, String)]) -> Vec<Sample> {
    services.iter().map(|(namespace, name)| sample(server, changes, namespace, name)).collect()
}

fn sample(server: SocketAddr, changes: &Changes<'_>, namespace: &str, service: &str) -> Sample {
    let started = Instant::now();
    let address = changes.new_address();
    let question = Question::new(&format!("{service}.{namespace} A"));
    let (asks, is_asked) = mpsc::channel();
    let (watches, is_watched) = mpsc::channel();
    let sample = thread::scope(|scope| {
        let seen = scope.spawn(|| changes.await_event(namespace, service, address, &watches));
        is_watched.recv().expect("a watch");
        let shown = scope.spawn(|| await_address(server, &question, &address.to_string(), &asks));
        is_asked.recv().expect("an answer");
        let written = Instant::now();
        changes.write(namespace, service, MEASURED, address);
        let acknowledged = Instant::now();
        let (shown, seen) = (shown.join().expect("an answer with the change"), seen.join().expect("an event with it"));
        let since = |then: Instant| millis(shown - written) - millis(then - written);
        Sample { since_acknowledged: since(acknowledged), since_written: since(written), since_seen: since(seen) }
    });
    thread::sleep(PACE.saturating_sub(started.elapsed()));
    sample
}

/// Asks again and again. Says when the first answer was there, and returns when one had the address.
fn await_address(server: SocketAddr, question: &Question, address: &str, ready: &mpsc::Sender<()>) -> Instant {
    let started = Instant::now();
    let mut client = Client::new(server, Over::Udp).expect("a socket");
    loop {
        let answer = client.ask(question).unwrap_or_else(|error| panic!("{question}: {error}"));
        let now = Instant::now();
        if answer.split(", ").any(|record| record == address) {
            return now;
        }
        assert!(now - started < MISSING, "{question} has no {address} after {MISSING:?}: {answer}");
        // Nobody listens any more from the second time on.
        let _ = ready.send(());
        thread::sleep(LOOK);
    }
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
