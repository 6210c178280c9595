//! `dps ui` as a browser and as an attacker see it: requests byte for byte.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use super::dps::Watching;

/// A page that is served, and its session.
pub struct ServedPage {
    pub port: u16,
    /// The path that begins the session.
    pub start: String,
    /// The value of the cookie, with its name.
    pub cookie: String,
    /// The path of the list, in the first context.
    pub list: String,
    /// The token of forms.
    pub form_token: String,
    process: Watching,
}

/// An answer.
pub struct Answer {
    pub code: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    /// The value of a header; empty if there is none.
    pub fn header(&self, name: &str) -> &str {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let found = lines.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value)
    }
}

impl ServedPage {
    /// Serves it without beginning the session.
    pub fn serve(kubeconfig: &Path, args: &[&str]) -> Self {
        Self::of(Watching::start(kubeconfig, &[&["ui", "--no-browser"], args].concat()))
    }

    /// The page that a process serves.
    pub fn of(process: Watching) -> Self {
        let line = process.line_with(&["Open http://127.0.0.1:"]);
        let address = line.split_once("http://127.0.0.1:").unwrap().1;
        let (port, start) = address.split_once('/').unwrap();
        Self {
            port: port.parse().unwrap(),
            start: format!("/{start}"),
            cookie: String::new(),
            list: String::new(),
            form_token: String::new(),
            process,
        }
    }

    /// Serves it and begins the session.
    pub fn open(kubeconfig: &Path, args: &[&str]) -> Self {
        let mut page = Self::serve(kubeconfig, args);
        let started = page.get(&page.start.clone());
        assert_eq!(started.code, 200, "{}", started.body);
        page.cookie = String::from(started.header("set-cookie").split(';').next().unwrap());
        let list = started.body.split_once("url=").unwrap().1;
        page.list = String::from(list.split('"').next().unwrap());
        page
    }

    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// The address that begins the session in a browser.
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}{}", self.port, self.start)
    }

    /// What the browser of the person sends.
    pub fn get(&self, path: &str) -> Answer {
        self.send(
            "GET",
            path,
            &[("Cookie", &self.cookie), ("Sec-Fetch-Site", "same-origin")],
            "",
        )
    }

    /// A form as the browser of the person sends it.
    pub fn post(&self, path: &str, body: &str) -> Answer {
        let origin = format!("http://127.0.0.1:{}", self.port);
        let headers = [
            ("Cookie", self.cookie.as_str()),
            ("Sec-Fetch-Site", "same-origin"),
            ("Origin", &origin),
            ("Content-Type", "application/x-www-form-urlencoded"),
        ];
        self.send("POST", path, &headers, body)
    }

    /// Any request. Without a `Host` among the headers, it is the right one.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        if !headers.iter().any(|(name, _)| *name == "Host") {
            let _ = write!(request, "Host: 127.0.0.1:{}\r\n", self.port);
        }
        for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
            let _ = write!(request, "{name}: {value}\r\n");
        }
        let _ = write!(request, "Content-Length: {}\r\n\r\n{body}", body.len());
        self.send_bytes(request.as_bytes())
    }

    /// A page, as a browser without scripts shows it: loaded again as long as it wants that.
    pub fn read(&self, path: &str) -> String {
        let begin = Instant::now();
        loop {
            let answer = self.get(path);
            assert_eq!(answer.code, 200, "{}", answer.body);
            if !answer.body.contains("http-equiv=\"refresh\"") {
                return answer.body;
            }
            assert!(begin.elapsed() < Duration::from_mins(1), "{}", answer.body);
        }
    }

    /// Anything at all.
    pub fn send_bytes(&self, request: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_mins(2))).unwrap();
        stream.write_all(request).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8_lossy(&answer);
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let code = head
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .unwrap_or_default();
        Answer {
            code,
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }
}
