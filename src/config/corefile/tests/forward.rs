//! The `forward` directive, option by option.

use std::time::Duration;

use super::*;
use crate::forward::{
    Options,
    options::{HealthCheck, Https, Method, Policy, To, Transport},
};

fn world() -> World {
    World::files(&[
        ("/etc/resolv.conf", "search lan\nnameserver 10.0.0.53\nnameserver fe80::1%eth0\n"),
        ("/empty.conf", "# none\nnameserver\nnameserver dns.lan\n"),
        ("ca.pem", ""),
        ("cert.pem", ""),
        ("key.pem", ""),
    ])
}

fn corefile(line: &str, options: &str) -> String {
    format!(". {{\nforward {line} {{\n{options}\n}}\n}}")
}

fn forward(line: &str, options: &str) -> Options {
    let mut config = config_in(&world(), &corefile(line, options));
    let mut forwards = config.servers.remove(0).forward;
    assert_eq!(forwards.len(), 1);
    forwards.remove(0)
}

fn to(words: &str) -> Vec<To> {
    forward(&format!(". {words}"), "").to
}

fn option(option: &str) -> Options {
    forward(". 10.0.0.1", option)
}

fn one_error(text: &str) -> String {
    let mut errors = errors_in(&world(), text);
    assert_eq!(errors.len(), 1, "{text}: {errors:#?}");
    errors.remove(0).strip_prefix("Corefile:").unwrap().to_owned()
}

/// The one error of an option.
fn refused(option: &str) -> String {
    one_error(&corefile(". 10.0.0.1", option)).strip_prefix("3:").unwrap_or_else(|| panic!("{option}")).to_owned()
}

/// The one error of upstreams.
fn refused_to(words: &str) -> String {
    one_error(&corefile(&format!(". {words}"), ""))
}

fn plain(address: &str) -> To {
    To::Plain(address.parse().unwrap())
}

fn tls(address: &str, name: Option<&str>) -> To {
    To::Tls(address.parse().unwrap(), name.map(str::to_owned))
}

fn https(address: &str, name: Option<&str>, path: &str) -> To {
    To::Https(Https { address: address.parse().unwrap(), name: name.map(str::to_owned), path: path.into() })
}

#[test]
fn what_is_left_out_is_as_coredns_has_it() {
    assert_eq!(forward("Corp.Example 10.0.0.1", ""), {
        let from = crate::records::name::Name::parse("corp.example").unwrap();
        Options::new(from, vec![plain("10.0.0.1:53")])
    });
}

#[test]
fn upstreams_are_addresses_with_ports_or_without() {
    assert_eq!(to("10.0.0.1 dns://10.0.0.2:5353"), [plain("10.0.0.1:53"), plain("10.0.0.2:5353")]);
    assert_eq!(to("::1 [::2] [::3]:54"), [plain("[::1]:53"), plain("[::2]:53"), plain("[::3]:54")]);
    assert_eq!(to("10.0.0.1 10.0.0.1:53"), [plain("10.0.0.1:53")]);
    assert!(refused_to("10.0.0.1:0").starts_with("2:11: `10.0.0.1:0` has port 0"));
    assert!(refused_to("10.0.0.1:domain").contains("is neither an address nor a file"));
}

#[test]
fn upstreams_over_tls_may_have_a_name() {
    assert_eq!(to("tls://9.9.9.9"), [tls("9.9.9.9:853", None)]);
    assert_eq!(to("tls://9.9.9.9%dns.quad9.net"), [tls("9.9.9.9:853", Some("dns.quad9.net"))]);
    assert_eq!(to("tls://9.9.9.9%dns.quad9.net:10853"), [tls("9.9.9.9:10853", Some("dns.quad9.net"))]);
    assert_eq!(to("tls://[::1%a.b]:1 tls://::1%a.b"), [tls("[::1]:1", Some("a.b")), tls("[::1]:853", Some("a.b"))]);
    assert!(refused_to("tls://9.9.9.9%a..b").contains("`a..b` is no name that a certificate can have"));
    assert!(refused_to("tls://dns.quad9.net").starts_with("2:11: `tls://dns.quad9.net` is no address"));
    let both = one_error(&corefile(". tls://9.9.9.9%a.b", "tls_servername c.d"));
    assert!(both.starts_with("2:1: `tls_servername` and `%NAME` behind an address exclude each other"), "{both}");
}

