//! Whether the installation can do its work.

use askama::Template;

use crate::domain::doctor::report::{CheckResult, DoctorReport};
use crate::page::frame::PageFrame;
use crate::page::state::StateWord;

/// The page.
#[derive(Template)]
#[template(path = "doctor.html")]
pub struct DoctorPage {
    frame: PageFrame,
    /// Each category with its checks.
    categories: Vec<(&'static str, Vec<ShownCheck>)>,
    failures: usize,
    warnings: usize,
}

/// A check.
struct ShownCheck {
    word: StateWord,
    message: String,
    hint: Option<String>,
    docs: Option<String>,
}

impl DoctorPage {
    /// Shows a report.
    pub fn new(frame: PageFrame, report: DoctorReport) -> Self {
        let count = |result| report.count(result);
        let (failures, warnings) = (count(CheckResult::Fail), count(CheckResult::Warn));
        let mut categories: Vec<(&'static str, Vec<ShownCheck>)> = Vec::new();
        for check in report.checks {
            let category: &'static str = check.category.into();
            let shown = ShownCheck {
                word: word(check.result),
                message: check.message,
                hint: check.hint,
                docs: matches!(check.result, CheckResult::Warn | CheckResult::Fail).then(|| check.docs.clone()),
            };
            match categories.last_mut() {
                Some((last, checks)) if *last == category => checks.push(shown),
                _ => categories.push((category, vec![shown])),
            }
        }
        Self {
            frame,
            categories,
            failures,
            warnings,
        }
    }

    const TAB: &'static str = "Doctor";
}

fn word(result: CheckResult) -> StateWord {
    let (word, shape, class) = match result {
        CheckResult::Fail => ("Fails", "✕", "bad"),
        CheckResult::Warn => ("Warning", "!", "warn"),
        CheckResult::Skipped => ("Skipped", "–", "paused"),
        CheckResult::Ok => ("Passes", "✓", "good"),
    };
    StateWord { word, shape, class }
}
