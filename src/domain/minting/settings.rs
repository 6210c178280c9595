//! What the operator's administrator says of clouds.

use std::str::FromStr;

/// A cloud whose registry credentials can be minted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr, strum::EnumString)]
#[strum(serialize_all = "lowercase")]
pub enum Provider {
    /// Amazon ECR.
    Aws,
    /// Google Artifact Registry.
    Google,
    /// Azure Container Registry.
    Azure,
    /// Quay.
    Quay,
}

impl Provider {
    /// The word in a spec.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// What no resource can know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MintSettings {
    /// The GKE cluster that the operator runs in.
    pub gke_cluster: Option<GkeCluster>,
    /// Domains whose hosts are registries of a cloud as well: for private clouds.
    pub suffixes: Vec<RegistrySuffix>,
}

/// A GKE cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GkeCluster {
    /// Its project.
    project: String,
    /// Its full name, `projects/P/locations/L/clusters/C`.
    name: String,
}

impl GkeCluster {
    /// Audience of the tokens of its ServiceAccounts: the pool of its project.
    pub fn pool(&self) -> String {
        format!("{}.svc.id.goog", self.project)
    }

    /// The audience that Google's token server knows it by.
    pub fn audience(&self) -> String {
        format!(
            "identitynamespace:{}:https://container.googleapis.com/v1/{}",
            self.pool(),
            self.name
        )
    }
}

impl FromStr for GkeCluster {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split('/').collect();
        let is_word =
            |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "-:.".contains(c));
        match parts[..] {
            ["projects", project, "locations", location, "clusters", cluster]
                if [project, location, cluster].into_iter().all(is_word) =>
            {
                Ok(Self {
                    project: project.to_owned(),
                    name: text.to_owned(),
                })
            }
            _ => Err("write projects/PROJECT/locations/LOCATION/clusters/CLUSTER".to_owned()),
        }
    }
}

/// A domain whose hosts are registries of a cloud.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistrySuffix {
    /// The cloud.
    pub provider: Provider,
    /// The domain, in lower case.
    pub domain: String,
}

impl FromStr for RegistrySuffix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "write azure=DOMAIN or google=DOMAIN, such as azure=azurecr.example.net".to_owned();
        let (provider, domain) = text.split_once('=').ok_or_else(wrong)?;
        let provider = Provider::from_str(provider).map_err(|_| wrong())?;
        let domain = domain.trim_start_matches('.').to_ascii_lowercase();
        let is_label = |label: &str| !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        let is_open = matches!(provider, Provider::Azure | Provider::Google);
        if is_open && domain.contains('.') && domain.split('.').all(is_label) {
            Ok(Self { provider, domain })
        } else {
            Err(wrong())
        }
    }
}
