//! The whole server as a library: bind, feed, start, ask over real sockets, shut down.

#[path = "serve/answers.rs"]
mod answers;
#[path = "serve/ending.rs"]
mod ending;
#[path = "serve/running.rs"]
mod running;
#[path = "serve/snapshots.rs"]
mod snapshots;
