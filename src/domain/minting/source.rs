//! Who asks for credentials, as a spec says it, and the rules that it has to keep.

use crate::api::{CredentialsFrom, Reason, StaticKeyNames};
use crate::domain::minting::audience::{check_audience, check_audience_of_anybody};
use crate::domain::minting::settings::Provider;
use crate::domain::names::is_object_name;
use crate::domain::problem::Problem;

/// What a spec says of credentials that are minted. It breaks no rule.
#[derive(Clone, Debug, PartialEq)]
pub struct MintSource {
    /// Who asks.
    pub asker: Asker,
    /// Which cloud is asked, and for what identity.
    pub request: MintRequest,
    /// Audience of the token, if the spec names one.
    pub audience: Option<String>,
}

/// Who asks for credentials.
#[derive(Clone, Debug, PartialEq)]
pub enum Asker {
    /// A ServiceAccount in the namespace of the resource.
    ServiceAccount(String),
    /// A long-lived key in a Secret there.
    StaticKey {
        /// Name of the Secret.
        secret: String,
        /// Its keys, where they differ from the defaults.
        keys: StaticKeyNames,
    },
}

/// What is asked for, as far as the spec says it.
#[derive(Clone, Debug, PartialEq)]
pub enum MintRequest {
    /// Of Amazon.
    Aws {
        /// The role to assume.
        role_arn: Option<String>,
    },
    /// Of Google.
    Google {
        /// The provider of a workload identity pool.
        provider: Option<String>,
        /// The service account to impersonate.
        email: Option<String>,
    },
    /// Of Microsoft.
    Azure {
        /// The application or managed identity.
        client_id: Option<String>,
        /// Its tenant.
        tenant_id: Option<String>,
        /// Repositories; none means all that the identity may pull.
        repositories: Vec<String>,
    },
    /// Of Quay.
    Quay {
        /// The robot account.
        robot: String,
    },
}

impl MintRequest {
    /// Which cloud is asked.
    pub fn provider(&self) -> Provider {
        match self {
            Self::Aws { .. } => Provider::Aws,
            Self::Google { .. } => Provider::Google,
            Self::Azure { .. } => Provider::Azure,
            Self::Quay { .. } => Provider::Quay,
        }
    }
}

impl MintSource {
    /// Checks the rules of `spec.credentialsFrom`; the first broken one is the answer.
    pub fn new(spec: &CredentialsFrom) -> Result<Self, Problem> {
        let (request, audience) = request(spec)?;
        let asker = asker(spec, &request)?;
        if let Some(audience) = &audience {
            check_audience(audience, "spec.credentialsFrom", Reason::InvalidSpec)?;
            if request.provider() == Provider::Quay {
                check_audience_of_anybody(audience)?;
            }
        }
        Ok(Self {
            asker,
            request,
            audience,
        })
    }

    /// Name of the Secret with the long-lived key, if there is one.
    pub fn key_secret(&self) -> Option<&str> {
        match &self.asker {
            Asker::ServiceAccount(_) => None,
            Asker::StaticKey { secret, .. } => Some(secret),
        }
    }
}

fn request(spec: &CredentialsFrom) -> Result<(MintRequest, Option<String>), Problem> {
    let requests = [
        spec.aws.as_ref().map(|aws| {
            let role_arn = aws.role_arn.clone();
            (MintRequest::Aws { role_arn }, aws.audience.clone())
        }),
        spec.google.as_ref().map(|google| {
            let request = MintRequest::Google {
                provider: google.workload_identity_provider.clone(),
                email: google.service_account_email.clone(),
            };
            (request, google.audience.clone())
        }),
        spec.azure.as_ref().map(|azure| {
            let request = MintRequest::Azure {
                client_id: azure.client_id.clone(),
                tenant_id: azure.tenant_id.clone(),
                repositories: azure.repositories.clone(),
            };
            (request, azure.audience.clone())
        }),
        spec.quay.as_ref().map(|quay| {
            let robot = quay.robot.clone();
            (MintRequest::Quay { robot }, quay.audience.clone())
        }),
    ];
    let mut named = requests.into_iter().flatten();
    let (Some(one), None) = (named.next(), named.next()) else {
        return Err(invalid(
            "spec.credentialsFrom must have exactly one of aws, google, azure and quay",
        ));
    };
    check_request(&one.0)?;
    Ok(one)
}

