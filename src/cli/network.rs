//! Arguments of every command that connects to registries.

use clap::Args;
use url::Url;

use crate::domain::text::shell::word;
use crate::domain::verification::address::Policy;

/// Which addresses registries may have.
#[derive(Args, Clone)]
pub(crate) struct AddressArguments {
    /// Network in which no registry or token server may be, in addition to loopback, link-local and metadata addresses.
    /// Can be repeated.
    #[arg(long, value_name = "CIDR", value_delimiter = ',', env = "DPS_DENY_CIDR")]
    deny_cidr: Vec<ipnet::IpNet>,
    /// Registry or token server that is allowed at any address. Can be repeated.
    #[arg(long, value_name = "HOST:PORT", value_parser = host_port, value_delimiter = ',', env = "DPS_ALLOW_REGISTRY")]
    allow_registry: Vec<String>,
}

/// Where login attempts may connect to.
#[derive(Args)]
pub(crate) struct NetworkArguments {
    #[command(flatten)]
    addresses: AddressArguments,
    /// Host of a token server that may belong to another domain than the registry that names it. Can be repeated.
    #[arg(long, value_name = "HOST", value_parser = host, value_delimiter = ',', env = "DPS_ALLOW_TOKEN_SERVER")]
    allow_token_server: Vec<String>,
}

impl AddressArguments {
    pub(crate) fn policy(&self) -> Policy {
        Policy {
            deny: self.deny_cidr.clone(),
            allow: self.allow_registry.clone(),
            ..Policy::default()
        }
    }
}

impl NetworkArguments {
    pub(crate) fn addresses(&self) -> AddressArguments {
        self.addresses.clone()
    }

    /// The flags that allow and refuse the same, with a blank before each; `None` if a shell cannot have one.
    pub(crate) fn flags(&self) -> Option<String> {
        let AddressArguments {
            deny_cidr,
            allow_registry,
        } = &self.addresses;
        let denied = deny_cidr.iter().map(|network| ("--deny-cidr", network.to_string()));
        let allowed = allow_registry.iter().map(|host| ("--allow-registry", host.clone()));
        let servers = self.allow_token_server.iter();
        let servers = servers.map(|host| ("--allow-token-server", host.clone()));
        let flags = denied.chain(allowed).chain(servers);
        flags
            .map(|(flag, value)| Some(format!(" {flag} {}", word(&value)?)))
            .collect()
    }

    pub(crate) fn policy(&self) -> Policy {
        Policy {
            token_servers: self.allow_token_server.as_slice().into(),
            ..self.addresses.policy()
        }
    }
}

/// A host as it stands in a URL.
fn host(text: &str) -> Result<String, String> {
    let url = Url::parse(&format!("https://{text}")).ok();
    let host = url.as_ref().and_then(|url| Some((url.as_str(), url.host_str()?)));
    match host {
        // Anything but a host is refused.
        Some((url, host))
            if url == format!("https://{host}/") && !text.contains(['/', '*']) && !text.ends_with(":443") =>
        {
            Ok(host.to_owned())
        }
        _ => Err("write a host without scheme, port and path, such as auth.example.com".to_owned()),
    }
}

/// A target as [`Policy`] compares it. Anything else would match nothing without a message.
fn host_port(text: &str) -> Result<String, String> {
    let exact = |text: &str| {
        let (name, port) = text.rsplit_once(':')?;
        let port: u16 = port.parse().ok().filter(|port| *port != 0)?;
        let url = Url::parse(&format!("https://{name}")).ok()?;
        let host = url.host_str().filter(|host| !host.contains('*'))?;
        // Anything but a host is refused.
        (url.as_str() == format!("https://{host}/")).then(|| format!("{host}:{port}"))
    };
    exact(text).ok_or_else(|| {
        let port = if text.starts_with("http://") { 80 } else { 443 };
        let bare = text.split_once("://").map_or(text, |(_, rest)| rest);
        let bare = bare.split('/').next().unwrap_or_default();
        let right = exact(bare).or_else(|| exact(&format!("{bare}:{port}")));
        let right = right.unwrap_or_else(|| "registry.example.com:443 or [2001:db8::1]:5000".to_owned());
        format!("write HOST:PORT, such as {right}")
    })
}
