//! What the C libraries and Go ask for a name in a pod, and why one of them fails.
//!
//! ```text
//! cargo run --example search
//! ```

use clusterdns::search::{Lookup, Reply, ResolvConf, Resolver, walk};

fn main() {
    // A pod of the namespace `web` on a node with a search domain of its own.
    let conf = ResolvConf::for_pod("web", "cluster.local", &["corp.example"]);
    print!("{}", conf.text());

    // It looks for the host `shop` of the company. There is a namespace `shop`, too: a name without
    // an address, which is NODATA. This closure is the name server.
    let answer = |name: &clusterdns::records::name::Name, _qtype: u16| match name.to_string().as_str() {
        "shop.svc.cluster.local." => Reply::NoData,
        "shop.corp.example." => Reply::Answer,
        _ => Reply::NxDomain,
    };
    for resolver in [Resolver::Glibc, Resolver::Musl, Resolver::Go] {
        let walk = walk(&conf, "shop", resolver, Lookup::Addresses, answer);
        println!("\n{resolver}: {}", walk.program_sees());
        for step in &walk.steps {
            println!("  {:32} {step}", step.candidate);
        }
    }
}
