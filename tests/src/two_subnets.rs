//! Two nodes on two subnets, a router between them, and a pod on each.
//!
//! ```text
//!   a 172.16.1.1 ───── r ───── 172.16.2.3 b          pod 10.68.1.5 on a, 10.68.2.5 on b
//! ```

use crate::{Lab, Netns};

/// Nodes a and b, and the router r, whose interfaces are r0 and r1; the nodes have eth0 and a default route to r.
pub fn two_subnets(lab: &Lab) -> [Netns; 3] {
    let [a, b, r] = ["a", "b", "r"].map(|name| lab.netns(name));
    lab.wire((&a, "eth0"), (&r, "r0"));
    lab.wire((&b, "eth0"), (&r, "r1"));
    for (ns, address, gateway) in [(&a, "172.16.1.1/24", "172.16.1.254"), (&b, "172.16.2.3/24", "172.16.2.254")] {
        ns.ip(&format!("addr add {address} dev eth0"));
        ns.ip(&format!("route add default via {gateway}"));
    }
    r.ip("addr add 172.16.1.254/24 dev r0");
    r.ip("addr add 172.16.2.254/24 dev r1");
    r.sysctl("ipv4/ip_forward", "1");
    a.ip("addr add 10.68.1.5/32 dev lo");
    b.ip("addr add 10.68.2.5/32 dev lo");
    [a, b, r]
}
