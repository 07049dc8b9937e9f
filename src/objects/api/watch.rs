//! One list of objects, followed from its first picture to the end of the process.
//!
//! ```text
//!          ┌── streamed: the list as events, then what happens after it ──┐
//! no version                                                             follow ─► ended: watch after `version`
//!          └── pages, where the server has no such streams, then watch ──┘    └─► forgotten or garbled: no version
//! ```

use std::{panic::AssertUnwindSafe, time::Instant};

use futures_util::FutureExt;
use tokio::{sync::mpsc, time};

use super::{
    Arrival, Pace, Watched, What,
    access::Connection,
    failure::Failure,
    past::Past,
    reply::{Event, Reply},
    request,
    said::{Page, Said},
};
use crate::objects::{
    Key, Needs, Object,
    decode::{
        Decoded,
        carried::{Carried, Gone, Mark, Unreadable},
    },
    problem::Problem,
};

/// See the module.
pub(super) struct Watch {
    number: usize,
    watched: Watched,
    needs: Needs,
    connection: Connection,
    pace: Pace,
    out: mpsc::Sender<Arrival>,
    /// What is known of the list is what it was then. None: it must be listed.
    version: Option<Box<str>>,
    /// Since when this watch lives.
    followed_since: Option<Instant>,
    /// Whether it has said anything.
    heard: bool,
    past: Past,
}

/// A picture on its way.
#[derive(Default)]
struct Gathered {
    objects: Vec<Object>,
    left_out: Vec<Key>,
}

impl Gathered {
    fn drop(&mut self, key: Option<Key>) {
        self.objects.retain(|object| Some(object.key()) != key);
        self.left_out.retain(|left_out| Some(left_out) != key.as_ref());
    }
}

impl Watch {
    pub(super) fn new(
        number: usize,
        watched: Watched,
        needs: Needs,
        connection: Connection,
        pace: Pace,
        out: mpsc::Sender<Arrival>,
    ) -> Self {
        Self {
            number,
            watched,
            needs,
            connection,
            pace,
            out,
            version: None,
            followed_since: None,
            heard: false,
            past: Past::default(),
        }
    }

    /// Follows the list until nobody listens any more.
    pub(super) async fn run(mut self) {
        while !self.out.is_closed() {
            (self.followed_since, self.heard) = (None, false);
            // A panic is one more failure: another list must not end for it, nor this one for ever.
            let ended = AssertUnwindSafe(self.round()).catch_unwind().await.unwrap_or(Err(Failure::Defect));
            let settled = self.followed_since.is_some_and(|since| since.elapsed() >= self.pace.settled);
            if settled {
                self.past.settled();
            }
            let mut wish = None;
            match ended {
                // A server that ends its watches in order is asked again at once.
                Ok(()) if settled => continue,
                Ok(()) => {}
                Err(failure) => {
                    if self.past.failed(&failure, self.heard) {
                        self.version = None;
                    }
                    wish = if let Failure::Throttled(wish) = failure { wish } else { None };
                    self.say(What::Lost(failure)).await;
                }
            }
            time::sleep(self.past.pause(&self.pace, wish, fastrand::f64())).await;
        }
    }

    /// Goes on from where it is until the server ends the watch.
    async fn round(&mut self) -> Result<(), Failure> {
        let mut reply = match &self.version {
            Some(version) => self.get(&self.watched.after(version, self.watch_secs())).await?,
            None => match self.streamed().await {
                Some(reply) => reply?,
                None => {
                    self.list().await?;
                    let version = self.version.as_deref().unwrap_or_default();
                    self.get(&self.watched.after(version, self.watch_secs())).await?
                }
            },
        };
        self.followed_since = Some(Instant::now());
        self.say(What::InStep).await;
        reply.set_silence_max(self.silence_max());
        while let Some(said) = self.next(&mut reply).await? {
            self.heard = true;
            match said {
                Said::Seen(carried) => self.seen(carried).await,
                Said::Gone(gone) => self.gone(gone).await?,
                Said::Bookmark(Mark { version, .. }) => {
                    self.past.bookmarks = true;
                    reply.set_silence_max(self.silence_max());
                    self.version = version.or(self.version.take());
                }
                Said::Skipped => {}
            }
        }
        Ok(())
    }

    /// The list as events. None where it has to be read in pages.
    async fn streamed(&mut self) -> Option<Result<Reply, Failure>> {
        if !self.past.streams() {
            return None;
        }
        let streamed = match self.get(&self.watched.streamed(self.watch_secs())).await {
            Ok(mut reply) => self.initial_events(&mut reply).await.map(|whole| whole.then_some(reply)),
            Err(failure) => Err(failure),
        };
        match streamed {
            Ok(Some(reply)) => {
                self.past.streamed();
                Some(Ok(reply))
            }
            // A server that does not know the parameter sends events and never says where the list ends.
            Ok(None) | Err(Failure::Silent(_)) => {
                self.past.not_streamed(false);
                None
            }
            Err(Failure::Refused(code, _)) => {
                self.past.not_streamed(NO_SUCH_STREAMS.contains(&code));
                None
            }
            Err(failure) => Some(Err(failure)),
        }
    }

