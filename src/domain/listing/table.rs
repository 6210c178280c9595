//! Rows as text in columns.

use std::time::Duration;

use crate::domain::listing::ListedResource;
use crate::domain::text::columns::ColumnWidths;
use crate::domain::text::invisible::escaped;
use crate::domain::time::{Timestamp, since};

const HEADERS: [&str; 8] = [
    "NAMESPACE",
    "NAME",
    "REGISTRY",
    "READY",
    "REASON",
    "LOGIN",
    "PODS",
    "SINCE",
];
const WIDE_HEADERS: [&str; 3] = ["SECRET", "EXPIRES", "MESSAGE"];

/// The columns of a table, with their widths.
pub struct Columns {
    is_wide: bool,
    widths: ColumnWidths,
}

impl Columns {
    /// As wide as these resources need.
    pub fn new<'a>(is_wide: bool, resources: impl IntoIterator<Item = &'a ListedResource>) -> Self {
        let mut columns = Self {
            is_wide,
            widths: ColumnWidths::default(),
        };
        columns.widths.widen(&columns.headers());
        for resource in resources {
            // Ages change; they are the last column, or short beside its heading.
            columns.widths.widen(&columns.cells(resource, Timestamp::UNIX_EPOCH));
        }
        columns
    }

    /// The line above the rows.
    pub fn header(&self) -> String {
        self.widths.line(&self.headers())
    }

    /// One resource.
    pub fn row(&self, resource: &ListedResource, now: Timestamp) -> String {
        self.widths.line(&self.cells(resource, now))
    }

    fn headers(&self) -> Vec<String> {
        let wide = WIDE_HEADERS.into_iter().filter(|_| self.is_wide);
        HEADERS.into_iter().chain(wide).map(str::to_owned).collect()
    }

    fn cells(&self, resource: &ListedResource, now: Timestamp) -> Vec<String> {
        let namespace = match resource.key.namespace.as_str() {
            "" => "*",
            namespace => namespace,
        };
        let failing = resource.failing_pods.to_string();
        let age = resource.since.map(|start| age(since(start, now))).unwrap_or_default();
        let cells = [
            namespace,
            &resource.key.name,
            &resource.registry,
            &resource.ready,
            &resource.reason,
            &resource.login,
            &failing,
            &age,
        ];
        let left = resource.expires_at.map(|end| left(end, now)).unwrap_or_default();
        let wide = [resource.secret.as_str(), &left, &resource.message];
        let wide = wide.into_iter().filter(|_| self.is_wide);
        let shown = |cell: &str| if cell.is_empty() { "-".to_owned() } else { escaped(cell) };
        cells.into_iter().chain(wide).map(shown).collect()
    }
}

/// How long something is still valid.
fn left(end: Timestamp, now: Timestamp) -> String {
    if end <= now {
        "expired".to_owned()
    } else {
        age(since(now, end))
    }
}

/// A duration in a few characters, as kubectl shows ages (`k8s.io/apimachinery/pkg/util/duration`).
pub fn age(duration: Duration) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    const YEAR: u64 = 365 * DAY;
    let seconds = duration.as_secs();
    let two = |large: u64, large_unit: &str, small: u64, small_unit: &str| match seconds % large / small {
        0 => format!("{}{large_unit}", seconds / large),
        rest => format!("{}{large_unit}{rest}{small_unit}", seconds / large),
    };
    match seconds {
        0..120 => format!("{seconds}s"),
        120..600 => two(MINUTE, "m", 1, "s"),
        600..10_800 => format!("{}m", seconds / MINUTE),
        10_800..28_800 => two(HOUR, "h", MINUTE, "m"),
        28_800..172_800 => format!("{}h", seconds / HOUR),
        172_800..691_200 => two(DAY, "d", HOUR, "h"),
        691_200..63_072_000 => format!("{}d", seconds / DAY),
        63_072_000..252_288_000 => two(YEAR, "y", DAY, "d"),
        _ => format!("{}y", seconds / YEAR),
    }
}