#[test]
fn upstreams_over_https_may_have_a_name_and_a_path() {
    assert_eq!(to("https://9.9.9.9"), [https("9.9.9.9:443", None, "/dns-query")]);
    assert_eq!(to("https://1.1.1.1/dns-query"), [https("1.1.1.1:443", None, "/dns-query")]);
    assert_eq!(
        to("https://[::1]:8443 https://::1"),
        [https("[::1]:8443", None, "/dns-query"), https("[::1]:443", None, "/dns-query")]
    );
    assert_eq!(
        to("https://9.9.9.9%dns.quad9.net:1443/a/b~c"),
        [https("9.9.9.9:1443", Some("dns.quad9.net"), "/a/b~c")]
    );
    assert!(refused_to("https://1.1.1.1:0").starts_with("2:11: `https://1.1.1.1:0` has port 0"));
    assert!(refused_to("https://1.1.1.1%a..b/c").contains("`a..b` is no name that a certificate can have"));
    for path in ["/", "/a?b=c", "/a{?dns}", "/a|b"] {
        let message = refused_to(&format!("https://1.1.1.1{path}"));
        assert!(message.starts_with(&format!("2:11: `{path}` is no path that can be asked at")), "{message}");
    }
    let named = refused_to("https://dns.quad9.net/dns-query");
    assert!(
        named.ends_with("`https://dns.quad9.net/dns-query` is no address: write `https://ADDRESS%NAME`"),
        "{named}"
    );
    let both = one_error(&corefile(". https://9.9.9.9%a.b", "tls_servername c.d"));
    assert!(both.contains("exclude each other"), "{both}");
    let options = forward(". https://9.9.9.9", "tls ca.pem\ntls_servername dns.quad9.net");
    assert_eq!((options.tls.server_name.as_deref(), options.doh_method), (Some("dns.quad9.net"), Method::Post));
}

#[test]
fn https_is_asked_by_get_or_post() {
    assert_eq!(option("doh_method GET").doh_method, Method::Get);
    assert_eq!(option("doh_method GET\ndoh_method POST").doh_method, Method::Post);
    assert!(refused("doh_method get").starts_with("12: `get` is no method: write `doh_method GET|POST`"));
    assert!(refused("doh_method").starts_with("1: something is missing"));
}

#[test]
fn the_scope_of_an_address_is_not_read() {
    let text = corefile(". fe80::1%eth0", "");
    assert!(notes(&text)[0].starts_with("Corefile:2:11: `eth0` is not read"));
    assert_eq!(config(&text).servers[0].forward[0].to, [plain("[fe80::1]:53")]);
}

#[test]
fn a_file_must_have_name_servers() {
    assert_eq!(to("/etc/resolv.conf"), [To::ResolvConf("/etc/resolv.conf".into())]);
    assert_eq!(
        refused_to("/empty.conf"),
        "2:11: `/empty.conf` has no line `nameserver ADDRESS`: write the address of a name server here"
    );
    let both = [To::ResolvConf("/empty.conf".into()), plain("10.0.0.1:53")];
    assert_eq!(to("/empty.conf 10.0.0.1"), both);
    assert!(refused_to("/none.conf").starts_with("2:11: `/none.conf` cannot be read: "));
}

#[test]
fn other_upstreams_are_refused_by_name() {
    assert_eq!(
        refused_to("dns.corp.example"),
        "2:11: `dns.corp.example` is neither an address nor a file: clusterdns looks up no names of upstreams, write \
         their addresses"
    );
    for scheme in ["grpc", "quic", "https3", "unix"] {
        let message = refused_to(&format!("{scheme}://10.0.0.1"));
        assert!(message.starts_with(&format!("2:11: clusterdns does not ask over `{scheme}://`")), "{message}");
    }
    assert!(refused_to("ftp://10.0.0.1").starts_with("2:11: `ftp` is no scheme"));
    let many: Vec<_> = (0..16).map(|host| format!("10.0.0.{host}")).collect();
    assert!(refused_to(&many.join(" ")).contains("more than 15 upstreams"));
    assert_eq!(to(&many[1..].join(" ")).len(), 15);
}

#[test]
fn something_is_forwarded_to_somebody() {
    assert!(one_error(". {\nforward\n}").starts_with("2:1: something is missing behind `forward`"));
    assert!(one_error(". {\nforward .\n}").starts_with("2:9: nobody is named who could be asked"));
    assert!(one_error(". {\nforward a..b 10.0.0.1\n}").starts_with("2:9: \"a..b\" is no zone"));
    let cidr = corefile("10.0.0.0/7 10.0.0.1", "");
    assert!(notes(&cidr)[0].starts_with("Corefile:2:9: this is 2 zones, of which only 10.in-addr.arpa. is forwarded"));
    assert_eq!(config(&cidr).servers[0].forward[0].from.to_string(), "10.in-addr.arpa.");
}

#[test]
fn a_block_may_forward_several_zones_in_order() {
    let config = config(". {\nforward corp 10.0.0.1\nforward . 10.0.0.2\n}");
    let from: Vec<_> = config.servers[0].forward.iter().map(|one| one.from.to_string()).collect();
    assert_eq!(from, ["corp.", "."]);
}

