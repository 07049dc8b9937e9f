//! `clusterdns records`: every record of a zone, as a zone file.

use std::{collections::BTreeSet, fmt::Write, process::ExitCode};

use hickory_proto::rr::{RData, Record};

use super::{Failure, Inputs, options, print, sources};
use crate::{
    app::{Server, unix_secs},
    objects::{Change, Object, ServiceSpec, snapshot},
    records::{view::View, zone::Zone},
    respond::listing,
};

/// Print every record of a zone, as a zone file.
#[derive(clap::Args, Clone, Debug)]
pub(super) struct Records {
    #[command(flatten)]
    inputs: Inputs,
    /// Which zone; without it the first that is served
    #[arg(long, value_name = "ZONE")]
    zone: Option<String>,
}

impl Records {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        let config = self.inputs.config()?;
        let loaded = snapshot::load(&sources(&config)?, &options(&config), &mut |_| {})
            .map_err(|error| Failure(error.to_string()))?;
        let chosen = chosen(&loaded.picture.objects);
        let (plan, mut store) = Server::tables(&config);
        store.apply(Change::Reset(loaded.picture), unix_secs());
        let views: Vec<&View> = plan.servers.iter().filter_map(|server| server.view.as_deref()).collect();
        let (view, zone) = self.find(&views)?;
        print(&zone_file(zone, &listing::records(view, zone), &chosen))
    }

    fn find<'v>(&self, views: &[&'v View]) -> Result<(&'v View, &'v Zone), Failure> {
        let served = || views.iter().flat_map(|view| view.options.zones.iter().map(|zone| (*view, zone)));
        let names: Vec<String> = served().map(|(_, zone)| zone.apex.to_string()).collect();
        let found = match &self.zone {
            Some(name) => {
                let wanted = Zone::parse(name).map_err(|error| Failure(error.to_string()))?;
                served().find(|(_, zone)| wanted.contains(*zone))
            }
            None => views.iter().find_map(|view| Some((*view, view.primary.as_ref()?))),
        };
        found.ok_or_else(|| Failure(format!("no such zone is served; these are: {}", names.join(" "))))
    }
}

/// The owners whose address a manifest left open.
fn chosen(objects: &[Object]) -> BTreeSet<String> {
    let service = |object: &Object| match object {
        Object::Service(service) => match service.spec {
            ServiceSpec::Cluster { chosen: true, .. } => Some(format!("{}.{}.svc.", service.name, service.namespace)),
            _ => None,
        },
        _ => None,
    };
    objects.iter().filter_map(service).collect()
}

/// RFC 1035 section 5.
fn zone_file(zone: &Zone, records: &[Record], chosen: &BTreeSet<String>) -> String {
    let mut text = format!("; zone {}: {} records\n", zone.apex, records.len());
    for record in records {
        let owner = record.name.to_string();
        let _ = write!(text, "{owner}\t{}\tIN\t{}\t{}", record.ttl, record.record_type(), data(&record.data));
        let is_address = matches!(record.data, RData::A(_));
        if is_address && owner.strip_suffix(&zone.apex.to_string()).is_some_and(|front| chosen.contains(front)) {
            text.push_str("\t; chosen here: the manifest has no clusterIP");
        }
        text.push('\n');
    }
    text
}

fn data(data: &RData) -> String {
    match data {
        RData::TXT(_) => format!("\"{}\"", data.to_string().trim_matches('"')),
        _ => data.to_string(),
    }
}
