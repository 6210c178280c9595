//! The kubelet's own matching code.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::tools;

/// Credentials that a kubelet tries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TriedCredentials {
    /// Index of the Secret that it is from.
    pub secret: usize,
    pub username: String,
    pub password: String,
}

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

    fn request(&mut self, question: &Value) -> Value {
        let stdin = self.stdin.as_mut().expect("open until dropped");
        writeln!(stdin, "{question}").expect("the oracle runs");
        let mut answer = String::new();
        self.stdout.read_line(&mut answer).expect("readable");
        serde_json::from_str(&answer).expect("an answer")
    }

    /// Indexes of the keys that serve `image`, first tried first.
    pub fn keys(&mut self, keys: &[&str], image: &str) -> Vec<usize> {
        let answer = self.request(&json!({"keys": keys, "image": image}));
        assert_eq!(answer.get("error"), None, "{keys:?}");
        let found = answer["keys"].as_array().cloned().unwrap_or_default();
        found
            .iter()
            .map(|index| usize::try_from(index.as_u64().expect("an index")).expect("small"))
            .collect()
    }

    /// Credentials (user name, password) that a kubelet tries for `image` with one Secret of this content.
    pub fn tried(&mut self, document: &str, image: &str) -> Vec<(String, String)> {
        let answer = self.request(&json!({"documents": [document], "image": image}));
        assert_eq!(answer.get("error"), None, "{image}");
        tried(&answer)
            .into_iter()
            .map(|credentials| (credentials.username, credentials.password))
            .collect()
    }

    /// Logins that a kubelet tries for `image` with Secrets of these types, keys and documents, first tried first. None:
    /// it cannot read one of them, and uses no Secret.
    pub fn tried_of(&mut self, secrets: &[(&str, &str, &[u8])], image: &str) -> Option<Vec<TriedCredentials>> {
        let secrets = secrets
            .iter()
            .map(|(kind, key, document)| json!({"type": kind, "key": key, "document": STANDARD.encode(document)}));
        let answer = self.request(&json!({"secrets": secrets.collect::<Vec<_>>(), "image": image}));
        answer.get("error").is_none().then(|| tried(&answer))
    }

    /// What a kubelet looks up for an image as a pod names it; None: it refuses the name.
    pub fn repository(&mut self, image: &str) -> Option<String> {
        let answer = self.request(&json!({"parse": image}));
        answer["repository"].as_str().map(str::to_owned)
    }
}

fn tried(answer: &Value) -> Vec<TriedCredentials> {
    let text = |entry: &Value, field: &str| entry[field].as_str().unwrap_or_default().to_owned();
    let credentials = |entry: &Value| TriedCredentials {
        secret: usize::try_from(entry["secret"].as_u64().expect("an index")).expect("small"),
        username: text(entry, "username"),
        password: text(entry, "password"),
    };
    let found = answer["logins"].as_array();
    found.into_iter().flatten().map(credentials).collect()
}

impl Drop for Oracle {
    fn drop(&mut self) {
        // It ends with its input.
        drop(self.stdin.take());
        let _ = self.child.wait();
    }
}
