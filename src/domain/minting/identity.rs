//! The identity that credentials are minted for: what the spec, the annotations of the ServiceAccount, the registry and the
//! administrator say of it together.

use std::collections::BTreeMap;

use crate::api::{Reason, StaticKeyNames};
use crate::domain::minting::audience::check_audience;
use crate::domain::minting::host::{self, AzureCloud, EcrRegistry};
use crate::domain::minting::settings::{GkeCluster, MintSettings, Provider};
use crate::domain::minting::source::{Asker, MintRequest, MintSource, check_email, check_guid, check_role_arn};
use crate::domain::problem::Problem;
use crate::domain::registry::key::RegistryKey;

/// Lifetime to request for a token that is exchanged at once: the shortest that Kubernetes gives.
const SHORT: u32 = 600;

/// Lifetime to request for a token whose end is that of the credentials.
const LONG: u32 = 3600;

/// An identity, as far as it is known before anybody is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct MintIdentity {
    /// `host[:port]` of the registry.
    pub host: String,
    /// What proves it.
    pub proof: ProofRequest,
    /// What is asked for.
    pub grant: Grant,
}

/// What proves an identity.
#[derive(Clone, Debug, PartialEq)]
pub enum ProofRequest {
    /// A token of a ServiceAccount.
    Token {
        /// Its name.
        service_account: String,
        /// The one audience.
        audience: String,
        /// Lifetime to request, in seconds.
        seconds: u32,
    },
    /// A long-lived key in a Secret.
    Key {
        /// Name of the Secret.
        secret: String,
        /// Its keys.
        keys: StaticKeyNames,
    },
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Grant {
    /// Credentials of Amazon ECR.
    Aws {
        /// The registry.
        registry: EcrRegistry,
        /// The role to assume.
        role_arn: Option<String>,
    },
    /// A token of Google.
    Google {
        /// The audience that Google's token server knows the provider by; `None` with a key.
        audience: Option<String>,
        /// The service account to impersonate.
        email: Option<String>,
    },
    /// A token of an Azure Container Registry.
    Azure {
        /// The cloud.
        cloud: AzureCloud,
        /// The application or managed identity.
        client_id: String,
        /// Its tenant.
        tenant_id: String,
        /// Repositories to pull.
        repositories: Vec<String>,
    },
    /// A token of a robot account.
    Quay {
        /// The robot account.
        robot: String,
    },
}

impl Grant {
    /// The cloud.
    pub fn provider(&self) -> Provider {
        match self {
            Self::Aws { .. } => Provider::Aws,
            Self::Google { .. } => Provider::Google,
            Self::Azure { .. } => Provider::Azure,
            Self::Quay { .. } => Provider::Quay,
        }
    }
}

/// Annotations of a ServiceAccount.
type Annotations = BTreeMap<String, String>;

impl MintIdentity {
    /// The identity of a source. `annotations`: of its ServiceAccount.
    pub fn new(
        source: &MintSource,
        registry: &RegistryKey,
        annotations: &Annotations,
        settings: &MintSettings,
    ) -> Result<Self, Problem> {
        let host_port = registry.host_port();
        let (grant, audience) = grant(source, host_port, annotations, settings)?;
        let proof = match &source.asker {
            Asker::StaticKey { secret, keys } => ProofRequest::Key {
                secret: secret.clone(),
                keys: keys.clone(),
            },
            Asker::ServiceAccount(name) => ProofRequest::Token {
                service_account: name.clone(),
                audience: source.audience.clone().unwrap_or(audience),
                seconds: match &grant {
                    Grant::Google { email: None, .. } | Grant::Quay { .. } => LONG,
                    _ => SHORT,
                },
            },
        };
        Ok(Self {
            host: host_port.to_owned(),
            proof,
            grant,
        })
    }

    /// Everything that tells one identity from another, as a text. `asker`: which ServiceAccount or Secret it is, such as its UID.
    pub fn canonical(&self, asker: &str) -> String {
        format!("{asker} {} {:?} {:?}", self.host, self.proof, self.grant)
    }

