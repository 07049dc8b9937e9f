//! Keys, addresses, and what blocks must agree on.

use std::time::Duration;

use super::*;

/// `LISTEN LISTEN: ZONE ZONE` of each server.
fn servers_in(world: &World, text: &str) -> Vec<String> {
    let config = config_in(world, text);
    let shown = |server: &crate::config::Server| {
        let listen: Vec<_> = server.listen.iter().map(ToString::to_string).collect();
        let zones: Vec<_> = server.zones.iter().map(|zone| zone.apex.to_string()).collect();
        format!("{}: {}", listen.join(" "), zones.join(" "))
    };
    config.servers.iter().map(shown).collect()
}

fn servers(text: &str) -> Vec<String> {
    servers_in(&World::default(), text)
}

#[test]
fn keys_are_zones_with_ports() {
    assert_eq!(servers(".:53 {\n}"), ["[::]:53: ."]);
    assert_eq!(
        servers("Example.ORG dns://b:53, 10.0.0.0/15 {\n}"),
        ["[::]:53: example.org. b. 0.10.in-addr.arpa. 1.10.in-addr.arpa."]
    );
    assert_eq!(servers("fd00::/8:5353 {\n}"), ["[::]:5353: d.f.ip6.arpa."]);
    assert_eq!(servers("a:1 b:2 {\n}\nb:1\n"), ["[::]:1: a.", "[::]:2: b.", "[::]:1: b."]);
    assert_eq!(servers("a:1 b:1 a:2 b:2 {\n}"), ["[::]:1 [::]:2: a. b."]);
}

#[test]
fn the_port_of_the_command_line_is_for_keys_without() {
    struct Elsewhere;
    impl Surroundings for Elsewhere {
        fn read(&self, _: &Path) -> io::Result<String> {
            Err(io::ErrorKind::NotFound.into())
        }
        fn names(&self, _: &Path) -> io::Result<Vec<String>> {
            Ok(Vec::new())
        }
        fn variable(&self, _: &str) -> Option<String> {
            None
        }
        fn addresses(&self, _: &str) -> Option<Vec<SocketAddr>> {
            None
        }
        fn port(&self) -> u16 {
            1053
        }
    }
    let config = Config::parse_corefile("a b:53 {\n}", "Corefile", &Elsewhere).unwrap();
    let ports: Vec<_> = config.servers.iter().map(|server| server.listen[0].port()).collect();
    assert_eq!(ports, [1053, 53]);
}

#[test]
fn what_is_no_key_is_refused() {
    for scheme in ["tls", "https", "https3", "quic", "grpc", "unix"] {
        let message = error(&format!("{scheme}://. {{\n}}"));
        assert!(message.starts_with(&format!("Corefile:1:1: clusterdns does not have `{scheme}://` yet")), "{message}");
    }
    assert!(error("http://a {\n}").starts_with("Corefile:1:1: `http` is no scheme"));
    assert!(error("a b: {\n}").starts_with("Corefile:1:3: a port is missing"));
    assert!(error(":53 {\n}").starts_with("Corefile:1:1: `:53` has no zone"));
    assert!(error("a:65536 {\n}").starts_with("Corefile:1:1: `65536` is no port"));
    assert!(error("a..b {\n}").starts_with("Corefile:1:1: \"a..b\" is no zone"));
    assert!(error("0.0.0.0/0 {\n}").contains("spans the whole address space"));
}

#[test]
fn bind_says_where_to_listen() {
    assert_eq!(servers(".:1 {\nbind 127.0.0.1 ::1\n}"), ["127.0.0.1:1 [::1]:1: ."]);
    assert_eq!(servers(".:1 {\nbind lo\nbind 10.0.0.1\n}"), ["127.0.0.1:1 [::1]:1 10.0.0.1:1: ."]);
    assert_eq!(servers(".:1 {\nbind lo {\nexcept ::1\n}\n}"), ["127.0.0.1:1: ."]);
    assert_eq!(servers(".:1 {\nbind 127.0.0.1 0.0.0.0 127.0.0.1\n}"), ["0.0.0.0:1: ."]);
    assert_eq!(servers(".:1 {\nbind 0.0.0.0 ::\n}"), ["[::]:1: ."]);
    assert!(error(". {\nbind\n}").starts_with("Corefile:2:1: something is missing"));
    assert!(error(". {\nbind eth7\n}").starts_with("Corefile:2:6: `eth7` is neither an address nor an interface"));
    assert!(error(". {\nbind lo {\nexcept lo\n}\n}").starts_with("Corefile:2:1: no address is left"));
    assert!(error(". {\nbind lo {\nexcept\n}\n}").starts_with("Corefile:3:1: something is missing"));
    assert!(error(". {\nbind lo {\nonly ::1\n}\n}").starts_with("Corefile:3:1: `only` is no option of `bind`"));
    let many: String = (0..65).map(|host| format!(" 10.0.0.{host}")).collect();
    assert!(error(&format!(". {{\nbind{many}\n}}")).starts_with("Corefile:2:1: more than 64 addresses"));
}

