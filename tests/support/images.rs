//! Images in a real registry, as a client pulls them.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use super::registries::registries;
use super::{operator, repository, run, without_package};

/// The tested program, linked statically: its library is there already. `make image` builds a release anew.
pub fn static_dps() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let binary = operator::binary();
        let built = binary.parent().expect("a target folder");
        // Tests link the library where cargo keeps it under a hash. To be asked for it together with a test gives it a name.
        let mut cargo = Command::new(env!("CARGO"));
        cargo
            .args(["build", "--quiet", "--lib", "--test", "domain"])
            .current_dir(repository());
        run(without_package(&mut cargo));
        let program = built.join("dps-static");
        run(Command::new("rustc")
            .args(["--edition", "2024", "src/main.rs"])
            .args(["-Ctarget-feature=+crt-static", "-Cstrip=symbols"])
            .arg(format!("--extern=dps={}", built.join("libdps.rlib").display()))
            .arg(format!("-Ldependency={}", built.join("deps").display()))
            .arg("-o")
            .arg(&program)
            .current_dir(repository()));
        program
    })
}

/// `make image`, of a program.
pub fn image(binary: &Path, out: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(repository().join("hack/image.sh"));
    command.arg("--binary").arg(binary).arg("--out").arg(out).args(more);
    command
}

pub fn sha256(content: &[u8]) -> String {
    let hex = |byte: &u8| format!("{byte:02x}");
    "sha256:".to_owned() + &digest(&SHA256, content).as_ref().iter().map(hex).collect::<String>()
}

/// A repository of the registry without TLS.
pub struct Repository {
    pub address: String,
    pub login: String,
    name: &'static str,
}

impl Repository {
    pub fn new(name: &'static str) -> Self {
        let (user, password) = (registries().get("username"), registries().get("password"));
        Self {
            address: registries().get("plain").to_owned(),
            login: STANDARD.encode(format!("{user}:{password}")),
            name,
        }
    }

    /// Writes the login where docker would, and returns the folder.
    pub fn docker_config(&self, folder: &Path) -> PathBuf {
        let config = json!({"auths": {&self.address: {"auth": self.login}}});
        std::fs::write(folder.join("config.json"), config.to_string()).unwrap();
        folder.to_owned()
    }

    /// "manifests/TAG" or "blobs/DIGEST".
    pub fn get(&self, path: &str) -> Vec<u8> {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let accept = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json";
        let (name, address, login) = (self.name, &self.address, &self.login);
        // Of version 1.0, so that the answer ends with the connection.
        write!(
            stream,
            "GET /v2/{name}/{path} HTTP/1.0\r\nHost: {address}\r\nAccept: {accept}\r\nAuthorization: Basic {login}\r\n\r\n"
        )
        .unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
        let head = String::from_utf8_lossy(&answer[..end]).into_owned();
        assert!(head.contains(" 200 OK"), "{path}: {head}");
        answer.split_off(end)
    }

    pub fn manifest(&self, tag: &str) -> Value {
        serde_json::from_slice(&self.get(&format!("manifests/{tag}"))).unwrap()
    }

    /// What a descriptor names.
    pub fn blob(&self, descriptor: &Value) -> Vec<u8> {
        let expected = descriptor["digest"].as_str().unwrap();
        let blob = self.get(&format!("blobs/{expected}"));
        assert_eq!(sha256(&blob), expected);
        blob
    }
}
