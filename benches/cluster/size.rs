//! How large the cluster is: one number, and the shares that follow from it.

use std::fmt;

use crate::cluster::Cluster;

/// As many Services, one in twenty of them headless, a hundred in a namespace, with fifteen endpoints each.
#[derive(Clone, Copy)]
pub(crate) struct Size(pub(crate) usize);

const ENDPOINTS: usize = 15;

impl Size {
    pub(crate) fn cluster(self) -> Cluster {
        let headless = (self.0 / 20).max(2);
        Cluster {
            services: self.0 - headless,
            namespaces: self.namespaces(),
            headless,
            headless_endpoints: ENDPOINTS,
            service_endpoints: ENDPOINTS,
        }
    }

    pub(crate) fn namespaces(self) -> usize {
        (self.0 / 100).max(1)
    }

    pub(crate) fn endpoints(self) -> usize {
        self.0 * ENDPOINTS
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Cluster { services, namespaces, headless, .. } = self.cluster();
        write!(f, "{services}-{headless}-in-{namespaces}-with-{}", self.endpoints())
    }
}
