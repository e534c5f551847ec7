//! The model's dice, loaded: they show what the fuzzer says.

use std::cell::RefCell;

thread_local! {
    /// What is left of the input, last octet first.
    static TAPE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Stands in for the model's own generator, which the world makes for itself.
pub struct Rng(());

/// Puts another input in.
pub fn load(octets: &[u8]) {
    TAPE.with_borrow_mut(|tape| {
        tape.clear();
        tape.extend(octets.iter().rev());
    });
}

/// Whether all was said: from then on, every throw is zero.
pub fn is_empty() -> bool {
    TAPE.with_borrow(Vec::is_empty)
}

impl Rng {
    pub fn new(_seed: u64) -> Self {
        Self(())
    }

    pub fn below(&mut self, n: usize) -> usize {
        TAPE.with_borrow_mut(|tape| usize::from(tape.pop().unwrap_or(0))) % n
    }

    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }
}
