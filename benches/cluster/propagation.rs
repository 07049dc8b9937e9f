//! How soon a change shows: from the write of an endpoint to the first answer that has it.

use std::{
    net::SocketAddr,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use crate::{
    ask::{Client, Over, Question},
    changes::{Changes, MEASURED, Of, Streamed},
};

/// One change. In milliseconds.
pub(crate) struct Sample {
    /// From the API server's acknowledgement. Below zero where the watch was faster than the acknowledgement.
    pub(crate) since_acknowledged: f64,
    /// From just before the request.
    pub(crate) since_written: f64,
}

/// Between two questions about the same name: what the result is good for.
const LOOK: Duration = Duration::from_micros(50);
/// From one sample to the next.
const PACE: Duration = Duration::from_millis(100);
/// A change that does not show after so long is missing.
const MISSING: Duration = Duration::from_secs(20);

/// One sample of each of these headless Services, one after the other, while changes stream in.
pub(crate) fn samples(
    server: SocketAddr,
    changes: &Changes<'_>,
    rate: u32,
    services: &[(String, String)],
) -> (Vec<Sample>, Streamed) {
    changes.during(Of::Endpoints, rate, || {
        services.iter().map(|(namespace, name)| sample(server, changes, namespace, name)).collect()
    })
}

fn sample(server: SocketAddr, changes: &Changes<'_>, namespace: &str, service: &str) -> Sample {
    let started = Instant::now();
    let address = changes.new_address();
    let question = Question::new(&format!("{service}.{namespace} A"));
    let (ready, is_ready) = mpsc::channel();
    let sample = thread::scope(|scope| {
        let shown = scope.spawn(|| await_address(server, &question, &address.to_string(), &ready));
        is_ready.recv().expect("an answer");
        let written = Instant::now();
        changes.write(namespace, service, MEASURED, address);
        let acknowledged = Instant::now();
        let shown = shown.join().expect("an answer with the change");
        let since_written = millis(shown - written);
        Sample { since_acknowledged: since_written - millis(acknowledged - written), since_written }
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