    /// Says whether the list became whole.
    async fn initial_events(&mut self, reply: &mut Reply) -> Result<bool, Failure> {
        let mut gathered = Gathered::default();
        while let Some(said) = self.next(reply).await? {
            match said {
                Said::Seen(_) if gathered.objects.len() >= GATHERED_MAX => return Ok(false),
                Said::Seen(carried) => self.gather(carried, &mut gathered).await,
                // The list of a server that lags behind itself is mended by what happened since.
                Said::Gone(gone) => gathered.drop(gone.key),
                Said::Bookmark(Mark { version, ends_list: true }) => {
                    self.version = version;
                    self.listed(gathered).await;
                    return Ok(true);
                }
                Said::Bookmark(_) => return Ok(false),
                Said::Skipped => {}
            }
        }
        Ok(false)
    }

    async fn list(&mut self) -> Result<(), Failure> {
        let mut gathered = Gathered::default();
        let mut continued = None;
        loop {
            let reply = self.get(&self.watched.page(continued.as_deref())).await?;
            let form = reply.form;
            let body = reply.whole(PAGE_OCTETS_MAX).await?;
            let Page { items, version, continued: next } = form.page(&body, self.watched.kind)?;
            for carried in items.carried(self.watched.kind, self.needs) {
                self.gather(carried, &mut gathered).await;
            }
            continued = next;
            if continued.is_none() {
                self.version = Some(version.into());
                self.listed(gathered).await;
                return Ok(());
            }
        }
    }

    async fn gather(&self, carried: Carried, gathered: &mut Gathered) {
        match carried.decoded {
            Ok(Decoded::Object(object)) => gathered.objects.push(object),
            Ok(Decoded::Without(_) | Decoded::Unknown(_)) => {}
            Err(Unreadable { key, problem }) => {
                gathered.left_out.extend(key);
                self.say(What::LeftOut(problem)).await;
            }
        }
    }

    async fn listed(&self, gathered: Gathered) {
        let Gathered { objects, left_out } = gathered;
        self.say(What::Listed { objects, left_out }).await;
    }

    async fn seen(&mut self, carried: Carried) {
        let Carried { decoded, triggered_unix_secs, version } = carried;
        match decoded {
            Ok(Decoded::Object(object)) => self.say(What::Applied { object, triggered_unix_secs }).await,
            Ok(Decoded::Without(key)) => self.say(What::Deleted(key)).await,
            Ok(Decoded::Unknown(_)) => {}
            Err(Unreadable { problem, .. }) => self.say(What::LeftOut(problem)).await,
        }
        self.version = version.or(self.version.take());
    }

    async fn gone(&mut self, gone: Gone) -> Result<(), Failure> {
        let Gone { key, version } = gone;
        let key = key.ok_or_else(|| Failure::Garbled("an object without a name was deleted".into()))?;
        self.say(What::Deleted(key)).await;
        self.version = version.or(self.version.take());
        Ok(())
    }

    /// What the next event says. None at the end.
    async fn next(&self, reply: &mut Reply) -> Result<Option<Said>, Failure> {
        let form = reply.form;
        let Some(event) = reply.event().await? else { return Ok(None) };
        let said = match event {
            Event::Octets(octets) => form.event(octets, self.watched.kind, self.needs)?,
            Event::TooLong => {
                let message = format!("one of the {} is longer than any object can be", self.watched.resource());
                self.say(What::LeftOut(Problem::error(None, message))).await;
                Said::Skipped
            }
        };
        Ok(Some(said))
    }

    async fn get(&self, path: &str) -> Result<Reply, Failure> {
        let mut requested = None;
        let (wish, silence_max) = (self.past.form(), self.pace.silence_max);
        let reply = request::get(&self.connection, path, wish, silence_max, |what| requested = Some(what)).await;
        if let Some(requested) = requested {
            self.say(What::Requested(requested)).await;
        }
        reply
    }

    async fn say(&self, what: What) {
        // Where nobody listens any more this task is about to end.
        let _ = self.out.send(Arrival { watched: self.number, what, received: Instant::now() }).await;
    }

    /// A connection that is dead without a sign is found by the bookmarks that do not come, or by an end
    /// that does not.
    fn silence_max(&self) -> time::Duration {
        if self.past.bookmarks { self.pace.bookmarks_silence_max } else { self.pace.watch + self.pace.silence_max }
    }

    /// Watches do not all end in the same second.
    fn watch_secs(&self) -> u64 {
        (self.pace.watch.as_secs_f64() * (0.8 + fastrand::f64() / 5.0)) as u64
    }
}

/// What servers say that have no streamed lists: they do not know the parameters, or not together.
const NO_SUCH_STREAMS: [u16; 2] = [400, 422];
/// A list without an end, of a server that streams what happens and calls it the list: a whole one of
/// 10,000 Services, or of 150,000 endpoints in slices of one, is no longer.
const GATHERED_MAX: usize = 500_000;
/// Also where a server pays no heed to the limit: 10,000 Services with 150,000 endpoints have 130 MB.
const PAGE_OCTETS_MAX: usize = 512 << 20;
