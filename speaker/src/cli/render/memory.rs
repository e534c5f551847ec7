//! `roost show memory`: where the memory goes.

use super::{Column, table};
use crate::api::model::Memory;

/// The sum in a sentence, then a row for each part.
pub fn memory(memory: &Memory) -> String {
    let mut text = match (memory.resident, memory.resident_peak) {
        (Some(now), Some(peak)) => format!("{} resident, {} at most so far", size(now), size(peak)),
        (Some(now), None) => format!("{} resident", size(now)),
        (None, _) => "the kernel does not say what is resident".to_owned(),
    };
    text.push_str(&format!(": {} in these parts", size(memory.accounted)));
    if let Some(rest) = memory.unaccounted {
        text.push_str(&format!(
            ", {} elsewhere (code, stacks, the kernel's side, room the allocator keeps)",
            size(rest)
        ));
    }
    text.push_str(&format!("\n{} bytes a path; {} wait to be sent", memory.per_path, size(memory.unsent)));
    text.push_str(", most of it shared between sessions\n\n");
    let columns = [Column::Text("PART"), Column::Number("COUNT"), Column::Number("BYTES"), Column::Number("EACH")];
    let rows = memory.parts.iter().map(|part| {
        let each = part.bytes.checked_div(part.count).map_or_else(|| "-".to_owned(), |each| each.to_string());
        vec![part.part.clone(), part.count.to_string(), part.bytes.to_string(), each]
    });
    text + &table(&columns, rows)
}

/// `12 B`, `3.5 KiB`, `120.4 MiB`.
fn size(bytes: u64) -> String {
    let in_units = |unit: u64| bytes as f64 / unit as f64;
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{:.1} KiB", in_units(1 << 10)),
        _ => format!("{:.1} MiB", in_units(1 << 20)),
    }
}
