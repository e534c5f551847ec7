//! roost on a kernel with real ipip and VXLAN devices, in a virtual machine: one boot, and every check by its sentence.
//!
//! What is checked and how stands in `tests/guest/`.

use std::path::Path;

use roost_tests::vm;

const CHECKS: [&str; 18] = [
    "each kernel holds exactly the routes of all pools",
    "every pod reaches every other one in all pools",
    "the router sees IP in IP from node to node, with the pods inside",
    "the router sees VXLAN from node to node, with the pods inside",
    "the router sees the pods of the direct pool themselves",
    "on 1500 octets, 1480 pass ipip whole and 1450 pass VXLAN, and not one more",
    "a kill -9 and a new start of roost lose no packet in any pool",
    "a reload that moves a pool from ipip to VXLAN and back loses no packet",
    "while tunl0 is down its routes are withheld, and back when it is up",
    "after ipip was unloaded and loaded again, the routes are back on the new tunl0",
    "a managed tunl0 is up with its address and MTU, and each kernel holds exactly the routes of all pools",
    "what a node itself sends to a pod of another one has the address of tunl0",
    "on 1460 octets, 1440 pass ipip whole and 1410 pass VXLAN, and not one more",
    "a kill -9 and a new start of roost lose no packet through devices it manages",
    "a managed tunl0 is back up with address and MTU whatever was done to it, and its routes with it",
    "a VXLAN device that was deleted is made anew, and all that was behind it is back",
    "managed devices follow the MTU of the network",
    "after ipip was unloaded and loaded again, roost sets up the new tunl0 and the routes are back",
];

#[test]
fn real_ipip_and_vxlan_in_a_virtual_machine() {
    let report = vm::run(Path::new(env!("CARGO_BIN_EXE_vm-guest")));
    // For whoever runs it with --no-capture: what was checked, and how long it took.
    println!("{}", report.tail());
    let complaints = report.complaints(&CHECKS);
    assert!(complaints.is_empty(), "see the console above\n{}", complaints.join("\n"));
}
