//! Cutting a stream: every split gives the same frames, and a header that is wrong is refused at once.

use super::*;

#[test]
fn a_stream_cut_anywhere_gives_the_same_frames() {
    let stream: Vec<u8> = [
        message(kind::KEEPALIVE, &[]),
        message(kind::OPEN, &hex("04 0001 00b4 01010101 00")),
        message(kind::UPDATE, &[0, 0, 0, 0]),
        message(kind::NOTIFICATION, &[6, 2]),
        message(kind::ROUTE_REFRESH, &[0, 1, 0, 1]),
    ]
    .concat();
    let frames = |chunks: &[&[u8]]| {
        let (mut buf, mut frames) = (BytesMut::new(), Vec::new());
        for chunk in chunks {
            buf.extend_from_slice(chunk);
            while let Some(frame) = split_frame(&mut buf, MAX_LEN).unwrap() {
                frames.push((frame.kind, frame.bytes));
            }
        }
        assert!(buf.is_empty());
        frames
    };
    let whole = frames(&[&stream]);
    assert_eq!(whole.iter().map(|(kind, _)| *kind).collect::<Vec<_>>(), [4, 1, 2, 3, 5]);
    for first in 0..=stream.len() {
        for second in first..=stream.len() {
            let cut = frames(&[&stream[..first], &stream[first..second], &stream[second..]]);
            assert_eq!(cut, whole, "cut at {first} and {second}");
        }
    }
    let octets: Vec<&[u8]> = stream.chunks(1).collect();
    assert_eq!(frames(&octets), whole);
}

/// What the header errors of RFC 4271 §6.1 answer: code, subcode, data.
#[test]
fn a_wrong_header_is_refused_before_its_body_comes() {
    let header = |length: u16, kind: u8| {
        let mut header = vec![0xff; 16];
        header.extend(length.to_be_bytes());
        header.push(kind);
        header
    };
    let length = |length: u16| Some((1, 2, format!("{length:04x}")));
    let rows = [
        ("length 18", header(18, 4), 4096, length(18)),
        ("length 0", header(0, 4), 4096, length(0)),
        ("longer than any", header(4097, 2), 4096, length(4097)),
        ("OPEN of 28", header(28, 1), 4096, length(28)),
        ("OPEN of 29", header(29, 1), 4096, None),
        ("UPDATE of 22", header(22, 2), 4096, length(22)),
        ("UPDATE of 4096", header(4096, 2), 4096, None),
        ("NOTIFICATION of 20", header(20, 3), 4096, length(20)),
        ("KEEPALIVE of 20", header(20, 4), 4096, length(20)),
        ("type 0", header(19, 0), 4096, Some((1, 3, "00".into()))),
        ("type 6", header(23, 6), 4096, Some((1, 3, "06".into()))),
        // RFC 8654 §4
        ("extended UPDATE", header(65535, 2), 65535, None),
        ("extended OPEN", header(4097, 1), 65535, length(4097)),
        ("extended KEEPALIVE", header(4097, 4), 65535, length(4097)),
        ("extended NOTIFICATION", header(4097, 3), 65535, None),
    ];
    for (what, header, max_len, expected) in rows {
        let got = split_frame(&mut BytesMut::from(&header[..]), max_len);
        let got = got.err().map(|error| Notification::from(&error));
        let got = got.map(|n| (n.code.0, n.subcode, to_hex(&n.data)));
        assert_eq!(got, expected, "{what}");
    }
    for octet in 0..16 {
        let mut bad = header(19, 4);
        bad[octet] = 0xfe;
        let error = split_frame(&mut BytesMut::from(&bad[..]), MAX_LEN).unwrap_err();
        assert_eq!(error.offset, octet);
        assert_eq!(Notification::from(&error), ErrorCode::MESSAGE_HEADER.with(1, Bytes::new()));
    }
}

#[test]
fn no_more_room_is_reserved_than_the_session_allows() {
    let mut buf = BytesMut::from(&message(kind::UPDATE, &[0; 4000])[..HEADER_LEN]);
    assert_eq!(split_frame(&mut buf, MAX_LEN), Ok(None));
    assert!(buf.capacity() >= 4019 && buf.capacity() <= 2 * MAX_LEN, "{}", buf.capacity());
}
