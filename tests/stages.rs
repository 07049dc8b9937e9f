//! Stages in front of the tables, through a Corefile and over sockets.

mod common;

#[path = "stages/fast.rs"]
mod fast;
#[path = "stages/hosts.rs"]
mod hosts;
#[path = "stages/rewrite.rs"]
mod rewrite;
#[path = "stages/running.rs"]
mod running;
#[path = "stages/template.rs"]
mod template;
