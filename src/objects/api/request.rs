//! One request to the API server, to the head of its reply.

use std::time::{Duration, Instant};

use hyper::{
    Request, Response,
    header::{ACCEPT, RETRY_AFTER},
};
use kube::client::Body;
use tokio::time;

use super::{
    access::{Connection, cause},
    failure::Failure,
    reply::Reply,
    said::Form,
};

/// What became of a request, for those who count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requested {
    /// The status; none where there was no reply.
    pub code: Option<u16>,
    /// From the request to the head of its reply.
    pub took: Duration,
}

/// Sends a GET and waits for the head of its reply, which may be of another form than the one wished for.
pub(super) async fn get(
    connection: &Connection,
    path: &str,
    wish: Form,
    silence_max: Duration,
    requested: impl FnOnce(Requested),
) -> Result<Reply, Failure> {
    let (number, client) = connection.client().await;
    let request = Request::get(path).header(ACCEPT, wish.accept()).body(Body::empty());
    let request = request.map_err(|why| Failure::Access(why.to_string()))?;
    let start = Instant::now();
    let sent = time::timeout(silence_max, client.send(request)).await;
    let code = sent.as_ref().ok().and_then(|sent| sent.as_ref().ok()).map(|response| response.status().as_u16());
    requested(Requested { code, took: start.elapsed() });
    let reply = match sent {
        Err(_) => Err(Failure::Silent(silence_max)),
        Ok(Err(why)) => Err(Failure::Unreachable(cause(&why))),
        Ok(Ok(response)) if response.status().is_success() => Ok(Reply::new(response, silence_max)),
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
    let reply = Reply::new(response, silence_max);
    let form = reply.form;
    let message = form.status(&reply.whole(REFUSAL_OCTETS_MAX).await.unwrap_or_default());
    Failure::of(code, &message, retry_after.map(Duration::from_secs))
}

/// A Status has some 300 octets.
const REFUSAL_OCTETS_MAX: usize = 64 << 10;
