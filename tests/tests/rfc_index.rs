//! Which section of which RFC is proven by a test: marks in code against the same marks in tests.
//!
//! A mark is `RFC nnnn §x` in a comment (`//`, `///` or `//!`) of a Rust source. How marks are read:
//!
//! * a section is the digits, dots and capitals behind the `§`; `§9.1.2.2 c` and `§9.1.2.2` are one section;
//! * sections that follow belong to the same RFC: `RFC 5065 §4, §4.1` is two marks, `RFC 7606 §3 c, §3 g` one;
//! * a mark stands in one line; an RFC without a section is a mention, not a mark;
//! * a line is of a test when its file lies in a folder `tests`, `benches` or `fuzz` or is called `tests.rs`, or when it
//!   stands below `#[cfg(test)] mod … {`; every other line is code.
//!
//! A section marked in code must be marked in some test of the project, by the same number: §4 does not stand for §4.1.
//! The examples in this file do not count. Whether a test proves its clause is for its reader to judge; the table shows
//! where both stand. To see it:
//! `cargo test -p roost-tests --test rfc_index -- --nocapture`

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use roost_tests::peers::checkout;

/// RFC and section; the latter as numbers where it has some, so that §10 comes behind §9.
type Section = (u32, Vec<(u32, String)>);

/// Where a section is marked: `file:line`, in code and in tests.
type Index = BTreeMap<Section, [Vec<String>; 2]>;

#[test]
#[allow(clippy::print_stdout)] // the table is for people
fn every_section_marked_in_code_is_marked_in_a_test() {
    let mut index = Index::new();
    for folder in ["bgp-proto", "rib", "fib-sync", "speaker", "tests"] {
        read_folder(&checkout().join(folder), &mut index);
    }
    let in_code = index.values().filter(|[code, _]| !code.is_empty()).count();
    assert!(in_code > 100, "only {in_code} sections are marked in code: is the project where this test looks for it?");
    print!("{}", table(&index));
    let missing: String = index
        .iter()
        .filter(|(_, [code, tests])| !code.is_empty() && tests.is_empty())
        .map(|(section, [code, _])| format!("{}: {} is marked in no test\n", code[0], name(section)))
        .collect();
    assert!(
        missing.is_empty(),
        "{missing}write `// RFC nnnn §x` beside the test that proves the section; if none does, write that test"
    );
}

fn read_folder(folder: &Path, index: &mut Index) {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries {
        let path = entry.unwrap_or_else(|error| panic!("{}: {error}", folder.display())).path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            read_folder(&path, index);
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("rfc_index.rs") {
            let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let path = path.strip_prefix(checkout()).expect("the walk began there");
            read_source(path, &text, index);
        }
    }
}

fn read_source(path: &Path, text: &str, index: &mut Index) {
    let mut is_test = path.iter().any(|part| ["tests", "benches", "fuzz", "tests.rs"].iter().any(|name| part == *name));
    let mut before = "";
    for (number, line) in text.lines().enumerate() {
        is_test |= before.trim() == "#[cfg(test)]" && line.starts_with("mod ") && line.ends_with('{');
        before = line;
        let Some(comment) = line.find("//").and_then(|at| line.get(at..)) else { continue };
        for section in marks(comment) {
            index.entry(section).or_default()[usize::from(is_test)].push(format!("{}:{}", path.display(), number + 1));
        }
    }
}

fn marks(comment: &str) -> Vec<Section> {
    let mut found = Vec::new();
    for behind in comment.split("RFC ").skip(1) {
        let digits = behind.find(|c: char| !c.is_ascii_digit()).unwrap_or(behind.len());
        let (Ok(rfc), mut rest) = (behind[..digits].parse(), &behind[digits..]) else { continue };
        while let Some((between, section)) = rest.split_once('§') {
            // The letter of a clause, "," or "and": anything longer is a sentence, which has left the RFC.
            if between.len() > 8 || between.contains(|c: char| !c.is_ascii_lowercase() && !" ,".contains(c)) {
                break;
            }
            let end = section.find(|c: char| !(c.is_ascii_digit() || c.is_ascii_uppercase() || c == '.'));
            let (section, tail) = section.split_at(end.unwrap_or(section.len()));
            let parts = section.split('.').filter(|part| !part.is_empty());
            let parts: Vec<_> = parts.map(|part| (part.parse().unwrap_or(u32::MAX), part.to_owned())).collect();
            if !parts.is_empty() {
                found.push((rfc, parts));
            }
            rest = tail;
        }
    }
    found
}

fn name((rfc, parts): &Section) -> String {
    let parts: Vec<_> = parts.iter().map(|(_, part)| part.as_str()).collect();
    format!("RFC {rfc} §{}", parts.join("."))
}

/// A row a section: how often it is marked in code and in tests, and where first.
fn table(index: &Index) -> String {
    let mut out = format!("{:<22} {:>4} {:>5}  first in code, first in a test\n", "section", "code", "tests");
    for (section, [code, tests]) in index {
        let first = |places: &[String]| places.first().map_or("-", String::as_str).to_owned();
        let (counts, places) = ((code.len(), tests.len()), (first(code), first(tests)));
        let _ = writeln!(out, "{:<22} {:>4} {:>5}  {}, {}", name(section), counts.0, counts.1, places.0, places.1);
    }
    out
}

#[test]
fn marks_are_read_as_they_are_written() {
    let names = |comment: &str| marks(comment).iter().map(name).collect::<Vec<_>>().join("; ");
    assert_eq!(names("// RFC 7606 §7.3"), "RFC 7606 §7.3");
    assert_eq!(names("/// The limit (RFC 4271 §6.7)."), "RFC 4271 §6.7");
    assert_eq!(names("// RFC 5065 §4, §4.1 and §5"), "RFC 5065 §4; RFC 5065 §4.1; RFC 5065 §5");
    assert_eq!(names("// RFC 4271 §9.1.2.2 c, RFC 4456 §9: lower"), "RFC 4271 §9.1.2.2; RFC 4456 §9");
    assert_eq!(names("// RFC 2918, RFC 7313"), "", "mentions");
    assert_eq!(names("// RFC 9494 says more in its §4"), "", "a sentence");
    assert_eq!(names("// RFC 4271 §E.2"), "RFC 4271 §E.2", "appendices have letters");
}

#[test]
fn lines_below_a_test_module_are_of_tests() {
    let text = "// RFC 1 §1\n#[cfg(test)]\nmod tests;\n// RFC 1 §2\n#[cfg(test)]\nmod tests {\n// RFC 1 §3\n}\n";
    let counts = |path: &str| {
        let mut index = Index::new();
        read_source(Path::new(path), text, &mut index);
        index.values().map(|[code, tests]| (code.len(), tests.len())).collect::<Vec<_>>()
    };
    assert_eq!(counts("rib/src/a.rs"), [(1, 0), (1, 0), (0, 1)]);
    assert_eq!(counts("rib/src/a/tests.rs"), [(0, 1); 3]);
    assert_eq!(counts("speaker/tests/a.rs"), [(0, 1); 3]);
}
