//! One request to the API server, and its reply as lines or as a whole, within limits.

use std::{
    future::poll_fn,
    pin::Pin,
    time::{Duration, Instant},
};

use hyper::{
    Request, Response,
    body::{Body as _, Bytes},
    header::RETRY_AFTER,
};
use kube::client::Body;
use serde::Deserialize;
use tokio::time;

use super::{
    access::{Connection, cause},
    failure::Failure,
};

/// What became of a request, for those who count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requested {
    /// The status; none where there was no reply.
    pub code: Option<u16>,
    /// From the request to the head of its reply.
    pub took: Duration,
}

/// A reply that has begun.
pub(super) struct Reply {
    body: Body,
    /// What has arrived and is not read yet starts at `start`.
    buffer: Vec<u8>,
    start: usize,
    /// How long the server may be silent.
    silence_max: Duration,
}

/// One line of a reply.
pub(super) enum Line<'r> {
    Text(&'r [u8]),
    /// It was skipped.
    TooLong,
}

/// Sends a GET and waits for the head of its reply.
pub(super) async fn get(
    connection: &Connection,
    path: &str,
    silence_max: Duration,
    requested: impl FnOnce(Requested),
) -> Result<Reply, Failure> {
    let (number, client) = connection.client().await;
    let request = Request::get(path).body(Body::empty()).map_err(|why| Failure::Access(why.to_string()))?;
    let start = Instant::now();
    let sent = time::timeout(silence_max, client.send(request)).await;
    let code = sent.as_ref().ok().and_then(|sent| sent.as_ref().ok()).map(|response| response.status().as_u16());
    requested(Requested { code, took: start.elapsed() });
    let reply = match sent {
        Err(_) => Err(Failure::Silent(silence_max)),
        Ok(Err(why)) => Err(Failure::Unreachable(cause(&why))),
        Ok(Ok(response)) if response.status().is_success() => Ok(Reply::new(response.into_body(), silence_max)),
        Ok(Ok(response)) => Err(refusal(response, silence_max).await),
    };
    if let Err(failure) = &reply
        && failure.may_be_access()
        && let Err(why) = connection.renew(number, failure.is_access()).await
    {
        return Err(Failure::Access(format!("{failure}; and the credentials cannot be read again: {why}")));
    }
    reply
}

/// The failure that a reply stands for.
async fn refusal(response: Response<Body>, silence_max: Duration) -> Failure {
    let code = response.status().as_u16();
    let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    let text = Reply::new(response.into_body(), silence_max).whole(REFUSAL_OCTETS_MAX).await.unwrap_or_default();
    let message = match serde_json::from_slice::<Status>(&text) {
        Ok(status) => status.message,
        Err(_) => String::from_utf8_lossy(&text).into_owned(),
    };
    Failure::of(code, &message, retry_after.map(Duration::from_secs))
}

/// `meta/v1.Status`
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Status {
    pub(super) message: String,
    pub(super) code: u16,
}

impl Reply {
    fn new(body: Body, silence_max: Duration) -> Self {
        Self { body, buffer: Vec::new(), start: 0, silence_max }
    }

    /// From now on the server may be silent for so long.
    pub(super) fn set_silence_max(&mut self, silence_max: Duration) {
        self.silence_max = silence_max;
    }

    /// The next line without its end. None where the reply ends; what stands behind the last end of a
    /// line is not said to its end, and is dropped.
    pub(super) async fn line(&mut self) -> Result<Option<Line<'_>>, Failure> {
        let mut searched = self.start;
        let mut too_long = false;
        loop {
            if let Some(found) = self.buffer[searched..].iter().position(|&octet| octet == b'\n') {
                let line = self.start..searched + found;
                self.start = line.end + 1;
                return Ok(Some(if too_long { Line::TooLong } else { Line::Text(&self.buffer[line]) }));
            }
            self.buffer.drain(..self.start);
            self.start = 0;
            if self.buffer.len() > LINE_OCTETS_MAX {
                too_long = true;
                self.buffer.clear();
            }
            searched = self.buffer.len();
            match self.data().await? {
                Some(data) => self.buffer.extend_from_slice(&data),
                None => return Ok(None),
            }
            // One long line must not be paid for as long as the watch lives.
            if self.buffer.len() < BUFFER_OCTETS_USUAL {
                self.buffer.shrink_to(BUFFER_OCTETS_USUAL);
            }
        }
    }

    /// All of it.
    pub(super) async fn whole(mut self, octets_max: usize) -> Result<Vec<u8>, Failure> {
        while let Some(data) = self.data().await? {
            if self.buffer.len() + data.len() > octets_max {
                return Err(Failure::Garbled(format!("a reply of more than {octets_max} octets")));
            }
            self.buffer.extend_from_slice(&data);
        }
        Ok(self.buffer)
    }

    async fn data(&mut self) -> Result<Option<Bytes>, Failure> {
        let body = &mut self.body;
        loop {
            let frame = poll_fn(|context| Pin::new(&mut *body).poll_frame(context));
            match time::timeout(self.silence_max, frame).await {
                Err(_) => return Err(Failure::Silent(self.silence_max)),
                Ok(None) => return Ok(None),
                Ok(Some(Err(why))) => return Err(Failure::Unreachable(cause(&why))),
                // Trailers say nothing to us.
                Ok(Some(Ok(frame))) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }
}

/// etcd takes requests of 1.5 MiB; as JSON an object can be a few times as long.
const LINE_OCTETS_MAX: usize = 8 << 20;
/// A slice of 100 endpoints has some 30 KiB.
const BUFFER_OCTETS_USUAL: usize = 64 << 10;
/// A Status has some 300 octets.
const REFUSAL_OCTETS_MAX: usize = 64 << 10;
