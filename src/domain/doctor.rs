//! What `dps doctor` makes of what it saw: whether an installation can do its work, check by check.
//!
//! The command line observes and asks here what else to look at: whose rights, which Leases, which registries.

pub mod api_server;
pub mod custom_resource;
pub mod installation;
pub mod issuer;
pub mod lease;
pub mod policies;
pub mod registries;
pub mod report;
pub mod resources;
pub mod rights;
pub mod seen;

use crate::domain::doctor::api_server::{ApiServerView, NoAccess};
use crate::domain::doctor::custom_resource::CustomResource;
use crate::domain::doctor::installation::Installation;
use crate::domain::doctor::issuer::IssuerView;
use crate::domain::doctor::lease::LeaseView;
use crate::domain::doctor::policies::Policies;
use crate::domain::doctor::registries::RegistriesView;
use crate::domain::doctor::report::DoctorReport;
use crate::domain::doctor::resources::ResourceView;
use crate::domain::doctor::rights::AccountRights;
use crate::domain::doctor::seen::Seen;

/// What was seen of a cluster whose API server answers.
#[derive(Clone, Debug)]
pub struct Observations {
    /// Namespaces to look at; none means all.
    pub namespaces: Vec<String>,
    /// The API server.
    pub api_server: ApiServerView,
    /// The CRD of the kind for one namespace.
    pub custom_resource: CustomResource,
    /// That of the kind for many namespaces.
    pub cluster_custom_resource: CustomResource,
    /// The Deployments of operators.
    pub installations: Seen<Vec<Installation>>,
    /// Rights of the accounts that operators use. Not read: why nobody knows whose rights count.
    pub rights: Seen<Vec<AccountRights>>,
    /// The Leases that installations name.
    pub leases: Vec<LeaseView>,
    /// The admission policies.
    pub policies: Seen<Policies>,
    /// The `DockerPullSecrets`.
    pub resources: Seen<Vec<ResourceView>>,
    /// The `ClusterDockerPullSecrets`.
    pub cluster_resources: Seen<Vec<ResourceView>>,
    /// The issuer of the cluster's tokens; `None` as long as nobody has looked, or nothing is minted.
    pub issuer: Option<Seen<IssuerView>>,
    /// Their registries; `None` as long as nobody has looked.
    pub registries: Option<RegistriesView>,
}

/// The report where nothing can be looked at.
pub fn without_access(server: &str, obstacle: &NoAccess) -> DoctorReport {
    DoctorReport::new(vec![api_server::without_access(server, obstacle)])
}

/// The report of what was seen.
pub fn examine(observed: &Observations) -> DoctorReport {
    let mut checks = api_server::check(&observed.api_server);
    let mut installations = observed.installations.read().into_iter().flatten();
    let needs_cluster_resource = installations.any(Installation::reconciles_cluster_resources);
    checks.extend(custom_resource::check(&observed.custom_resource, true));
    checks.extend(custom_resource::check(
        &observed.cluster_custom_resource,
        needs_cluster_resource,
    ));
    checks.extend(rights::check(&observed.rights));
    checks.extend(installation::check(
        &observed.installations,
        !observed.leases.is_empty(),
    ));
    checks.extend(lease::check(&observed.leases, observed.api_server.now()));
    checks.extend(policies::check(&observed.installations, &observed.policies));
    checks.extend(resources::check(&observed.resources, &observed.namespaces));
    checks.extend(resources::check_cluster(
        &observed.cluster_resources,
        &observed.installations,
    ));
    let resources = [&observed.resources, &observed.cluster_resources];
    let resources = resources.into_iter().filter_map(Seen::read).flatten();
    checks.extend(issuer::check(observed.issuer.as_ref(), resources));
    checks.extend(observed.registries.iter().flat_map(registries::check));
    DoctorReport::new(checks)
}
