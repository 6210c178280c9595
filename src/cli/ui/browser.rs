//! Opens the page in the person's browser.

use std::fs::{OpenOptions, remove_file};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use askama::Template as _;

use crate::page::frame::StartPage;

/// A file that leads to the page. The address holds a token, which arguments of a program would show to everybody on the machine.
pub(super) struct RedirectFile(PathBuf);

impl RedirectFile {
    /// Writes it where only this user can read it.
    pub(super) fn write(address: &str, name: &str) -> Result<Self, String> {
        let folder = std::env::var_os("XDG_RUNTIME_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
        let path = folder.join(format!("dps-ui-{name}.html"));
        let page = StartPage {
            path: address.to_owned(),
            icon: String::new(),
        };
        let page = page.render().map_err(|error| error.to_string())?;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options
            .open(&path)
            .map_err(|error| format!("{}: {error}", path.display()))?;
        let written = Self(path);
        file.write_all(page.as_bytes())
            .map_err(|error| format!("{}: {error}", written.0.display()))?;
        Ok(written)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for RedirectFile {
    fn drop(&mut self) {
        // It leads nowhere any more.
        let _ = remove_file(&self.0);
    }
}
