//! The first few of many names.

use std::fmt;

/// Most names in a sentence.
const NAMED: usize = 3;

/// Names of which a sentence tells the first few, and how many more there are: `a, b, c and 2 more`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FewNames {
    first: Vec<String>,
    count: usize,
}

impl FewNames {
    /// Adds a name, which is only made if it is shown.
    pub fn add(&mut self, name: impl FnOnce() -> String) {
        self.count += 1;
        if self.first.len() < NAMED {
            self.first.push(name());
        }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

impl FromIterator<String> for FewNames {
    fn from_iter<T: IntoIterator<Item = String>>(names: T) -> Self {
        let mut few = Self::default();
        names.into_iter().for_each(|name| few.add(|| name));
        few
    }
}

impl fmt::Display for FewNames {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.first.join(", "))?;
        match self.count - self.first.len() {
            0 => Ok(()),
            more => write!(formatter, " and {more} more"),
        }
    }
}
