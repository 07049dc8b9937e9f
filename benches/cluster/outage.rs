//! The API server is killed and comes back, and has forgotten the past: everything is listed again.

use std::{thread, time::Duration, time::Instant};

use axum::http::Request;
use serde_json::json;

use crate::{
    ask::{Client, Over, Question},
    changes::{Changes, MEASURED},
    control_plane::ControlPlane,
    objects::Cluster,
    prober::{Probe, Prober},
    servers::Server,
    usage::Memory,
};

/// What was seen.
pub(crate) struct Outage {
    /// The peak counts from before the API server was killed.
    pub(crate) memory: Memory,
    /// From the API server's readiness to the first answer that shows a change made then, in seconds.
    pub(crate) behind: f64,
    /// What a prober saw meanwhile.
    pub(crate) answers: String,
}

/// How long there is no API server.
const AWAY: Duration = Duration::from_secs(3);
/// Longer than any client waits before it tries again.
const BACK_MAX: Duration = Duration::from_secs(90);
const LOOK: Duration = Duration::from_millis(20);

pub(crate) fn outage(
    server: &Server,
    plane: &ControlPlane,
    api: &Cluster,
    changes: &Changes<'_>,
    probes: Vec<Probe>,
    (namespace, service): &(String, String),
    settle: Duration,
) -> Outage {
    server.forget_peak();
    let prober = Prober::start(server.address, probes);
    // The past that is forgotten ends after the last event that anybody has seen.
    mark(api);
    plane.compact();
    plane.kill_api();
    thread::sleep(AWAY);
    plane.start_api();
    api.await_api();
    let back = Instant::now();
    let address = changes.new_address();
    changes.write(namespace, service, MEASURED, address);
    let question = Question::new(&format!("{service}.{namespace} A"));
    await_answer(server, &question, &address.to_string());
    let behind = back.elapsed().as_secs_f64();
    thread::sleep(settle);
    let answers = prober.stop().to_string();
    Outage { memory: server.memory(), behind, answers }
}

/// Changes something that no DNS server looks at.
fn mark(api: &Cluster) {
    let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "mark-"}});
    let request = Request::post("/api/v1/namespaces/default/configmaps").header("content-type", "application/json");
    let request = request.body(object.to_string().into_bytes()).expect("a request");
    api.run(api.client().request_text(request)).expect("a ConfigMap");
}

fn await_answer(server: &Server, question: &Question, address: &str) {
    let started = Instant::now();
    let mut client = Client::new(server.address, Over::Udp).expect("a socket");
    loop {
        let answer = client.ask(question).unwrap_or_else(|error| error.to_string());
        if answer.split(", ").any(|record| record == address) {
            return;
        }
        assert!(started.elapsed() < BACK_MAX, "{question} has no {address} after {BACK_MAX:?}: {answer}");
        thread::sleep(LOOK);
    }
}
