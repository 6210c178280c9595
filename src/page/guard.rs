//! Which requests are answered.
//!
//! Whoever can make the browser of a person send a request must not get what that person may do. So:
//! - The host is this machine by name or address, which a name that was rebound to it is not.
//! - The session's cookie is there. It is set for a path that nobody can guess, since browsers send cookies of a host to all its ports.
//! - The browser says, where it says so, that the request comes from this page or from the person.
//! - What changes something comes from this page, and carries a token that only this page has.

use subtle::ConstantTimeEq as _;

/// What counts of a request.
#[derive(Clone, Debug, Default)]
pub struct PageRequest<'a> {
    /// `GET`, `POST`.
    pub method: &'a str,
    /// Every `Host` header, and the host of the request line if there is one.
    pub hosts: Vec<&'a str>,
    /// Every `Origin` header.
    pub origins: Vec<&'a str>,
    /// `Sec-Fetch-Site`, which browsers send.
    pub fetch_site: Option<&'a str>,
    /// `Sec-Fetch-Mode`.
    pub fetch_mode: Option<&'a str>,
    /// Every `Cookie` header.
    pub cookies: Vec<&'a str>,
}

/// What a request has to bring.
#[derive(Clone)]
pub struct GuardedSession {
    /// The port of this machine that is listened on.
    pub port: u16,
    /// The value of the cookie.
    pub cookie: String,
    /// The token of forms.
    pub form_token: String,
}

/// Why a request is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuardRefusal {
    /// It is for another host.
    Host,
    /// Only `GET` and `POST` are served.
    Method,
    /// It comes from another site.
    Site,
    /// It has no session.
    Session,
    /// It does not come from a form of this page.
    Form,
}

/// Name of the session's cookie.
pub const COOKIE: &str = "dps-session";

impl GuardRefusal {
    /// The status code of the answer.
    pub fn code(self) -> u16 {
        match self {
            // RFC 9110, section 15.5.20.
            Self::Host => 421,
            Self::Method => 405,
            Self::Site | Self::Session | Self::Form => 403,
        }
    }

    /// What is said to a person.
    pub fn message(self) -> &'static str {
        match self {
            Self::Host => "This address is not the one that dps ui listens on. Use the address that it printed.",
            Self::Method => "dps ui answers GET and POST only.",
            Self::Site => "Another site made this request, so it is not answered.",
            Self::Session => {
                "This browser has no session. Start dps ui again and open the address that it prints: it works once."
            }
            Self::Form => "This form does not belong to this session. Go back, reload the page and submit it again.",
        }
    }
}

impl GuardedSession {
    /// Whether a request is answered that begins a session: it has no cookie yet, and comes from the terminal or a file.
    pub fn check_start(&self, request: &PageRequest<'_>) -> Result<(), GuardRefusal> {
        self.check_host(request)?;
        if request.method != "GET" {
            return Err(GuardRefusal::Method);
        }
        // Nothing embeds or fetches it.
        match request.fetch_mode {
            None | Some("navigate") => Ok(()),
            Some(_) => Err(GuardRefusal::Site),
        }
    }

    /// Whether any other request is answered. The form's token is in the body: [`Self::check_form`].
    pub fn check(&self, request: &PageRequest<'_>) -> Result<(), GuardRefusal> {
        self.check_host(request)?;
        if !matches!(request.method, "GET" | "POST") {
            return Err(GuardRefusal::Method);
        }
        if !matches!(request.fetch_site, None | Some("same-origin" | "none")) {
            return Err(GuardRefusal::Site);
        }
        if request.method == "POST" {
            Self::check_origin(request)?;
        }
        let values = request.cookies.iter().flat_map(|cookies| cookies.split(';'));
        let mut values = values.filter_map(|cookie| cookie.trim().strip_prefix(COOKIE)?.strip_prefix('='));
        // Another server of this machine may have set one of the same name.
        if values.any(|value| is_same(value, &self.cookie)) {
            Ok(())
        } else {
            Err(GuardRefusal::Session)
        }
    }

    /// Whether a form was made for this session.
    pub fn check_form(&self, token: &str) -> Result<(), GuardRefusal> {
        if is_same(token, &self.form_token) {
            Ok(())
        } else {
            Err(GuardRefusal::Form)
        }
    }

    fn check_host(&self, request: &PageRequest<'_>) -> Result<(), GuardRefusal> {
        let is_here = |host: &&str| {
            let name = host.strip_suffix(&format!(":{}", self.port));
            matches!(name, Some("localhost" | "127.0.0.1" | "[::1]"))
        };
        match request.hosts.split_first() {
            Some((host, more)) if is_here(host) && more.iter().all(|other| other == host) => Ok(()),
            _ => Err(GuardRefusal::Host),
        }
    }

    /// Browsers name the origin of every POST.
    fn check_origin(request: &PageRequest<'_>) -> Result<(), GuardRefusal> {
        let (&[origin], &[host, ..]) = (&request.origins[..], &request.hosts[..]) else {
            return Err(GuardRefusal::Site);
        };
        if origin.strip_prefix("http://") == Some(host) {
            Ok(())
        } else {
            Err(GuardRefusal::Site)
        }
    }
}

/// Compares secrets in a time that does not depend on how much of them is right.
pub fn is_same(given: &str, secret: &str) -> bool {
    given.as_bytes().ct_eq(secret.as_bytes()).into()
}
