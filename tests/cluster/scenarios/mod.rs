//! What is tried, one function after the other. Each has namespaces of its own.

mod credentials;
mod dropin;
mod kinds;
mod large;
mod model;
mod narrowing;
mod outage;
mod rollout;
mod state;

use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use serde_json::{Value, json};

use crate::{
    World,
    control_plane::{NARROW, READER},
    objects::Cluster,
};

/// Panics where something is not as it should be. Returns what else is worth a word.
pub(crate) type Scenario = fn(&World) -> String;

pub(crate) const ALL: [(&str, Scenario); 15] = [
    ("dropin", dropin::the_image_of_a_deployment_changes),
    ("kinds", kinds::every_kind_of_service),
    ("rollout", rollout::pods_are_replaced_one_by_one),
    ("change", rollout::services_change),
    ("large", large::many_endpoints),
    ("pages", large::lists_come_in_pages),
    ("restart", outage::the_api_server_restarts),
    ("gone", outage::objects_vanish_while_nobody_looks),
    ("state", state::it_restarts_while_the_api_is_down),
    ("rights", credentials::a_right_is_missing),
    ("narrowing", narrowing::only_a_part_is_served),
    ("tenant", credentials::rights_in_one_namespace_are_enough),
    ("pods", narrowing::pods_are_verified),
    ("token", credentials::a_token_is_rotated),
    ("model", model::served_is_what_the_api_lists),
];

/// A zone of the cluster with further keys, on one server.
pub(crate) fn served(keys: &str) -> String {
    format!("[[server]]\n[server.kubernetes]\n{keys}\n")
}

/// Nothing but defaults.
pub(crate) const DEFAULTS: &str = "";

/// Defaults, and zones for who asks from here.
pub(crate) const TRANSFERS: &str = "[[server]]\n[server.transfer]\nto = [\"127.0.0.1\"]\n";

/// What clusterdns asks for, by API group.
pub(crate) fn rule(group: &str, resources: &[&str]) -> Value {
    json!({"apiGroups": [group], "resources": resources, "verbs": ["list", "watch"]})
}

/// The rights of the users.
pub(crate) fn grant(cluster: &Cluster) {
    let core = rule("", &["services", "namespaces", "pods"]);
    let slices = rule("discovery.k8s.io", &["endpointslices"]);
    role(cluster, READER, &[core.clone(), slices]);
    role(cluster, NARROW, &[core]);
}

/// Gives a user these rights, everywhere.
pub(crate) fn role(cluster: &Cluster, user: &str, rules: &[Value]) {
    cluster.create(&parsed::<ClusterRole>(json!({"metadata": {"name": user}, "rules": rules})));
    bind(cluster, user, user, json!({"kind": "User", "name": user}));
}

/// Gives the rights of a role to somebody.
pub(crate) fn bind(cluster: &Cluster, name: &str, role: &str, subject: Value) {
    let role = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role});
    let binding = json!({"metadata": {"name": name}, "roleRef": role, "subjects": [subject]});
    cluster.create(&parsed::<ClusterRoleBinding>(binding));
}

/// An object of a kind that only one scenario needs.
pub(crate) fn parsed<K: serde::de::DeserializeOwned>(value: Value) -> K {
    serde_json::from_value(value).expect("an object of this kind")
}
