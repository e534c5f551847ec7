//! YAML text as a tree that remembers where everything stands.
//!
//! The YAML library scans and parses; this module only folds its events. Reading straight through serde would stop at
//! the first mistake and forget the places of what it has read; a tree lets the reader go on, and keeps scalars as they
//! were written (`1.10` is an AS number here, not the float 1.1; `0123` a password, not 123).
//!
//! Bounded: nesting, and the total of nodes and of copied text, count against fixed limits before anything is
//! allocated, so an alias that stands for an alias that stands for … is refused, not expanded.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use serde_yaml::granit_parser::{ErrorKind, Event, Options, Parser, ScalarStyle, Span, Tag};

use super::diagnostic::{Place, Report};
use super::secrets::{Secrets, crop, floor_char, value_start};

/// Nesting a configuration can have; one that means something has six levels.
const MAX_DEPTH: usize = 32;

/// Total cost of a tree: one for a node, one more for every 64 bytes of copied text. Fifty thousand peers with
/// twenty keys each cost two million.
const MAX_COST: usize = 4_000_000;

/// A value with its place.
#[derive(Clone, Debug)]
pub(super) struct Node<'t> {
    /// What a caret points at: the scalar, the alias, or the first key or item of a collection.
    pub place: Place,
    pub kind: Kind<'t>,
    /// From the first to the last byte.
    extent: Place,
    cost: usize,
    height: usize,
}

#[derive(Clone, Debug)]
pub(super) enum Kind<'t> {
    Scalar { text: Cow<'t, str>, plain: bool },
    List(Vec<Node<'t>>),
    Map(Vec<Entry<'t>>),
}

#[derive(Clone, Debug)]
pub(super) struct Entry<'t> {
    pub key: Key<'t>,
    pub value: Node<'t>,
}

#[derive(Clone, Debug)]
pub(super) struct Key<'t> {
    pub text: Cow<'t, str>,
    pub place: Place,
}

impl<'t> Node<'t> {
    /// A node that stands in no text.
    pub fn at(place: Place, kind: Kind<'t>) -> Self {
        Self { place, kind, extent: place, cost: 1, height: 0 }
    }
}

impl Node<'_> {
    /// A plain `null`, `~` or nothing at all.
    pub fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar { text, plain: true } if matches!(&**text, "" | "~" | "null" | "Null" | "NULL"))
    }

    /// What kind of value it is, in words.
    pub fn describe(&self) -> &'static str {
        match &self.kind {
            _ if self.is_null() => "nothing",
            Kind::Scalar { .. } => "a single value",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a mapping",
        }
    }
}

/// The tree of `text`, or `None` when it is no single YAML document (the report then says why).
/// Mistakes that leave a tree, such as a key given twice, are reported and passed over.
pub(super) fn parse<'t>(text: &'t str, report: &Report, secrets: &mut Secrets) -> Option<Node<'t>> {
    let mut builder = Builder { report, secrets, open: Vec::new(), anchors: HashMap::new(), root: None, cost: 0, text };
    let tree = builder.run();
    if tree.is_none() {
        builder.secrets.distrust_tree();
    }
    tree
}

struct Builder<'t, 'r> {
    text: &'t str,
    report: &'r Report,
    secrets: &'r mut Secrets,
    /// Collections whose end has not been seen, outermost first.
    open: Vec<Open<'t>>,
    anchors: HashMap<usize, Node<'t>>,
    root: Option<Node<'t>>,
    cost: usize,
}

struct Open<'t> {
    start: Place,
    anchor: usize,
    body: Body<'t>,
}

enum Body<'t> {
    List(Vec<Node<'t>>),
    Map {
        entries: Vec<Entry<'t>>,
        /// The key whose value comes next; `Some(None)` when it was no plain name, and its value is passed over.
        key: Option<Option<Key<'t>>>,
        seen: HashMap<String, Place>,
    },
}

/// The tree cannot be finished; the report says why.
struct Stop;

