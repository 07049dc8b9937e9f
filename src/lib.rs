//! A DNS server for Kubernetes clusters.

pub mod admin;
pub mod answers;
pub mod config;
pub mod objects;
pub mod observe;
pub mod records;
pub mod respond;
pub mod sockets;