    /// The identity as people know it: an ARN, a client id, an address, a robot.
    pub fn display(&self) -> String {
        let asker = match &self.proof {
            ProofRequest::Token { service_account, .. } => format!("ServiceAccount {service_account:?}"),
            ProofRequest::Key { secret, .. } => format!("the key in Secret {secret:?}"),
        };
        match &self.grant {
            Grant::Aws { role_arn, .. } => role_arn.clone().unwrap_or(asker),
            Grant::Google { email, .. } => email.clone().unwrap_or(asker),
            Grant::Azure { client_id, .. } => client_id.clone(),
            Grant::Quay { robot } => robot.clone(),
        }
    }
}

/// What to ask for, and the audience of the token unless the spec names one.
fn grant(
    source: &MintSource,
    host_port: &str,
    annotations: &Annotations,
    settings: &MintSettings,
) -> Result<(Grant, String), Problem> {
    let find = |names: &[&str]| names.iter().find_map(|name| annotations.get(*name)).cloned();
    let account = match &source.asker {
        Asker::ServiceAccount(name) => Some(name.as_str()),
        Asker::StaticKey { .. } => None,
    };
    match &source.request {
        MintRequest::Aws { role_arn } => {
            let registry = host::ecr(host_port).ok_or_else(|| {
                mismatch(
                    host_port,
                    "aws",
                    "a registry of Amazon ECR, such as 123456789012.dkr.ecr.eu-west-1.amazonaws.com",
                )
            })?;
            let annotated = || find(&["eks.amazonaws.com/ecr-role-arn", "eks.amazonaws.com/role-arn"]);
            let role_arn = role_arn.clone().or_else(annotated);
            let role_arn = aws_role(role_arn, &registry, account)?;
            let audience = find(&["eks.amazonaws.com/audience"]).unwrap_or_else(|| "sts.amazonaws.com".to_owned());
            let name = account.unwrap_or_default();
            let place = format!("the annotation eks.amazonaws.com/audience of ServiceAccount {name:?}");
            check_audience(&audience, &place, Reason::IdentityMissing)?;
            Ok((Grant::Aws { registry, role_arn }, audience))
        }
        MintRequest::Google { provider, email } => {
            if !host::is_google(host_port, settings) {
                return Err(mismatch(
                    host_port,
                    "google",
                    "a registry of Google, such as europe-docker.pkg.dev",
                ));
            }
            let email = email.clone().or_else(|| find(&["iam.gke.io/gcp-service-account"]));
            if let Some(email) = &email {
                check_email(email)
                    .map_err(|what| annotation_problem(account, "iam.gke.io/gcp-service-account", &what))?;
            }
            let (audience, token_audience) =
                google_audiences(provider.as_deref(), account, settings.gke_cluster.as_ref())?;
            Ok((Grant::Google { audience, email }, token_audience))
        }
        MintRequest::Azure {
            client_id,
            tenant_id,
            repositories,
        } => {
            let cloud = host::azure(host_port, settings).ok_or_else(|| {
                mismatch(
                    host_port,
                    "azure",
                    "an Azure Container Registry, such as example.azurecr.io",
                )
            })?;
            let id = |given: &Option<String>, field: &str, names: [&str; 2]| -> Result<String, Problem> {
                let id = given.clone().or_else(|| find(&names));
                let id = id.ok_or_else(|| missing(&format!("azure.{field}"), account, names[0]))?;
                check_guid(&id).map_err(|what| annotation_problem(account, names[0], &what))?;
                Ok(id)
            };
            let client = [
                "azure.workload.identity/client-id",
                "kubernetes.azure.com/acr-client-id",
            ];
            let tenant = [
                "azure.workload.identity/tenant-id",
                "kubernetes.azure.com/acr-tenant-id",
            ];
            let grant = Grant::Azure {
                cloud,
                client_id: id(client_id, "clientId", client)?,
                tenant_id: id(tenant_id, "tenantId", tenant)?,
                repositories: repositories.clone(),
            };
            Ok((grant, "api://AzureADTokenExchange".to_owned()))
        }
        MintRequest::Quay { robot } => {
            if host_port.contains('*') {
                return Err(mismatch(
                    host_port,
                    "quay",
                    "one host, which could be asked for credentials",
                ));
            }
            let robot = robot.clone();
            Ok((Grant::Quay { robot }, host_port.to_owned()))
        }
    }
}

/// The role, which the token of a ServiceAccount needs.
fn aws_role(
    role_arn: Option<String>,
    registry: &EcrRegistry,
    account: Option<&str>,
) -> Result<Option<String>, Problem> {
    let Some(arn) = role_arn else {
        return match account {
            Some(_) => Err(missing("aws.roleArn", account, "eks.amazonaws.com/role-arn")),
            None => Ok(None),
        };
    };
    check_role_arn(&arn).map_err(|what| annotation_problem(account, "eks.amazonaws.com/role-arn", &what))?;
    let partition = arn.split(':').nth(1).unwrap_or_default();
    if partition != registry.partition {
        return Err(Problem::new(
            Reason::RegistryMismatch,
            format!(
                "the role {arn} is in the partition {partition}, and the registry in {}: no login crosses partitions; name a role of {}",
                registry.partition, registry.partition
            ),
        ));
    }
    Ok(Some(arn))
}

/// The audience of Google's token server, and that of the token.
fn google_audiences(
    provider: Option<&str>,
    account: Option<&str>,
    cluster: Option<&GkeCluster>,
) -> Result<(Option<String>, String), Problem> {
    if account.is_none() {
        return Ok((None, String::new()));
    }
    match (provider, cluster) {
        (Some(provider), _) => {
            let audience = format!("//iam.googleapis.com/{provider}");
            Ok((Some(audience.clone()), audience))
        }
        (None, Some(cluster)) => Ok((Some(cluster.audience()), cluster.pool())),
        (None, None) => Err(Problem::new(
            Reason::IdentityMissing,
            "spec.credentialsFrom.google has no workloadIdentityProvider, and the operator is not told of a GKE cluster: name the provider of a workload identity pool, or start the operator with --gke-cluster",
        )),
    }
}

fn mismatch(host: &str, provider: &str, right: &str) -> Problem {
    Problem::new(
        Reason::RegistryMismatch,
        format!(
            "spec.credentialsFrom.{provider} does not fit spec.registryUrl: {host} is not {right}; nothing was sent anywhere"
        ),
    )
}

fn missing(field: &str, account: Option<&str>, annotation: &str) -> Problem {
    let annotate = account.map_or_else(String::new, |name| {
        format!(", or annotate ServiceAccount {name:?} with {annotation}")
    });
    Problem::new(
        Reason::IdentityMissing,
        format!("spec.credentialsFrom.{field} is missing: set it{annotate}"),
    )
}

fn annotation_problem(account: Option<&str>, annotation: &str, what: &str) -> Problem {
    Problem::new(
        Reason::IdentityMissing,
        format!(
            "the annotation {annotation} of ServiceAccount {:?} is wrong: {what}",
            account.unwrap_or_default()
        ),
    )
}
