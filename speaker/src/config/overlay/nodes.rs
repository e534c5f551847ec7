//! Settings in JSON as the tree that the reader of the file knows; each value's place is its number.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::{Entry, Field};
use crate::config::diagnostic::Place;
use crate::config::tree::{self, Kind, Node};

/// What each place stands for.
pub(super) fn fields(entries: &[&Entry]) -> Vec<Field> {
    let mut fields = Vec::new();
    for entry in entries {
        let mut name = |pointer: &str| fields.push(Field { key: entry.key.clone(), pointer: pointer.to_owned() });
        name("");
        name(&format!("/{}", entry.key.field()));
        for_each(&entry.settings, "", &mut name);
    }
    fields
}

/// Each value behind the one it is in, as [`Growth`] numbers them.
fn for_each(settings: &Map<String, Value>, parent: &str, name: &mut impl FnMut(&str)) {
    for (key, value) in settings {
        for_value(value, &format!("{parent}/{}", key.replace('~', "~0").replace('/', "~1")), name);
    }
}

fn for_value(value: &Value, pointer: &str, name: &mut impl FnMut(&str)) {
    name(pointer);
    match value {
        Value::Object(inner) => for_each(inner, pointer, name),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                for_value(item, &format!("{pointer}/{index}"), name);
            }
        }
        _ => {}
    }
}

/// A tree for each entry.
pub(super) fn nodes<'t>(entries: &[&'t Entry]) -> Vec<Node<'t>> {
    let mut growth = Growth { next: 0 };
    let tree = |entry: &&'t Entry| {
        let place = growth.place();
        let name_place = growth.place();
        let name = Node::at(name_place, Kind::Scalar { text: Cow::Owned(entry.key.name()), plain: false });
        let key = tree::Key { text: Cow::Borrowed(entry.key.field()), place: name_place };
        let mut map = vec![tree::Entry { key, value: name }];
        map.extend(growth.entries(&entry.settings));
        Node::at(place, Kind::Map(map))
    };
    entries.iter().map(tree).collect()
}

struct Growth {
    next: usize,
}

impl Growth {
    fn place(&mut self) -> Place {
        self.next += 1;
        Place::of_overlay(self.next - 1)
    }

    fn entries<'t>(&mut self, settings: &'t Map<String, Value>) -> Vec<tree::Entry<'t>> {
        let entry = |(key, value): (&'t String, &'t Value)| {
            let value = self.node(value);
            tree::Entry { key: tree::Key { text: Cow::Borrowed(key), place: value.place }, value }
        };
        settings.iter().map(entry).collect()
    }

    fn node<'t>(&mut self, value: &'t Value) -> Node<'t> {
        let place = self.place();
        let plain = |text: Cow<'t, str>| Kind::Scalar { text, plain: true };
        let kind = match value {
            Value::Null => plain(Cow::Borrowed("null")),
            Value::Bool(flag) => plain(Cow::Borrowed(if *flag { "true" } else { "false" })),
            Value::Number(number) => plain(Cow::Owned(number.to_string())),
            Value::String(text) => Kind::Scalar { text: Cow::Borrowed(text), plain: false },
            Value::Array(items) => Kind::List(items.iter().map(|item| self.node(item)).collect()),
            Value::Object(inner) => Kind::Map(self.entries(inner)),
        };
        Node::at(place, kind)
    }
}
