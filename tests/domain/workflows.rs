//! The workflows that run elsewhere.

use serde_json::Value;

use crate::support::repository;

#[test]
fn workflows_can_be_read_and_name_actions_by_their_commit() {
    for entry in std::fs::read_dir(repository().join(".github/workflows")).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let workflow: Value = serde_saphyr::from_str(&text).unwrap();
        assert!(workflow["jobs"].is_object(), "{}", path.display());
        let uses = text.lines().filter_map(|line| line.trim_start().split_once("uses: "));
        for (_, action) in uses {
            let (_, pin) = action.split_once('@').unwrap();
            let (commit, version) = pin.split_once(" # v").unwrap();
            let is_commit = commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
            assert!(
                is_commit && version.split('.').count() == 3,
                "{}: {action}",
                path.display()
            );
        }
    }
}
