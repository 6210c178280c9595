//! Figures beside their bounds.

use std::fmt::{self, Display};
use std::process::ExitCode;
use std::time::Duration;

/// What was measured.
#[derive(Clone, Copy)]
pub(crate) enum Figure {
    Count(usize),
    Time(Duration),
    Mib(f64),
    /// As much as something else.
    Times(f64),
    /// It did not happen for so long.
    Never(Duration),
}

/// The most that a figure may be.
#[derive(Clone, Copy)]
pub(crate) enum Bound {
    AtMost(Figure),
    Under(Figure),
}

/// Of a figure at 27afdb1.
pub(crate) const UNKNOWN: &str = "not measured";

/// Prints each figure as soon as there is one.
pub(crate) struct Table {
    missed: usize,
}

impl Table {
    pub(crate) fn start() -> Self {
        println!();
        row(&[&"", &"measured", &"bound", &"27afdb1", &""]);
        Self { missed: 0 }
    }

    /// `before`: what it was at 27afdb1.
    pub(crate) fn add(&mut self, what: &str, figure: Figure, bound: Bound, before: &str) {
        let verdict = if bound.holds(figure) { "" } else { "MISSED" };
        self.missed += usize::from(!bound.holds(figure));
        row(&[&what, &figure, &bound, &before, &verdict]);
    }

    /// Fails if a bound was missed.
    pub(crate) fn finish(self) -> ExitCode {
        println!();
        if self.missed == 0 {
            return ExitCode::SUCCESS;
        }
        eprintln!("bounds missed: {}", self.missed);
        ExitCode::FAILURE
    }
}

fn row([what, figure, bound, before, verdict]: &[&dyn Display; 5]) {
    let text = [figure, bound, before].map(ToString::to_string);
    println!("{what:66} {:>12} {:>12} {:>20} {verdict}", text[0], text[1], text[2]);
}

/// Title of the rows that follow.
pub(crate) fn title(what: &str) {
    println!("{what}");
}

impl Bound {
    fn holds(self, figure: Figure) -> bool {
        let is_endless = matches!(figure, Figure::Never(_));
        match self {
            Self::AtMost(limit) => !is_endless && figure.number() <= limit.number(),
            Self::Under(limit) => !is_endless && figure.number() < limit.number(),
        }
    }
}

impl Figure {
    /// The worse of two.
    pub(crate) fn max(self, other: Self) -> Self {
        match (self, other) {
            (never @ Self::Never(_), _) | (_, never @ Self::Never(_)) => never,
            _ if other.number() > self.number() => other,
            _ => self,
        }
    }

    fn number(self) -> f64 {
        match self {
            Self::Count(count) => f64::from(u32::try_from(count).unwrap_or(u32::MAX)),
            Self::Time(time) | Self::Never(time) => time.as_secs_f64(),
            Self::Mib(number) | Self::Times(number) => number,
        }
    }
}

impl Display for Figure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(formatter, "{count}"),
            Self::Time(time) => write!(formatter, "{:.2} s", time.as_secs_f64()),
            Self::Mib(size) => write!(formatter, "{size:.1} MiB"),
            Self::Times(times) => write!(formatter, "{times:.1} times"),
            Self::Never(time) => write!(formatter, "none in {} s", time.as_secs()),
        }
    }
}

impl Display for Bound {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, limit) = match self {
            Self::AtMost(limit) => ("\u{2264}", limit),
            Self::Under(limit) => ("<", limit),
        };
        match limit {
            Figure::Time(time) => write!(formatter, "{sign} {} s", time.as_secs()),
            Figure::Mib(size) => write!(formatter, "{sign} {size} MiB"),
            other => write!(formatter, "{sign} {other}"),
        }
    }
}
