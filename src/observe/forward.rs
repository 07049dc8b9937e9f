//! What forwarding counted, as the families of metrics that dashboards know.
//!
//! CoreDNS has `coredns_proxy_*` now. The `coredns_forward_*` that went before are shown too, for
//! dashboards and alerts still ask for them; their durations have the label `rcode`, as in CoreDNS 1.10.

use std::sync::Arc;

use prometheus::proto::MetricFamily;

use super::families::{Family, RCODE_NAMES};
use crate::forward::counters::{BUCKETS, Counters, Durations, FIRST_BOUND, PROTOS, UpstreamCounters};

/// Every family that has a series.
pub(super) fn families(counters: &Counters) -> Vec<MetricFamily> {
    let upstreams = counters.upstreams();
    let mut families = whole(counters);
    families.extend(coredns(&upstreams));
    families.extend(ours(&upstreams));
    families.retain(|family| !family.get_metric().is_empty());
    families
}

const IN_FLIGHT: (&str, &str) = ("clusterdns_forward_in_flight", "Questions that upstreams are asked now.");

type Upstreams = [(String, Arc<UpstreamCounters>)];

/// What has no upstream. These are there from the start, so that an alert on their rate sees the first event.
fn whole(counters: &Counters) -> Vec<MetricFamily> {
    let counts = [
        (
            "coredns_forward_healthcheck_broken_total",
            "Counter of the number of complete failures of the healthchecks.",
            &counters.healthcheck_broken,
        ),
        (
            "coredns_forward_max_concurrent_rejects_total",
            "Counter of the number of queries rejected because the concurrent queries were at maximum.",
            &counters.overloaded,
        ),
        (
            "clusterdns_forward_hedges_total",
            "Questions asked of a second upstream because the first was late.",
            &counters.hedges,
        ),
        (
            "clusterdns_forward_hedges_won_total",
            "Second upstreams that answered before the first.",
            &counters.hedges_won,
        ),
        (
            "clusterdns_forward_hedges_withheld_total",
            "Questions that were late and not asked a second time: too many had been.",
            &counters.hedges_withheld,
        ),
        (
            "clusterdns_forward_shared_total",
            "Questions that got the answer of an identical one in flight.",
            &counters.shared,
        ),
        (
            "clusterdns_forward_probes_total",
            "Questions copied to an upstream that is asked last, to see whether it is well again.",
            &counters.probes,
        ),
        (
            "clusterdns_forward_mismatched_replies_total",
            "Datagrams that were no reply to the question of their port: confused upstreams, or somebody guesses.",
            &counters.wrong_replies,
        ),
        ("clusterdns_forward_loops_total", "Upstreams that were found to lead back to this server.", &counters.loops),
    ];
    let mut families: Vec<_> = counts
        .into_iter()
        .map(|(name, help, counter)| {
            let mut family = Family::counter(name, help);
            family.push(&[], counter.get());
            family.finish()
        })
        .collect();
    let mut in_flight = Family::gauge(IN_FLIGHT.0, IN_FLIGHT.1);
    in_flight.push(&[], shown(counters.in_flight.get()));
    families.push(in_flight.finish());
    families
}

/// CoreDNS's families, old and new.
fn coredns(upstreams: &Upstreams) -> [MetricFamily; 8] {
    let durations_help = "Histogram of the time each request took.";
    let failures_help = "Counter of the number of failed healthchecks.";
    let mut proxy_durations = Family::histogram("coredns_proxy_request_duration_seconds", durations_help);
    let mut proxy_failures = Family::counter("coredns_proxy_healthcheck_failures_total", failures_help);
    let mut reused = Family::counter(
        "coredns_proxy_conn_cache_hits_total",
        "Counter of connection cache hits per upstream and protocol.",
    );
    let mut opened = Family::counter(
        "coredns_proxy_conn_cache_misses_total",
        "Counter of connection cache misses per upstream and protocol.",
    );
    let mut requests = Family::counter("coredns_forward_requests_total", "Counter of requests made per upstream.");
    let mut responses =
        Family::counter("coredns_forward_responses_total", "Counter of responses received per upstream.");
    let mut durations = Family::histogram("coredns_forward_request_duration_seconds", durations_help);
    let mut failures = Family::counter("coredns_forward_healthcheck_failures_total", failures_help);

    for (to, upstream) in upstreams {
        let to = ("to", &**to);
        let proxy = ("proxy_name", "forward");
        requests.push(&[to], upstream.requests.get());
        failures.push(&[to], upstream.healthcheck_failures.get());
        proxy_failures.push(&[proxy, to], upstream.healthcheck_failures.get());
        for (index, proto) in PROTO_NAMES.into_iter().enumerate() {
            let labels = [proxy, to, ("proto", proto)];
            count(&mut reused, &labels, upstream.connections_reused[index].get());
            count(&mut opened, &labels, upstream.connections_opened[index].get());
        }
        for (observed, rcode) in upstream.replies.iter().zip(RCODE_NAMES) {
            let Some(observed) = observed.get() else { continue };
            let rcode = ("rcode", rcode);
            count(&mut responses, &[to, rcode], observed.counts().iter().sum());
            observe(&mut durations, &[to, rcode], observed);
            observe(&mut proxy_durations, &[proxy, to, rcode], observed);
        }
    }
    [proxy_durations, proxy_failures, reused, opened, requests, responses, durations, failures].map(Family::finish)
}

