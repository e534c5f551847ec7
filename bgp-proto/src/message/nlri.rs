//! Prefixes as they stand on the wire, walked lazily (RFC 4271 §4.3, RFC 4760 §5, RFC 7911 §3).

use bytes::Bytes;

use crate::{Family, PathId, Prefix};

/// A run of prefixes of one family, in wire form. Every octet was checked when it was decoded, so the walk cannot fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nlri {
    family: Family,
    add_path: bool,
    wire: Bytes,
}
