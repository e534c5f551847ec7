//! Any octets, as the messages of any session.
//!
//! The first octet is the session, the rest the stream. A decoder with a cache and one without say the same.

use bgp_proto::attr::AttrCache;
use bgp_proto::message::{Message, split_frame};
use bytes::BytesMut;

use super::canonical::{answerable, judge};
use super::input::{Bound, Input};

/// The stream, its messages twice, what they say, and what is written of that.
pub const BOUND: Bound = Bound { fixed: 256 << 10, per_octet: 160 };

pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let codec = input.codec();
    let mut buffer = BytesMut::from(input.rest());
    let mut cache = AttrCache::new();
    loop {
        let frame = match split_frame(&mut buffer, codec.max_len()) {
            Ok(Some(frame)) => frame,
            Ok(None) => return,
            Err(error) => return answerable(&error),
        };
        let plain = Message::decode(&frame, &codec);
        // The first time it is noted, the second time kept, the third time found.
        for _ in 0..3 {
            assert_eq!(Message::decode_with(&frame, &codec, &mut cache), plain);
        }
        judge(&frame, &codec, &plain);
    }
}
