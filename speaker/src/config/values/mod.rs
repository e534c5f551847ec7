//! Single values of the configuration: read from one YAML scalar, and unable to hold nonsense.
//!
//! [`Scalar`] is the contract between text and value. `Read<T>` carries it into serde and schemars, also for types of
//! other crates; the raw configuration spells it [`S`]. A value that is refused says what was expected; it quotes what
//! it found, except for a [`Secret`].

mod address;
mod bgp;
mod detect;
mod kernel;
mod secret;
mod time;

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, Visitor};

pub(super) use address::PeerAddress;
pub(super) use bgp::{Asns, MeshPassive};
pub use kernel::{DeviceName, SocketGroup, SocketMode};
pub(super) use kernel::{RouteMetric, RouteProtocol, RouteTable};
pub use secret::Secret;
pub use time::HoldTime;
pub(crate) use time::duration;
pub(super) use time::{Lasting, Seconds, show_duration};

use super::at::At;
use super::secrets::crop;

/// Why a text is not the value that was expected.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(super) struct Refusal {
    /// What was expected, and what was found.
    pub message: String,
    /// What to do.
    pub help: String,
}

/// Expected `what`, found `text`.
fn expected(what: &str, text: &str) -> Refusal {
    Refusal { message: format!("expected {what}, found `{}`", crop(text)), help: String::new() }
}

impl Refusal {
    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }

    /// All of it, in a line.
    pub(super) fn in_a_line(self) -> String {
        if self.help.is_empty() { self.message } else { format!("{} ({})", self.message, self.help) }
    }
}

/// A value that is written as one YAML scalar.
pub(super) trait Scalar: Sized {
    /// The value in words, as in "expected …".
    const WHAT: &'static str;
    /// Its JSON Schema.
    fn schema() -> Schema;
    /// The value `text` stands for.
    fn from_text(text: &str) -> Result<Self, Refusal>;
}

/// A field of the raw configuration that is a scalar.
pub(super) type S<T> = At<Read<T>>;

/// Carries a [`Scalar`] into serde and schemars.
#[derive(Clone, Debug)]
pub(super) struct Read<T>(pub T);

impl<T: Clone> At<Read<T>> {
    /// The value, when there is a good one.
    pub fn get(&self) -> Option<T> {
        self.value().map(|read| read.0.clone())
    }
}

impl<'de, T: Scalar> Deserialize<'de> for Read<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor<T>(PhantomData<T>);

        impl<T: Scalar> Visitor<'_> for TextVisitor<T> {
            type Value = Read<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(T::WHAT)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Read<T>, E> {
                T::from_text(text)
                    .map(Read)
                    .map_err(|Refusal { message, help }| E::custom(format!("{message}\n{help}")))
            }
        }

        deserializer.deserialize_str(TextVisitor(PhantomData))
    }
}

impl<T: Scalar> JsonSchema for Read<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        T::WHAT.into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        T::schema()
    }
}

impl Scalar for String {
    const WHAT: &'static str = "text";

    fn schema() -> Schema {
        json_schema!({ "type": "string" })
    }

    fn from_text(text: &str) -> Result<Self, Refusal> {
        match text.chars().any(char::is_control) {
            true => Err(expected("text on one line", &text.escape_debug().to_string())),
            false => Ok(text.to_owned()),
        }
    }
}

/// A whole number from `MIN` to `MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Int<const MIN: u64, const MAX: u64>(pub u64);

impl<const MIN: u64, const MAX: u64> Scalar for Int<MIN, MAX> {
    const WHAT: &'static str = "a whole number";

    fn schema() -> Schema {
        json_schema!({ "type": "integer", "minimum": MIN, "maximum": MAX })
    }

    fn from_text(text: &str) -> Result<Self, Refusal> {
        let digits = !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
        match text.parse() {
            Ok(number) if digits && (MIN..=MAX).contains(&number) => Ok(Self(number)),
            _ => Err(expected(&format!("a whole number from {MIN} to {MAX}"), text)),
        }
    }
}
