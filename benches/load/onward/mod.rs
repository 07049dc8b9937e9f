//! What kubeadm's Corefile costs here and in CoreDNS: names of the cluster, names that are cached, names that
//! are forwarded, upstreams that fail, and a flood that nobody answers.

mod corefile;
mod failing;
mod memory;
mod peers;

use std::{
    error::Error,
    fmt, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Args, ValueEnum};

use crate::{
    Work, api, compare,
    compare::Visits,
    process::{self, Server},
    questions::Questions,
    servers::{self, Files, Recipe},
    table,
};

#[derive(Args)]
pub(crate) struct Options {
    /// The clusterdns to measure
    #[arg(long, default_value = "target/dist/clusterdns")]
    clusterdns: PathBuf,
    /// Another build of clusterdns, beside it
    #[arg(long, value_name = "NAME=PROGRAM")]
    also: Vec<String>,
    /// What to measure
    #[arg(long, value_delimiter = ',', default_values_t = Table::value_variants().to_vec())]
    tables: Vec<Table>,
    /// How many different names are asked for over and over
    #[arg(long, default_value_t = 5_000)]
    cached_names: usize,
    /// Questions a second where latencies are measured
    #[arg(long, default_value_t = 2_000.0)]
    rate: f64,
    /// How long upstreams take, but for the slow one
    #[arg(long, default_value_t = 0)]
    upstream_delay_ms: u64,
    /// How long a server is asked before its latencies count
    #[arg(long, default_value_t = 1.0)]
    learn_seconds: f64,
    #[command(flatten)]
    visits: Visits,
    #[command(flatten)]
    work: Work,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Table {
    /// Names of the cluster
    Names,
    /// Names of another zone, all cached
    Hits,
    /// Names of another zone, each another one
    Misses,
    /// One of two upstreams that is not well
    Failing,
    /// A flood of questions that the upstream does not answer
    Memory,
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.to_possible_value().expect("no table is hidden").get_name())
    }
}

/// Servers, and what they are asked about.
struct Bench<'o> {
    options: &'o Options,
    files: Files,
    programs: Vec<peers::Program>,
    /// Answers at once.
    upstream: Server,
}

pub(crate) fn measure(options: &Options) -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    process::pin_this_process(options.visits.load_core)?;
    let bench = Bench {
        options,
        files: Files::none(folder.path()),
        programs: peers::programs(&options.clusterdns, &options.also)?,
        upstream: upstream(options.upstream_delay_ms, &options.visits, folder.path())?,
    };
    for table in &options.tables {
        match table {
            Table::Names => bench.names()?,
            Table::Hits => bench.hits()?,
            Table::Misses => bench.misses()?,
            Table::Failing => failing::measure(&bench)?,
            Table::Memory => memory::measure(&bench)?,
        }
    }
    Ok(())
}

impl Bench<'_> {
    fn names(&self) -> Result<(), Box<dyn Error>> {
        let api = api::serve(&self.options.work.cluster)?;
        let questions = Questions::draw(&self.options.work.cluster, &self.options.work.mix);
        let corefile = |address| corefile::kubeadm(address, api, self.upstream.address, Some(1000));
        let recipes = self.with_corefile(corefile)?;
        self.visit(&format!("names of the cluster: {}", self.options.work), recipes, &questions, OUTSTANDING_MAX)
    }

    fn hits(&self) -> Result<(), Box<dyn Error>> {
        let questions = Questions::of_others(self.options.cached_names);
        let mut recipes = self.with_corefile(|address| corefile::outside(address, &[self.upstream.address]))?;
        recipes.extend(peers::caches(&self.files.folder, self.upstream.address)?);
        let title = format!("{} names of another zone, cached", self.options.cached_names);
        self.visit(&title, recipes, &questions, OUTSTANDING_MAX)
    }

    fn misses(&self) -> Result<(), Box<dyn Error>> {
        let questions = Questions::without_end();
        let mut recipes = self.with_corefile(|address| corefile::outside(address, &[self.upstream.address]))?;
        recipes.extend(peers::caches(&self.files.folder, self.upstream.address)?);
        self.visit("names of another zone, each another one", recipes, &questions, OUTSTANDING_FORWARDED_MAX)
    }

    /// The echo, and every program with this Corefile.
    fn with_corefile(&self, corefile: impl Fn(SocketAddr) -> io::Result<String>) -> io::Result<Vec<Recipe>> {
        let programs = self.programs.iter().map(|program| program.recipe(&self.files.folder, &corefile));
        [servers::echo()].into_iter().chain(programs).collect()
    }

    fn visit(
        &self,
        title: &str,
        recipes: Vec<Recipe>,
        questions: &Questions,
        outstanding_max: usize,
    ) -> Result<(), Box<dyn Error>> {
        let outstanding = self.options.visits.outstanding.min(outstanding_max);
        let visits = Visits { outstanding, ..self.options.visits.clone() };
        let servers = compare::start(recipes, &visits, &self.files, questions)?;
        let upstream_before = self.upstream.cpu()?;
        let samples = visits.all(&servers, questions)?;
        let upstream = self.upstream.cpu()?.saturating_sub(upstream_before);
        table::print(title, &servers, &samples)?;
        println!("\nThe upstream took {:.1} s of processor time, which is in none of these.", upstream.as_secs_f64());
        Ok(())
    }
}

/// An upstream that takes its time, on the core of the load.
fn upstream(delay_ms: u64, visits: &Visits, folder: &Path) -> io::Result<Server> {
    let address = servers::free_address()?;
    let program = std::env::current_exe()?.display().to_string();
    let (listen, delay) = (address.to_string(), delay_ms.to_string());
    let command = [&program, "upstream", "--listen", &listen, "--delay-ms", &delay].map(str::to_owned).into();
    let recipe = Recipe { name: format!("upstream-{}", address.port()), command, address, answers: true };
    Server::start(recipe, visits.load_core, folder, &Questions::without_end())
}

fn secs(secs: f64) -> Result<Duration, Box<dyn Error>> {
    Ok(Duration::try_from_secs_f64(secs)?)
}

/// Less than the thousand that kubeadm's Corefile lets through at a time.
const OUTSTANDING_MAX: usize = 900;
/// A slow server answers them well before they count as lost.
const OUTSTANDING_FORWARDED_MAX: usize = 256;
