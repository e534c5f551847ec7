use super::*;
use crate::config::LogLevel;

#[test]
fn a_level_of_the_log_that_is_overruled_says_so_and_what_helps() {
    let step = Step::LogLevel(LogLevel::Debug);
    assert_eq!(row_of(&step, None, false).text, "log.level: debug from now on");
    let text = row_of(&step, None, true).text;
    assert!(text.starts_with("log.level: debug, and nothing changes, as ROOST_LOG overrules it: `roost log debug`"));
}
