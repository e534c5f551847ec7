//! Writing the attributes of a path, all but MP_REACH_NLRI, in order of code.

use bytes::{BufMut, BytesMut};

use super::table::{Place, TABLE};
use super::{AttrCode, AttrFlags, PathAttrs, RawAttr};
use crate::message::Codec;

/// Writes what is there; who may see which attribute was decided before. NEXT_HOP is left out when the prefixes stand in
/// MP_REACH_NLRI (`classic` is false), which has the next hop then (RFC 4760 §3).
pub(crate) fn encode_attrs(attrs: &PathAttrs, codec: &Codec, classic: bool, out: &mut BytesMut) {
    let mut value = BytesMut::new();
    let mut unknown = attrs.unknown.iter().peekable();
    for row in TABLE {
        while let Some(attr) = unknown.next_if(|attr| attr.code < row.code) {
            put_unknown(out, attr);
        }
        let Place::Attrs { encode, .. } = row.place else { continue };
        if row.code == AttrCode::NEXT_HOP && !classic {
            continue;
        }
        value.clear();
        if encode(attrs, codec, &mut value) {
            let partial = if attrs.partial.contains(row.code) { AttrFlags::PARTIAL } else { 0 };
            put_attr(out, row.flags | partial, row.code, &value);
        }
    }
    unknown.for_each(|attr| put_unknown(out, attr));
}

fn put_unknown(out: &mut BytesMut, attr: &RawAttr) {
    const KEPT: u8 = AttrFlags::OPTIONAL | AttrFlags::TRANSITIVE | AttrFlags::PARTIAL;
    put_attr(out, attr.flags.0 & KEPT, attr.code, &attr.value);
}

/// Writes header and value; the length field is two octets wide only where it must be.
fn put_attr(out: &mut BytesMut, flags: u8, code: AttrCode, value: &[u8]) {
    match u8::try_from(value.len()) {
        Ok(length) => out.put_slice(&[flags, code.0, length]),
        Err(_) => {
            out.put_slice(&[flags | AttrFlags::EXTENDED_LENGTH, code.0]);
            out.put_u16(value.len().min(0xffff) as u16);
        }
    }
    out.put_slice(value);
}
