//! Which rows a watcher is told of, and when.

use super::*;
use crate::changes::Watcher;
use std::sync::Mutex;

#[derive(Debug, Default)]
struct Told {
    prefixes: Mutex<Vec<String>>,
    enough: Mutex<bool>,
}

impl Watcher for Told {
    fn changed(&self, prefixes: Option<&[IpNetwork]>) -> bool {
        let prefixes = prefixes.unwrap().iter().map(ToString::to_string);
        self.prefixes.lock().unwrap().extend(prefixes);
        !*self.enough.lock().unwrap()
    }
}

impl Told {
    fn take(&self, lab: &mut Lab) -> Vec<String> {
        lab.engine.changes.tell(Some(self));
        let mut prefixes = std::mem::take(&mut *self.prefixes.lock().unwrap());
        prefixes.dedup();
        prefixes
    }
}

#[test]
fn a_row_is_told_when_it_changes_and_gone_when_the_kernel_has_let_go() {
    let (mut lab, told) = (Lab::new(world()), Told::default());
    lab.want(&[("10.66.1.0/26", target("172.16.1.9"))]);
    assert_eq!(told.take(&mut lab), [""; 0], "nobody watches");
    lab.engine.changes.set(true);
    lab.want(&[("10.66.2.0/26", target("172.16.1.2"))]);
    assert_eq!(told.take(&mut lab), ["10.66.2.0/26"]);
    lab.want(&[("10.66.2.0/26", target("172.16.1.3"))]);
    assert_eq!(told.take(&mut lab), ["10.66.2.0/26"], "another way");
    lab.want(&[("10.66.2.0/26", target("172.16.1.3"))]);
    assert_eq!(told.take(&mut lab), [""; 0], "the same wish again");

    lab.engine.update([(net("10.66.2.0/26"), None)]);
    assert_eq!(told.take(&mut lab), [""; 0], "the kernel still has it");
    lab.run();
    assert_eq!(
        (told.take(&mut lab), lab.kernel.text(12).contains("10.66.2.0/26")),
        (vec!["10.66.2.0/26".to_owned()], false)
    );

    lab.kernel.delete(net("10.66.1.0/26"), |_| true);
    lab.run();
    assert_eq!(told.take(&mut lab), ["10.66.1.0/26"], "a repair");
    // A pool whose tunnel is missing: never in the kernel, and gone all the same.
    lab.kernel.link(7, "tunl0", false);
    lab.after(Duration::from_secs(1));
    lab.want(&[("10.65.2.0/26", target("172.16.1.2"))]);
    assert_eq!(told.take(&mut lab), ["10.65.2.0/26"]);
    lab.want(&[("10.65.2.0/26", None)]);
    assert_eq!(told.take(&mut lab), ["10.65.2.0/26"]);

    *told.enough.lock().unwrap() = true;
    for (prefix, expected) in [("10.66.3.0/26", 1), ("10.66.4.0/26", 0)] {
        lab.want(&[(prefix, target("172.16.1.2"))]);
        assert_eq!(told.take(&mut lab).len(), expected, "{prefix}: it wants no more after the first");
    }
}

#[test]
fn more_rows_than_can_be_named_are_said_to_be_many() {
    #[derive(Debug)]
    struct Many;
    impl Watcher for Many {
        fn changed(&self, prefixes: Option<&[IpNetwork]>) -> bool {
            assert_eq!(prefixes, None);
            false
        }
    }
    let mut lab = Lab::new(world());
    lab.engine.changes.set(true);
    let block = |n: u32| IpNetwork::new(std::net::Ipv4Addr::from(0x0a42_0000 + n).into(), 32).unwrap();
    (0..40_000).for_each(|n| lab.engine.changes.note(block(n)));
    lab.engine.changes.tell(Some(&Many));
}
