//! Questions over TCP, TLS and HTTPS: a few connections for each upstream, with many questions on each.
//!
//! ```text
//! exchange ─► pool ─► connection ─► a task: ids, frames, one write for what there is; or streams of HTTP/2
//!             the one with the least to do
//! ```

mod connection;
mod pool;
mod work;

pub(super) use self::{
    connection::serve,
    pool::{Dial, Pool, Rules},
    work::{Idleness, PIPELINE_MAX, Request, Work},
};
