//! Prefixes as clients write them.

use std::net::IpAddr;

use bgp_proto::Prefix;

use super::fields::Fields;
use super::model::Problem;

/// Characters shown of a wrong prefix. The longest right one has 43.
const SHOWN: usize = 64;

/// Reads a list of prefixes, called `prefixes`; a bare address counts as /32 or /128.
///
/// # Errors
/// 400, naming each wrong element by its field path. Host bits are an error here: a block with host bits is more often a
/// mistyped address than a block.
pub fn parse_prefixes(texts: &[String]) -> Result<Vec<Prefix>, Problem> {
    let mut fields = Fields::default();
    let prefixes = fields.prefixes("prefixes", texts).into_iter().map(|(_, prefix)| prefix).collect();
    fields.problem().map_or(Ok(prefixes), Err)
}

/// In quotes, and cut when it is far too long.
pub(super) fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{:?}… ({} octets)", &text[..end], text.len()),
        None => format!("{text:?}"),
    }
}

pub(super) fn parse(text: &str) -> Result<Prefix, String> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(Prefix::host(address));
    }
    let prefix = text.parse::<Prefix>().map_err(|error| error.to_string())?;
    match text.split_once('/').and_then(|(address, _)| address.parse::<IpAddr>().ok()) {
        Some(address) if address != prefix.addr() => {
            Err(format!("bits behind the prefix length are set; the block is {prefix}"))
        }
        _ => Ok(prefix),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn blocks_and_bare_addresses_are_read() {
        let prefixes = parse_prefixes(&texts(&["10.65.1.0/26", "10.65.1.7", "fd00::/64", "fd00::7"])).unwrap();
        let shown: Vec<_> = prefixes.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["10.65.1.0/26", "10.65.1.7/32", "fd00::/64", "fd00::7/128"]);
    }

    #[test]
    fn every_wrong_one_is_named_with_its_place() {
        let problem = parse_prefixes(&texts(&["10.65.1.0/26", "10.65.1.1/26", "10.0.0.0/33", "x"])).unwrap_err();
        assert_eq!(problem.status, 400);
        let pointers: Vec<_> = problem.errors.iter().map(|error| error.pointer.as_str()).collect();
        assert_eq!(pointers, ["/prefixes/1", "/prefixes/2", "/prefixes/3"]); // RFC 6901 §3
        assert_eq!(
            problem.detail,
            "prefixes[1]: \"10.65.1.1/26\": bits behind the prefix length are set; the block is 10.65.1.0/26; \
             prefixes[2]: \"10.0.0.0/33\": prefix length 33 is more than 32; \
             prefixes[3]: \"x\": expected ADDRESS/LENGTH, such as 10.65.1.0/26"
        );
    }

    #[test]
    fn an_answer_does_not_grow_with_the_request() {
        let problem = parse_prefixes(&vec!["x".to_owned(); 10_000]).unwrap_err();
        assert!(problem.detail.ends_with("; and 9980 more"), "{}", problem.detail);
        let problem = parse_prefixes(&["ä".repeat(10_000)]).unwrap_err();
        let cut = format!("prefixes[0]: \"{}\"… (20000 octets): expected ADDRESS/LENGTH", "ä".repeat(64));
        assert!(problem.detail.starts_with(&cut), "{}", problem.detail);
    }
}
