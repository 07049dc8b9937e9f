//! The running server: builds each stage, binds every socket before it serves, drains at the end.
//!
//! ```text
//! Config ─► Plan, Views ─► Server::bind ─► apply(Change)... ─► start ─► shutdown
//! ```
//!
//! A program embeds it the way the command line does: see `examples/embed.rs`.

mod compile;
pub mod source;

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use thiserror::Error;
use tokio::{runtime::Runtime, sync::watch, task::JoinSet};

use crate::{
    admin::{Admin, readiness::Readiness},
    config::{Config, UdpSockets},
    objects::{Change, Known},
    observe::metrics::Metrics,
    records::{store::Store, view::View},
    respond::{Responder, general::Handler, plan::Plan},
    sockets::{bind::{self, BindError}, portable, tcp},
};
