//! The prefixes of an announce or withdraw: all of them are right, or the request is refused with the place of each
//! wrong one.

use std::fmt::Write;
use std::net::IpAddr;

use bgp_proto::Prefix;

use super::model::Problem;

/// Wrong prefixes named in one answer; the rest is counted.
const NAMED: usize = 20;

/// Characters shown of a wrong prefix. The longest right one has 43.
const SHOWN: usize = 64;

/// Reads the `prefixes` of a [`PrefixList`](super::model::PrefixList); a bare address counts as /32 or /128.
///
/// # Errors
/// 400, naming each wrong element by its field path. Host bits are an error here: a block with host bits is more often a
/// mistyped address than a block.
pub fn parse_prefixes(texts: &[String]) -> Result<Vec<Prefix>, Problem> {
    let mut prefixes = Vec::with_capacity(texts.len());
    let (mut wrong, mut more) = (Vec::new(), 0);
    for (index, text) in texts.iter().enumerate() {
        match parse(text) {
            Ok(prefix) => prefixes.push(prefix),
            Err(reason) if wrong.len() < NAMED => wrong.push(format!("prefixes[{index}]: {}: {reason}", shown(text))),
            Err(_) => more += 1,
        }
    }
    if wrong.is_empty() {
        return Ok(prefixes);
    }
    let mut detail = wrong.join("; ");
    if more > 0 {
        let _ = write!(detail, "; and {more} more"); // writing to a String cannot fail
    }
    Err(Problem::bad_request(detail))
}

/// In quotes, and cut when it is far too long.
fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{:?}… ({} octets)", &text[..end], text.len()),
        None => format!("{text:?}"),
    }
}

fn parse(text: &str) -> Result<Prefix, String> {
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
