//! Waiting for a state that the kernel or a daemon only shows when asked.

use std::time::{Duration, Instant};

/// How long a lab waits for something that must happen but whose speed is not the test's question.
/// Generous: many labs share two cores in CI.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Pause between two looks.
pub const POLL: Duration = Duration::from_millis(20);

/// Asks `look` every 20 ms until it says `Ok`; `Err` describes the state seen, for the failure text.
///
/// # Panics
/// When `limit` passes, with `what` was awaited and the last state.
#[track_caller]
pub fn until<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Result<T, String>) -> T {
    let start = Instant::now();
    loop {
        match look() {
            Ok(value) => return value,
            Err(state) if start.elapsed() >= limit => {
                panic!("waited {:.1} s for: {what}\nlast state:\n{state}", start.elapsed().as_secs_f64())
            }
            Err(_) => std::thread::sleep(POLL),
        }
    }
}

/// Checks that `look` stays `Ok` for the whole of `span`; its `Err` fails the test at once.
///
/// # Panics
/// When `look` returns an error.
#[track_caller]
pub fn throughout(what: &str, span: Duration, mut look: impl FnMut() -> Result<(), String>) {
    let start = Instant::now();
    while start.elapsed() < span {
        if let Err(state) = look() {
            panic!("{what} did not hold after {:.1} s\nstate:\n{state}", start.elapsed().as_secs_f64());
        }
        std::thread::sleep(POLL);
    }
}

/// Attempts of [`promptly`].
const ATTEMPTS: usize = 3;

/// Checks that what `attempt` measures comes within `limit`, in one of three attempts: in the others somebody else may have
/// had the machine.
///
/// # Panics
/// When each took longer, with all times.
#[track_caller]
pub fn promptly(what: &str, limit: Duration, mut attempt: impl FnMut() -> Duration) {
    let mut took = Vec::new();
    while took.len() < ATTEMPTS {
        let time = attempt();
        if time <= limit {
            return;
        }
        took.push(time);
    }
    panic!("{what} came within {limit:?} in none of {ATTEMPTS} attempts: {took:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn promptly_needs_one_attempt_in_time_and_tells_all_that_were_not() {
        let mut times = [9, 8, 1].map(Duration::from_secs).into_iter();
        promptly("the third", Duration::from_secs(1), || times.next().expect("no fourth attempt"));
        assert_eq!(times.next(), None);
        let slow = || promptly("never", Duration::from_secs(1), || Duration::from_secs(2));
        let text = std::panic::catch_unwind(slow).expect_err("must panic").downcast::<String>().expect("a text");
        assert!(text.contains("never") && text.contains("[2s, 2s, 2s]"), "{text}");
    }

    #[test]
    fn until_returns_the_first_good_answer_and_tells_the_last_bad_one() {
        let mut left = 3;
        let got = until("three looks", PATIENCE, || {
            left -= 1;
            if left == 0 { Ok(42) } else { Err(format!("{left} left")) }
        });
        assert_eq!(got, 42);

        let failed = std::panic::catch_unwind(|| until::<()>("never", Duration::ZERO, || Err("still red".into())));
        let text = failed.expect_err("must panic").downcast::<String>().expect("a formatted text");
        assert!(text.contains("for: never") && text.contains("still red"), "{text}");
    }
}
