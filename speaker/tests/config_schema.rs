//! Schema, reader and examples name the same keys: what one knows, all know.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;
use speaker::config::{parse, schema};

/// Steps from the root of a configuration to a mapping with fixed keys.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Key(String),
    /// Any item of a list.
    Item,
    /// Any name the user chose.
    Name,
}

/// Follows references and the `anyOf` of what may be null.
fn resolve<'s>(root: &'s Value, mut schema: &'s Value) -> &'s Value {
    loop {
        if let Some(name) = schema["$ref"].as_str() {
            schema = root.pointer(name.trim_start_matches('#')).expect("a reference leads somewhere");
        } else if let Some(choice) = schema["anyOf"].as_array() {
            schema = choice.iter().find(|choice| choice["type"] != "null").expect("something that is not null");
        } else {
            return schema;
        }
    }
}

/// Every mapping with fixed keys the schema knows.
fn objects<'s>(root: &'s Value, schema: &'s Value, path: &[Step], found: &mut BTreeMap<Vec<Step>, &'s Value>) {
    let schema = resolve(root, schema);
    let mut follow = |step: Step, inner: &'s Value| objects(root, inner, &[path, &[step]].concat(), found);
    for (key, inner) in schema["properties"].as_object().into_iter().flatten() {
        follow(Step::Key(key.clone()), inner);
    }
    if schema["items"].is_object() {
        follow(Step::Item, &schema["items"]);
    }
    if schema["additionalProperties"].is_object() {
        follow(Step::Name, &schema["additionalProperties"]);
    }
    if schema["properties"].is_object() {
        found.insert(path.to_vec(), schema);
    }
}

fn all_objects(root: &Value) -> BTreeMap<Vec<Step>, &Value> {
    let mut found = BTreeMap::new();
    objects(root, root, &[], &mut found);
    found
}

/// A file with `inner` where `path` leads.
fn wrap(path: &[Step], inner: Value) -> String {
    let value = path.iter().rev().fold(inner, |inner, step| match step {
        Step::Key(key) => serde_json::json!({ key: inner }),
        Step::Item => serde_json::json!([inner]),
        Step::Name => serde_json::json!({ "some-name": inner }),
    });
    value.to_string()
}

/// The keys the reader lists when it meets one it does not know.
fn keys_of_reader(path: &[Step]) -> BTreeSet<String> {
    let text = wrap(path, serde_json::json!({ "0": 1 }));
    let errors = parse("test.yaml", &text).unwrap_err();
    let unknown = errors.0.iter().find(|error| error.message.starts_with("unknown key `0`"));
    let help = unknown.unwrap_or_else(|| panic!("{path:?} takes any key:\n{errors}")).help.clone().unwrap();
    help.strip_prefix("the keys here are ").expect("a list of keys").split(", ").map(str::to_owned).collect()
}

#[test]
fn the_reader_takes_exactly_the_keys_of_the_schema() {
    let root = schema();
    let objects = all_objects(&root);
    assert!(objects.len() >= 20, "the schema has lost its mappings: {:?}", objects.keys());
    for (path, object) in objects {
        let keys: BTreeSet<String> = object["properties"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(keys_of_reader(&path), keys, "{path:?}");
        assert_eq!(object["additionalProperties"], false, "{path:?} is open in the schema");
    }
}

#[test]
fn the_reader_misses_exactly_the_keys_the_schema_requires() {
    let root = schema();
    for (path, object) in all_objects(&root) {
        let text = wrap(&path, serde_json::json!({}));
        let told = parse("test.yaml", &text).err().map(|errors| errors.to_string()).unwrap_or_default();
        for key in object["properties"].as_object().unwrap().keys() {
            let required =
                object["required"].as_array().is_some_and(|keys| keys.iter().any(|required| required == key));
            let here = told.lines().any(|line| {
                let missing = line.contains("is missing") || line.contains("needs `") || line.contains("has no `");
                missing && (line.contains(&format!("`{key}`")) || line.contains(&format!(".{key} is missing")))
            });
            // The router id is missed only where no node address can stand in for it.
            let stands_in = key == "router_id";
            // A sibling that is not there is not what this object misses.
            let elsewhere = key == "router" && !path.is_empty();
            assert!(
                required == here || stands_in || elsewhere,
                "{path:?} {key}: required {required}, missed {here}\n{told}"
            );
        }
    }
}

#[test]
fn every_key_is_described() {
    let root = schema();
    for (path, object) in all_objects(&root) {
        for (key, value) in object["properties"].as_object().unwrap() {
            assert!(value["description"].as_str().is_some_and(|text| text.len() > 8), "{path:?} {key}");
        }
    }
}

#[test]
fn the_schema_names_the_interfaces_that_detection_passes_over() {
    let root = schema();
    let text = root["$defs"]["Detect"]["properties"]["exclude"]["description"].as_str().unwrap();
    let named: Vec<&str> = text.split('`').skip(1).step_by(2).collect();
    assert_eq!(named, speaker::detect::EXCLUDED);
}

/// The paths of all keys in a document, list items and chosen names as such.
fn keys_of_document(root: &Value, schema: &Value, value: &Value, path: &str, used: &mut BTreeSet<String>) {
    let schema = resolve(root, schema);
    match value {
        Value::Object(entries) => {
            for (key, inner) in entries {
                let (step, next) = match schema["properties"].get(key) {
                    Some(next) => (key.as_str(), next),
                    None => ("*", &schema["additionalProperties"]),
                };
                assert!(next.is_object(), "{path}.{key} is in an example, but not in the schema");
                let path = format!("{path}.{step}");
                keys_of_document(root, next, inner, &path, used);
                used.insert(path);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| keys_of_document(root, &schema["items"], item, path, used)),
        _ => {}
    }
}

#[test]
fn the_examples_use_keys_of_the_schema_and_show_every_section() {
    let root = schema();
    let mut used = BTreeSet::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/config");
    for entry in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let value: Value = serde_yaml::from_str(&text).unwrap();
        keys_of_document(&root, &root, &value, "", &mut used);
    }
    for section in root["properties"].as_object().unwrap().keys() {
        assert!(used.contains(&format!(".{section}")), "no example shows `{section}`");
    }
}

#[test]
fn the_schema_is_golden() {
    insta::assert_snapshot!("schema", serde_json::to_string_pretty(&schema()).unwrap());
}
