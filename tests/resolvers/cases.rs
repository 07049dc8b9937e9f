//! The combinations of name, resolv.conf and lookup: some by hand, most by lot, always the same. Others
//! for the curious: `RESOLVERS_SEED=2 cargo test --test resolvers`.

use clusterdns::search::{Lookup, ResolvConf, Resolver};

/// One lookup on one machine.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// Without the name server, which is the worker's.
    pub(crate) conf: String,
    pub(crate) name: String,
    pub(crate) lookup: Lookup,
}

impl Case {
    /// What our server has. `shop.` and `nope.` are there so that short names get other answers than
    /// REFUSED, too.
    pub(crate) const ZONES: [&str; 4] = ["cluster.local", "example.org", "shop", "nope"];
}

/// All cases for a resolver.
pub(crate) fn cases(resolver: Resolver) -> Vec<Case> {
    let mut cases = by_hand();
    let seed = std::env::var("RESOLVERS_SEED").map_or(1, |seed| seed.parse().expect("a number"));
    let mut lot = Lot(seed);
    cases.extend((0..BY_LOT).map(|_| by_lot(&mut lot)));
    // A label with a dot in it is no matter for `search`.
    let has_odd_dot = |case: &Case| case.name.contains("\\.") || case.name.ends_with('\\');
    cases.retain(|case| {
        !(resolver == Resolver::Glibc && matches!(case.lookup, Lookup::Records(_)) && has_odd_dot(case))
    });
    cases
}

/// What people run into, and the odd names.
fn by_hand() -> Vec<Case> {
    let pod = ResolvConf::for_pod("shop", "cluster.local", &["example.org"]);
    let lookups = [Lookup::Addresses, Lookup::Ipv4, Lookup::Ipv6, Lookup::Records(16), Lookup::Records(33)];
    let of_pod = POD_NAMES.iter().chain(&ODD_NAMES).flat_map(|name| lookups.map(|lookup| (*name, lookup)));
    let mut cases: Vec<_> = of_pod.map(|(name, lookup)| case(pod.text(), name, lookup)).collect();
    for name in [MANY_LABELS, "web.shop", "web", ""] {
        for pair in ["answer-servfail", "nodata-answer", "servfail-nodata", "nxdomain-answer", "timeout-answer"] {
            let text = format!("search {pair}.rule.test svc.cluster.local\noptions ndots:5\n");
            cases.push(case(&text, name, Lookup::Addresses));
        }
    }
    for length in 1..=5 {
        // Names about as long as names can be, alone and with something behind.
        let long = format!("{}.{}", [LABEL_63; 3].join("."), "y".repeat(58 + length));
        cases.push(case("search svc.cluster.local a\noptions ndots:9\n", &long, Lookup::Addresses));
        cases.push(case("search svc.cluster.local a\noptions ndots:9\n", &format!("{long}."), Lookup::Addresses));
        cases.push(case(&format!("search {long} cluster.local\noptions ndots:9\n"), "web", Lookup::Addresses));
        cases.push(case(&format!("search {long} cluster.local\n"), "web.svc", Lookup::Records(16)));
        // Search lines about as long as musl reads them.
        let fill = "z".repeat(254 - "search .cluster.local shop.svc.cluster.local".len() - 3 + length);
        let fill = format!("{}.{}.{}", LABEL_63, &fill[65..128], &fill[128..]);
        let line = format!("search {fill}.cluster.local shop.svc.cluster.local");
        cases.push(case(&format!("{line}\noptions ndots:2\n"), "web", Lookup::Addresses));
        cases.push(case(&format!("options ndots:2\n{line}"), "web", Lookup::Addresses));
    }
    let many: Vec<_> = (0..34).map(|index| format!("s{index}.cluster.local")).collect();
    cases.push(case(&format!("search {}\noptions ndots:5\n", many.join(" ")), "web", Lookup::Addresses));
    cases
}

fn by_lot(lot: &mut Lot) -> Case {
    let mut text = String::new();
    for _ in 0..lot.below(3) + lot.below(2) {
        match lot.below(10) {
            0 => text += &format!("domain {}\n", lot.domain()),
            1 => text += *lot.of(&ODD_LINES),
            _ => {
                let domains: Vec<_> = (0..lot.below(5)).map(|_| lot.domain()).collect();
                text += &format!("search {}\n", domains.join(" "));
            }
        }
    }
    for _ in 0..lot.below(3) {
        let options: Vec<_> = (0..lot.below(3) + 1).map(|_| *lot.of(&OPTIONS)).collect();
        text += &format!("options {}\n", options.join(" "));
    }
    let name = match lot.below(10) {
        0 => (*lot.of(&ODD_NAMES)).to_owned(),
        1 => format!("x.{}.rule.test", lot.pair()),
        2 => format!("{}.{}", lot.of(&NAMES), lot.domain()),
        _ => (*lot.of(&NAMES)).to_owned(),
    };
    let lookup = *lot.of(&[
        Lookup::Addresses,
        Lookup::Addresses,
        Lookup::Addresses,
        Lookup::Addresses,
        Lookup::Ipv4,
        Lookup::Ipv6,
        Lookup::Records(16),
        Lookup::Records(33),
    ]);
    case(&text, &name, lookup)
}

