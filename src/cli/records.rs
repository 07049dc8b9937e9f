//! `clusterdns records`: every record of a zone, as a zone file.

use std::process::ExitCode;

use super::{Failure, Inputs, load, print};
use crate::{
    app::{Server, unix_secs},
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

impl Records {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        let config = self.inputs.config()?;
        let loaded = load(&config)?;
        let chosen = Chosen::among(&loaded.picture.objects);
        let (plan, mut store) = Server::tables(&config);
        store.apply(Change::Reset(loaded.picture), unix_secs());
        let views: Vec<&View> = plan.servers.iter().filter_map(|server| server.view.as_deref()).collect();
        let (view, zone) = self.find(&views)?;
        print(&zone_file::text(zone, &listing::records(view, zone), &chosen))
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
