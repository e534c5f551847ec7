//! The JSON Schema of the configuration, for editors and other tools: derived from the raw types.

use schemars::generate::SchemaSettings;

use super::raw;

/// The JSON Schema (draft 2020-12) of the configuration file.
pub fn schema() -> serde_json::Value {
    let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<raw::File>();
    schema.insert("title".to_owned(), "roost configuration".into());
    schema.to_value()
}
