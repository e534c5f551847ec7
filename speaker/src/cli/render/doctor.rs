//! `roost fib doctor`: what is wrong, each in a paragraph of its own, then what is not, in a line each.

use std::fmt::Write;

use super::Facts;
use crate::doctor::{Finding, Report, Severity};

/// The findings, the worst first; then what was looked at.
pub fn doctor(report: &Report) -> String {
    let mut text = format!("{}\n", report.settings);
    let mut findings: Vec<(&str, &Finding)> = report
        .outcomes
        .iter()
        .flat_map(|outcome| outcome.findings.iter().map(|finding| (outcome.check, finding)))
        .collect();
    findings.sort_by_key(|(_, finding)| std::cmp::Reverse(finding.severity));
    for (check, finding) in &findings {
        paragraph(&mut text, check, finding);
    }
    let mut fine = Facts::new(2);
    for outcome in report.outcomes.iter().filter(|outcome| outcome.not_checked.is_none() && outcome.findings.is_empty())
    {
        fine.add(outcome.check, &outcome.looked_at);
    }
    let mut not_checked = Facts::new(2);
    for outcome in &report.outcomes {
        not_checked.add_some(outcome.check, outcome.not_checked.as_ref());
    }
    for (title, facts) in [("in order:", fine), ("not checked:", not_checked)] {
        if !facts.rows.is_empty() {
            let _ = writeln!(text, "\n{title}"); // a String takes all
            facts.write(&mut text);
        }
    }
    text
}

fn paragraph(text: &mut String, check: &str, finding: &Finding) {
    let severity = match finding.severity {
        Severity::Error => "ERROR",
        Severity::Warning => "WARNING",
        Severity::Note => "note",
    };
    let _ = writeln!(text, "\n{severity} ({check}): {}", finding.what); // a String takes all
    let mut facts = Facts::new(2);
    facts.add("why", &finding.why);
    for command in &finding.remedy {
        facts.add("type", command);
    }
    facts.add_some("hint", Some(&finding.hint).filter(|hint| !hint.is_empty()));
    facts.write(text);
}
