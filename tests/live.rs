//! `clusterdns serve --kubernetes` on a stand-in for the API server: what a real one cannot be made
//! to do on command. `support/api` is the stand-in, `live/standin.rs` holds it to its word.

#[path = "live/access.rs"]
mod access;
#[path = "support/api/mod.rs"]
mod api;
#[path = "live/faults.rs"]
mod faults;
#[path = "live/forms.rs"]
mod forms;
#[path = "live/logs.rs"]
mod logs;
#[path = "live/model.rs"]
mod model;
#[path = "live/narrow.rs"]
mod narrow;
#[path = "live/objects.rs"]
mod objects;
#[path = "live/outage.rs"]
mod outage;
#[path = "live/patience.rs"]
mod patience;
#[path = "live/picture.rs"]
mod picture;
#[path = "support/query.rs"]
#[allow(dead_code, reason = "others ask odder questions")]
mod query;
#[path = "live/relist.rs"]
mod relist;
#[path = "support/reply.rs"]
mod reply;
#[path = "live/running.rs"]
mod running;
#[path = "live/standin.rs"]
mod standin;
#[path = "live/state.rs"]
mod state;
