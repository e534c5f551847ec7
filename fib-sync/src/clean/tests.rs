//! All of ours goes, in order, and nothing else.

use super::*;
use crate::config::{Mode, Pool};
use crate::device::{Device, DeviceKind};
use crate::driver::turn;
use crate::memory::MemoryKernel;
use futures::FutureExt;

fn config() -> FibConfig {
    let local = "172.16.1.1".parse().unwrap();
    let kind = DeviceKind::Vxlan { vni: 4096, port: 4789 };
    FibConfig {
        pools: vec![Pool::new("10.68.0.0/16".parse().unwrap(), Mode::Vxlan)],
        devices: vec![Device { name: "vxlan.roost".into(), local, mtu: 0, kind }],
        ..FibConfig::default()
    }
}

#[test]
fn it_is_told_and_then_done_in_the_order_that_leads_nowhere_at_no_moment() {
    let mut kernel = MemoryKernel::new();
    kernel.link(2, "eth0", true);
    kernel.address(2, "172.16.1.1/24".parse().unwrap());
    let mut engine = Engine::new(config()).unwrap();
    let via = |text: &str| Some(crate::Target::via([text.parse().unwrap()].into_iter().collect()));
    engine.update([
        ("10.68.2.0/26".parse().unwrap(), via("172.16.1.2")),
        ("10.1.0.0/24".parse().unwrap(), via("172.16.1.3")),
    ]);
    for _ in 0..10 {
        turn(&mut kernel, &mut engine, Instant::now(), |_| false).now_or_never().unwrap();
    }
    assert_eq!(kernel.text(12).lines().count(), 2);
    let before = (kernel.routes(), kernel.far_ends(), kernel.writes());

    let run = |remove| {
        let engine = Engine::new(config()).unwrap();
        clean_on(&mut kernel.clone(), engine, remove).now_or_never().unwrap().unwrap()
    };
    let commands = |cleaned: &[Cleaned]| cleaned.iter().map(|one| one.command.clone()).collect::<Vec<_>>();
    let told = commands(&run(false));
    assert_eq!(
        told,
        [
            "ip route del 10.1.0.0/24 via 172.16.1.3 dev eth0 proto bird",
            "ip route del 10.68.2.0/26 via 172.16.1.2 dev vxlan.roost proto bird onlink",
            "bridge fdb del 02:72:ac:10:01:02 dst 172.16.1.2 dev vxlan.roost self permanent",
            "ip neigh del 172.16.1.2 lladdr 02:72:ac:10:01:02 dev vxlan.roost nud permanent",
            "ip link del vxlan.roost",
        ]
    );
    assert_eq!((kernel.routes(), kernel.far_ends(), kernel.writes()), before, "nothing was done yet");

    kernel.refuse("10.1.0.0/24".parse().unwrap(), libc::EPERM, 1);
    let done = run(true);
    assert_eq!(commands(&done), told);
    assert_eq!(done.iter().filter(|one| one.error.is_some()).count(), 1);
    assert_eq!(commands(&run(true)), told[..1], "the one that was refused");
    assert!(run(true).is_empty() && kernel.text(12).is_empty() && kernel.find_link("vxlan.roost").is_none());
}
