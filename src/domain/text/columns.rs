//! Text in columns, each as wide as it has to be.

/// Between two columns, as in kubectl.
const GAP: &str = "   ";

/// The widths of columns.
#[derive(Default)]
pub struct ColumnWidths(Vec<usize>);

impl ColumnWidths {
    /// As wide as these rows need.
    pub fn of<'a>(rows: impl IntoIterator<Item = &'a [String]>) -> Self {
        let mut columns = Self::default();
        for row in rows {
            columns.widen(row);
        }
        columns
    }

    /// Makes room for one more row.
    pub fn widen(&mut self, row: &[String]) {
        self.0.resize(self.0.len().max(row.len()), 0);
        for (width, cell) in self.0.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }

    /// A row as a line.
    pub fn line(&self, row: &[String]) -> String {
        let cells = row.iter().zip(&self.0).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join(GAP).trim_end().to_owned()
    }
}
