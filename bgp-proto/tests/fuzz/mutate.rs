//! Mutations of seeds for the tests on stable: no coverage, but the same bodies on every run, and a seed number.

/// A file's name and its octets.
pub type Seed = (&'static str, Vec<u8>);

/// splitmix64.
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n.max(1) as u64) as usize
    }
}

/// The input under test, for whoever reads a failure.
struct Shown<'a>(&'a str, &'a [u8]);

impl Drop for Shown<'_> {
    #[expect(clippy::print_stderr, reason = "for whoever reads the failure")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            let hex: String = self.1.iter().map(|octet| format!("{octet:02x}")).collect();
            eprintln!("the input of target {} was {hex}", self.0);
        }
    }
}

/// Runs a target over its seeds and `count` mutations of them. A failure prints its input.
pub fn run(name: &str, seeds: &[Seed], count: usize, target: fn(&[u8])) {
    let run = |input: &[u8]| {
        let shown = Shown(name, input);
        target(shown.1);
    };
    seeds.iter().for_each(|(_, seed)| run(seed));
    let mut rng = Rng::new(name.bytes().fold(0, |sum, octet| sum * 31 + u64::from(octet)));
    for _ in 0..count {
        let mut input = seeds[rng.below(seeds.len())].1.clone();
        for _ in 0..=rng.below(6) {
            mutate(&mut input, seeds, &mut rng);
        }
        run(&input);
    }
}

fn mutate(input: &mut Vec<u8>, seeds: &[Seed], rng: &mut Rng) {
    const TELLING: [u8; 8] = [0, 1, 2, 4, 0x0f, 0x7f, 0x80, 0xff];
    let at = rng.below(input.len());
    let to = at + rng.below(1 + input.len() - at);
    match rng.below(7) {
        _ if input.is_empty() => input.push(rng.below(256) as u8),
        0 => input[at] ^= 1 << rng.below(8),
        1 => input[at] = TELLING[rng.below(TELLING.len())],
        2 => input[at] = rng.below(256) as u8,
        3 => input.insert(at, rng.below(256) as u8),
        4 => drop(input.drain(at..to)),
        5 if input.len() < 4096 => input.extend_from_within(at..to),
        _ => {
            let other = &seeds[rng.below(seeds.len())].1;
            let from = rng.below(other.len());
            input.splice(at..at, other[from..].iter().copied());
        }
    }
}

/// The files of a folder are the seeds; with `ROOST_WRITE_SEEDS` set they are made so.
pub fn committed(folder: &std::path::Path, seeds: &[Seed]) {
    if std::env::var_os("ROOST_WRITE_SEEDS").is_some() {
        let _ = std::fs::remove_dir_all(folder); // not there the first time
        std::fs::create_dir_all(folder).expect("a folder for the seeds");
        for (name, octets) in seeds {
            std::fs::write(folder.join(name), octets).expect("a file for the seed");
        }
    }
    let entries = std::fs::read_dir(folder).expect("the seeds' folder; ROOST_WRITE_SEEDS=1 writes it");
    let mut there: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    let mut expected: Vec<&str> = seeds.iter().map(|(name, _)| *name).collect();
    there.sort();
    expected.sort();
    assert_eq!(there, expected, "ROOST_WRITE_SEEDS=1 writes the seeds anew");
    for (name, octets) in seeds {
        let file = std::fs::read(folder.join(name)).expect("a seed");
        assert!(&file == octets, "{name} is not what is made now: ROOST_WRITE_SEEDS=1 writes the seeds anew");
    }
}
