//! Tasks that answer what has to wait, and then wait for more.

use std::{
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
};

use super::{Kept, Later, Place, Waiting};
use crate::{
    respond::{Ahead, serving::Desk},
    sockets::events::Events,
};

/// Where a reply goes that was waited for.
pub trait WayBack: Send + 'static {
    /// Sends it. A reply that cannot be sent has nobody to be told of.
    fn send(&self, reply: &[u8]) -> impl Future<Output = ()> + Send;
}

/// Those who answer the questions of one socket. Who is idle ends with it, others when they are done.
pub struct Crew<E, W> {
    later: Later<E>,
    rest: Arc<Rest<E, W>>,
}

/// Where hands wait for work.
struct Rest<E, W>(Mutex<Idle<E, W>>);

/// None where there is no crew any more.
type Idle<E, W> = Option<Vec<Arc<Hand<E, W>>>>;

/// One task.
struct Hand<E, W>(Mutex<Todo<E, W>>);

enum Todo<E, W> {
    /// Nothing yet; who is to be told.
    Nothing(Option<Waker>),
    Job(Job<E, W>),
    Leave,
}

/// A question, and where its reply goes.
struct Job<E, W> {
    question: Kept,
    ahead: Ahead,
    way_back: W,
    place: Place<E>,
}

/// Hands that wait for work, with 4 KiB each: a MiB for a socket at which ever so many questions waited at a time.
const IDLE_MAX: usize = 256;

impl<E: Events, W: WayBack> Crew<E, W> {
    /// Nobody is there yet.
    pub fn new(later: Later<E>) -> Self {
        Self { later, rest: Arc::new(Rest(Mutex::new(Some(Vec::new())))) }
    }

    /// Who they work for.
    pub fn later(&self) -> &Later<E> {
        &self.later
    }

    /// Answers a question in its own time, from where this desk says that it goes on. None if too many wait: then
    /// nothing will be sent.
    pub fn answer(&self, waiting: &Waiting<'_>, ahead: Ahead, desk: Arc<Desk>, way_back: W) -> Option<()> {
        let place = self.later.place()?;
        let job = Job { question: Kept::new(waiting, desk), ahead, way_back, place };
        let idle = self.rest.hands().as_mut().and_then(Vec::pop);
        match idle {
            Some(hand) => hand.tell(Todo::Job(job)),
            None => {
                let hand = Arc::new(Hand(Mutex::new(Todo::Job(job))));
                self.later.0.runtime.spawn(work(hand, self.rest.clone()));
            }
        }
        Some(())
    }
}

impl<E, W> Drop for Crew<E, W> {
    fn drop(&mut self) {
        let idle = self.rest.hands().take();
        idle.into_iter().flatten().for_each(|hand| hand.tell(Todo::Leave));
    }
}

async fn work<E: Events, W: WayBack>(hand: Arc<Hand<E, W>>, rest: Arc<Rest<E, W>>) {
    while let Some(Job { question, ahead, way_back, place }) = hand.job().await {
        if let Some(reply) = question.answer(ahead, &place.0.events).await {
            way_back.send(&reply).await;
        }
        drop(place);
        if !rest.takes(&hand) {
            return;
        }
    }
}

impl<E, W> Rest<E, W> {
    /// Whether there will be more to do.
    fn takes(&self, hand: &Arc<Hand<E, W>>) -> bool {
        match &mut *self.hands() {
            Some(hands) if hands.len() < IDLE_MAX => {
                hands.push(hand.clone());
                true
            }
            _ => false,
        }
    }

    fn hands(&self) -> MutexGuard<'_, Idle<E, W>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<E, W> Hand<E, W> {
    fn tell(&self, todo: Todo<E, W>) {
        let before = std::mem::replace(&mut *self.todo(), todo);
        if let Todo::Nothing(Some(waker)) = before {
            waker.wake();
        }
    }

    /// What is to be done next; nothing any more where there is no crew.
    fn job(&self) -> impl Future<Output = Option<Job<E, W>>> {
        poll_fn(|context| {
            let mut todo = self.todo();
            match std::mem::replace(&mut *todo, Todo::Nothing(None)) {
                Todo::Job(job) => Poll::Ready(Some(job)),
                Todo::Leave => Poll::Ready(None),
                Todo::Nothing(_) => {
                    *todo = Todo::Nothing(Some(context.waker().clone()));
                    Poll::Pending
                }
            }
        })
    }

    fn todo(&self) -> MutexGuard<'_, Todo<E, W>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::{net::Ipv4Addr, time::Instant};

    use tokio::{runtime::Handle, task::yield_now};

    use super::*;
    use crate::respond::{Ahead, Asked, Responder, Transport, plan::Plan};

    struct Nowhere;

    impl WayBack for Nowhere {
        async fn send(&self, _: &[u8]) {}
    }

    /// Questions at a time that no reply is due to.
    async fn ask(crew: &Crew<(), Nowhere>, questions: usize) {
        let asked = Asked { client: (Ipv4Addr::LOCALHOST, 1).into(), transport: Transport::Udp, listener: 0 };
        let waiting = Waiting { packet: &[], asked, begun: Instant::now() };
        let desk = Arc::new(Desk { responder: Arc::new(Responder::new(Plan::default())), listener: 0 });
        for _ in 0..questions {
            crew.answer(&waiting, Ahead::Anew, desk.clone(), Nowhere).unwrap();
        }
        while crew.later().waiting() > 0 {
            yield_now().await;
        }
    }

    fn idle(crew: &Crew<(), Nowhere>) -> Vec<Arc<Hand<(), Nowhere>>> {
        crew.rest.hands().clone().unwrap()
    }

    #[tokio::test]
    async fn who_is_done_takes_the_next_question() {
        let crew = Crew::new(Later::new(Handle::current(), ()));
        ask(&crew, 3).await;
        let first = idle(&crew);
        assert_eq!(first.len(), 3);
        ask(&crew, 3).await;
        assert!(idle(&crew).iter().all(|hand| first.iter().any(|known| Arc::ptr_eq(hand, known))));
    }

    #[tokio::test]
    async fn no_more_than_the_limit_wait_for_work() {
        let crew = Crew::new(Later::new(Handle::current(), ()));
        ask(&crew, IDLE_MAX + 1).await;
        assert_eq!(idle(&crew).len(), IDLE_MAX);
    }

    #[tokio::test]
    async fn who_waits_for_work_leaves_with_the_crew() {
        let crew = Crew::new(Later::new(Handle::current(), ()));
        ask(&crew, 1).await;
        let hand = Arc::downgrade(&idle(&crew)[0]);
        drop(crew);
        while hand.strong_count() > 0 {
            yield_now().await;
        }
    }
}
