//! GoBGP.

use std::fmt::Write as _;

use crate::plan::{ASN, HOLD_SECONDS, NODE, Plan};
use crate::scenario::Shape;

/// The configuration of a plan.
pub fn config(plan: &Plan) -> String {
    let mut out = format!(
        "[global.config]\nas = {ASN}\nrouter-id = \"{NODE}\"\nport = 179\nlocal-address-list = [\"127.0.0.1\"]\n"
    );
    for speaker in &plan.speakers {
        let (address, asn) = (speaker.address, speaker.asn);
        let _ = write!(
            out,
            "[[neighbors]]\n[neighbors.config]\nneighbor-address = \"{address}\"\npeer-as = {asn}\n\
             [neighbors.transport.config]\npassive-mode = true\nlocal-address = \"127.0.0.1\"\n\
             [neighbors.timers.config]\nhold-time = {HOLD_SECONDS}\nkeepalive-interval = {}\n\
             [[neighbors.afi-safis]]\n[neighbors.afi-safis.config]\nafi-safi-name = \"ipv4-unicast\"\n",
            HOLD_SECONDS / 3
        );
        match plan.scenario.shape {
            Shape::Reflector => {
                let _ = write!(
                    out,
                    "[neighbors.route-reflector.config]\nroute-reflector-client = true\n\
                     route-reflector-cluster-id = \"{NODE}\"\n"
                );
            }
            Shape::Exchange => out += "[neighbors.ebgp-multihop.config]\nenabled = true\nmultihop-ttl = 2\n",
            Shape::Node => {}
        }
    }
    out
}
