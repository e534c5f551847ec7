//! What is known of a prefix, for whoever copies it.

use super::Engine;
use crate::config::FibConfig;
use crate::desired::Target;
use crate::route::Route;
use ipnetwork::IpNetwork;

impl Engine {
    /// The configuration in force.
    pub(crate) fn config(&self) -> &FibConfig {
        &self.config
    }

    /// What is wanted of it.
    pub(crate) fn target(&self, prefix: IpNetwork) -> Option<&Target> {
        self.desired.get(prefix).map(|entry| &entry.target)
    }

    /// Its routes, and which of them are ours.
    pub(crate) fn routes_at(&self, prefix: IpNetwork) -> impl Iterator<Item = (&Route, bool)> {
        self.view.routes.at(prefix).iter().map(|held| (&held.route, held.ours))
    }

    /// Whether it is wanted or has routes.
    pub(crate) fn knows(&self, prefix: IpNetwork) -> bool {
        !self.view.routes.at(prefix).is_empty() || self.desired.get(prefix).is_some()
    }
}
