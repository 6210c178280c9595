//! The kubelet's own matching code.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use super::tools;

pub struct Oracle {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Oracle {
    pub fn start() -> Self {
        let mut child = Command::new(tools(&["keyring-oracle"]).join("keyring-oracle"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the oracle can be started");
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        Self { child, stdin, stdout }
    }

    fn ask(&mut self, question: &Value) -> Value {
        let stdin = self.stdin.as_mut().expect("open until dropped");
        writeln!(stdin, "{question}").expect("the oracle runs");
        let mut answer = String::new();
        self.stdout.read_line(&mut answer).expect("readable");
        serde_json::from_str(&answer).expect("an answer")
    }

    /// Indexes of the keys that serve `image`, first tried first.
    pub fn keys(&mut self, keys: &[&str], image: &str) -> Vec<usize> {
        let answer = self.ask(&json!({"keys": keys, "image": image}));
        assert_eq!(answer.get("error"), None, "{keys:?}");
        let found = answer["keys"].as_array().cloned().unwrap_or_default();
        found
            .iter()
            .map(|index| usize::try_from(index.as_u64().expect("an index")).expect("small"))
            .collect()
    }

    /// Logins (user name, password) that a kubelet tries for `image` with one Secret of this content.
    pub fn logins(&mut self, document: &str, image: &str) -> Vec<(String, String)> {
        let answer = self.ask(&json!({"documents": [document], "image": image}));
        assert_eq!(answer.get("error"), None, "{image}");
        let found = answer["logins"].as_array().cloned().unwrap_or_default();
        let text = |login: &Value, field: &str| login[field].as_str().unwrap_or_default().to_owned();
        found
            .iter()
            .map(|login| (text(login, "username"), text(login, "password")))
            .collect()
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        // It ends with its input.
        drop(self.stdin.take());
        let _ = self.child.wait();
    }
}
