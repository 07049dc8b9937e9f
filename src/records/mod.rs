//! What DNS should say.
//!
//! Pure rules from objects to records, and the tables that hold their results. A [`store::Store`]
//! takes changes, finds the one Service that each touches, applies the schema to it and publishes
//! the result into every [`view::View`]. Readers of a view never wait and never see half a Service.

pub mod endpoints;
pub mod name;
mod publish;
pub mod published;
pub mod selector;
pub mod service;
pub mod store;
pub mod view;
pub mod zone;
