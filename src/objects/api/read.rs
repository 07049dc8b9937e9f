//! The cluster as it is now, read once: for commands that look at it and end.

use std::time::Duration;

use thiserror::Error;
use tokio::time;

use super::{Access, AccessError, Api, Asks, Failure, Pace, Watched, What};
use crate::objects::{Known, Picture, problem::Problem};

/// Why the cluster cannot be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// There are no credentials.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The credentials do not suffice.
    #[error("{failure}; it takes the rule {rule}")]
    Forbidden {
        /// What the API server says.
        failure: Failure,
        /// What a ClusterRole needs.
        rule: String,
    },
    /// The API server did not show everything in time.
    #[error("{list}: {failure}")]
    Failed {
        /// What was asked for.
        list: Watched,
        /// What went wrong last.
        failure: Failure,
    },
}

/// Reads every list once. What goes wrong is tried again for so long.
///
/// # Errors
/// A list cannot be had.
pub async fn read(access: Access, asks: &Asks, patience: Duration) -> Result<(Picture, Vec<Problem>), ReadError> {
    let mut api = Api::start(access, asks, Pace::default()).await?;
    let mut missing: Vec<bool> = api.watched.iter().map(|_| true).collect();
    let mut last: Vec<Option<Failure>> = vec![None; missing.len()];
    let known = Known { endpoints: asks.endpoints, pods: asks.needs.pods, ..Known::ALL };
    let mut picture = Picture { known, ..Picture::default() };
    let mut problems = Vec::new();
    let deadline = time::Instant::now() + patience;
    while let Some(first) = missing.iter().position(|missing| *missing) {
        let Ok(Some(arrival)) = time::timeout_at(deadline, api.next()).await else {
            let failure = last.swap_remove(first).unwrap_or(Failure::Silent(patience));
            return Err(ReadError::Failed { list: api.watched[first].clone(), failure });
        };
        match arrival.what {
            What::Listed { objects, left_out } if missing[arrival.watched] => {
                missing[arrival.watched] = false;
                picture.objects.extend(objects);
                picture.left_out.extend(left_out);
            }
            What::LeftOut(problem) => problems.push(problem),
            What::Lost(failure @ Failure::Forbidden(_)) => {
                return Err(ReadError::Forbidden { failure, rule: api.watched[arrival.watched].rule() });
            }
            What::Lost(failure) => last[arrival.watched] = Some(failure),
            _ => {}
        }
    }
    Ok((picture, problems))
}
