//! The clouds that mint credentials, played by `fakecloud`. Operators reach them by their real names through a proxy.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use super::dps::{Output, dps_in};
use super::judge::Judge;
use super::tools;
use super::world::World;

pub const ECR: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
pub const ACR: &str = "example.azurecr.io";
pub const GAR: &str = "europe-docker.pkg.dev";
pub const QUAY: &str = "quay.example.com";
pub const ROLE: &str = "arn:aws:iam::123456789012:role/pull";
pub const ID: &str = "11111111-2222-3333-4444-555555555555";
pub const POOL: &str = "projects/123/locations/global/workloadIdentityPools/pool/providers/cluster";
pub const ROBOT: &str = "acme+puller";

/// Routes of which each credentials of a private registry take one, if they are minted with a token.
pub const EXCHANGES: [&str; 4] = ["ecr", "acr-exchange", "google-sts", "quay"];

/// The clouds, and registries whose names are theirs. They end with this.
pub struct Cloud {
    // Its standard input ends with this, and then it ends.
    _child: Child,
    info: Value,
    proxy: String,
    issuer: String,
}

impl Cloud {
    /// Clouds that trust tokens of the world's ServiceAccounts. `registry`: URL of the registry whose images are pulled.
    pub fn start(world: &World, registry: Option<(&str, &str)>) -> Self {
        let registry = registry.map(|(registry, ca)| ["--registry", registry, "--registry-ca", ca]);
        Self::start_with(world, registry.as_ref().map_or(&[], |args| &args[..]))
    }

    /// Clouds whose AWS somebody else plays.
    pub fn before(world: &World, judge: &Judge) -> Self {
        Self::start_with(world, &["--aws", &judge.url()])
    }

    fn start_with(world: &World, args: &[&str]) -> Self {
        let folder = tempfile::tempdir_in(world.state()).expect("a folder").keep();
        let keys = folder.join("jwks.json");
        std::fs::write(&keys, world.kubectl(&["get", "--raw", "/openid/v1/jwks"])).expect("writable");
        let mut command = Command::new(tools(&["fakecloud"]).join("fakecloud"));
        command.arg("--jwks-file").arg(keys);
        command.arg("--ca-file").arg(folder.join("ca.crt")).args(args);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.expect("fakecloud can be started");
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
        stdout.read_line(&mut line).expect("readable");
        let info: Value = serde_json::from_str(&line).expect("it says where it is; otherwise see above");
        let listen = info["listen"].as_str().expect("an address").to_owned();
        let configuration = world.kubectl(&["get", "--raw", "/.well-known/openid-configuration"]);
        let configuration: Value = serde_json::from_str(&configuration).expect("JSON");
        Self {
            _child: child,
            proxy: proxy_to(listen),
            issuer: configuration["issuer"].as_str().expect("an issuer").to_owned(),
            info,
        }
    }

    /// What an operator needs to reach the clouds, and nothing else.
    pub fn variables(&self) -> [(&str, &str); 3] {
        [
            ("HTTPS_PROXY", &self.proxy),
            ("NO_PROXY", "127.0.0.1,localhost"),
            ("SSL_CERT_FILE", self.info["caFile"].as_str().expect("a path")),
        ]
    }

    /// Runs dps as the user of a kubeconfig, who reaches nothing but the API server and the clouds.
    pub fn dps(&self, kubeconfig: &Path, arguments: &[&str], stdin: &str) -> Output {
        let kubeconfig = kubeconfig.to_str().expect("UTF-8");
        let variables = [&self.variables()[..], &[("KUBECONFIG", kubeconfig)]].concat();
        dps_in(&variables, arguments, stdin)
    }

    /// `host:port` of all that it plays, with TLS.
    pub fn address(&self) -> &str {
        self.info["listen"].as_str().expect("an address")
    }

    pub fn ca_file(&self) -> PathBuf {
        self.info["caFile"].as_str().expect("a path").into()
    }

