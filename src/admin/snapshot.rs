//! `/api/snapshot`: everything the server knows of the cluster, as a list that it can be started with.
//!
//! A page of objects is written when the client has taken the one before, so no more than two are in
//! memory, however large the cluster and however slow the client. A client has as long for each page
//! as others have for everything.

use std::{io, mem, sync::Arc};

use axum::{
    Extension,
    body::Body,
    extract::State,
    http::{
        StatusCode, Uri,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
};
use futures_util::stream;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task, time,
};

use super::{
    api::{Api, PATIENCE_MAX, Parameters, refusal},
    life::Life,
};
use crate::{objects::write::List, records::store::Pages};

/// Snapshots that are written at a time: each wants the store again and again.
const WRITING_MAX: usize = 1;

/// Who may write one.
pub(super) fn places() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(WRITING_MAX))
}

/// A snapshot that is being written.
struct Snapshot {
    pages: Pages,
    /// None when it is written to its end.
    list: Option<List<Vec<u8>>>,
    life: Life,
    _place: OwnedSemaphorePermit,
}

pub(super) async fn snapshot(State(api): State<Api>, Extension(life): Extension<Life>, uri: Uri) -> Response {
    let namespace = match Parameters::read(&uri, &["namespace"]) {
        Ok(given) => Some(given.text("namespace").to_owned()).filter(|name| !name.is_empty()),
        Err(why) => return refusal(StatusCode::BAD_REQUEST, why),
    };
    let Ok(Ok(place)) = time::timeout(PATIENCE_MAX, api.snapshots.clone().acquire_owned()).await else {
        return refusal(StatusCode::SERVICE_UNAVAILABLE, "another snapshot is being taken: ask again");
    };
    let explainer = api.explainer;
    if explainer.is_known_in_part() {
        return refusal(StatusCode::SERVICE_UNAVAILABLE, "the cluster is not known completely yet: see /ready");
    }
    let wanted = namespace.clone();
    let Ok(pages) = task::spawn_blocking(move || explainer.objects(wanted.as_deref())).await else {
        return refusal(StatusCode::INTERNAL_SERVER_ERROR, "a defect was met: see the log");
    };
    match namespace {
        Some(name) if pages.is_empty() => {
            refusal(StatusCode::NOT_FOUND, format!("namespace {} does not exist", name.escape_debug()))
        }
        _ => {
            let list = Some(List::new(Vec::new()));
            let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")];
            (headers, Snapshot { pages, list, life, _place: place }.into_body()).into_response()
        }
    }
}

impl Snapshot {
    /// Parts that are made when they are asked for, each on a thread that may wait for the store.
    fn into_body(self) -> Body {
        Body::from_stream(stream::unfold(Some(self), |snapshot| async {
            let mut snapshot = snapshot?;
            let made = task::spawn_blocking(move || (snapshot.next(), snapshot)).await;
            match made {
                Ok((part, snapshot)) => {
                    snapshot.life.renew();
                    Some((part?, Some(snapshot)))
                }
                Err(defect) => Some((Err(io::Error::other(defect)), None)),
            }
        }))
    }

    fn next(&mut self) -> Option<io::Result<Vec<u8>>> {
        let Some(page) = self.pages.next() else { return Some(self.list.take()?.finish(self.pages.known())) };
        let list = self.list.as_mut()?;
        let added = page.iter().try_for_each(|object| list.add(object));
        Some(added.map(|()| mem::take(list.output())))
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Mutex, time::Duration};

    use futures_util::{FutureExt, StreamExt};

    use super::*;
    use crate::objects::write::LIST_START;

    /// A large cluster takes a slow client longer than a connection lives.
    #[tokio::test]
    async fn a_client_that_has_taken_a_part_has_time_for_the_next() {
        let life = Life::new(Duration::from_secs(3600));
        life.end();
        let (pages, list) = (Pages::new(Arc::<Mutex<_>>::default(), None), Some(List::new(Vec::new())));
        let place = places().acquire_owned().await.unwrap();
        let snapshot = Snapshot { pages, list, life: life.clone(), _place: place };
        let mut parts = snapshot.into_body().into_data_stream();
        assert!(life.over().now_or_never().is_some());
        assert!(parts.next().await.unwrap().unwrap().starts_with(LIST_START.as_bytes()));
        assert!(life.over().now_or_never().is_none() && parts.next().await.is_none());
    }
}