#[test]
fn a_zone_has_one_block_on_an_address() {
    assert_eq!(error("a b:53 a {\n}"), "Corefile:1:8: zone a. has a server on [::]:53 already");
    assert_eq!(error("a {\n}\nA.:53 {\n}"), "Corefile:3:1: zone a. has a server on [::]:53 already");
    let bound = |hosts: [&str; 2]| hosts.map(|host| format!("a {{\nbind {host}\n}}\n")).concat();
    assert_eq!(servers(&bound(["127.0.0.1", "127.0.0.2"])).len(), 2);
    assert!(error(&bound(["lo", "::1"])).contains("zone a. has a server on [::1]:53 already"));
}

#[test]
fn an_address_and_all_addresses_overlap() {
    let message = "Corefile:3:1: 127.0.0.1:53 and [::]:53 overlap: write a `bind` into both blocks, or into none";
    assert_eq!(error("a {\n}\nb {\nbind 127.0.0.1\n}"), message);
    assert!(error("b {\nbind 127.0.0.1\n}\na {\n}").starts_with("Corefile:4:1: [::]:53 and 127.0.0.1:53 overlap"));
    assert!(error("a {\nbind ::\n}\nb {\nbind 0.0.0.0\n}").contains("overlap"));
    assert_eq!(servers("a {\nbind ::1\n}\nb {\nbind 0.0.0.0\n}").len(), 2);
    assert_eq!(servers("a:1 {\n}\nb:2 {\nbind 0.0.0.0\n}").len(), 2);
}

#[test]
fn all_blocks_follow_one_cluster() {
    let block = |zone: &str, options: &str| format!("{zone} {{\nkubernetes {{\n{options}\n}}\n}}\n");
    let waits = config(&(block("a", "startup_timeout 2s") + &block("b", "startup_timeout 9s") + &block("c", "")));
    assert_eq!(waits.kubernetes.startup_timeout, Duration::from_secs(9));
    assert_eq!(waits.servers.len(), 3);
    let message = error(&(block("a", "kubeconfig x") + &block("b", "kubeconfig y")));
    assert!(message.starts_with("Corefile:8:1: clusterdns follows one cluster"), "{message}");
    assert!(error(&(block("a", "kubeconfig x") + &block("b", ""))).starts_with("Corefile:7:1: "));
    config(&(block("a", "kubeconfig x") + &block("b", "kubeconfig x")));
}

#[test]
fn what_the_file_does_not_say_is_as_without_one() {
    let config = config(".:53 {\nkubernetes cluster.local\n}");
    let plain = Config::default();
    assert_eq!((config.udp, config.tcp, config.extended_errors), (plain.udp, plain.tcp, plain.extended_errors));
    assert_eq!((config.search, config.completion, config.snapshot), (None, None, plain.snapshot));
    assert_eq!(config.kubernetes.state, None);
    assert!(!config.servers[0].any_class);
}

#[test]
fn there_are_limits_to_zones_and_ports() {
    let keys: String = (0..20_000).map(|zone| format!("z{zone} ")).collect();
    assert!(errors(&format!("{keys} {{\n}}"))[0].contains("more than 16384 zones"));
    // A /9 is 128 zones of two octets.
    let cidrs = |count: u32| (0..count).map(|net| format!("{net}.0.0.0/9 ")).collect::<String>() + "{\n}";
    assert_eq!(config(&cidrs(128)).servers[0].zones.len(), 16_384);
    assert!(error(&cidrs(129)).contains("more than 16384 zones"));
    let ports: String = (1..10).map(|port| format!("a:{port} ")).collect();
    assert!(error(&format!("{ports} {{\n}}")).starts_with("Corefile:1:33: more than 8 ports"));
}
