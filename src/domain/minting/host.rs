//! Which cloud's registry a host is, and whom to ask for credentials there. A token of a ServiceAccount goes to no other host
//! than these, so a host has to match from its first label to its last.
//!
//! AWS: the endpoint rules of the services `ecr` and `sts` in botocore 1.44, and the host grammar of
//! kubernetes/cloud-provider-aws. Azure and Google: their manuals, and the credential providers of Kubernetes for them.

use crate::domain::minting::settings::{MintSettings, Provider};

/// A partition of AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Partition {
    /// As in an ARN.
    name: &'static str,
    /// Domain of its APIs and of its registries.
    domain: &'static str,
    /// Domain of its registries that are reached over IPv6 as well, and that of its APIs.
    dual_stack: Option<(&'static str, &'static str)>,
}

/// US regions of the government: they have the domains of the first partition.
const GOVERNMENT: Partition = Partition {
    name: "aws-us-gov",
    domain: "amazonaws.com",
    dual_stack: Some(("on.aws", "api.aws")),
};

const PARTITIONS: [Partition; 7] = [
    Partition {
        name: "aws",
        domain: "amazonaws.com",
        dual_stack: Some(("on.aws", "api.aws")),
    },
    Partition {
        name: "aws-cn",
        domain: "amazonaws.com.cn",
        dual_stack: Some(("on.amazonwebservices.com.cn", "api.amazonwebservices.com.cn")),
    },
    Partition {
        name: "aws-eusc",
        domain: "amazonaws.eu",
        dual_stack: Some(("on.amazonwebservices.eu", "api.amazonwebservices.eu")),
    },
    Partition {
        name: "aws-iso",
        domain: "c2s.ic.gov",
        dual_stack: None,
    },
    Partition {
        name: "aws-iso-b",
        domain: "sc2s.sgov.gov",
        dual_stack: None,
    },
    Partition {
        name: "aws-iso-e",
        domain: "cloud.adc-e.uk",
        dual_stack: None,
    },
    Partition {
        name: "aws-iso-f",
        domain: "csp.hci.ic.gov",
        dual_stack: None,
    },
];

/// Hosts of Amazon ECR Public.
const ECR_PUBLIC: [&str; 2] = ["public.ecr.aws", "ecr-public.aws.com"];

/// A registry of Amazon ECR.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EcrRegistry {
    /// Its region, which also signs.
    pub region: String,
    /// Its partition, as in an ARN.
    pub partition: &'static str,
    /// Host of the API that gives credentials.
    pub ecr: String,
    /// Host of the API that gives sessions.
    pub sts: String,
    /// Whether it is ECR Public.
    pub is_public: bool,
}

/// A cloud of Microsoft, by what its registries are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AzureCloud {
    /// Domain of its registries.
    domain: &'static str,
    /// Host that gives tokens of Entra.
    pub authority: &'static str,
}

const AZURE: [AzureCloud; 4] = [
    AzureCloud {
        domain: "azurecr.io",
        authority: "login.microsoftonline.com",
    },
    AzureCloud {
        domain: "azurecr.us",
        authority: "login.microsoftonline.us",
    },
    AzureCloud {
        domain: "azurecr.cn",
        authority: "login.chinacloudapi.cn",
    },
    AzureCloud {
        domain: "azurecr.de",
        authority: "login.microsoftonline.com",
    },
];

/// The registry of Amazon ECR at a host (without a port), if it is one.
pub fn ecr(host: &str) -> Option<EcrRegistry> {
    if ECR_PUBLIC.contains(&host) {
        return Some(EcrRegistry {
            region: "us-east-1".to_owned(),
            partition: "aws",
            ecr: "api.ecr-public.us-east-1.amazonaws.com".to_owned(),
            sts: "sts.us-east-1.amazonaws.com".to_owned(),
            is_public: true,
        });
    }
    let (account, rest) = host.split_once('.')?;
    if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (rest, is_dual_stack) = match rest.strip_prefix("dkr.ecr") {
        Some(rest) => (rest, false),
        None => (rest.strip_prefix("dkr-ecr")?, true),
    };
    let (rest, is_fips) = match rest.strip_prefix("-fips") {
        Some(rest) => (rest, true),
        None => (rest, false),
    };
    let (region, domain) = rest.strip_prefix('.')?.split_once('.')?;
    if !is_label(region) {
        return None;
    }
    let partition = PARTITIONS.iter().find(|partition| {
        let registries = if is_dual_stack {
            partition.dual_stack.map(|(registries, _)| registries)
        } else {
            Some(partition.domain)
        };
        registries == Some(domain)
    })?;
    let partition = if partition.name == "aws" && region.starts_with("us-gov-") {
        &GOVERNMENT
    } else {
        partition
    };
    let (ecr, sts) = endpoints(partition, region, is_dual_stack, is_fips);
    Some(EcrRegistry {
        region: region.to_owned(),
        partition: partition.name,
        ecr,
        sts,
        is_public: false,
    })
}

/// Hosts of the APIs that give credentials and sessions.
fn endpoints(partition: &Partition, region: &str, is_dual_stack: bool, is_fips: bool) -> (String, String) {
    let fips = if is_fips { "-fips" } else { "" };
    if let Some((_, apis)) = partition.dual_stack.filter(|_| is_dual_stack) {
        return (
            format!("ecr{fips}.{region}.{apis}"),
            format!("sts{fips}.{region}.{apis}"),
        );
    }
    let domain = partition.domain;
    // The only one there is one with FIPS.
    let sts = if *partition == GOVERNMENT { "" } else { fips };
    (
        format!("api.ecr{fips}.{region}.{domain}"),
        format!("sts{sts}.{region}.{domain}"),
    )
}

/// The cloud of Microsoft that a host (without a port) is a registry of, if it is one: `NAME`, `NAME-HASH` or
/// `NAME.REGION.geo` below its domain.
pub fn azure(host: &str, settings: &MintSettings) -> Option<AzureCloud> {
    let known = AZURE
        .into_iter()
        .find_map(|cloud| Some((cloud, below(host, cloud.domain)?)));
    let (cloud, name) = match known {
        Some(known) => known,
        None => (AZURE[0], allowed(Provider::Azure, host, settings)?),
    };
    let labels: Vec<&str> = name.split('.').collect();
    let is_registry = match labels[..] {
        [name] => is_label(name),
        [name, region, "geo"] => is_label(name) && is_label(region),
        _ => false,
    };
    is_registry.then_some(cloud)
}

/// Whether a host (without a port) is a registry of Google.
pub fn is_google(host: &str, settings: &MintSettings) -> bool {
    if host == "gcr.io" || host == "docker.s3nsregistry.fr" {
        return true;
    }
    let location = below(host, "pkg.dev").and_then(|label| label.strip_suffix("-docker"));
    location.is_some_and(is_label)
        || below(host, "gcr.io").is_some_and(is_label)
        || allowed(Provider::Google, host, settings).is_some_and(is_label)
}

/// What stands before a domain that the administrator allows.
fn allowed<'a>(provider: Provider, host: &'a str, settings: &MintSettings) -> Option<&'a str> {
    let mut suffixes = settings.suffixes.iter().filter(|suffix| suffix.provider == provider);
    suffixes.find_map(|suffix| below(host, &suffix.domain))
}

/// The labels before a domain.
fn below<'a>(host: &'a str, domain: &str) -> Option<&'a str> {
    host.strip_suffix(domain)?.strip_suffix('.')
}

fn is_label(label: &str) -> bool {
    let inside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !label.is_empty() && label.bytes().all(inside) && !label.starts_with('-') && !label.ends_with('-')
}
