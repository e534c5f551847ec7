//! roost.
fn main() {}
