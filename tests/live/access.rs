//! Credentials that end and rights that are missing.

use crate::{api::*, patience::*, running::*};

#[test]
fn a_rotated_token_is_used_when_the_old_one_is_refused() {
    let api = shop();
    api.require_token("first");
    let server = following(&api);
    let meanwhile = server.meanwhile("web.shop", "A");
    api.require_token("second");
    for plural in WATCHED {
        api.order(plural, Order::End);
    }
    server.measures("clusterdns_source_failures_total", &["services", "unauthorized"], |count| count >= 1.0);
    api.apply(service("shop/late").cluster_ip("10.0.0.2"));
    assert_eq!(server.said("late.shop", "A"), "NXDOMAIN", "it cannot know");
    server.rotate_token("second");
    server.answers("late.shop", "A", "10.0.0.2");
    assert_eq!(meanwhile.heard(), ["10.0.0.1"]);
    let bearers = api.requests_for("services");
    assert_eq!(bearers.last().and_then(|request| request.authorization.as_deref()), Some("Bearer second"));
    server.measures("clusterdns_source_stale_seconds", &[], |secs| secs == 0.0);
}

#[test]
fn a_missing_right_is_named_with_what_would_grant_it() {
    side_by_side(WATCHED, |plural| {
        let api = shop();
        api.fail(plural, Fault::status(403));
        let server = live(&api);
        server.is_ready(503, &format!("{plural} is forbidden"));
        let (_, body) = server.ready();
        assert!(body.contains("ClusterRole") && body.contains(&format!("resources: [\"{plural}\"]")), "{body}");
        assert_ne!(server.said("web.shop", "A"), "NXDOMAIN");
        api.heal(plural);
        server.answers("web.shop", "A", "10.0.0.1");
        server.is_well();
    });
}

/// Every replica sees it at once: to take them all out of service would end the answers.
#[test]
fn a_right_that_is_taken_away_later_is_a_fault_and_old_answers_stay() {
    let api = shop();
    let server = following(&api);
    let meanwhile = server.meanwhile("db.shop", "A");
    api.fail("endpointslices", Fault::status(403));
    api.order("endpointslices", Order::End);
    server.is_ready(200, "endpointslices is forbidden");
    server.measures("clusterdns_source_failures_total", &["endpointslices", "forbidden"], |count| count >= 1.0);
    assert_eq!(server.said("no.shop", "A"), "NXDOMAIN");
    api.heal("endpointslices");
    server.is_well();
    assert_eq!(meanwhile.heard(), ["10.1.0.1"]);
}
