//! `clusterdns env`: the variables that a kubelet would give to the containers of a namespace.

use std::{collections::BTreeMap, process::ExitCode};

use clap::ValueEnum;
use serde_json::json;

use super::{Failure, Inputs, complain, load, origin, print};
use crate::objects::{
    Object,
    env::{Contested, Environment, Variable},
};

/// Print the variables that Kubernetes gives to the containers of a namespace.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = "\
Into the shell you are in, or into a container:
  eval \"$(clusterdns env -n example)\"
  clusterdns env -n example --format dotenv > services.env

A Pod that starts now is given these; one that runs already has those of the Services that existed when it started.
With enableServiceLinks: false it is given those of the Service kubernetes of default alone.
A Service whose manifest has no clusterIP has the one that clusterdns serves.")]
pub(super) struct Env {
    #[command(flatten)]
    inputs: Inputs,
    /// The namespace of the Pod
    #[arg(short, long, value_name = "NS", default_value = "default")]
    namespace: String,
    /// How to write them
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// export NAME='value', for eval
    #[default]
    Shell,
    /// NAME=value, for docker run --env-file and the like
    Dotenv,
    /// One object, sorted
    Json,
}

impl Env {
    pub(super) fn run(&self) -> Result<ExitCode, Failure> {
        let config = self.inputs.config()?;
        let loaded = load(&config)?;
        let objects = &loaded.picture.objects;
        let namespaces = namespaces(objects);
        if !namespaces.contains(&&*self.namespace) {
            let (wanted, origin) = (&self.namespace, origin(&config));
            return Err(Failure(format!("namespace {wanted} is not in {origin}; {}", instead(wanted, &namespaces))));
        }
        let environment = Environment::of_namespace(objects, &self.namespace);
        environment.contested.iter().for_each(|contested| complain(&either(contested)));
        let held = |variable: &&Variable| self.format.can_hold(variable);
        let (variables, left_out): (Vec<_>, Vec<_>) = environment.variables.iter().partition(held);
        if let Some(Variable { name, .. }) = left_out.first() {
            let count = left_out.len();
            complain(&format!(
                "left out {count} variables that this format cannot hold, the first is {name}; --format json has them"
            ));
        }
        print(&self.format.text(&variables))
    }
}

impl Format {
    /// Whatever a file calls its objects, what we print is run by a shell or read by who knows what.
    fn can_hold(self, Variable { name, value, .. }: &Variable) -> bool {
        let plain = name.bytes().all(is_of_name) && value.bytes().all(is_of_value);
        match self {
            Self::Shell => plain && !name.starts_with(|first: char| first.is_ascii_digit()),
            Self::Dotenv => plain,
            Self::Json => true,
        }
    }

    fn text(self, variables: &[&Variable]) -> String {
        let pairs = variables.iter().map(|variable| (&*variable.name, &*variable.value));
        match self {
            // No value that it can hold has a quote.
            Self::Shell => pairs.map(|(name, value)| format!("export {name}='{value}'\n")).collect(),
            Self::Dotenv => pairs.map(|(name, value)| format!("{name}={value}\n")).collect(),
            Self::Json => format!("{:#}\n", json!(pairs.collect::<BTreeMap<_, _>>())),
        }
    }
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Addresses, numbers and URLs are made of these, and they stand for themselves everywhere.
fn is_of_value(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b".:/[]".contains(&byte)
}

fn either(Contested { kept, lost }: &Contested) -> String {
    format!(
        "{} is {} by Service {} and {} by Service {}; a Pod is given either, here it is the first",
        kept.name, kept.value, kept.service, lost.value, lost.service
    )
}

// ----------- Namespaces ----------------------------------------------------

/// In their order.
fn namespaces<'o>(objects: &'o [Object]) -> Vec<&'o str> {
    let name = |object: &'o Object| match object {
        Object::Namespace(namespace) => Some(&*namespace.name),
        _ => None,
    };
    objects.iter().filter_map(name).collect()
}

/// What else to ask for: the one that was meant, or those that there are.
fn instead(wanted: &str, namespaces: &[&str]) -> String {
    let distance = |name: &&&str| strsim::osa_distance(wanted, name);
    let typos_max = TYPOS_MAX.min(wanted.len() / 2);
    if let Some(near) = namespaces.iter().min_by_key(distance).filter(|near| distance(near) <= typos_max) {
        return format!("did you mean {near}?");
    }
    match namespaces {
        [] => "nothing in it has a namespace".into(),
        few if few.len() <= NAMED_MAX => format!("these are: {}", few.join(" ")),
        many => format!("these are: {} and {} more", many[..NAMED_MAX].join(" "), many.len() - NAMED_MAX),
    }
}

/// Letters that are wrong, missing, too many or swapped.
const TYPOS_MAX: usize = 2;
/// As many as fit on a line or two.
const NAMED_MAX: usize = 10;
