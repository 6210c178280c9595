//! An API server that says what a test wants, for the real `dps ui`.

use std::collections::{BTreeSet, HashMap};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::support::page::{Answer, ServedPage};
use crate::support::registries::read_head;

/// Paths of lists.
pub(super) const ALL: &str = "/apis/pullsecrets.dev/v1alpha1/dockerpullsecrets";
pub(super) const SHARED: &str = "/apis/pullsecrets.dev/v1alpha1/clusterdockerpullsecrets";

/// What an API server knows.
#[derive(Default)]
struct ServerState {
    /// What it refuses or cannot do: a part of the first line of a request, and the code of the answer.
    refusals: Vec<(String, u16)>,
    /// What it does not answer yet: a part of the first line of a request.
    held: Vec<String>,
    /// Namespace and name of each `DockerPullSecret`.
    existing: BTreeSet<(String, String)>,
    /// The first lines of all requests.
    requests: Vec<String>,
}

/// The same for its connections.
#[derive(Default)]
struct SharedState {
    state: Mutex<ServerState>,
    released: Condvar,
}

pub(super) struct ApiServer {
    address: String,
    shared: Arc<SharedState>,
}

impl ApiServer {
    /// Which has these resources, each as `namespace/name`.
    pub(super) fn with(resources: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::<SharedState>::default();
        let own = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shared = Arc::clone(&own);
                std::thread::spawn(move || serve(stream, &shared));
            }
        });
        let server = Self { address, shared };
        for key in resources {
            let (namespace, name) = key.split_once('/').unwrap();
            server.add(namespace, name);
        }
        server
    }

    /// Answers requests whose first line has this from now on with such a code.
    pub(super) fn refuse(&self, request: &str, code: u16) {
        self.locked().refusals.push((request.to_owned(), code));
    }

    /// Refuses nothing more.
    pub(super) fn allow(&self) {
        self.locked().refusals.clear();
    }

    /// From now on answers no request whose first line has one of these. Those that waited for others are answered.
    pub(super) fn hold(&self, requests: &[&str]) {
        self.locked().held = requests.iter().copied().map(str::to_owned).collect();
        self.shared.released.notify_all();
    }

    fn locked(&self) -> MutexGuard<'_, ServerState> {
        self.shared.state.lock().unwrap()
    }

    /// Makes a resource.
    pub(super) fn add(&self, namespace: &str, name: &str) {
        let key = (namespace.to_owned(), name.to_owned());
        self.locked().existing.insert(key);
    }

    /// Deletes a resource.
    pub(super) fn remove(&self, namespace: &str, name: &str) {
        let key = (namespace.to_owned(), name.to_owned());
        self.locked().existing.remove(&key);
    }

    /// How many requests had this in their first line.
    pub(super) fn count(&self, request: &str) -> usize {
        let state = self.locked();
        state.requests.iter().filter(|line| line.contains(request)).count()
    }

    /// How often a list was requested so far; its watch begins some time after it.
    pub(super) fn lists(&self, path: &str) -> usize {
        let request = format!("GET {path}?");
        let state = self.locked();
        let lists = state.requests.iter().filter(|line| line.contains(&request));
        lists.filter(|line| !line.contains("watch=true")).count()
    }

    /// `dps ui` for it, in namespace `team`.
    pub(super) fn page(&self, args: &[&str]) -> ServedPage {
        let file = kubeconfig_with(&self.address, &["fake"]);
        let mut page = ServedPage::open(file.path(), &[&["-n", "team"], args].concat());
        // It reads the file when it connects.
        let form = page.get(&format!("{}/create", page.list)).body;
        let token = form.split_once("name=\"token\" value=\"").expect("a form").1;
        page.form_token = String::from(token.split('"').next().unwrap());
        page
    }
}

