//! TCP over loopback: framing, pipelining, limits, and the end.
//!
//! Real answers come from a small cluster; what needs a slow or a broken answer gets it from
//! [`room::Scripted`].

mod common;
#[path = "tcp/ending.rs"]
mod ending;
#[path = "tcp/limits.rs"]
mod limits;
#[path = "tcp/messages.rs"]
mod messages;
#[path = "tcp/room.rs"]
mod room;
