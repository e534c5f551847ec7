//! What the guest says on its serial line, and how it is read there: one line a check, so that each can be missed by name.
//!
//! ```text
//! roost-vm: ok pods reach each other
//! roost-vm: FAILED a kill -9 loses no packet
//! roost-vm: end
//! ```
//!
//! All other lines (the kernel's, and the text of a failure) are for people.

const OK: &str = "roost-vm: ok ";
const FAILED: &str = "roost-vm: FAILED ";
/// The guest's last line.
pub const END: &str = "roost-vm: end";
/// Lines of the console that a failure shows.
const TAIL: usize = 200;

/// The line that says that `check` holds.
pub fn ok(check: &str) -> String {
    format!("{OK}{check}")
}

/// The line that says that `check` does not hold.
pub fn failed(check: &str) -> String {
    format!("{FAILED}{check}")
}

/// All that was said.
#[derive(Debug)]
pub struct Report {
    lines: Vec<String>,
}

impl Report {
    /// Of the lines of the console.
    pub fn read(lines: impl Iterator<Item = String>) -> Report {
        Report { lines: lines.collect() }
    }

    /// What is wrong, one sentence each: checks of `expected` that were not reached or failed, others that were reported, and
    /// an end before the last word. Empty when all is well.
    pub fn complaints(&self, expected: &[&str]) -> Vec<String> {
        let said = |prefix: &'static str| self.lines.iter().filter_map(move |line| line.strip_prefix(prefix));
        let mut complaints: Vec<String> = said(FAILED).map(|check| format!("FAILED: {check}")).collect();
        for check in expected {
            if !said(OK).chain(said(FAILED)).any(|said| said == *check) {
                complaints.push(format!("not reached: {check}"));
            }
        }
        for check in said(OK).filter(|check| !expected.contains(check)) {
            complaints.push(format!("nobody expected: {check}"));
        }
        if !self.lines.iter().any(|line| line == END) {
            complaints.push("the machine ended, or took too long, before its last word".to_owned());
        }
        complaints
    }

    /// The end of the console.
    pub fn tail(&self) -> String {
        let from = self.lines.len().saturating_sub(TAIL);
        format!(
            "--- console (last {} of {} lines)\n{}",
            self.lines.len() - from,
            self.lines.len(),
            self.lines[from..].join("\n")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(lines: &[&str]) -> Vec<String> {
        Report::read(lines.iter().map(|&line| line.to_owned())).complaints(&["a", "b"])
    }

    #[test]
    fn only_all_checks_and_the_last_word_are_good() {
        assert_eq!(complaints(&["noise", &ok("a"), &ok("b"), END]), Vec::<String>::new());
        assert_eq!(complaints(&[&ok("a"), END]), ["not reached: b"]);
        assert_eq!(complaints(&[&ok("a"), &failed("b"), END]), ["FAILED: b"]);
        assert_eq!(complaints(&[&ok("a"), &ok("b"), &failed("c"), END]), ["FAILED: c"]);
        assert_eq!(complaints(&[&ok("a"), &ok("b"), &ok("c"), END]), ["nobody expected: c"]);
        assert_eq!(complaints(&[&ok("a"), &ok("b")]), ["the machine ended, or took too long, before its last word"]);
    }
}