fn case(text: &str, name: &str, lookup: Lookup) -> Case {
    Case { conf: text.to_owned(), name: name.to_owned(), lookup }
}

/// Splitmix64: the same everywhere and for ever.
pub(crate) struct Lot(pub(crate) u64);

impl Lot {
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % end as u64) as usize
    }

    fn of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }

    fn domain(&mut self) -> String {
        match self.below(8) {
            0 => format!("{}.rule.test", self.pair()),
            1 => (*self.of(&ODD_DOMAINS)).to_owned(),
            _ => (*self.of(&DOMAINS)).to_owned(),
        }
    }

    /// Two replies; silence seldom, for it takes seconds.
    fn pair(&mut self) -> String {
        let rules = crate::relay::RULES.map(|(word, ..)| word);
        let end = if self.below(4) == 0 { rules.len() } else { rules.len() - 1 };
        let (first, second) = (rules[self.below(end)], rules[self.below(end)]);
        if self.below(2) == 0 { format!("{first}-{first}") } else { format!("{first}-{second}") }
    }
}

/// For each resolver.
const BY_LOT: usize = 400;

const POD_NAMES: [&str; 18] = [
    "web",
    "web.shop",
    "web.other",
    "web.shop.svc",
    "web.shop.svc.cluster.local",
    "web.shop.svc.cluster.local.",
    "dual",
    "six",
    "headless",
    "outside",
    "nothing",
    "nothing.shop",
    "shop",
    "svc",
    "www.example.com",
    "www.example.com.",
    "_http._tcp.web",
    MANY_LABELS,
];
const NAMES: [&str; 16] = [
    "web",
    "web.shop",
    "web.shop.svc",
    "web.other.svc",
    "web.shop.svc.cluster.local",
    "web.shop.svc.cluster.local.",
    "dual",
    "six.shop.svc",
    "headless",
    "headless.shop",
    "outside",
    "nothing",
    "nope",
    "nothing.example.org.",
    "_http._tcp.web",
    "Web.SHOP",
];
const DOMAINS: [&str; 12] = [
    "shop.svc.cluster.local",
    "shop.svc.cluster.local",
    "other.svc.cluster.local",
    "svc.cluster.local",
    "svc.cluster.local",
    "cluster.local",
    "cluster.local.",
    "example.org",
    "nope",
    "refused.example",
    "Shop.svc.CLUSTER.local",
    "dual.shop.svc.cluster.local",
];
const ODD_DOMAINS: [&str; 12] = [
    ".",
    ".",
    ".cluster.local",
    "..",
    "a..b",
    "cluster.local..",
    "x.onion",
    "a$b.cluster.local",
    "\u{e9}.cluster.local",
    concat!("abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz1234567890", "ab.cluster.local"),
    "#",
    "-.cluster.local",
];
const ODD_LINES: [&str; 9] = [
    "search\n",
    "search \n",
    "search\tsvc.cluster.local\tcluster.local \n",
    " search nope\n",
    "searching nope\n",
    "# search nope\n",
    "; options ndots:9\n",
    "search svc.cluster.local # nope\n",
    "domain example.org nope\n",
];
const OPTIONS: [&str; 22] = [
    "ndots:0",
    "ndots:1",
    "ndots:2",
    "ndots:3",
    "ndots:5",
    "ndots:5",
    "ndots:15",
    "ndots:99",
    "ndots:-1",
    "ndots:-14",
    "ndots:",
    "ndots: 3",
    "ndots:2x",
    "xndots:4",
    "no-aaaa",
    "no-tld-query",
    "no_tld_query",
    "rotate",
    "edns0",
    "single-request",
    "single-request-reopen",
    "trust-ad",
];
const MANY_LABELS: &str = "a.b.c.d.e.f";
const LABEL_63: &str = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
const ODD_NAMES: [&str; 42] = [
    "",
    ".",
    "..",
    "web.",
    "web..",
    "a..b",
    ".web",
    "-web",
    "web-",
    "w_b",
    "_web",
    "w$b",
    "w b",
    "web\\.shop",
    "w\\101b",
    "w\\e",
    "web\\",
    "*",
    "*.web",
    "\u{e9}",
    "localhost",
    "localhost.",
    "x.localhost",
    "x.onion",
    "x.ONION.",
    "onion",
    "1",
    "1.2",
    "10.1",
    "1.2.3.4",
    "1.2.3.4.",
    "1.2.3.256",
    "08.1.1.1",
    "0x7f.1",
    "0x",
    "4294967295",
    "4294967296",
    "::1",
    "::ffff:1.2.3.4",
    "fe80::1%lo",
    LABEL_63,
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx4",
];
