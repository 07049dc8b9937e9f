//! A DNS server for Kubernetes clusters: it answers as CoreDNS does, an order of magnitude faster.
//!
//! ```text
//! snapshot files ──► objects ──► records ──► answers ◄── respond ◄── sockets ◄── clients
//!                    what the    what DNS    what the    one query   bytes in
//!                    cluster     should      wire says   one path    and out
//!                    says        say
//! ```
//!
//! Data flows from the left into the tables of `records`; a query walks from the right to them and
//! back. The two meet only there, and only by atomic pointers: one writer publishes, readers load
//! and never wait. Each module knows only what stands to its left; `config` describes what to do,
//! `observe` and `admin` look on, and `app` joins them all. [`search`] knows the clients' side: which
//! questions a program's resolver makes of a name. [`explain`] says why it resolves, or why not.
//!
//! Invariants: a name that is not known is not said not to exist (NXDOMAIN needs a complete
//! picture). No reader sees half a Service. The hot path, a UDP question for a cluster name,
//! allocates nothing, takes no lock, starts no task and logs no line. Whatever is bounded says what
//! it does at its bound. What we knew stays in service when something new is bad.
//!
//! A program that embeds the server needs [`Config`], [`Server`] and [`objects`]; `examples/embed.rs`
//! is a whole one, `examples/hickory.rs` mounts our answers in a hickory server.
//!
//! ```no_run
//! use clusterdns::{Config, Server, objects::{Change, Known, Picture, decode::{self, Decoded}}};
//!
//! let mut server = Server::bind(&Config::default())?;
//! // As the API has them. A Service exists only where its namespace does.
//! let shop = r#"{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}"#;
//! let web = r#"{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop"},
//!               "spec": {"clusterIP": "10.96.0.10"}}"#;
//! let mut objects = Vec::new();
//! for json in [shop, web] {
//!     if let Decoded::Object(object) = decode::object(json, Default::default())? {
//!         objects.push(object);
//!     }
//! }
//! server.feed().apply(Change::Reset(Picture { objects, known: Known::ALL, ..Picture::default() }));
//! server.start()?;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```

pub mod admin;
pub mod answers;
pub mod app;
pub mod cache;
pub mod cli;
pub mod config;
pub mod explain;
pub mod forward;
pub mod objects;
pub mod observe;
pub mod records;
pub mod respond;
pub mod search;
pub mod sockets;
pub mod stages;

pub use app::Server;
pub use config::Config;
