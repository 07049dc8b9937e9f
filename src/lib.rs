//! A DNS server for Kubernetes clusters.

pub mod objects;
pub mod sockets;
