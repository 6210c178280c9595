//! The name of this program in its usage.

use std::ffi::OsString;
use std::path::PathBuf;

/// How a user calls this program: as a plugin of kubectl, it has a name such as `kubectl-pull_secret`.
pub(crate) fn called_as(program: Option<OsString>) -> String {
    let program = PathBuf::from(program.unwrap_or_default());
    let name = program.file_stem().map(|name| name.to_string_lossy().into_owned());
    match name.as_deref().and_then(|name| name.strip_prefix("kubectl-")) {
        Some(plugin) => format!("kubectl {}", plugin.replace('_', "-")),
        None => "dps".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::called_as;

    #[test]
    fn usage_has_the_name_that_a_user_types() {
        for (program, name) in [
            ("dps", "dps"),
            ("/usr/local/bin/dps", "dps"),
            ("target/debug/dps-1", "dps"),
            ("kubectl-dps", "kubectl dps"),
            ("/root/.krew/bin/kubectl-pull_secret", "kubectl pull-secret"),
            ("kubectl-pull-secret", "kubectl pull-secret"),
            ("kubectl-pull_secret.exe", "kubectl pull-secret"),
        ] {
            assert_eq!(called_as(Some(program.into())), name, "{program}");
        }
        assert_eq!(called_as(None), "dps");
    }
}
