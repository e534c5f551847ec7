use std::collections::BTreeMap;

use tracing::{Level, enabled, subscriber};
use tracing_subscriber::layer::SubscriberExt;

use super::*;

/// The most that is logged of the owner, of the kernel side's engine, and of a library.
fn most() -> [Option<Level>; 3] {
    let mut most = [None; 3];
    macro_rules! look {
        ($($level:ident),*) => { $(
            let heard = [
                enabled!(target: "speaker::daemon::owner", Level::$level),
                enabled!(target: "fib_sync::engine", Level::$level),
                enabled!(target: "hyper", Level::$level),
            ];
            for (most, _) in most.iter_mut().zip(heard).filter(|(_, heard)| *heard) {
                *most = Some(Level::$level);
            }
        )* };
    }
    look!(ERROR, WARN, INFO, DEBUG, TRACE);
    most
}

fn order(reset: bool, level: Option<LogLevel>, targets: &[(&str, LogLevel)]) -> LogOrder {
    let targets = targets.iter().map(|(target, level)| ((*target).to_owned(), *level)).collect();
    LogOrder { reset, level, targets }
}

#[test]
fn levels_change_while_it_runs_and_go_back_to_what_is_configured_by_then() {
    let (levels, filter) = Levels::new(LogLevel::Info, None).expect("a level is a filter");
    let subscriber = tracing_subscriber::registry().with(filter);
    subscriber::with_default(subscriber, || {
        assert_eq!(most(), [Some(Level::INFO); 3]);
        let shown = levels.change(order(false, None, &[("fib_sync", LogLevel::Trace)])).expect("few");
        assert_eq!(most(), [Some(Level::INFO), Some(Level::TRACE), Some(Level::INFO)]);
        assert_eq!((shown.in_force().as_str(), shown.is_changed()), ("info,fib_sync=trace", true));
        // What was said before stays, a part of a target has its own, and the level is that of all others.
        let more = order(false, Some(LogLevel::Error), &[("fib_sync::engine", LogLevel::Warn)]);
        let shown = levels.change(more).expect("few");
        assert_eq!(most(), [Some(Level::ERROR), Some(Level::WARN), Some(Level::ERROR)]);
        assert_eq!(shown.in_force(), "error,fib_sync=trace,fib_sync::engine=warn");
        // The file is read again: what was changed stays above it.
        levels.configure(LogLevel::Debug).expect("a level is a filter");
        assert_eq!(most(), [Some(Level::ERROR), Some(Level::WARN), Some(Level::ERROR)]);
        let shown = levels.change(order(true, None, &[])).expect("none");
        assert_eq!(most(), [Some(Level::DEBUG); 3]);
        assert_eq!((shown.configured.as_str(), shown.by.as_str(), shown.is_changed()), ("debug", "log.level", false));
    });
}

#[test]
fn the_environment_stands_in_for_the_file() {
    let (levels, filter) = Levels::new(LogLevel::Trace, Some("warn,fib_sync=info".to_owned())).expect("a filter");
    subscriber::with_default(tracing_subscriber::registry().with(filter), || {
        assert_eq!(most(), [Some(Level::WARN), Some(Level::INFO), Some(Level::WARN)]);
        levels.configure(LogLevel::Debug).expect("it is kept for nobody");
        assert_eq!(most(), [Some(Level::WARN), Some(Level::INFO), Some(Level::WARN)]);
        assert_eq!((levels.shown().by.as_str(), levels.are_overruled()), ("ROOST_LOG", true));
    });
    assert!(matches!(Levels::new(LogLevel::Info, Some("fib_sync=loud".to_owned())), Err(LevelError::Filter(_))));
}

#[test]
fn targets_are_bounded_and_one_too_many_changes_nothing() {
    let (levels, _filter) = Levels::new(LogLevel::Info, None).expect("a level is a filter");
    let names: BTreeMap<_, _> = (0..TARGETS).map(|n| (format!("speaker::x{n}"), LogLevel::Debug)).collect();
    let all = LogOrder { targets: names, ..LogOrder::default() };
    assert_eq!(levels.change(all.clone()).expect("as many as there may be").targets.len(), TARGETS);
    assert!(matches!(levels.change(order(false, None, &[("fib_sync", LogLevel::Debug)])), Err(LevelError::TooMany)));
    assert_eq!(levels.shown().targets, all.targets);
    levels.change(order(true, None, &[("fib_sync", LogLevel::Debug)])).expect("the others have gone");
}

#[test]
fn a_log_that_has_ended_is_said_and_nothing_is_taken_for_changed() {
    let (levels, filter) = Levels::new(LogLevel::Info, None).expect("a level is a filter");
    drop(filter);
    assert!(matches!(levels.change(order(false, Some(LogLevel::Debug), &[])), Err(LevelError::Ended(_))));
    assert!(!levels.shown().is_changed());
}
