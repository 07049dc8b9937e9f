//! What is answered, beyond what CoreDNS was asked for the golden data: each test is a cluster, a
//! question and the answer.

mod support;

#[path = "answers/endpoints.rs"]
mod endpoints;
#[path = "answers/finish.rs"]
mod finish;
#[path = "answers/model.rs"]
mod model;
#[path = "answers/names.rs"]
mod names;
#[path = "answers/packets.rs"]
mod packets;
#[path = "answers/plans.rs"]
mod plans;
#[path = "answers/sizes.rs"]
mod sizes;
#[path = "answers/turns.rs"]
mod turns;
#[path = "answers/unknown.rs"]
mod unknown;
#[path = "answers/why.rs"]
mod why;
