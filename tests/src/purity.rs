//! Is a crate's source pure: no socket, no clock, no thread, no environment, no async runtime, no printing?
//!
//! `bgp-proto` and `rib` promise this, and everything else rests on it (virtual time in tests, no blocking in the
//! owner task). Compiling for `wasm32-unknown-unknown` would prove it less well: std compiles there and only fails
//! at run time. So this reads the text, as a reviewer would; the dependency tree is checked beside it in
//! `tests/tests/purity.rs`. Test code is free to do as it likes and is skipped, and so are comments.

/// What a pure crate never writes, and why.
const FORBIDDEN: &[(&str, &str)] = &[
    ("Instant::now", "time is an argument"),
    ("SystemTime", "time is an argument"),
    (".elapsed()", "time is an argument"),
    ("TcpStream", "no sockets"),
    ("TcpListener", "no sockets"),
    ("UdpSocket", "no sockets"),
    ("UnixStream", "no sockets"),
    ("UnixListener", "no sockets"),
    ("std::os::", "no operating system"),
    ("std::fs", "no files"),
    ("File::open", "no files"),
    ("std::io::stdin", "no standard streams"),
    ("std::io::stdout", "no standard streams"),
    ("std::io::stderr", "no standard streams"),
    ("std::env", "no environment"),
    ("std::process", "no processes"),
    ("std::thread", "no threads"),
    ("thread::spawn", "no threads"),
    ("thread::sleep", "no threads"),
    ("tokio", "no runtime"),
    ("socket2", "no sockets"),
    ("libc::", "no operating system"),
    ("async fn", "no runtime"),
    (".await", "no runtime"),
    ("println!", "a library prints nothing"),
    ("print!", "a library prints nothing"),
    ("eprintln!", "a library prints nothing"),
    ("eprint!", "a library prints nothing"),
    ("dbg!", "a library prints nothing"),
];

/// One impure line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Line number from 1.
    pub line: usize,
    /// The forbidden text found there.
    pub found: &'static str,
    /// The promise it breaks.
    pub promise: &'static str,
}

/// The impure lines of one source file, without comments, string literals and `#[cfg(test)]` items.
pub fn impure_lines(source: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut test_item = None; // brace depth inside a #[cfg(test)] item; Some(0) before its first brace
    for (index, line) in source.lines().enumerate() {
        let code = code_of(line);
        if code.trim_start().starts_with("#[cfg(test)]") {
            test_item = Some(0_i32);
            continue;
        }
        if let Some(depth) = test_item {
            let depth = depth + count(&code, '{') - count(&code, '}');
            let ended = depth <= 0 && (code.contains('}') || code.contains(';'));
            test_item = if ended { None } else { Some(depth) };
            continue;
        }
        let hit = FORBIDDEN.iter().find(|(text, _)| contains_word(&code, text));
        findings.extend(hit.map(|&(found, promise)| Finding { line: index + 1, found, promise }));
    }
    findings
}

/// Is `text` in `code`, and not as part of a longer name?
fn contains_word(code: &str, text: &str) -> bool {
    let part_of_name = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(text).any(|(at, _)| {
        let longer_before = text.starts_with(part_of_name) && code[..at].ends_with(part_of_name);
        let longer_after = text.ends_with(part_of_name) && code[at + text.len()..].starts_with(part_of_name);
        !longer_before && !longer_after
    })
}

/// The line without its comment and with its string literals emptied.
fn code_of(line: &str) -> String {
    let mut code = String::with_capacity(line.len());
    let mut chars = line.chars().peekable();
    let mut in_string = false;
    while let Some(c) = chars.next() {
        match (in_string, c) {
            (true, '\\') => {
                chars.next();
            }
            (_, '"') => {
                in_string = !in_string;
                code.push(c);
            }
            (true, _) => {}
            // '"' as a character, as in `split('"')`
            (false, '\'') if chars.peek() == Some(&'"') => {
                chars.next();
            }
            (false, '/') if chars.peek() == Some(&'/') => break,
            (false, c) => code.push(c),
        }
    }
    code
}

fn count(code: &str, wanted: char) -> i32 {
    i32::try_from(code.chars().filter(|&c| c == wanted).count()).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(source: &str) -> Vec<usize> {
        impure_lines(source).into_iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn every_forbidden_text_is_found() {
        for (text, promise) in FORBIDDEN {
            let source = format!("fn f() {{\n    let x = {text};\n}}\n");
            let found = impure_lines(&source);
            assert_eq!(found.len(), 1, "{text}");
            assert_eq!((found[0].line, found[0].promise), (2, *promise), "{text}");
        }
    }

    #[test]
    fn comments_strings_and_test_items_are_free() {
        let source = r#"
//! Never calls Instant::now().
/// Not tokio.
fn decode() -> &'static str { "std::fs" } // println! would be wrong
#[cfg(test)]
mod tests {
    fn t() { let now = Instant::now(); if true { println!("{now:?}") } }
}
fn later() { let at = Instant::now(); }
#[cfg(test)]
mod more;
use std::thread;
"#;
        assert_eq!(lines(source), [9, 12]);
    }

    #[test]
    fn a_longer_name_is_no_hit() {
        assert_eq!(lines("let sprint = blueprint!(); let my_tokio_like = x.awaited;"), [] as [usize; 0]);
    }
}
