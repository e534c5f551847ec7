//! Whatever comes in: no panic, and every line out is an object.

use proptest::prelude::*;

use crate::recordings::*;

/// Whole recordings of each format, to be damaged.
fn recordings() -> Vec<Vec<u8>> {
    let stream = [open(64512, Vec::new()), keepalive(), update(&CODEC, &[("10.65.1.0/26", 0)]), keepalive()].concat();
    let segments: Vec<_> =
        stream.chunks(40).enumerate().map(|(at, part)| Tcp::new(true, 1 + 40 * at as u32, 0, part)).collect();
    let mrt = |message: &[u8]| record(16, 4, &bgp4mp(true, 64513, 64512, message));
    vec![
        hex_line(&stream).into_bytes(),
        stream.clone(),
        PCAP.file(&segments),
        Pcap { big_endian: true, nanos: true, link: 113 }.file(&segments),
        Pcap { link: 276, ..PCAP }.file(&segments),
        pcapng(6, 1_546_300_800_000_000, &segments),
        [mrt(&update(&CODEC, &[("10.65.1.0/26", 0)])), mrt(&keepalive()), record(13, 1, &[1; 50])].concat(),
    ]
}

proptest! {
    #[test]
    fn random_octets(input in proptest::collection::vec(any::<u8>(), 0..2_000)) {
        let _ = read(&input, &args());
    }

    #[test]
    fn random_octets_behind_a_good_beginning(
        format in 0_usize..7,
        keep in 0_usize..400,
        rest in proptest::collection::vec(any::<u8>(), 0..1_000),
    ) {
        let good = &recordings()[format];
        let input = [&good[..keep.min(good.len())], &rest].concat();
        let _ = read(&input, &args());
    }

    #[test]
    fn recordings_with_some_octets_changed(
        format in 0_usize..7,
        changes in proptest::collection::vec((0_usize..1_000, any::<u8>()), 1..12),
    ) {
        let mut input = recordings().swap_remove(format);
        for (at, octet) in changes {
            let at = at % input.len();
            input[at] = octet;
        }
        let _ = read(&input, &args());
    }
}

#[test]
fn the_recordings_are_good_before_they_are_damaged() {
    for recording in recordings() {
        assert!(objects(&recording).iter().any(|object| object["type"] == "UPDATE"));
    }
}
