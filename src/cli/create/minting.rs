//! Credentials that the operator mints, instead of a login that is stored.

use std::process::ExitCode;

use clap::Args;

use crate::api::{CredentialsFrom, MintingServiceAccount, Reason, StaticKeyNames, StaticKeyRef};
use crate::cli::clouds::CloudArguments;
use crate::cli::completion::names;
use crate::cli::create::check::{nothing_written, without_verdict};
use crate::cli::create::{Create, key_value};
use crate::cli::destination::Destination;
use crate::cli::mint::attempt::{Attempter, TrialEnd};
use crate::cli::mint::subject::TrialSubject;
use crate::cli::output::report;
use crate::cli::terminal::{Stop, Terminal};
use crate::domain::credentials::RegistryCredentials;
use crate::domain::registry::key::RegistryKey;
use crate::domain::spec::declaration::Declaration;
use crate::form::minting::with_cloud;

#[derive(Args)]
pub(super) struct MintingArguments {
    /// Have the operator mint short-lived credentials of a cloud's registry as this ServiceAccount, instead of storing a login.
    #[arg(long, value_name = "NAME", group = "asker", conflicts_with_all = LOGIN, add = names::service_accounts())]
    mint_as: Option<String>,
    /// Have the operator mint them with the long-lived key in this Secret.
    #[arg(long, value_name = "SECRET", groups = ["asker", "stored"], conflicts_with_all = LOGIN, add = names::logins())]
    mint_with_key: Option<String>,
    /// What the cloud has to know, as in spec.credentialsFrom: roleArn, clientId, tenantId, repositories, workloadIdentityProvider,
    /// serviceAccountEmail, robot or audience, then its value. Can be repeated.
    #[arg(long, value_name = "FIELD=VALUE", value_parser = key_value, requires = "asker")]
    mint_option: Vec<(String, String)>,
    #[command(flatten)]
    clouds: CloudArguments,
}

/// Arguments of a login that is stored.
const LOGIN: [&str; 5] = [
    "username",
    "password_stdin",
    "password_file",
    "login_secret",
    "from_secret",
];

impl MintingArguments {
    pub(super) fn is_chosen(&self) -> bool {
        self.mint_as.is_some() || self.mint_with_key.is_some()
    }

    /// `spec.credentialsFrom`, if it is what was chosen. `keys`: names of keys in a Secret.
    pub(super) fn source(
        &self,
        registry: &RegistryKey,
        keys: &[(String, String)],
    ) -> Result<Option<CredentialsFrom>, String> {
        if !self.is_chosen() {
            return Ok(None);
        }
        let key = |name: &String| -> Result<StaticKeyRef, String> {
            let keys = (!keys.is_empty()).then(|| key_names(keys)).transpose()?;
            Ok(StaticKeyRef {
                name: name.clone(),
                keys,
            })
        };
        let asker = CredentialsFrom {
            service_account_ref: self.mint_as.clone().map(|name| MintingServiceAccount { name }),
            static_key_ref: self.mint_with_key.as_ref().map(key).transpose()?,
            ..CredentialsFrom::default()
        };
        let source = with_cloud(&asker, registry, &self.clouds.settings(), &self.mint_option);
        source.map(Some).map_err(|problem| format!("--mint-option {problem}"))
    }
}

/// `spec.credentialsFrom.staticKeyRef.keys`.
fn key_names(keys: &[(String, String)]) -> Result<StaticKeyNames, String> {
    let mut names = StaticKeyNames::default();
    for (what, key) in keys {
        let field = match what.as_str() {
            "accessKeyId" => &mut names.access_key_id,
            "secretAccessKey" => &mut names.secret_access_key,
            "sessionToken" => &mut names.session_token,
            "clientSecret" => &mut names.client_secret,
            "serviceAccountKey" => &mut names.service_account_key,
            _ => {
                return Err(format!(
                    "--key {what}: write accessKeyId, secretAccessKey, sessionToken, clientSecret or serviceAccountKey"
                ));
            }
        };
        *field = Some(key.clone());
    }
    Ok(names)
}

/// Mints the credentials of a resource that is to be written. `None`: nobody knows whether the operator can, and they are written
/// anyway.
pub(super) async fn mint(
    mut declaration: Declaration,
    arguments: &Create,
    terminal: Option<&Terminal>,
    destination: &Destination,
) -> Result<Option<RegistryCredentials>, Stop> {
    let cluster = &destination.cluster;
    if declaration.cluster.is_none() {
        declaration.key.namespace.clone_from(&cluster.namespace);
    }
    let subject = TrialSubject {
        name: "Minting credentials".to_owned(),
        declaration: Ok(declaration),
        key: None,
    };
    let policy = arguments.targets.addresses().policy();
    let attempter = Attempter::new(cluster, arguments.minting.clouds.settings(), policy)?;
    match Box::pin(attempter.attempt(&subject)).await? {
        TrialEnd::Minted { trial, credentials, .. } => {
            report(&format!("  Minted: {}", trial.sentence(&subject.registry())));
            Ok(Some(credentials))
        }
        TrialEnd::NothingToMint(why) => Err(Stop::Error(why)),
        TrialEnd::Failed { failure, commands } => {
            let reason = failure.problem.reason;
            report(&format!("  {}: {}", reason.as_str(), failure.problem.message));
            for command in &commands {
                report(&format!("  {command}"));
            }
            // The operator has rights of its own.
            if failure.is_transient() || reason == Reason::ServiceAccountNotAllowed {
                return without_verdict(terminal).await.map(|()| None);
            }
            Err(nothing_written(ExitCode::FAILURE))
        }
    }
}