/// What CoreDNS does not tell of upstreams.
fn ours(upstreams: &Upstreams) -> [MetricFamily; 4] {
    let mut lost = Family::counter("clusterdns_forward_lost_total", "Questions that an upstream did not answer.");
    let mut down = Family::gauge(
        "clusterdns_forward_upstream_down",
        "Forwarders that do not ask an upstream because it answers no health checks.",
    );
    let mut ejected = Family::gauge(
        "clusterdns_forward_upstream_ejected",
        "Forwarders that ask an upstream last because it is slow, silent or refuses.",
    );
    let mut isolated = Family::gauge(
        "clusterdns_forward_upstream_isolated",
        "Forwarders that do not ask an upstream because it leads back to this server.",
    );
    for (to, upstream) in upstreams {
        let to = [("to", &**to)];
        lost.push(&to, upstream.lost.get());
        down.push(&to, shown(upstream.down.get()));
        ejected.push(&to, shown(upstream.ejected.get()));
        isolated.push(&to, shown(upstream.isolated.get()));
    }
    [lost, down, ejected, isolated].map(Family::finish)
}

/// Of the many that there may be of an upstream a series appears when it first counts something, as in CoreDNS.
fn count(family: &mut Family, labels: &[(&str, &str)], value: u64) {
    if value > 0 {
        family.push(labels, value);
    }
}

fn observe(family: &mut Family, labels: &[(&str, &str)], observed: &Durations) {
    let bounds: [f64; BUCKETS] = std::array::from_fn(|bucket| FIRST_BOUND.as_secs_f64() * f64::from(1 << bucket));
    family.push_counts(labels, observed.counts(), &bounds, observed.secs());
}

/// Between two additions a gauge may be seen below zero.
fn shown(gauge: i64) -> u64 {
    gauge.max(0) as u64
}

/// In the order of [`Proto`](crate::forward::counters::Proto).
const PROTO_NAMES: [&str; PROTOS] = ["udp", "tcp", "tcp-tls", "https"];

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use prometheus::TextEncoder;
    use tokio::{net::UdpSocket, runtime::Handle};

    use super::*;
    use crate::{
        forward::{Asking, Forwarder, Options, Over, options::To},
        records::name::Name,
    };

    /// A of `a.`
    const QUERY: &[u8] = b"\0\0\x01\0\0\x01\0\0\0\0\0\0\x01a\0\0\x01\0\x01";

    async fn scrape_after_one_question() -> (String, String) {
        let upstream = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let to = upstream.local_addr().unwrap();
        let counters = Counters::default();
        let options = Options::new(Name::root(), vec![To::Plain(to)]);
        let forwarder = Forwarder::new(options, &counters, &Handle::current()).unwrap();
        let answers = async {
            let mut message = [0; 512];
            let (length, client) = upstream.recv_from(&mut message).await.unwrap();
            message[2] |= 0x80;
            message[3] |= 3;
            upstream.send_to(&message[..length], client).await.unwrap();
        };
        let asking = Asking { query: QUERY, over: Over::Udp, reply_octets_max: 512 };
        let (answer, ()) = tokio::join!(forwarder.ask(&asking), answers);
        assert_eq!(answer.unwrap().rcode(), 3);
        (TextEncoder::new().encode_to_string(&families(&counters)).unwrap(), to.to_string())
    }

    #[tokio::test]
    async fn dashboards_find_the_names_of_now_and_of_before() {
        let (text, to) = scrape_after_one_question().await;
        for line in [
            format!(
                "coredns_proxy_request_duration_seconds_count{{proxy_name=\"forward\",rcode=\"NXDOMAIN\",to=\"{to}\"}} 1"
            ),
            format!("coredns_proxy_conn_cache_misses_total{{proto=\"udp\",proxy_name=\"forward\",to=\"{to}\"}} 1"),
            format!("coredns_forward_requests_total{{to=\"{to}\"}} 1"),
            format!("coredns_forward_responses_total{{rcode=\"NXDOMAIN\",to=\"{to}\"}} 1"),
            format!("coredns_forward_request_duration_seconds_bucket{{rcode=\"NXDOMAIN\",to=\"{to}\",le=\"8.192\"}} 1"),
            "coredns_forward_healthcheck_broken_total 0".to_owned(),
            "coredns_forward_max_concurrent_rejects_total 0".to_owned(),
            "clusterdns_forward_in_flight 0".to_owned(),
            format!("clusterdns_forward_upstream_down{{to=\"{to}\"}} 0"),
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\nis not in\n{text}");
        }
        assert!(!text.contains("conn_cache_hits"), "{text}");
    }

    #[test]
    fn upstreams_beyond_those_that_are_counted_apart_are_counted_together() {
        let counters = Counters::default();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let forwarders: Vec<Arc<Forwarder>> = (0..300u16)
            .map(|number| {
                let to = To::Plain(([10, 0, (number / 256) as u8, number as u8], 53).into());
                Forwarder::new(Options::new(Name::root(), vec![to]), &counters, runtime.handle()).unwrap()
            })
            .collect();
        assert_eq!((forwarders.len(), counters.upstreams().len()), (300, 257));
        let text = TextEncoder::new().encode_to_string(&families(&counters)).unwrap();
        assert!(text.contains("clusterdns_forward_upstream_down{to=\"other\"} 0"), "{text}");
    }
}