impl<'t> Builder<'t, '_> {
    fn run(&mut self) -> Option<Node<'t>> {
        let mut options = Options::default();
        options.set_emit_comments(false);
        options.emit_unresolved_aliases = true;
        options.block_nesting_limit = MAX_DEPTH;
        options.flow_nesting_limit = MAX_DEPTH;
        let mut documents = 0;
        for event in Parser::new_from_str_with_options(self.text, options) {
            let (event, span) = match event {
                Ok(event) => event,
                Err(error) => {
                    let at = error.marker().byte_offset().unwrap_or(self.text.len()).min(self.text.len());
                    let help = match error.kind() {
                        ErrorKind::TabNotAllowed | ErrorKind::TabInBlockIndentation => "indent with spaces",
                        ErrorKind::MappingValueNotAllowed => "quote a value with `: ` in it; check the indentation",
                        ErrorKind::UnclosedFlowCollection { .. } => "close it, or write one item a line",
                        _ => "check quotes, brackets and indentation",
                    };
                    self.report.error(Place::new(at, at), format!("not valid YAML: {}", error.info()), help);
                    return None;
                }
            };
            if let Event::DocumentStart(..) = event {
                documents += 1;
                if documents > 1 {
                    self.report.error(place(&span), "a second YAML document", "one file holds one configuration");
                    return None;
                }
            }
            self.event(event, &span).ok()?;
        }
        Some(self.root.take().unwrap_or_else(|| scalar(Cow::Borrowed(""), true, Place::default())))
    }

    fn event(&mut self, event: Event<'t>, span: &Span) -> Result<(), Stop> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain && tag.is_none();
                self.refuse_custom_tag(tag.as_deref(), span);
                self.close(scalar(text, plain, place(span)), anchor, false)
            }
            Event::SequenceStart(_, anchor, tag) => self.begin(Body::List(Vec::new()), anchor, tag.as_deref(), span),
            Event::MappingStart(_, anchor, tag) => {
                let body = Body::Map { entries: Vec::new(), key: None, seen: HashMap::new() };
                self.begin(body, anchor, tag.as_deref(), span)
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(open) => {
                    let anchor = open.anchor;
                    let node = self.collection(open, place(span));
                    self.close(node, anchor, false)
                }
                None => Ok(()),
            },
            Event::Alias(anchor) => match self.anchors.get(&anchor) {
                Some(target) if self.cost + target.cost <= MAX_COST && self.open.len() + target.height <= MAX_DEPTH => {
                    let node = Node { place: place(span), ..target.clone() };
                    self.close(node, 0, true)
                }
                Some(_) => self.stop(span, "this alias makes the configuration too large", "aliases may not multiply"),
                None => self.stop(span, "an alias inside what it stands for", "write the value out"),
            },
            Event::UnresolvedAlias(_) => self.stop(
                span,
                "an alias (`*name`) without an anchor (`&name`) before it",
                "quote a value that begins with `*`",
            ),
            _ => Ok(()),
        }
    }

    fn begin(&mut self, body: Body<'t>, anchor: usize, tag: Option<&Tag>, span: &Span) -> Result<(), Stop> {
        self.refuse_custom_tag(tag, span);
        if self.open.len() >= MAX_DEPTH {
            return self.stop(span, "nested too deeply", "no setting is nested like this");
        }
        self.open.push(Open { start: place(span), anchor, body });
        Ok(())
    }

    /// A collection whose end was read at `end`.
    fn collection(&mut self, open: Open<'t>, end: Place) -> Node<'t> {
        let mut node = Node { place: open.start, kind: Kind::List(Vec::new()), extent: open.start, cost: 1, height: 1 };
        node.extent.end = node.extent.end.max(end.end);
        let mut add = |child: &Node<'t>| {
            node.cost += child.cost;
            node.height = node.height.max(child.height + 1);
        };
        match open.body {
            Body::List(items) => {
                items.iter().for_each(&mut add);
                node.kind = Kind::List(items);
            }
            Body::Map { entries, .. } => {
                entries.iter().for_each(|entry| add(&entry.value));
                if let Some(first) = entries.first() {
                    node.place = first.key.place;
                }
                node.kind = Kind::Map(self.merge(entries));
            }
        }
        node
    }

    /// A node is complete: it becomes a key, a value, an item or the root.
    fn close(&mut self, mut node: Node<'t>, anchor: usize, copied: bool) -> Result<(), Stop> {
        self.cost += if copied { node.cost } else { 1 };
        if anchor != 0 {
            self.cost += node.cost;
        }
        if self.cost > MAX_COST {
            self.report.error(node.place, "the configuration has too many values", "split it, or remove aliases");
            return Err(Stop);
        }
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut().map(|open| &mut open.body) {
            None => self.root = Some(node),
            Some(Body::List(items)) => items.push(node),
            Some(Body::Map { key: key @ None, .. }) => {
                *key = Some(match node.kind {
                    Kind::Scalar { text, .. } => Some(Key { text, place: node.place }),
                    _ => {
                        self.report.error(
                            node.place,
                            "a key must be a plain name",
                            "a mapping or a list names nothing",
                        );
                        None
                    }
                });
            }
            Some(Body::Map { entries, key: waiting, seen }) => {
                let Some(key) = waiting.take().flatten() else { return Ok(()) };
                if node.is_null() && !copied {
                    node.place = key.place;
                }
                if Secrets::is_secret_key(&key.text) {
                    hide_value(self.secrets, self.text, &key, &node);
                }
                if let Some(first) = seen.get(&*key.text) {
                    let line = self.report.line(*first);
                    let message = format!("key `{}` is given twice", crop(&key.text));
                    self.report.error(key.place, message, format!("first given in line {line}; keep one of them"));
                } else {
                    if key.text != "<<" {
                        seen.insert(key.text.clone().into_owned(), key.place);
                    }
                    entries.push(Entry { key, value: node });
                }
            }
        }
        Ok(())
    }

    /// Expands `<<: *anchor` and `<<: [*a, *b]`: keys of the mapping itself win, then those of the first.
    fn merge(&mut self, entries: Vec<Entry<'t>>) -> Vec<Entry<'t>> {
        if !entries.iter().any(|entry| entry.key.text == "<<") {
            return entries;
        }
        let mut taken: HashSet<String> = entries.iter().map(|entry| entry.key.text.clone().into_owned()).collect();
        let mut merged = Vec::new();
        for entry in entries {
            if entry.key.text != "<<" {
                merged.push(entry);
                continue;
            }
            let sources = match entry.value.kind {
                Kind::List(items) => items,
                _ => vec![entry.value],
            };
            for source in sources {
                match source.kind {
                    Kind::Map(inner) => {
                        merged.extend(
                            inner.into_iter().filter(|entry| taken.insert(entry.key.text.clone().into_owned())),
                        );
                    }
                    _ => self.report.error(
                        source.place,
                        "`<<` merges mappings",
                        "give it an alias of a mapping, such as `<<: *name`",
                    ),
                }
            }
        }
        merged
    }

    fn refuse_custom_tag(&self, tag: Option<&Tag>, span: &Span) {
        if tag.is_some_and(Tag::is_custom) {
            let at = span.tag_span().map_or(place(span), |tag| place(&tag));
            self.report.error(at, "a YAML tag means nothing here", "quote a value that begins with `!`");
        }
    }

    fn stop(&self, span: &Span, message: &str, help: &str) -> Result<(), Stop> {
        self.report.error(place(span), message, help);
        Err(Stop)
    }
}

/// Hides everything between a key and the end of its value, a comment behind it (old passwords live there), and the
/// value's definition when it is an alias.
fn hide_value(secrets: &mut Secrets, text: &str, key: &Key<'_>, node: &Node<'_>) {
    let start = value_start(text, (key.place.end as usize).min(text.len()), text.len());
    let value_end = floor_char(text, node.place.end as usize).max(start);
    let line_end = text[value_end..].find('\n').map_or(text.len(), |length| value_end + length);
    let comment = text[value_end..line_end].trim_start().starts_with('#');
    secrets.hide(Place::new(start, if comment || node.is_null() { line_end } else { value_end }));
    secrets.hide(node.extent);
}

fn scalar(text: Cow<'_, str>, plain: bool, place: Place) -> Node<'_> {
    let copied = if let Cow::Owned(text) = &text { text.len() / 64 } else { 0 };
    Node { place, kind: Kind::Scalar { text, plain }, extent: place, cost: 1 + copied, height: 0 }
}

fn place(span: &Span) -> Place {
    let range = span.byte_range().unwrap_or_default();
    Place::new(range.start, range.end)
}
