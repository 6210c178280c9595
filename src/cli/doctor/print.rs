//! A report as text for people.

use strum::IntoEnumIterator as _;

use crate::domain::doctor::report::{CheckResult, DoctorReport};

/// The lines of the text.
pub(super) fn readable(report: &DoctorReport) -> Vec<String> {
    let mut lines = Vec::new();
    let mut category = None;
    for check in &report.checks {
        if category != Some(check.category) {
            category = Some(check.category);
            lines.push(<&str>::from(check.category).to_owned());
        }
        let word: &str = check.result.into();
        lines.push(format!("  {word:<7}  {}", check.message));
        lines.extend(check.hint.iter().map(|hint| format!("           hint  {hint}")));
        if matches!(check.result, CheckResult::Warn | CheckResult::Fail) {
            lines.push(format!("           docs  {}", check.docs));
        }
    }
    let counts = CheckResult::iter().map(|result| format!("{} {}", report.count(result), <&str>::from(result)));
    lines.push(counts.collect::<Vec<_>>().join(", "));
    lines
}
