//! `clusterdns records`: every record of a zone, as a zone file.

use std::process::ExitCode;

use super::{Failure, Inputs, load, print};
use crate::{
    app::{Server, unix_secs},
    config::{self, Config},
    objects::Change,
    records::{view::View, zone::Zone},
    respond::{
        listing,
        zone_file::{self, Chosen},
    },
};

/// Print every record of a zone, as a zone file.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "\
Reverse zones are zones too:
  clusterdns records --snapshot cluster.json --zone in-addr.arpa")]
pub(super) struct Records {
    #[command(flatten)]
    inputs: Inputs,
    /// Which zone; without it the first that is no reverse zone
    #[arg(long, value_name = "ZONE")]
    zone: Option<String>,
}

/// A comment, where names of a zone may be answered by what stands in front of the tables.
fn in_front(config: &Config, zone: &Zone) -> String {
    let has_zone = |server: &&config::Server| server.kubernetes.iter().any(|names| names.zones.contains(zone));
    let Some(server) = config.servers.iter().find(has_zone) else { return String::new() };
    let present = [
        ("rewrite", !server.rewrite.is_empty()),
        ("template", !server.template.is_empty()),
        ("hosts", server.hosts.is_some()),
    ];
    let names: Vec<_> = present.into_iter().filter_map(|(name, is_there)| is_there.then_some(name)).collect();
    match &names[..] {
        [] => String::new(),
        names => format!("; without what is answered by {}\n", names.join(", ")),
    }
}

impl Records {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        let config = self.inputs.config()?;
        let loaded = load(&config)?;
        let chosen = Chosen::among(&loaded.picture.objects);
        let (plan, mut store) = Server::tables(&config);
        store.apply(Change::Reset(loaded.picture), unix_secs());
        let views: Vec<&View> = plan.servers.iter().filter_map(|server| server.view.as_deref()).collect();
        let (view, zone) = self.find(&views)?;
        print(&(in_front(&config, zone) + &zone_file::text(zone, &listing::records(view, zone), &chosen)))
    }

    fn find<'v>(&self, views: &[&'v View]) -> Result<(&'v View, &'v Zone), Failure> {
        let served = || views.iter().flat_map(|view| view.options.zones.iter().map(|zone| (*view, zone)));
        let names: Vec<String> = served().map(|(_, zone)| zone.apex.to_string()).collect();
        match &self.zone {
            Some(name) => {
                let wanted = Zone::parse(name).map_err(|error| Failure(error.to_string()))?;
                let found = served().find(|(_, zone)| wanted.contains(*zone));
                found.ok_or_else(|| Failure(format!("zone {name} is not served; these are: {}", names.join(" "))))
            }
            None => {
                let primary = views.iter().find_map(|view| Some((*view, view.primary.as_ref()?)));
                primary.ok_or_else(|| Failure("the configuration serves no zone of the cluster".into()))
            }
        }
    }
}
