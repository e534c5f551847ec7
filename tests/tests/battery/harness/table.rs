//! What roost holds, asked over its control socket, as `roost show routes --json` does.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use serde_json::Value;

use super::PATIENCE;

/// A path in roost's table.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub prefix: String,
    /// The peer's address, or `local`.
    pub from: String,
    pub best: bool,
    pub stale: bool,
    /// Why it lost, or is not used.
    pub reason: Option<String>,
    pub as_path: String,
    pub local_pref: u64,
    pub med: Option<u64>,
    pub path_id: u64,
    pub next_hop: Option<String>,
    pub communities: Vec<String>,
}

impl Row {
    pub fn of(value: &Value) -> Self {
        let text = |key: &str| value[key].as_str().map(str::to_owned);
        Self {
            prefix: text("prefix").unwrap_or_default(),
            from: text("from").unwrap_or_default(),
            best: value["best"] == true,
            stale: value["stale"] == true,
            reason: text("reason"),
            as_path: text("as_path").unwrap_or_default(),
            local_pref: value["local_pref"].as_u64().unwrap_or_default(),
            med: value["med"].as_u64(),
            path_id: value["path_id"].as_u64().unwrap_or_default(),
            next_hop: text("next_hop"),
            communities: value["communities"]
                .as_array()
                .map(|list| list.iter().filter_map(Value::as_str).map(str::to_owned).collect())
                .unwrap_or_default(),
        }
    }
}

/// One page of the control socket. HTTP/1.0, so that the answer ends with the connection.
#[track_caller]
pub fn get(socket: &Path, page: &str) -> Value {
    let ask = || -> std::io::Result<Vec<u8>> {
        let mut stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(format!("GET {page} HTTP/1.0\r\nHost: roost\r\n\r\n").as_bytes())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(answer)
    };
    let answer = ask().unwrap_or_else(|error| panic!("{page} on {}: {error}", socket.display()));
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no HTTP: {answer}"));
    assert!(head.starts_with("HTTP/1.0 200") || head.starts_with("HTTP/1.1 200"), "{page}: {answer}");
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{page}: {error}: {body}"))
}
