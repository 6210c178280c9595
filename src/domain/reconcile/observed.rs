//! What a decision is made from.

use std::collections::HashMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Secret;

use crate::domain::attachment::assessment::AttachmentView;
use crate::domain::credential_source::identity::CredentialIdentity;
use crate::domain::distribution::census::Census;
use crate::domain::docker_config::kubelet_secret::PullSecret;
use crate::domain::index::IndexView;
use crate::domain::minting::judgement::Minting;
use crate::domain::problem::Problem;
use crate::domain::pull_failures::elsewhere::Elsewhere;
use crate::domain::pull_failures::failing_pods::FailingPod;
use crate::domain::pull_failures::resource::Resource;
use crate::domain::reconcile::refusal::WriteRefusal;
use crate::domain::verification::ca_bundle::CaBundle;
use crate::domain::verification::verdict::Verdict;

/// What was read for one resource. Nothing was, if it is suspended.
///
/// No `Debug`: it holds Secrets.
pub struct Observed {
    /// The Secret that holds the credentials.
    pub source: Option<Secret>,
    /// What is known of minted credentials, or why nothing can be minted; `None` if they come from a Secret.
    pub minting: Option<Result<Minting, Problem>>,
    /// The Secret of the wanted name.
    pub target: Option<Secret>,
    /// The Secret that was generated under an earlier name, while there is none of the wanted name. For a resource for many
    /// namespaces: what it distributes, or one of the copies.
    pub retained: Option<Secret>,
    /// What there is of copies, if the resource is for many namespaces.
    pub copies: ObservedCopies,
    /// How the namespaces stand that a resource for many namespaces selects.
    pub census: Census,
    /// Why the namespaces are not known yet, if the resource is for many of them: then what the status said before stays.
    pub without_namespaces: Option<String>,
    /// Whether the operator may read cluster-wide credentials from the namespace where they are.
    pub may_read_source: bool,
    /// What the index says of the resource and its target.
    pub index: IndexView,
    /// Certificates to trust, if the resource names any; or why they cannot be used.
    pub ca_bundle: Result<Option<CaBundle>, Verdict>,
    /// The pods that fail; `None`: they have not been listed yet.
    pub pods: Option<ObservedPods>,
    /// The ServiceAccounts that are to list the Secret; `None` if the operator may not change any.
    pub attachment: Option<AttachmentView>,
    /// Whether the cluster attaches Secrets to pods.
    pub attaches_to_pods: bool,
    /// Whether the operator may evict pods.
    pub evicts_pods: bool,
    /// Why the API server refused the write of this reconcile.
    pub refusal: Option<WriteRefusal>,
}

/// What is known of the copies of a resource for many namespaces.
#[derive(Clone, Debug, Default)]
pub struct ObservedCopies {
    /// The version that they have, or most of them.
    pub version: Option<String>,
    /// Whether this process distributes it, or the status tells of it. Otherwise it was read from a copy, which somebody else may
    /// have written.
    pub is_trusted: bool,
    /// Whom what they hold was minted for, if it was, and is trusted.
    pub identity: Option<CredentialIdentity>,
}

/// What was read of the failing pods that may have to do with a resource.
#[derive(Default)]
pub struct ObservedPods {
    /// Whether something could not be read, so that what the status said before stays.
    pub incomplete: bool,
    /// Those of each namespace.
    pub places: Vec<PodsOfNamespace>,
}

/// The failing pods of one namespace.
#[derive(Default)]
pub struct PodsOfNamespace {
    /// The namespace.
    pub namespace: String,
    /// Whether the Secret of the resource is there, or will be after this reconcile.
    pub has_secret: bool,
    /// The pods, by name.
    pub failing: Vec<(String, Arc<FailingPod>)>,
    /// What their lists name, but for the resource's own Secret.
    pub pull_secrets: HashMap<String, PullSecret>,
    /// What their ServiceAccounts list, if the operator knows.
    pub accounts: HashMap<String, Vec<String>>,
    /// The other resources of the namespace.
    pub others: Vec<Resource>,
    /// Resources for many namespaces that generate no Secret in this one, with credentials for images of these pods.
    pub elsewhere: Vec<Elsewhere>,
}

impl Default for Observed {
    fn default() -> Self {
        Self {
            source: None,
            minting: None,
            target: None,
            retained: None,
            copies: ObservedCopies::default(),
            census: Census::default(),
            without_namespaces: None,
            may_read_source: true,
            index: IndexView::default(),
            ca_bundle: Ok(None),
            pods: None,
            attachment: None,
            attaches_to_pods: false,
            evicts_pods: false,
            refusal: None,
        }
    }
}
