//! Values with their places: the types of the raw configuration's fields.
//!
//! [`At`] is why reading can go on after a mistake: serde's derive sees a field that always succeeds, and whether there
//! was a value is a question for later. Only [`super::read`]'s deserializer knows the places; the two meet in the parts
//! of a tuple struct named [`AT`].

use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{self, Deserialize, Deserializer, Visitor};

use super::diagnostic::Place;

/// A value with its place in the file.
#[derive(Clone, Debug, Default)]
pub(super) enum At<T> {
    /// The key is not there.
    #[default]
    Absent,
    /// The key is there, and its value is nothing (`null`). The place is the key's.
    Null(Place),
    /// There was something wrong with it, and the report says so.
    Bad,
    /// A value.
    Good(T, Place),
}

impl<T> At<T> {
    pub fn good(&self) -> Option<(&T, Place)> {
        match self {
            Self::Good(value, place) => Some((value, *place)),
            _ => None,
        }
    }

    pub fn value(&self) -> Option<&T> {
        self.good().map(|(value, _)| value)
    }

    /// Absent or nothing.
    pub fn is_unset(&self) -> bool {
        matches!(self, Self::Absent | Self::Null(_))
    }
}

impl<T> At<Vec<At<T>>> {
    /// The good items of a list; none when there is no list.
    pub fn items(&self) -> impl Iterator<Item = (&T, Place)> {
        self.value().into_iter().flatten().filter_map(At::good)
    }
}

/// The name of the tuple struct through which [`At`] and [`Reader`](super::read) understand each other.
pub(super) const AT: &str = "roost::At";

impl<'de, T: Deserialize<'de>> Deserialize<'de> for At<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AtVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for AtVisitor<T> {
            type Value = At<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value with its place")
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut parts: A) -> Result<At<T>, A::Error> {
                let start = parts.next_element::<u32>()?.unwrap_or_default();
                let end = parts.next_element::<u32>()?.unwrap_or_default();
                let place = Place { start, end };
                if parts.next_element::<u32>()? == Some(1) {
                    return Ok(At::Null(place));
                }
                Ok(parts.next_element::<T>()?.map_or(At::Bad, |value| At::Good(value, place)))
            }
        }

        deserializer.deserialize_tuple_struct(AT, 4, AtVisitor(PhantomData))
    }
}

impl<T: JsonSchema> JsonSchema for At<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> std::borrow::Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// A mapping whose keys are names the user chose, in the order of the file.
#[derive(Clone, Debug)]
pub(super) struct Named<T>(pub Vec<(At<String>, At<T>)>);

impl<T> At<Named<T>> {
    /// The good entries: name, its place, value and its place.
    pub fn entries(&self) -> impl Iterator<Item = (&str, Place, &T, Place)> {
        self.value().into_iter().flat_map(|named| &named.0).filter_map(|(name, value)| {
            let ((name, name_place), (value, place)) = (name.good()?, value.good()?);
            Some((name.as_str(), name_place, value, place))
        })
    }

    /// All names, those with a bad value included.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.value().into_iter().flat_map(|named| &named.0).filter_map(|(name, _)| name.value()).map(String::as_str)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Named<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NamedVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for NamedVisitor<T> {
            type Value = Named<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a mapping from names to settings")
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Named<T>, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Named(entries))
            }
        }

        deserializer.deserialize_map(NamedVisitor(PhantomData))
    }
}

impl<T: JsonSchema> JsonSchema for Named<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("Named_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let value = generator.subschema_for::<T>();
        schemars::json_schema!({ "type": "object", "additionalProperties": value })
    }
}
