//! What runs inside the virtual machine of `tests/tests/vm.rs`: roost on a kernel with real ipip and VXLAN devices.
//!
//! A test like those beside the machine, made of the same labs; only that it is a program, and tells of each check in a
//! line on the serial line ([`roost_tests::vm::report`]). A check that fails ends its scenario; the next one runs all the
//! same. Texts for people, such as the logs of a failed lab, go there as well.
#![expect(clippy::print_stdout, reason = "the console is how the machine is heard")]

mod given;
mod managed;
mod mesh;
mod packets;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Instant;

use roost_tests::vm::report;

fn main() {
    for scenario in [given::scenario as fn(), managed::scenario] {
        // Said on the console already, by the check that failed and by the panic itself.
        let _told = catch_unwind(scenario);
    }
    println!("{}", report::END);
}

/// Reports whether `look` ends without a panic, and how long it took.
fn check<T>(sentence: &str, look: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    match catch_unwind(AssertUnwindSafe(look)) {
        Ok(value) => {
            println!("{}", report::ok(sentence));
            println!("    {:.1} s", start.elapsed().as_secs_f64());
            value
        }
        Err(panic) => {
            println!("{}", report::failed(sentence));
            resume_unwind(panic)
        }
    }
}
