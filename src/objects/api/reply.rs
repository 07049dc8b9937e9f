//! A reply of the API server as events or as a whole, within limits of size and of silence.

use std::{
    error::Error,
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use hyper::{Response, body::Bytes, header::CONTENT_TYPE};
use kube::client::Body;
use tokio::time::{self, Instant, Sleep};

use super::{access::cause, failure::Failure, said::Form};

/// A reply that has begun.
pub(super) struct Reply<B = Body> {
    /// How it is written.
    pub(super) form: Form,
    body: B,
    /// What has arrived and is not read yet starts at `start`.
    buffer: Vec<u8>,
    start: usize,
    /// How long the server may be silent.
    silence_max: Duration,
    /// One timer, moved on and on: to make one for each event is dearer than to read one.
    deadline: Pin<Box<Sleep>>,
}

/// One event of a reply.
pub(super) enum Event<'r> {
    Octets(&'r [u8]),
    /// It was skipped.
    TooLong,
}

impl<B: hyper::body::Body<Data = Bytes, Error: Error + 'static> + Unpin> Reply<B> {
    pub(super) fn new(response: Response<B>, silence_max: Duration) -> Self {
        let content_type = response.headers().get(CONTENT_TYPE).map(|value| value.as_bytes());
        Self {
            form: Form::of(content_type.unwrap_or_default()),
            body: response.into_body(),
            buffer: Vec::new(),
            start: 0,
            silence_max,
            deadline: Box::pin(time::sleep(silence_max)),
        }
    }

    /// From now on the server may be silent for so long.
    pub(super) fn set_silence_max(&mut self, silence_max: Duration) {
        self.silence_max = silence_max;
    }

    /// The next event. None where the reply ends; one that is not said to its end is dropped.
    pub(super) async fn event(&mut self) -> Result<Option<Event<'_>>, Failure> {
        match self.form {
            Form::Json => self.line().await,
            Form::Protobuf => self.frame().await,
        }
    }

    /// The next line without its end.
    async fn line(&mut self) -> Result<Option<Event<'_>>, Failure> {
        let mut searched = self.start;
        let mut too_long = false;
        loop {
            if let Some(found) = self.buffer[searched..].iter().position(|&octet| octet == b'\n') {
                let line = self.start..searched + found;
                self.start = line.end + 1;
                return Ok(Some(if too_long { Event::TooLong } else { Event::Octets(&self.buffer[line]) }));
            }
            self.forget();
            if self.buffer.len() > EVENT_OCTETS_MAX {
                too_long = true;
                self.buffer.clear();
            }
            searched = self.buffer.len();
            if !self.more().await? {
                return Ok(None);
            }
        }
    }

    /// The next frame without its length. One that is too long is no frame: the server has not such objects.
    async fn frame(&mut self) -> Result<Option<Event<'_>>, Failure> {
        let Some(head) = self.first(LENGTH_OCTETS).await? else { return Ok(None) };
        let length = head.iter().fold(0, |length, octet| length << 8 | usize::from(*octet));
        if length > EVENT_OCTETS_MAX {
            return Err(Failure::Garbled(format!("an event of {length} octets")));
        }
        let Some(_) = self.first(LENGTH_OCTETS + length).await? else { return Ok(None) };
        let frame = self.start + LENGTH_OCTETS..self.start + LENGTH_OCTETS + length;
        self.start = frame.end;
        Ok(Some(Event::Octets(&self.buffer[frame])))
    }

    /// The first octets of what is not read yet. None where the reply ends before.
    async fn first(&mut self, octets: usize) -> Result<Option<&[u8]>, Failure> {
        while self.buffer.len() - self.start < octets {
            self.forget();
            if !self.more().await? {
                return Ok(None);
            }
        }
        Ok(Some(&self.buffer[self.start..self.start + octets]))
    }

    /// Drops what is read.
    fn forget(&mut self) {
        self.buffer.drain(..self.start);
        self.start = 0;
    }

    /// Waits for more. Says whether there is more.
    async fn more(&mut self) -> Result<bool, Failure> {
        let Some(data) = self.data().await? else { return Ok(false) };
        self.buffer.extend_from_slice(&data);
        // One long event must not be paid for as long as the watch lives.
        if self.buffer.len() < BUFFER_OCTETS_USUAL {
            self.buffer.shrink_to(BUFFER_OCTETS_USUAL);
        }
        Ok(true)
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
        loop {
            let mut is_waiting = false;
            let frame = poll_fn(|context| match Pin::new(&mut self.body).poll_frame(context) {
                Poll::Ready(frame) => Poll::Ready(Ok(frame)),
                Poll::Pending => {
                    let is_first = !std::mem::replace(&mut is_waiting, true);
                    silence(&mut self.deadline, is_first.then_some(self.silence_max), context).map(Err)
                }
            });
            match frame.await {
                Err(()) => return Err(Failure::Silent(self.silence_max)),
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

/// Waits for the deadline, which is so far away from where the waiting begins.
fn silence(deadline: &mut Pin<Box<Sleep>>, begins: Option<Duration>, context: &mut Context<'_>) -> Poll<()> {
    if let Some(silence_max) = begins {
        deadline.as_mut().reset(Instant::now() + silence_max);
    }
    deadline.as_mut().poll(context)
}

/// In front of a frame, big-endian.
const LENGTH_OCTETS: usize = 4;
/// etcd takes requests of 1.5 MiB; as JSON an object can be a few times as long.
const EVENT_OCTETS_MAX: usize = 8 << 20;
/// A slice of 100 endpoints has some 30 KiB as JSON.
const BUFFER_OCTETS_USUAL: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use hyper::body::{Body as HttpBody, Frame};
    use proptest::{prelude::*, sample::Index};
    use tokio::runtime::Builder;

    use super::*;

    /// What is there already; behind it the end, or nothing for ever.
    struct Pieces {
        pieces: VecDeque<Bytes>,
        ends: bool,
    }

    impl HttpBody for Pieces {
        type Data = Bytes;
        type Error = std::io::Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
            match self.pieces.pop_front() {
                Some(piece) => Poll::Ready(Some(Ok(Frame::data(piece)))),
                None if self.ends => Poll::Ready(None),
                None => Poll::Pending,
            }
        }
    }

    /// The events of a reply, and how it ends.
    fn events(content_type: &str, pieces: &[&[u8]], ends: bool) -> (Vec<Vec<u8>>, Result<(), Failure>) {
        let pieces = pieces.iter().map(|piece| Bytes::copy_from_slice(piece)).collect();
        let response = Response::builder().header(CONTENT_TYPE, content_type);
        let response = response.body(Pieces { pieces, ends }).unwrap();
        let mut seen = Vec::new();
        let runtime = Builder::new_current_thread().enable_time().build().unwrap();
        let end = runtime.block_on(async {
            let mut reply = Reply::new(response, Duration::from_millis(1));
            while let Some(event) = reply.event().await? {
                seen.push(match event {
                    Event::Octets(octets) => octets.to_vec(),
                    Event::TooLong => b"too long".to_vec(),
                });
            }
            Ok(())
        });
        (seen, end)
    }

    const JSON: &str = "application/json";
    const PROTOBUF: &str = "application/vnd.kubernetes.protobuf;stream=watch";

    #[test]
    fn an_event_that_is_not_said_to_its_end_is_dropped() {
        assert_eq!(events(JSON, &[b"one\ntwo\nthr"], true), (vec![b"one".to_vec(), b"two".to_vec()], Ok(())));
        for cut in [&[0, 0][..], &[0, 0, 0, 3], &[0, 0, 0, 3, b'a', b'b']] {
            let whole = [0, 0, 0, 1, b'x'];
            assert_eq!(events(PROTOBUF, &[&whole, cut], true), (vec![b"x".to_vec()], Ok(())));
        }
    }

    #[test]
    fn a_silent_server_is_not_waited_for() {
        for content_type in [JSON, PROTOBUF] {
            let (seen, end) = events(content_type, &[b"\0\0\0\n"], false);
            assert_eq!(end, Err(Failure::Silent(Duration::from_millis(1))));
            assert_eq!(seen.len(), usize::from(content_type == JSON));
        }
    }

    #[test]
    fn no_event_is_longer_than_an_object_can_be() {
        let long = vec![b'x'; EVENT_OCTETS_MAX + 1];
        let expected = vec![b"too long".to_vec(), b"next".to_vec()];
        assert_eq!(events(JSON, &[&long, b"\nnext\n"], true), (expected, Ok(())));
        let length = u32::try_from(EVENT_OCTETS_MAX + 1).unwrap().to_be_bytes();
        let (seen, end) = events(PROTOBUF, &[&length, &long], true);
        assert!(seen.is_empty() && matches!(end, Err(Failure::Garbled(_))), "{end:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn events_are_the_same_in_whatever_pieces_they_come(
            said in prop::collection::vec(prop::collection::vec(b'a'..=b'z', 0..300), 0..6),
            mut cuts in prop::collection::vec(any::<Index>(), 0..8),
        ) {
            let lines: Vec<u8> = said.iter().flat_map(|event| [event, &b"\n"[..]].concat()).collect();
            let frame = |event: &Vec<u8>| [&u32::try_from(event.len()).unwrap().to_be_bytes(), &event[..]].concat();
            let frames: Vec<u8> = said.iter().flat_map(frame).collect();
            for (content_type, octets) in [(JSON, lines), (PROTOBUF, frames)] {
                cuts.sort_by_key(|cut| cut.index(octets.len() + 1));
                let mut at = 0;
                let ends = cuts.iter().map(|cut| cut.index(octets.len() + 1)).chain([octets.len()]);
                let pieces: Vec<&[u8]> = ends.map(|end| &octets[std::mem::replace(&mut at, end)..end]).collect();
                prop_assert_eq!(events(content_type, &pieces, true), (said.clone(), Ok(())));
            }
        }
    }
}
