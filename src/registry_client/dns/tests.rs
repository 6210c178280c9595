//! Lookups with a scripted DNS server on loopback.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::{RData, Record, RecordType};

use super::{Dns, Source};

/// What the server does with questions for a name.
#[derive(Clone, Copy)]
enum Answer {
    Address([u8; 4]),
    /// The name exists, without an address.
    Nothing,
    Failure,
    /// No answer at all.
    Silence,
}

/// A DNS server that knows some names, and files that name it.
struct DnsWorld {
    dns: Dns,
    zone: Arc<Mutex<HashMap<&'static str, Answer>>>,
    asked: Arc<Mutex<Vec<String>>>,
    folder: tempfile::TempDir,
}

impl DnsWorld {
    fn new(resolv_conf: &str, zone: &[(&'static str, Answer)]) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let world = Self {
            dns: Dns::new(&path("resolv.conf"), &path("hosts"), port),
            zone: Arc::new(Mutex::new(zone.iter().copied().collect())),
            asked: Arc::default(),
            folder,
        };
        world.write("resolv.conf", resolv_conf);
        let (zone, asked) = (Arc::clone(&world.zone), Arc::clone(&world.asked));
        std::thread::spawn(move || serve(&socket, &zone, &asked));
        world
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The addresses, or the failure in words.
    async fn lookup(&self, name: &str) -> String {
        match self.dns.lookup(name).await {
            Ok(addresses) => addresses.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(" "),
            Err(failure) => failure.to_string(),
        }
    }

    /// Names that the server was asked for IPv4 addresses of.
    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

fn serve(socket: &UdpSocket, zone: &Mutex<HashMap<&'static str, Answer>>, asked: &Mutex<Vec<String>>) {
    let mut buffer = [0; 1024];
    loop {
        let Ok((length, sender)) = socket.recv_from(&mut buffer) else {
            return;
        };
        let question = Message::from_vec(&buffer[..length]).unwrap();
        let query = question.queries[0].clone();
        let name = query.name().to_string();
        if query.query_type() == RecordType::A {
            asked.lock().unwrap().push(name.clone());
        }
        let answer = zone.lock().unwrap().get(name.trim_end_matches('.')).copied();
        let mut response = question.into_response();
        response.metadata.response_code = match answer {
            Some(Answer::Silence) => continue,
            Some(Answer::Address(address)) if query.query_type() == RecordType::A => {
                let data = RData::A(Ipv4Addr::from(address).into());
                response.insert_answers(vec![Record::from_rdata(query.name().clone(), 600, data)]);
                ResponseCode::NoError
            }
            Some(Answer::Address(_) | Answer::Nothing) => ResponseCode::NoError,
            Some(Answer::Failure) => ResponseCode::ServFail,
            None => ResponseCode::NXDomain,
        };
        socket.send_to(&response.to_vec().unwrap(), sender).unwrap();
    }
}

const SERVER: &str = "nameserver 127.0.0.1\n";

#[tokio::test]
async fn failure_is_told_in_plain_words() {
    let zone = [
        ("here.example.com", Answer::Address([192, 0, 2, 1])),
        ("empty.example.com", Answer::Nothing),
        ("failing.example.com", Answer::Failure),
        ("silent.example.com", Answer::Silence),
    ];
    let world = DnsWorld::new(SERVER, &zone);
    for (name, expected) in [
        ("here.example.com", "192.0.2.1"),
        ("Here.Example.com.", "192.0.2.1"),
        ("gone.example.com", "the name gone.example.com does not exist"),
        ("empty.example.com", "the name empty.example.com has no address"),
        (
            "failing.example.com",
            "the DNS server has no answer for failing.example.com (SERVFAIL)",
        ),
        (
            "silent.example.com",
            "no DNS server answered in time for silent.example.com",
        ),
        ("a..example.com", "the name a..example.com does not exist"),
    ] {
        assert_eq!(world.lookup(name).await, expected, "{name}");
    }
}

#[tokio::test]
async fn hosts_file_and_localhost_need_no_server() {
    let world = DnsWorld::new(&format!("{SERVER}search example.org\noptions ndots:5\n"), &[]);
    world.write(
        "hosts",
        "192.0.2.7 registry.example.com registry\n2001:db8::7 registry\nnonsense\n",
    );
    for (name, expected) in [
        ("registry.example.com", "192.0.2.7"),
        ("REGISTRY", "192.0.2.7 2001:db8::7"),
        ("localhost", "127.0.0.1 ::1"),
        ("app.localhost", "127.0.0.1 ::1"),
    ] {
        assert_eq!(world.lookup(name).await, expected, "{name}");
    }
    assert_eq!(world.asked(), Vec::<String>::new());
}

/// As on Windows and macOS.
#[tokio::test]
async fn system_that_is_asked_has_loopback_and_says_why_not() {
    let dns = Dns(Source::System);
    let found = dns.lookup("localhost").await.unwrap();
    assert!(found.iter().all(IpAddr::is_loopback), "{found:?}");
    // No name can have this label, so nobody is asked.
    let failure = dns.lookup("a..b").await.unwrap_err();
    let said = failure.to_string();
    assert!(said.starts_with("the system cannot resolve the name a..b: "), "{said}");
}

#[tokio::test]
async fn search_domains_follow_the_number_of_dots() {
    let zone = [
        ("registry.team.example.org", Answer::Address([192, 0, 2, 2])),
        ("registry.example.com", Answer::Address([192, 0, 2, 3])),
        ("broken.team.example.org", Answer::Failure),
        ("broken.example.com", Answer::Address([192, 0, 2, 4])),
        ("slow.team.example.org", Answer::Silence),
        ("slow", Answer::Address([192, 0, 2, 5])),
    ];
    let search = format!("{SERVER}search team.example.org example.com\n");
    for (options, name, expected, asked) in [
        ("", "registry", "192.0.2.2", &["registry.team.example.org."][..]),
        ("", "registry.example.com", "192.0.2.3", &["registry.example.com."]),
        (
            "options ndots:5",
            "registry.example.com",
            "192.0.2.3",
            &[
                "registry.example.com.team.example.org.",
                "registry.example.com.example.com.",
                "registry.example.com.",
            ],
        ),
        (
            "options ndots:5",
            "registry.example.com.",
            "192.0.2.3",
            &["registry.example.com."],
        ),
        (
            "options attempts:1",
            "broken",
            "192.0.2.4",
            &["broken.team.example.org.", "broken.example.com."],
        ),
        // Another name must not stand in for one that is late.
        (
            "options attempts:1 timeout:1",
            "slow",
            "no DNS server answered in time for slow",
            &["slow.team.example.org."],
        ),
    ] {
        let world = DnsWorld::new(&format!("{search}{options}\n"), &zone);
        assert_eq!(world.lookup(name).await, expected, "{name} {options}");
        assert_eq!(world.asked(), asked, "{name} {options}");
    }
}

#[tokio::test]
async fn names_that_nobody_answers_do_not_delay_another() {
    let names: Vec<&'static str> = (0..100)
        .map(|number| &*format!("silent{number}.example.com").leak())
        .collect();
    let silent = names.iter().map(|name| (*name, Answer::Silence));
    let zone: Vec<_> = silent
        .chain([("here.example.com", Answer::Address([192, 0, 2, 1]))])
        .collect();
    let world = DnsWorld::new(SERVER, &zone);
    let lookups: Vec<_> = names
        .iter()
        .map(|name| {
            let (dns, name) = (world.dns.clone(), *name);
            tokio::spawn(async move { dns.lookup(name).await.is_err() })
        })
        .collect();
    while world.asked.lock().unwrap().len() < names.len() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(world.lookup("here.example.com").await, "192.0.2.1");
    assert!(lookups.iter().all(|lookup| !lookup.is_finished()));
    // Nothing of a lookup that nobody waits for is left.
    let open = || std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    let before = open();
    for lookup in lookups {
        lookup.abort();
        assert!(lookup.await.unwrap_err().is_cancelled());
    }
    let until = tokio::time::Instant::now() + Duration::from_secs(10);
    while cfg!(target_os = "linux") && open() + names.len() > before {
        assert!(
            tokio::time::Instant::now() < until,
            "{} of {before} files are open",
            open()
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn change_of_the_files_is_seen_at_once() {
    let world = DnsWorld::new("", &[("registry.example.com", Answer::Address([192, 0, 2, 1]))]);
    assert_eq!(world.lookup("registry").await, "the name registry does not exist");
    world.write("resolv.conf", &format!("{SERVER}search example.com\n"));
    assert_eq!(world.lookup("registry").await, "192.0.2.1");
    world.write("hosts", "192.0.2.9 registry\n");
    assert_eq!(world.lookup("registry").await, "192.0.2.9");
}

#[tokio::test]
async fn files_that_are_missing_or_no_text_leave_the_defaults() {
    let zone = [("registry.example.com", Answer::Address([192, 0, 2, 1]))];
    for broken in [
        None,
        Some(&b"\xff\xfe\x00nameserver\nnameserver nowhere\noptions ndots:x\nsearch ,\n"[..]),
    ] {
        let world = DnsWorld::new("", &zone);
        match broken {
            Some(bytes) => {
                std::fs::write(world.path("resolv.conf"), bytes).unwrap();
                std::fs::write(world.path("hosts"), bytes).unwrap();
            }
            None => std::fs::remove_file(world.path("resolv.conf")).unwrap(),
        }
        assert_eq!(world.lookup("registry.example.com").await, "192.0.2.1");
    }
}

#[tokio::test]
async fn next_server_is_asked_when_one_is_silent() {
    let zone = [("registry.example.com", Answer::Address([192, 0, 2, 1]))];
    // Nobody listens at the first.
    let world = DnsWorld::new("nameserver 127.0.0.2\nnameserver 127.0.0.1\noptions timeout:1\n", &zone);
    assert_eq!(world.lookup("registry.example.com").await, "192.0.2.1");
}
