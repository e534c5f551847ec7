//! From the tree to the raw configuration, without stopping at a mistake.
//!
//! The raw types derive serde's `Deserialize` (and schemars' `JsonSchema`, so both know the same keys). What is not
//! serde's usual way is the deserializer they are read from: it notes a mistake in the [`Report`] where it happens and
//! goes on with the next value. That works because every field is an [`At`]: a value with its place, which may also be
//! absent, or bad. A misspelt key is read as the key it was meant to be, so that its value is checked too and nothing
//! that refers to it is called unknown.

use std::fmt;

use serde::de::value::{StrDeserializer, U32Deserializer};
use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, Expected, IntoDeserializer, Visitor};

use super::at::At;
use super::diagnostic::{Place, Report, closest};
use super::secrets::crop;
use super::tree::{Entry, Kind, Node};

/// Reads a `T` from `node`. Whatever is wrong is in the report.
pub(super) fn read<'t, T: Deserialize<'t>>(node: &'t Node<'t>, report: &Report) -> At<T> {
    let reader = Reader { node, report, trail: &Trail::Root };
    At::deserialize(reader).unwrap_or(At::Bad)
}

/// Where in the configuration a value stands: `peers[2].asn`.
enum Trail<'t> {
    Root,
    Key(&'t Trail<'t>, &'t str),
    Item(&'t Trail<'t>, usize),
}

impl fmt::Display for Trail<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Key(Self::Root, key) => f.write_str(&crop(key)),
            Self::Key(parent, key) => write!(f, "{parent}.{}", crop(key)),
            Self::Item(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// A mistake on its way from a type's `Deserialize` to the report. Text behind the first line break is the help.
#[derive(Debug)]
pub(super) struct Mistake(String);

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Mistake {}

impl de::Error for Mistake {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

/// Reads one node; `'t` is the tree, `'p` the way to the node.
#[derive(Clone, Copy)]
struct Reader<'t, 'p> {
    node: &'t Node<'t>,
    report: &'p Report,
    trail: &'p Trail<'p>,
}

impl<'t> Reader<'t, '_> {
    fn refuse<T>(&self, expected: &dyn Expected, help: &str) -> Result<T, Mistake> {
        Err(Mistake(format!("expected {expected}, found {}\n{help}", self.node.describe())))
    }

    fn scalar(&self, expected: &dyn Expected) -> Result<&'t str, Mistake> {
        match &self.node.kind {
            Kind::Scalar { text, .. } => Ok(text),
            _ => self.refuse(expected, ""),
        }
    }

    fn note(&self, place: Place, mistake: &Mistake) {
        let (message, help) = mistake.0.split_once('\n').unwrap_or((&mistake.0, ""));
        let message = match self.trail {
            Trail::Root => message.to_owned(),
            trail => format!("{trail}: {message}"),
        };
        self.report.error(place, message, help);
    }

    /// The entries of a mapping under the names of a struct's fields: unknown keys are reported, and taken for the
    /// field they are likely to mean.
    fn fields(&self, entries: &'t [Entry<'t>], fields: &'static [&'static str]) -> Vec<(&'t str, &'t Entry<'t>)> {
        let named = |entry: &&'t Entry<'t>| fields.contains(&&*entry.key.text);
        let mut found: Vec<(&str, &Entry<'_>)> =
            entries.iter().filter(named).map(|entry| (&*entry.key.text, entry)).collect();
        for entry in entries.iter().filter(|entry| !named(entry)) {
            let key = &*entry.key.text;
            if self.report.is_full() || (matches!(self.trail, Trail::Root) && key.starts_with("x-")) {
                continue;
            }
            let place = match self.trail {
                Trail::Root => "at the top level".to_owned(),
                trail => format!("in `{trail}`"),
            };
            let free = fields.iter().copied().filter(|field| found.iter().all(|(name, _)| name != field));
            let meant = closest(key, free);
            let help = match meant {
                Some(field) => format!("did you mean `{field}`?"),
                None => format!("the keys here are {}", fields.join(", ")),
            };
            self.report.error(entry.key.place, format!("unknown key `{}` {place}", crop(key)), help);
            found.extend(meant.map(|field| (field, entry)));
        }
        found
    }
}

