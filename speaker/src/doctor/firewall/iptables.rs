//! Rules as `iptables -S` prints them.

use std::collections::BTreeMap;

use super::{Insert, Rule, Ruleset, Verdict};

/// The FORWARD chain of what `TOOL -S` has printed; `None` when it has none.
pub fn of_iptables(tool: &str, v6: bool, text: &str) -> Option<Ruleset> {
    let mut chains: BTreeMap<String, Vec<Rule>> = BTreeMap::new();
    let mut policy = None;
    for line in text.lines() {
        let words = words(line);
        let mut words = words.iter().map(String::as_str);
        match (words.next(), words.next()) {
            (Some("-P"), Some("FORWARD")) => {
                policy = words.next().map(|policy| policy == "DROP");
                chains.entry("FORWARD".to_owned()).or_default();
            }
            (Some("-P" | "-N"), Some(chain)) => drop(chains.entry(chain.to_owned()).or_default()),
            (Some("-A"), Some(chain)) => chains.entry(chain.to_owned()).or_default().push(rule(words)),
            _ => {}
        }
    }
    Some(Ruleset {
        place: tool.to_owned(),
        insert: Insert::Iptables(format!("{tool} -I FORWARD")),
        families: [!v6, v6],
        entry: "FORWARD".to_owned(),
        policy_drops: policy?,
        chains,
    })
}

fn rule<'a>(mut words: impl Iterator<Item = &'a str>) -> Rule {
    let mut rule = Rule::default();
    while let Some(word) = words.next() {
        match word {
            "-s" => rule.source = words.next().and_then(|range| range.parse().ok()),
            "-d" => rule.destination = words.next().and_then(|range| range.parse().ok()),
            "-i" => rule.input = words.next().map(str::to_owned),
            "-o" => rule.output = words.next().map(str::to_owned),
            "-m" => rule.unclear |= !matches!(words.next(), Some("comment" | "conntrack" | "state")),
            "--comment" => drop(words.next()),
            "--ctstate" | "--state" => {
                let states: Vec<&str> = words.next().unwrap_or_default().split(',').collect();
                rule.established |= !states.contains(&"NEW");
            }
            "-j" => rule.verdict = verdict(words.next().unwrap_or_default()),
            "-g" => rule.verdict = Verdict::Goto(words.next().unwrap_or_default().to_owned()),
            // What it is not says little of what it is.
            "!" => {
                rule.unclear = true;
                words.nth(1);
            }
            // What stands behind a target says how, not whether.
            "--reject-with" | "--log-prefix" | "--log-level" => drop(words.next()),
            _ => rule.unclear = true,
        }
    }
    rule
}

fn verdict(target: &str) -> Verdict {
    match target {
        "ACCEPT" => Verdict::Accept,
        "DROP" | "REJECT" => Verdict::Drop,
        "RETURN" => Verdict::Return,
        "MARK" | "CONNMARK" | "LOG" | "NFLOG" | "TRACE" | "TCPMSS" | "CT" => Verdict::Next,
        chain => Verdict::Jump(chain.to_owned()),
    }
}

/// Blanks part words, but not between quotes, of which a comment has some.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut quoted) = (vec![String::new()], false);
    for letter in line.chars() {
        match letter {
            '"' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            letter => words.last_mut().expect("there is one from the beginning").push(letter),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}
