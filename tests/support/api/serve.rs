//! From a request to its answer, or to what goes wrong with it.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{net::TcpStream, sync::watch, time};

use super::{
    fault::{Fault, What, status_reply},
    form::Form,
    http::{Body, Connection, Reply, Request},
    kind::{Target, kind},
    selector::Selector,
    state::{Piece, State, wants_bookmarks},
};

/// What all connections share.
pub(super) struct Shared {
    state: Mutex<State>,
    /// Told of every change, for streams to look.
    changed: watch::Sender<()>,
}

impl Shared {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(State::new()), changed: watch::channel(()).0 })
    }

    /// Looks at what there is.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes it; streams see it in one.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.state());
        self.changed.send_replace(());
        result
    }
}

/// Serves a client until one of both has had enough.
pub(super) async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let mut connection = Connection::new(stream);
    // An error is a client that is gone.
    while let Ok(Some(request)) = connection.request().await {
        match answer(connection, request, &shared).await {
            Some(next) => connection = next,
            None => return,
        }
    }
}

/// Gives the connection back where it can take another request.
async fn answer(mut connection: Connection, request: Request, shared: &Shared) -> Option<Connection> {
    let target = Target::of(&request.path);
    let plural = target.as_ref().map_or("", |target| target.kind.plural);
    let (fault, token, form) = {
        let mut state = shared.state();
        state.requests.push(request.clone());
        (state.fault(plural, &request), state.habits.token.clone(), state.habits.form)
    };
    let form = form.unwrap_or_else(|| Form::accepted(&request));
    let Some(target) = target else {
        let reply = status_reply(404, kind("services"));
        return connection.reply(&reply, form).await.ok().map(|()| connection);
    };
    if let Some(Fault { what, retry_after, .. }) = fault {
        let reply = match what {
            What::Hang => {
                connection.gone().await;
                return None;
            }
            What::Reset => {
                connection.reset();
                return None;
            }
            What::Wait(mut opened) => {
                // A gate that is dropped is open.
                let _ = opened.wait_for(|&opened| opened).await;
                None
            }
            What::Status(code) => Some(status_reply(code, target.kind)),
            What::Body(code, of, octets) => Some(Reply { code, retry_after: None, body: Body::Octets(of, octets) }),
        };
        if let Some(reply) = reply {
            return connection.reply(&Reply { retry_after, ..reply }, form).await.ok().map(|()| connection);
        }
    }
    if token.is_some_and(|token| request.authorization != Some(format!("Bearer {token}"))) {
        return connection.reply(&status_reply(401, target.kind), form).await.ok().map(|()| connection);
    }
    give(connection, &request, &target, form, shared).await
}

/// Lists or watches.
async fn give(
    mut connection: Connection,
    request: &Request,
    target: &Target,
    form: Form,
    shared: &Shared,
) -> Option<Connection> {
    let Ok(selector) = Selector::of(request, target) else {
        return connection.reply(&status_reply(400, target.kind), form).await.ok().map(|()| connection);
    };
    if request.is_watch() {
        // What a stream says last is its end, or it is gone.
        return stream(connection, request, target, &selector, form, shared).await.ok().flatten();
    }
    let page = shared.state().list(target.kind, &selector, request);
    connection.reply(&page, form).await.ok().map(|()| connection)
}

/// Gives the connection back after a stream that ended in good order, or never began.
async fn stream(
    mut connection: Connection,
    request: &Request,
    target: &Target,
    selector: &Selector,
    form: Form,
    shared: &Shared,
) -> io::Result<Option<Connection>> {
    let mut changed = shared.changed.subscribe();
    let bookmark_interval = shared.state().habits.bookmark_interval;
    let opened = shared.state().open(target.kind, selector, request);
    let (mut pieces, mut cursor) = match opened {
        Ok(opened) => opened,
        Err(reply) => return connection.reply(&reply, form).await.map(|()| Some(connection)),
    };
    let _open = Open::new(target.kind.plural, shared);
    connection.begin_stream(form).await?;
    loop {
        for piece in pieces {
            match piece {
                Piece::Event(what, object) => connection.send(&form.event(what, &object)).await?,
                Piece::Line(line) => connection.send(&form.line(&line)).await?,
                Piece::Octets(octets) => connection.send(&octets).await?,
                Piece::HalfLine => {
                    connection.send(&form.half()).await?;
                    return connection.end_stream().await.map(|()| Some(connection));
                }
                Piece::End => return connection.end_stream().await.map(|()| Some(connection)),
                Piece::Reset => {
                    connection.reset();
                    return Ok(None);
                }
                Piece::Mute => {
                    connection.gone().await;
                    return Ok(None);
                }
            }
        }
        let mut is_quiet = false;
        tokio::select! {
            told = changed.changed() => if told.is_err() { return Ok(None) },
            () = time::sleep(bookmark_interval) => is_quiet = true,
            () = connection.gone() => return Ok(None),
        }
        let state = shared.state();
        pieces = state.since(&mut cursor, target.kind, selector);
        if is_quiet && wants_bookmarks(request) {
            pieces.push(state.bookmark(target.kind));
        }
    }
}

/// Counts among the streams as long as it lives.
struct Open<'a> {
    plural: &'static str,
    shared: &'a Shared,
}

impl<'a> Open<'a> {
    fn new(plural: &'static str, shared: &'a Shared) -> Self {
        shared.state().streams.push(plural);
        Self { plural, shared }
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        if let Some(at) = state.streams.iter().position(|plural| *plural == self.plural) {
            state.streams.swap_remove(at);
        }
    }
}