/// One request and its answer.
fn serve(mut stream: TcpStream, shared: &SharedState) {
    let Some(head) = read_head(&mut stream) else { return };
    let lower = head.to_lowercase();
    let length = lower
        .lines()
        .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    if stream.read_exact(&mut body).is_err() {
        return;
    }
    let line = head.lines().next().unwrap_or_default().trim_end_matches(" HTTP/1.1");
    let mut state = shared.state.lock().unwrap();
    state.requests.push(line.to_owned());
    let is_held = |state: &mut ServerState| state.held.iter().any(|part| line.contains(part));
    let state = shared.released.wait_while(state, is_held).unwrap();
    let answer = respond(line, &state);
    drop(state);
    let Some((code, body)) = answer else {
        // A watch in which nothing happens, until somebody hangs up.
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/json\r\n\r\n");
        let _ = stream.read(&mut [0]);
        return;
    };
    let body = body.to_string();
    let head = format!(
        "HTTP/1.1 {code} Answer\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let _ = stream.write_all(format!("{head}{body}").as_bytes());
}

/// Submits a form, with its token.
pub(super) fn submit(page: &ServedPage, path: &str, fields: &[(&str, &str)]) -> Answer {
    let mut body = url::form_urlencoded::Serializer::new(String::new());
    body.append_pair("token", &page.form_token).extend_pairs(fields);
    page.post(&format!("{}{path}", page.list), &body.finish())
}

/// A kubeconfig whose contexts all lead to the same server; the first is the current one.
pub(super) fn kubeconfig_with(server: &str, contexts: &[&str]) -> NamedTempFile {
    let named = contexts
        .iter()
        .map(|name| json!({"name": name, "context": {"cluster": "c", "user": "u"}}));
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": contexts[0],
        "contexts": named.collect::<Vec<_>>(),
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": {}}],
    });
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), config.to_string()).unwrap();
    file
}

/// Code and body of an answer; `None`: it is a watch.
fn respond(line: &str, state: &ServerState) -> Option<(u16, Value)> {
    let (method, target) = line.split_once(' ').unwrap();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let refused = state.refusals.iter().find(|(part, _)| line.contains(part));
    if let Some((_, code)) = refused {
        return Some((*code, failure(*code)));
    }
    if query.contains("watch=true") {
        return None;
    }
    let list = |items: Vec<Value>| Some((200, list_page(&items, query)));
    let in_namespace = path.strip_prefix("/apis/pullsecrets.dev/v1alpha1/namespaces/");
    let in_namespace = in_namespace.and_then(|rest| rest.strip_suffix("/dockerpullsecrets"));
    if method == "GET" && (path == ALL || in_namespace.is_some()) {
        let is_wanted = |own: &str| in_namespace.is_none_or(|namespace| namespace == own);
        let wanted = state.existing.iter().filter(|(namespace, _)| is_wanted(namespace));
        return list(wanted.map(|(namespace, name)| resource(namespace, name)).collect());
    }
    match (method, path) {
        ("GET", SHARED) => list(Vec::new()),
        ("GET", "/api/v1/namespaces") => {
            let namespace = |name: &str| json!({"metadata": {"name": name, "labels": {"team": name}}});
            list(["kube-system", "other", "team"].map(namespace).into())
        }
        // Whatever is written is taken, and nobody looks at the answer.
        ("POST", _) if path.contains("/namespaces/") => {
            let metadata = json!({"name": "any", "namespace": "team"});
            Some((201, json!({"apiVersion": "v1", "kind": "Any", "metadata": metadata})))
        }
        _ => Some((404, failure(404))),
    }
}

/// As many as are wanted of a list, and where it goes on.
fn list_page(items: &[Value], query: &str) -> Value {
    let query: HashMap<_, _> = url::form_urlencoded::parse(query.as_bytes()).collect();
    let number = |name: &str| query.get(name).and_then(|value| value.parse().ok());
    let (start, limit) = (number("continue").unwrap_or(0), number("limit").unwrap_or(items.len()));
    let end = items.len().min(start + limit);
    let next = if end < items.len() {
        end.to_string()
    } else {
        String::new()
    };
    let metadata = json!({"resourceVersion": "1", "continue": next});
    json!({"kind": "List", "apiVersion": "v1", "metadata": metadata, "items": items[start..end]})
}

fn failure(code: u16) -> Value {
    let (reason, message) = match code {
        403 => ("Forbidden", "you are not allowed to do this"),
        404 => ("NotFound", "there is no such object"),
        _ => ("InternalError", "the database is being repaired"),
    };
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": message})
}

fn resource(namespace: &str, name: &str) -> Value {
    json!({
        "apiVersion": "pullsecrets.dev/v1alpha1", "kind": "DockerPullSecret",
        "metadata": {"name": name, "namespace": namespace, "uid": format!("uid-{name}"), "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"type": "DockerHub", "credentialsRef": {"name": "login"}},
    })
}