macro_rules! deserialize_number {
    ($($method:ident $visit:ident $type:ty)*) => {$(
        fn $method<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Mistake> {
            let text = self.scalar(&visitor)?;
            match text.parse::<$type>() {
                Ok(number) => visitor.$visit(number),
                Err(_) => Err(Mistake(format!(
                    "expected a whole number from {} to {}, found `{}`", <$type>::MIN, <$type>::MAX, crop(text)
                ))),
            }
        }
    )*};
}

impl<'t> Deserializer<'t> for Reader<'t, '_> {
    type Error = Mistake;

    fn deserialize_any<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match &self.node.kind {
            Kind::Scalar { .. } => self.deserialize_str(visitor),
            Kind::List(_) => self.deserialize_seq(visitor),
            Kind::Map(_) => self.deserialize_map(visitor),
        }
    }

    /// Only `true` and `false`: a `yes` that is text in one YAML reader and a boolean in another shall not decide.
    fn deserialize_bool<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Mistake> {
        let text = match &self.node.kind {
            Kind::Scalar { text, plain: true } if text == "true" => return visitor.visit_bool(true),
            Kind::Scalar { text, plain: true } if text == "false" => return visitor.visit_bool(false),
            _ => self.scalar(&"true or false")?,
        };
        let help = match text.to_lowercase().as_str() {
            "yes" | "on" | "y" | "true" | "1" | "enabled" => "did you mean `true`?",
            "no" | "off" | "n" | "false" | "0" | "disabled" => "did you mean `false`?",
            _ => "",
        };
        Err(Mistake(format!("expected true or false, found `{}`\n{help}", crop(text))))
    }

    fn deserialize_str<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Mistake> {
        let text = self.scalar(&visitor)?;
        visitor.visit_borrowed_str(text)
    }

    fn deserialize_string<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Mistake> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Mistake> {
        self.deserialize_str(visitor)
    }

    deserialize_number! {
        deserialize_u8 visit_u8 u8
        deserialize_u16 visit_u16 u16
        deserialize_u32 visit_u32 u32
        deserialize_u64 visit_u64 u64
    }

    fn deserialize_seq<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match &self.node.kind {
            Kind::List(items) => visitor.visit_seq(Items { reader: self, items: items.iter().enumerate() }),
            _ => self.refuse(&"a list", "write `[ … ]`, or each item on a line of its own behind `- `"),
        }
    }

    fn deserialize_map<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Mistake> {
        match &self.node.kind {
            Kind::Map(entries) => {
                let entries = entries.iter().map(|entry| (&*entry.key.text, entry)).collect();
                visitor.visit_map(Entries::new(self, entries))
            }
            _ => self.refuse(&visitor, "write `key: value` lines, indented"),
        }
    }

    fn deserialize_struct<V: Visitor<'t>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        match &self.node.kind {
            Kind::Map(entries) => visitor.visit_map(Entries::new(self, self.fields(entries, fields))),
            _ => self.refuse(&"a mapping", &format!("the keys here are {}", fields.join(", "))),
        }
    }

    fn deserialize_enum<V: Visitor<'t>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        let choice = variants.join(", ");
        let text = self.scalar(&format!("one of {choice}").as_str())?;
        if variants.contains(&text) {
            let variant: StrDeserializer<'_, Mistake> = text.into_deserializer();
            return visitor.visit_enum(variant);
        }
        let help = closest(text, variants.iter().copied()).map(|meant| format!("did you mean `{meant}`?"));
        Err(Mistake(format!("expected one of {choice}, found `{}`\n{}", crop(text), help.unwrap_or_default())))
    }

    fn deserialize_tuple_struct<V: Visitor<'t>>(
        self,
        _name: &'static str,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        visitor.visit_seq(AtParts { reader: self, next: 0 })
    }

    serde::forward_to_deserialize_any! {
        <V: Visitor<'t>>
        i8 i16 i32 i64 i128 u128 f32 f64 char bytes byte_buf option unit unit_struct newtype_struct tuple ignored_any
    }
}

/// Hands the parts of an [`At`] over: start, end, whether it is null, the value. A mistake in the value ends here.
struct AtParts<'t, 'p> {
    reader: Reader<'t, 'p>,
    next: u8,
}

impl<'t> de::SeqAccess<'t> for AtParts<'t, '_> {
    type Error = Mistake;