#[test]
fn switches_and_numbers() {
    assert_eq!(option("policy round_robin").policy, Policy::RoundRobin);
    assert_eq!(option("policy sequential\npolicy random").policy, Policy::Random);
    assert_eq!(option("force_tcp\nprefer_udp").transport, Transport::ForceTcp);
    assert_eq!(option("prefer_udp\nforce_tcp").transport, Transport::ForceTcp);
    assert_eq!(option("prefer_udp").transport, Transport::PreferUdp);
    assert_eq!(option("max_fails 0").max_fails, 0);
    assert_eq!(option("max_connect_attempts 3").attempts_max, Some(3));
    assert_eq!(option("max_connect_attempts 0").attempts_max, Some(usize::MAX));
    assert_eq!(option("max_idle_conns 8").idle_connections_max, Some(8));
    assert_eq!(option("max_idle_conns 0").idle_connections_max, None);
    assert_eq!(option("max_concurrent 1000").max_concurrent, Some(1000));
    assert_eq!(option("max_concurrent 0").max_concurrent, None);
    assert!(option("next_on_nodata").next_on_nodata);
    assert!(option("failfast_all_unhealthy_upstreams").fail_fast);
    assert_eq!(option("source_address ::1").source, Some("::1".parse().unwrap()));
    assert!(refused("policy best").starts_with("8: `best` is no policy: write `policy random|"));
    assert!(refused("force_tcp yes").starts_with("11: `force_tcp` takes nothing"));
    assert!(refused("max_fails -1").starts_with("11: `-1` is no number: write `max_fails 2`"));
    assert!(refused("max_concurrent").starts_with("1: something is missing"));
    assert!(refused("max_concurrent 1 2").starts_with("18: `2` is too much"));
    assert!(refused("source_address eth0").starts_with("16: `eth0` is no IP address"));
}

#[test]
fn lengths_of_time() {
    assert_eq!(option("expire 0").expire, Duration::ZERO);
    assert_eq!(option("expire 20s\nmax_age 1m").age_max, Some(Duration::from_secs(60)));
    assert_eq!(option("max_age 0").age_max, None);
    assert_eq!(option("read_timeout 500ms").read_timeout, Duration::from_millis(500));
    assert!(refused("expire -1s").starts_with("8: `-1s` is negative"));
    assert!(refused("read_timeout 0").starts_with("1: nobody answers in no time"));
    assert!(refused("max_age 5s").starts_with("1: `max_age` is shorter than `expire`, which is 10s"));
}

#[test]
fn health_is_asked_for_as_it_is_written() {
    let check = option("health_check 5s domain Example.org no_rec").health_check;
    let domain = crate::records::name::Name::parse("example.org").unwrap();
    assert_eq!(check, HealthCheck { interval: Duration::from_secs(5), recursion_desired: false, domain });
    assert_eq!(option("health_check 0").health_check.interval, Duration::ZERO);
    assert!(refused("health_check").starts_with("1: something is missing"));
    assert!(refused("health_check -1s").contains("is negative"));
    assert!(refused("health_check 1s often").starts_with("17: `often` is out of place"));
    assert!(refused("health_check 1s domain").starts_with("17: `domain` is out of place"));
    assert!(refused("health_check 1s domain a..b").starts_with("24: `a..b` is no name"));
}

#[test]
fn names_are_left_out() {
    let except: Vec<_> = option("except A b\nexcept 10.0.0.0/8").except.iter().map(ToString::to_string).collect();
    assert_eq!(except, ["a.", "b.", "10.in-addr.arpa."]);
    assert!(refused("except").starts_with("1: something is missing"));
    assert!(refused("except a..b").starts_with("8: "));
}

#[test]
fn rcodes_have_names() {
    assert_eq!(option("failover ServFail refused\nfailover NOTIMPL").failover, [2, 5, 4]);
    assert_eq!(option("next NXDOMAIN").next, [3]);
    assert!(refused("next 3").starts_with("6: `3` is no rcode, like `NXDOMAIN`"));
    assert!(refused("failover NOERROR").starts_with("1: NOERROR is no failure"));
    assert!(refused("failover").starts_with("1: something is missing"));
}

#[test]
fn tls_has_files_that_can_be_read() {
    assert_eq!(option("tls").tls, Default::default());
    assert_eq!(option("tls ca.pem").tls.authority, Some("ca.pem".into()));
    let all = option("tls cert.pem key.pem ca.pem\ntls_servername dns.corp").tls;
    assert_eq!(all.identity, Some(("cert.pem".into(), "key.pem".into())));
    assert_eq!((all.authority, all.server_name.as_deref()), (Some("ca.pem".into()), Some("dns.corp")));
    assert_eq!(option("tls cert.pem key.pem").tls.authority, None);
    assert!(refused("tls none.pem").starts_with("5: `none.pem` cannot be read: "));
    assert!(refused("tls a b c d").starts_with("11: `d` is too much"));
    assert!(refused("tls_servername a..b").starts_with("16: "));
}

#[test]
fn options_that_are_not_here_are_refused_by_name() {
    assert!(refused("resolver 10.0.0.1").starts_with("1: clusterdns looks up no names of upstreams"));
    assert_eq!(refused("max_fail 1"), "1: `max_fail` is no option of `forward`: did you mean `max_fails`?");
}
