//! What has run out and is used all the same, unless upstreams say something newer in time.
//!
//! One question at a time renews what a cache has. It goes on without the client that began it, and whoever asks
//! meanwhile waits for the same reply.

use std::time::Duration;

use tokio::time::timeout;

use super::{
    Looked,
    led::Books,
    onward::{Onward, Said},
    query::Query,
};
use crate::{
    answers::question::QueryName,
    cache::{Cache, Hit, Refresh, Renewal},
};

/// What is stale is used after so long in any case.
const PATIENCE_MAX: Duration = Duration::from_secs(5);

impl Onward {
    /// The reply to a question for which a cache has something stale.
    pub(super) async fn stale(&self, cache: &Cache, route: usize, query: Query, mut hit: Hit) -> Said {
        let refresh = hit.refresh.take();
        let Some(verify) = hit.verify else {
            self.renew_aside(route, query, refresh);
            return Said::stale(cache, hit, route);
        };
        let patience = verify.timeout.unwrap_or(PATIENCE_MAX);
        let newer = match (refresh, hit.renewal.take()) {
            (Some(refresh), _) => timeout(patience, self.renewed(route, query, refresh)).await,
            (None, Some(renewal)) => timeout(patience, heard(cache, route, &query, renewal)).await,
            (None, None) => Ok(None),
        };
        newer.ok().flatten().unwrap_or_else(|| Said::stale(cache, hit, route))
    }

    /// What comes of asking upstreams. They are asked to the end, whoever waits for it.
    async fn renewed(&self, route: usize, query: Query, refresh: Refresh) -> Option<Said> {
        let onward = self.aside();
        tokio::spawn(async move { onward.renew(route, query, refresh).await }).await.ok().flatten()
    }
}

/// What comes of somebody else's asking.
async fn heard(cache: &Cache, route: usize, query: &Query, renewal: Renewal) -> Option<Said> {
    let reply = renewal.newer().await?;
    let mut name = QueryName::new();
    let shown = cache.shown(&query.read(&mut name), &reply);
    Some(Said { reply, shown, books: Books { looked: Some(Looked::Missed), ..Books::of(route) } })
}
