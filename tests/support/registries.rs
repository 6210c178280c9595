//! Real registries of every kind, and a server that does what no real one does on demand.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Child;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;

use super::tools;
use super::world::up;

pub struct Registries {
    // Its standard input ends with this, and then it ends.
    _child: Child,
    info: Value,
}

/// The registries of this test binary.
pub fn registries() -> &'static Registries {
    static REGISTRIES: OnceLock<Registries> = OnceLock::new();
    REGISTRIES.get_or_init(Registries::start)
}

impl Registries {
    /// Registries of a test that counts what happens there.
    pub fn start() -> Self {
        let (child, _, info) = up(&tools(&["registry", "world"]), &["registries"]);
        Self { _child: child, info }
    }

    /// A field of what `world registries` prints.
    pub fn get(&self, field: &str) -> &str {
        self.info[field].as_str().unwrap_or_else(|| panic!("no {field}"))
    }

    /// Answers of the token server so far to requests that brought credentials: their status codes.
    pub fn attempts_at_token_server(&self) -> Vec<String> {
        let log = std::fs::read_to_string(self.get("tokenLog")).expect("readable");
        log.lines()
            .filter_map(|line| line.strip_suffix(" true"))
            .map(str::to_owned)
            .collect()
    }
}

/// A server that gives every request the answer which `script` finds for it, and remembers the requests.
pub struct Scripted {
    pub address: String,
    pub requests: Arc<Mutex<Vec<String>>>,
}

/// What a script gets: the head of a request, and the server's own address.
type Script = dyn Fn(&str, &str) -> Answer + Send + Sync;

impl Scripted {
    /// Without TLS.
    pub fn start(script: impl Fn(&str, &str) -> Answer + Send + Sync + 'static) -> Self {
        Self::listen(None, Arc::new(script))
    }

    /// With a certificate of the real registries' authority.
    pub fn secure(script: impl Fn(&str, &str) -> Answer + Send + Sync + 'static) -> Self {
        let pki = Path::new(registries().get("caFile")).parent().expect("a folder");
        let chain = CertificateDer::pem_file_iter(pki.join("registry.crt")).expect("readable");
        let chain = chain.collect::<Result<_, _>>().expect("certificates");
        let key = PrivateKeyDer::from_pem_file(pki.join("registry.key")).expect("a key");
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("they belong together");
        Self::listen(Some(Arc::new(config)), Arc::new(script))
    }

    fn listen(tls: Option<Arc<ServerConfig>>, script: Arc<Script>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = format!("127.0.0.1:{}", listener.local_addr().expect("bound").port());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (own, log) = (address.clone(), Arc::clone(&requests));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (own, log, script, tls) = (own.clone(), Arc::clone(&log), Arc::clone(&script), tls.clone());
                std::thread::spawn(move || {
                    let Ok(stream) = stream else { return };
                    match tls {
                        None => serve(stream, &own, &log, &script),
                        Some(config) => {
                            let tls = ServerConnection::new(config).expect("a usable configuration");
                            serve(StreamOwned::new(tls, stream), &own, &log, &script);
                        }
                    }
                });
            }
        });
        Self { address, requests }
    }

    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("no panic here").clone()
    }
}

/// One request and its answer.
fn serve(mut stream: impl Read + Write, own: &str, log: &Mutex<Vec<String>>, script: &Arc<Script>) {
    let Some(head) = read_head(&mut stream) else { return };
    log.lock().expect("no panic here").push(head.clone());
    match script(&head, own) {
        Answer::Whole(bytes) => {
            let _ = stream.write_all(&bytes);
        }
        // At most 64 MiB, in case nobody hangs up.
        Answer::Endless(first, piece) => {
            let _ = stream.write_all(&first);
            for _ in 0..(64 << 20) / piece.len() {
                if stream.write_all(&piece).is_err() {
                    return;
                }
            }
        }
        // At most 5 minutes.
        Answer::Trickle(first, pause) => {
            let _ = stream.write_all(&first);
            let begin = Instant::now();
            while begin.elapsed() < Duration::from_mins(5) && stream.write_all(b"x").is_ok() {
                std::thread::sleep(pause);
            }
        }
        Answer::Nothing => {
            // Until the client hangs up.
            let _ = stream.read(&mut [0]);
        }
    }
}

/// A request up to the empty line; `None`: the client hung up before.
pub fn read_head(stream: &mut impl Read) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return None,
        }
    }
    Some(String::from_utf8_lossy(&head).into_owned())
}

pub enum Answer {
    Whole(Vec<u8>),
    /// These bytes, and then this piece until the client hangs up.
    Endless(Vec<u8>, Vec<u8>),
    /// These bytes, and then one every so often until the client hangs up.
    Trickle(Vec<u8>, Duration),
    Nothing,
}

/// An answer with these header lines and body.
pub fn answer(status: &str, headers: &[&str], body: impl AsRef<[u8]>) -> Answer {
    let (headers, body) = (headers.iter().map(|line| format!("{line}\r\n")), body.as_ref());
    let headers: String = headers.collect();
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n");
    Answer::Whole([head.as_bytes(), body].concat())
}
