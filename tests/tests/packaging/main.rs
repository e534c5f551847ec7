//! What `examples/` has for packagers, tried: the image's one file in an empty root with the capabilities of the manifests,
//! the manifests by the types of Kubernetes' API, the service by systemd's own judgement and by what roost really calls.

mod confined;
mod container;
mod dockerfile;
mod kubernetes;
mod manifests;
mod systemd;

use std::path::PathBuf;

use roost_tests::peers;

/// A file of the checkout.
fn example(path: &str) -> PathBuf {
    peers::checkout().join("examples").join(path)
}

/// Its text.
#[track_caller]
fn text(path: &str) -> String {
    std::fs::read_to_string(example(path)).unwrap_or_else(|error| panic!("examples/{path}: {error}"))
}
