//! Log lines that say what happened become events: those with a field `event`, which is the event's kind.
//!
//! ```text
//! warn!(event = "peer-down", peer = %name, reason = …, "session lost: {reason}")
//! ```
//!
//! So the log and `roost show events` can't tell different stories, and whoever has something to say says it once, from
//! wherever it is. The levels of the log have no say in it: an event is one on a node that logs errors only.
//!
//! Why not a call beside each line of the log: the journal would have to be handed to every part of the daemon and to
//! fib-sync, for texts that are there already.

use std::fmt::{self, Write};
use std::sync::Arc;
use std::time::SystemTime;

use tracing::field::{Field, Visit};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::Journal;
use crate::api::model::{EventRow, millis};

/// Characters of one text; what is beyond has its place in the log.
const LONGEST: usize = 1024;

/// The part of logging that writes into a journal.
pub struct EventLayer(Arc<Journal>);

impl EventLayer {
    /// The layer, which sees nothing but events.
    pub fn of<S: Subscriber + for<'s> LookupSpan<'s>>(journal: Arc<Journal>) -> impl Layer<S> {
        let is_event = |metadata: &Metadata<'_>| metadata.fields().field("event").is_some();
        Self(journal).with_filter(filter_fn(is_event))
    }
}

impl<S: Subscriber> Layer<S> for EventLayer {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = Line::default();
        event.record(&mut line);
        let mut text: String = line.message.chars().take(LONGEST).collect();
        if !line.facts.is_empty() {
            let facts: String = line.facts.chars().take(LONGEST).collect();
            let _ = write!(text, " ({facts})"); // a String takes all
        }
        let Line { kind, subject, .. } = line;
        self.0.event(EventRow { at: millis(SystemTime::now()), kind, subject, text });
    }
}

/// A log line's fields.
#[derive(Default)]
struct Line {
    kind: String,
    /// Whom or what it is about.
    subject: Option<String>,
    message: String,
    /// All others.
    facts: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "event" => self.kind = format!("{value:?}"),
            "peer" | "prefix" | "owner" => self.subject = Some(format!("{value:?}")),
            "message" => self.message = format!("{value:?}"),
            name => {
                let comma = if self.facts.is_empty() { "" } else { ", " };
                let _ = write!(self.facts, "{comma}{name}={value:?}"); // a String takes all
            }
        }
    }

    /// Without the quotes that `Debug` gives it.
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }
}