fn check_request(request: &MintRequest) -> Result<(), Problem> {
    match request {
        MintRequest::Aws { role_arn } => role_arn.as_deref().map_or(Ok(()), |arn| {
            check_role_arn(arn).map_err(|what| invalid(format!("spec.credentialsFrom.aws.roleArn {what}")))
        }),
        MintRequest::Google { provider, email } => {
            if let Some(provider) = provider
                && !is_pool_provider(provider)
            {
                return Err(invalid(format!(
                    "spec.credentialsFrom.google.workloadIdentityProvider {provider:?} must be projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER, with the number of the project, not its id"
                )));
            }
            email.as_deref().map_or(Ok(()), |email| {
                check_email(email)
                    .map_err(|what| invalid(format!("spec.credentialsFrom.google.serviceAccountEmail {what}")))
            })
        }
        MintRequest::Azure {
            client_id,
            tenant_id,
            repositories,
        } => {
            for (field, id) in [("clientId", client_id), ("tenantId", tenant_id)] {
                if let Some(id) = id {
                    check_guid(id).map_err(|what| invalid(format!("spec.credentialsFrom.azure.{field} {what}")))?;
                }
            }
            let wrong = repositories.iter().find(|name| !is_repository(name));
            wrong.map_or(Ok(()), |name| {
                Err(invalid(format!(
                    "spec.credentialsFrom.azure.repositories {name:?} must be the name of a repository without host and tag, such as team/app: the registry knows no '*'"
                )))
            })
        }
        MintRequest::Quay { robot } => {
            let inside = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-.".contains(c);
            match robot.split_once('+') {
                Some((owner, name))
                    if [owner, name]
                        .into_iter()
                        .all(|part| !part.is_empty() && part.chars().all(inside)) =>
                {
                    Ok(())
                }
                _ => Err(invalid(format!(
                    "spec.credentialsFrom.quay.robot {robot:?} must be the full name of a robot account, such as acme+puller"
                ))),
            }
        }
    }
}

fn asker(spec: &CredentialsFrom, request: &MintRequest) -> Result<Asker, Problem> {
    let (field, name, asker) = match (&spec.service_account_ref, &spec.static_key_ref) {
        (Some(account), None) => {
            let asker = Asker::ServiceAccount(account.name.clone());
            ("serviceAccountRef", &account.name, asker)
        }
        (None, Some(_)) if request.provider() == Provider::Quay => {
            return Err(invalid(
                "spec.credentialsFrom.quay needs serviceAccountRef: a robot's own token is no key that mints others; put it into a Secret and name that in spec.credentialsRef",
            ));
        }
        (None, Some(key)) => {
            let asker = Asker::StaticKey {
                secret: key.name.clone(),
                keys: key.keys.clone().unwrap_or_default(),
            };
            ("staticKeyRef", &key.name, asker)
        }
        _ => {
            return Err(invalid(
                "spec.credentialsFrom must have exactly one of serviceAccountRef and staticKeyRef",
            ));
        }
    };
    if is_object_name(name) {
        return Ok(asker);
    }
    Err(invalid(format!(
        "spec.credentialsFrom.{field}.name {name:?} is not a valid object name: write 1 to 253 lower-case letters, digits, '-' and '.'"
    )))
}

/// What is wrong with the ARN of a role; the rest of a sentence.
pub(crate) fn check_role_arn(arn: &str) -> Result<(), String> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let is_good = match parts[..] {
        ["arn", partition, "iam", "", account, role] => {
            (partition == "aws" || partition.starts_with("aws-"))
                && account.len() == 12
                && account.bytes().all(|byte| byte.is_ascii_digit())
                && role.strip_prefix("role/").is_some_and(|name| !name.is_empty())
                && arn.bytes().all(|byte| byte.is_ascii_graphic())
        }
        _ => false,
    };
    if is_good {
        return Ok(());
    }
    Err(format!(
        "{arn:?} must be the ARN of a role, such as arn:aws:iam::123456789012:role/pull"
    ))
}

/// What is wrong with the id of an application or tenant; the rest of a sentence.
pub(crate) fn check_guid(id: &str) -> Result<(), String> {
    let lengths: Vec<usize> = id.split('-').map(str::len).collect();
    let is_hex = id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    if lengths == [8, 4, 4, 4, 12] && is_hex {
        return Ok(());
    }
    Err(format!(
        "{id:?} must be an id such as 00000000-0000-0000-0000-000000000000"
    ))
}

/// What is wrong with the address of a Google service account; the rest of a sentence.
pub(crate) fn check_email(email: &str) -> Result<(), String> {
    let inside = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    match email.split_once('@') {
        Some((name, domain))
            if [name, domain]
                .into_iter()
                .all(|part| !part.is_empty() && part.chars().all(inside))
                && domain.contains('.') =>
        {
            Ok(())
        }
        _ => Err(format!(
            "{email:?} must be the address of a service account, such as pull@project.iam.gserviceaccount.com"
        )),
    }
}

fn is_pool_provider(provider: &str) -> bool {
    let parts: Vec<&str> = provider.split('/').collect();
    let is_word = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    match parts[..] {
        [
            "projects",
            number,
            "locations",
            "global",
            "workloadIdentityPools",
            pool,
            "providers",
            provider,
        ] => {
            !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) && is_word(pool) && is_word(provider)
        }
        _ => false,
    }
}

fn is_repository(name: &str) -> bool {
    let inside = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
    name.split('/').all(|part| !part.is_empty() && part.chars().all(inside))
}

fn invalid(message: impl Into<String>) -> Problem {
    Problem::new(Reason::InvalidSpec, message)
}
