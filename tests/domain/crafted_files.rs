//! Files that somebody has crafted cost neither the memory nor the time of who reads them.

use std::fmt::Write as _;
use std::fs::File;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::support::dps::{Output, dps};
use crate::support::objects::private;
use crate::support::operator::binary;

const SECRET: &str = "{apiVersion: v1, kind: Secret, metadata: {name: x}, stringData: {password: word}}\n";

fn render(input: &str) -> Output {
    dps(&["render", "-f", "-"], input)
}

fn is_refused(output: &Output) -> bool {
    output.code == 2 && output.stderr.contains("stdin: more nesting or aliases than dps reads")
}

/// A document of aliases to one text.
fn aliases(length: usize, count: usize) -> String {
    let mut text = format!("a: &a {}\nb: [", "x".repeat(length));
    text.extend(std::iter::repeat_n("*a, ", count));
    text + "]\n"
}

#[test]
fn aliases_have_a_budget_over_the_whole_input() {
    for (name, input) in [
        ("many", aliases(100_000, 60_000)),
        ("few, of a long text", aliases(100_000, 1_000)),
        ("many, of a short text", aliases(1, 60_000)),
        (
            "50 documents, each just below the limit",
            format!("{}---\n", aliases(1_000, 9_000)).repeat(50),
        ),
        ("many anchors", {
            let mut text = String::new();
            for index in 0..20_000 {
                let _ = writeln!(text, "a{index}: &a{index} x");
            }
            text
        }),
        ("a bomb", {
            let mut text = "a0: &a0 x\n".to_owned();
            for level in 1..12 {
                let before = format!("*a{}, ", level - 1).repeat(10);
                let _ = writeln!(text, "a{level}: &a{level} [{before}]");
            }
            text
        }),
        (
            "nesting",
            format!("a: {}{}", "[".repeat(250), "]".repeat(250))
                .replace('[', "{a: ")
                .replace(']', "}"),
        ),
    ] {
        let output = render(&input);
        let nested = name == "nesting" && output.code == 2;
        assert!(nested || is_refused(&output), "{name}: {}", output.stderr);
    }
}

#[test]
fn usual_aliases_and_large_files_are_read() {
    let shared = "apiVersion: v1\nkind: List\nitems:\n- &a {apiVersion: v1, kind: Secret, metadata: {name: x}}\n";
    let long = format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: x}}\nstringData: {{password: {}}}\n",
        "x".repeat(50_000_000)
    );
    for input in [format!("{shared}{}", "- *a\n".repeat(1_000)), long] {
        let output = render(&input);
        assert_eq!((output.code, output.stderr.as_str()), (0, ""));
    }
}

#[test]
fn many_documents_are_read() {
    // JSON, because a parser of YAML without optimizations takes a minute for as many.
    let mut input = String::new();
    for index in 0..200_000 {
        let resource = json!({
            "apiVersion": "pullsecrets.dev/v1alpha1", "kind": "DockerPullSecret", "metadata": {"name": format!("x{}", index % 10)},
            "spec": {"suspend": true},
        });
        let _ = write!(input, "{resource}");
    }
    assert_eq!(render(&input).stderr.lines().count(), 10);
    let output = render(&format!("{SECRET}---\n").repeat(5_000));
    assert_eq!((output.code, output.stderr.as_str()), (0, ""));
}

#[test]
fn only_regular_files_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    assert!(
        Command::new("mkfifo")
            .arg(path("pipe.yaml"))
            .status()
            .unwrap()
            .success()
    );
    std::os::unix::fs::symlink("/dev/zero", path("zero.yaml")).unwrap();
    let resource = json!({
        "apiVersion": "pullsecrets.dev/v1alpha1", "kind": "DockerPullSecret", "metadata": {"name": "app"},
        "spec": private("registry.example.com", "x"),
    });
    std::fs::write(path("good.yaml"), format!("{SECRET}---\n{resource}")).unwrap();
    let output = dps(&["explain", "-f", &path("."), "image", "a.example.com/b"], "");
    assert!(!output.stderr.contains("pipe"), "{}", output.stderr);
    let output = dps(&["render", "-f", &path(".")], "");
    assert!(output.stderr.contains("KeyMissing"), "{}", output.stderr);
    for name in ["pipe.yaml", "zero.yaml"] {
        let output = dps(&["render", "-f", &path(name)], "");
        let expected = format!(
            "dps render: {}: a pipe or a device, not a file: send its content to stdin and use -f -\n",
            path(name)
        );
        assert_eq!((output.code, output.stderr), (2, expected));
    }
}

#[test]
fn input_without_an_end_is_refused() {
    let output = Command::new(binary())
        .args(["render", "-f", "-"])
        .stdin(Stdio::from(File::open("/dev/zero").unwrap()))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        "dps render: stdin: larger than 256 MiB: split it\n"
    );
}