    /// Has every cloud trust these ServiceAccounts (`namespace`, `name`), and nobody else.
    pub fn trust(&self, accounts: &[(&str, &str)]) {
        self.put("trust", &self.trusting(accounts));
    }

    /// What to put for [`Self::trust`].
    pub fn trusting(&self, accounts: &[(&str, &str)]) -> Value {
        let entries = |audience: &str, fields: Value| -> Vec<Value> {
            let entry = |(namespace, name): &(&str, &str)| {
                let subject = format!("system:serviceaccount:{namespace}:{name}");
                let mut entry = json!({"issuer": self.issuer, "subject": subject, "audience": audience});
                entry
                    .as_object_mut()
                    .expect("an object")
                    .extend(fields.as_object().cloned().expect("an object"));
                entry
            };
            accounts.iter().map(entry).collect()
        };
        let provider = format!("//iam.googleapis.com/{POOL}");
        json!({
            "aws": entries("sts.amazonaws.com", json!({"roleArn": ROLE})),
            "azure": entries("api://AzureADTokenExchange", json!({"clientId": ID, "tenantId": ID})),
            "google": entries(&provider, json!({"provider": provider})),
            "quay": entries(QUAY, json!({"robot": ROBOT})),
        })
    }

    /// Sets what `cmd/fakecloud` describes under this path.
    pub fn put(&self, path: &str, what: &Value) {
        let (code, answer) = self.ask("PUT", path, &what.to_string());
        assert_eq!(code, 204, "{answer}");
    }

    /// The requests so far of these routes; of all, if none is named.
    pub fn requests(&self, routes: &[&str]) -> Vec<Value> {
        let (code, answer) = self.ask("GET", "requests", "");
        assert_eq!(code, 200, "{answer}");
        let all: Vec<Value> = serde_json::from_str(&answer).expect("a list");
        let is_wanted = |request: &Value| routes.is_empty() || routes.iter().any(|route| request["route"] == *route);
        all.into_iter().filter(is_wanted).collect()
    }

    /// How often credentials of a registry were requested so far.
    pub fn exchanges(&self) -> usize {
        self.requests(&[&EXCHANGES[..], &["ecr-public"]].concat()).len()
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let admin = self.info["admin"].as_str().expect("an address");
        let mut stream = TcpStream::connect(admin).expect("it listens");
        let head = format!(
            "{method} /{path} HTTP/1.1\r\nHost: {admin}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all((head + body).as_bytes()).expect("it reads");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("it answers");
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let code = answer.split(' ').nth(1).and_then(|code| code.parse().ok());
        (code.expect("a status"), body_of(&answer))
    }
}

/// The body of a response, whole or in chunks.
fn body_of(answer: &str) -> String {
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    if !head.to_ascii_lowercase().contains("transfer-encoding: chunked") {
        return body.to_owned();
    }
    let (mut whole, mut rest) = (String::new(), body);
    while let Some((length, chunk)) = rest.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).expect("a length");
        whole += &chunk[..length];
        rest = &chunk[(length + 2).min(chunk.len())..];
        if length == 0 {
            break;
        }
    }
    whole
}

/// An HTTP proxy that connects to one address whatever name it is asked for. It ends with the process.
fn proxy_to(target: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let target = target.clone();
            std::thread::spawn(move || tunnel(client, &target));
        }
    });
    format!("http://{address}")
}

fn tunnel(mut client: TcpStream, target: &str) -> Option<()> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        client.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let mut server = TcpStream::connect(target).ok()?;
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").ok()?;
    let (mut from_client, mut to_server) = (client.try_clone().ok()?, server.try_clone().ok()?);
    let forth = std::thread::spawn(move || {
        let _ = std::io::copy(&mut from_client, &mut to_server);
        let _ = to_server.shutdown(Shutdown::Write);
    });
    let _ = std::io::copy(&mut server, &mut client);
    let _ = client.shutdown(Shutdown::Write);
    forth.join().ok()
}