    fn next_element_seed<S: DeserializeSeed<'t>>(&mut self, seed: S) -> Result<Option<S::Value>, Mistake> {
        let Reader { node, .. } = self.reader;
        self.next += 1;
        if let Some(part) = before_value(self.next, node.place, node.is_null()) {
            return seed.deserialize(part).map(Some);
        }
        Ok(seed.deserialize(self.reader).inspect_err(|mistake| self.reader.note(node.place, mistake)).ok())
    }
}

/// The parts of an [`At`] by their turn, from 1; `None` when it is the value's.
fn before_value(turn: u8, place: Place, null: bool) -> Option<U32Deserializer<Mistake>> {
    let part = match turn {
        1 => place.start,
        2 => place.end,
        3 => null.into(),
        _ => return None,
    };
    Some(part.into_deserializer())
}

struct Items<'t, 'p, I> {
    reader: Reader<'t, 'p>,
    items: I,
}

impl<'t, I: Iterator<Item = (usize, &'t Node<'t>)>> de::SeqAccess<'t> for Items<'t, '_, I> {
    type Error = Mistake;

    fn next_element_seed<S: DeserializeSeed<'t>>(&mut self, seed: S) -> Result<Option<S::Value>, Mistake> {
        let Some((index, node)) = self.items.next() else { return Ok(None) };
        let trail = Trail::Item(self.reader.trail, index);
        seed.deserialize(Reader { node, trail: &trail, ..self.reader }).map(Some)
    }
}

struct Entries<'t, 'p> {
    reader: Reader<'t, 'p>,
    entries: std::vec::IntoIter<(&'t str, &'t Entry<'t>)>,
    value: Option<(&'t str, &'t Entry<'t>)>,
}

impl<'t, 'p> Entries<'t, 'p> {
    fn new(reader: Reader<'t, 'p>, entries: Vec<(&'t str, &'t Entry<'t>)>) -> Self {
        Self { reader, entries: entries.into_iter(), value: None }
    }
}

impl<'t> de::MapAccess<'t> for Entries<'t, '_> {
    type Error = Mistake;

    fn next_key_seed<S: DeserializeSeed<'t>>(&mut self, seed: S) -> Result<Option<S::Value>, Mistake> {
        self.value = self.entries.next();
        match self.value {
            Some((name, entry)) => seed.deserialize(KeyReader { name, place: entry.key.place }).map(Some),
            None => Ok(None),
        }
    }

    fn next_value_seed<S: DeserializeSeed<'t>>(&mut self, seed: S) -> Result<S::Value, Mistake> {
        let (name, entry) = self.value.take().ok_or_else(|| de::Error::custom("a value was read before its key"))?;
        let trail = Trail::Key(self.reader.trail, name);
        seed.deserialize(Reader { node: &entry.value, trail: &trail, ..self.reader })
    }
}

/// Reads a key: bare for a struct's fields, as an [`At`] for a name the user chose.
#[derive(Clone, Copy)]
struct KeyReader<'t> {
    name: &'t str,
    place: Place,
}

impl<'t> Deserializer<'t> for KeyReader<'t> {
    type Error = Mistake;

    fn deserialize_any<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Mistake> {
        visitor.visit_borrowed_str(self.name)
    }

    fn deserialize_tuple_struct<V: Visitor<'t>>(
        self,
        _name: &'static str,
        _len: usize,
        visitor: V,
    ) -> Result<V::Value, Mistake> {
        visitor.visit_seq(KeyParts { key: self, next: 0 })
    }

    serde::forward_to_deserialize_any! {
        <V: Visitor<'t>>
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple map struct enum identifier ignored_any
    }
}

/// Like [`AtParts`], of a key.
struct KeyParts<'t> {
    key: KeyReader<'t>,
    next: u8,
}

impl<'t> de::SeqAccess<'t> for KeyParts<'t> {
    type Error = Mistake;

    fn next_element_seed<S: DeserializeSeed<'t>>(&mut self, seed: S) -> Result<Option<S::Value>, Mistake> {
        self.next += 1;
        match before_value(self.next, self.key.place, false) {
            Some(part) => seed.deserialize(part).map(Some),
            None => seed.deserialize(self.key).map(Some),
        }
    }
}
