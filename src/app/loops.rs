//! What is said of questions that come back from upstreams: in `/ready`, and to who wants to end then.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::interval,
};

use crate::{admin::readiness::Readiness, config::Config, forward::LoopWatch, respond::plan::Plan};

/// Looks on until it is dropped.
#[derive(Default)]
pub(super) struct Loops(JoinSet<()>);

/// What `/ready` calls them.
const PART: &str = "loop";
/// Between two looks at what is set apart.
const LOOK: Duration = Duration::from_secs(1);

impl Loops {
    /// Looks on at the watches of this plan from now on, and no more at those of another. A loop that ends the
    /// process is told to `fatal`.
    pub(super) fn watch(
        &mut self,
        config: &Config,
        plan: &Plan,
        readiness: Arc<Readiness>,
        fatal: &mpsc::Sender<String>,
    ) {
        // The old ones first: one at a time has something to say in `/ready`.
        self.0 = JoinSet::new();
        let watches: Vec<_> = plan.servers.iter().filter_map(|server| server.stages.loops.clone()).collect();
        let servers = config.servers.iter().zip(&plan.servers);
        for (_, server) in servers.filter(|(config, _)| config.loop_check.is_some_and(|check| check.fatal)) {
            if let Some(loops) = &server.stages.loops {
                self.0.spawn(end(loops.found(), fatal.clone()));
            }
        }
        readiness.clear(PART);
        if !watches.is_empty() {
            self.0.spawn(show(watches, readiness));
        }
    }
}

async fn end(mut found: watch::Receiver<Option<String>>, fatal: mpsc::Sender<String>) {
    while found.changed().await.is_ok() {
        let text = found.borrow_and_update().clone();
        if let Some(text) = text {
            // Whoever is told ends; there is nobody else to be told.
            let _ = fatal.send(text).await;
        }
    }
}

async fn show(watches: Vec<Arc<LoopWatch>>, readiness: Arc<Readiness>) {
    let mut look = interval(LOOK);
    loop {
        look.tick().await;
        let isolated: Vec<String> = watches.iter().flat_map(|watch| watch.isolated()).collect();
        match isolated.is_empty() {
            true => readiness.clear(PART),
            false => {
                readiness.fault(PART, &format!("{} leads back to this server and is not asked", isolated.join(", ")));
            }
        }
    }
}
