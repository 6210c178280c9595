//! Reads what `dps doctor` needs of a cluster. No Secret is read.

use std::time::Duration;

use axum::http::{Request, StatusCode};
use futures::future::join_all;
use k8s_openapi::api::admissionregistration::v1::{ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::version::Info;
use k8s_openapi::jiff::fmt::rfc2822;
use kube::client::Body;
use kube::core::{ApiResource, DynamicObject, GroupVersionKind, Status};
use kube::{Api, Resource, ResourceExt};
use serde_json::Value;
use tokio::time::{sleep, timeout};

use crate::api::{
    CLUSTER_DOCKER_PULL_SECRET, ClusterDockerPullSecret, DOCKER_PULL_SECRET, DockerPullSecret, FIELD_MANAGER,
};
use crate::cli::cluster::{Cluster, cause};
use crate::cli::doctor::Doctor;
use crate::cli::doctor::requests::{list, seen};
use crate::cli::doctor::rights;
use crate::domain::doctor::Observations;
use crate::domain::doctor::api_server::{ApiServerView, NoAccess};
use crate::domain::doctor::custom_resource::{CustomResource, crd_name};
use crate::domain::doctor::installation::{Installation, NAME_LABEL};
use crate::domain::doctor::lease::{LeaseState, LeaseView};
use crate::domain::doctor::policies::Policies;
use crate::domain::doctor::resources::ResourceView;
use crate::domain::doctor::seen::Seen;
use crate::domain::names::ObjectKey;
use crate::domain::time::Timestamp;

/// For how long a Lease is watched that seems expired: holders renew it each 5 s.
const LEASE_WATCH: Duration = Duration::from_secs(10);

/// Time between two looks at such a Lease.
const LEASE_PAUSE: Duration = Duration::from_secs(1);

/// Everything but the registries.
pub(super) async fn observe(arguments: &Doctor, cluster: &Cluster) -> Result<Observations, NoAccess> {
    let namespaces = arguments.namespaces.clone();
    let api_server = api_server(cluster, arguments.connection.is_impersonating()).await?;
    let (custom_resource, cluster_custom_resource, installations, policies, resources, cluster_resources) = tokio::join!(
        custom_resource::<DockerPullSecret>(cluster, DOCKER_PULL_SECRET),
        custom_resource::<ClusterDockerPullSecret>(cluster, CLUSTER_DOCKER_PULL_SECRET),
        installations(cluster, &namespaces),
        policies(cluster),
        resources(cluster, &namespaces),
        cluster_resources(cluster)
    );
    let attaches = installations
        .read()
        .into_iter()
        .flatten()
        .any(|one| one.attaches_to_pods);
    let policies = if attaches {
        with_mutating(policies, cluster).await
    } else {
        policies
    };
    let named = arguments.lease.as_ref();
    let active = installations.read().into_iter().flatten();
    let active = active.filter(|installation| installation.is_active());
    let leases = active.filter_map(|installation| installation.lease.as_ref());
    let mut keys: Vec<ObjectKey> = leases.chain(named).cloned().collect();
    keys.sort();
    keys.dedup();
    let now = api_server.now();
    let (leases, rights) = tokio::join!(
        join_all(keys.into_iter().map(|key| lease(cluster, key, now))),
        rights::of_operators(
            cluster,
            &installations,
            [&resources, &cluster_resources],
            &namespaces,
            named
        )
    );
    Ok(Observations {
        namespaces,
        api_server,
        custom_resource,
        cluster_custom_resource,
        installations,
        rights,
        leases,
        policies,
        resources,
        cluster_resources,
        issuer: None,
        registries: None,
    })
}

async fn api_server(cluster: &Cluster, is_impersonated: bool) -> Result<ApiServerView, NoAccess> {
    let server = &cluster.server;
    let exchange = async {
        let request = Request::get("/version").body(Body::empty());
        let request = request.map_err(kube::Error::HttpError)?;
        let response = cluster.client.send(request).await?;
        let own_time = Timestamp::now();
        let date = response.headers().get("date").and_then(|date| date.to_str().ok());
        let its_time = date.and_then(|date| Some(rfc2822::parse(date).ok()?.timestamp()));
        let status = response.status();
        let body = response.into_body().collect_bytes().await?;
        Ok((own_time, its_time, status, body.to_vec()))
    };
    let (own_time, its_time, status, body) = match cluster.call(exchange).await {
        Ok(exchanged) => exchanged,
        Err(error) => return Err(NoAccess::Unreachable(cause(&error))),
    };
    let refusal = || {
        let message = serde_json::from_slice(&body).map(|status: Status| status.message);
        let message = message.ok().filter(|message| !message.is_empty());
        message.unwrap_or_else(|| format!("/version returned {status}"))
    };
    let version = match status {
        StatusCode::OK => match serde_json::from_slice::<Info>(&body) {
            Ok(info) => Seen::Read((info.major, info.minor)),
            Err(_) => Seen::Failed(format!("what answers at {server} is no API server")),
        },
        StatusCode::UNAUTHORIZED => return Err(NoAccess::Refused(refusal())),
        // Everybody else may read it, or hardly anything is readable.
        StatusCode::FORBIDDEN if is_impersonated => return Err(NoAccess::Refused(refusal())),
        StatusCode::FORBIDDEN => Seen::denied("get /version"),
        _ => Seen::Failed(format!("cannot get /version: {}", refusal())),
    };
    Ok(ApiServerView {
        server: server.clone(),
        version,
        its_time,
        own_time,
    })
}

async fn custom_resource<K: Resource<DynamicType = ()>>(cluster: &Cluster, kind: &'static str) -> CustomResource {
    let definitions: Api<CustomResourceDefinition> = Api::all(cluster.client.clone());
    let name = crd_name(kind);
    let definition = seen(cluster, "get CustomResourceDefinitions", definitions.get_opt(&name)).await;
    let is_served = match &definition {
        Seen::Read(definition) => Seen::Read(definition.is_some()),
        _ => served(cluster, &ApiResource::erase::<K>(&())).await,
    };
    CustomResource {
        kind,
        definition: definition.map(|definition| definition.map(Box::new)),
        is_served,
    }
}

/// What the API server says of its kinds to everybody.
async fn served(cluster: &Cluster, resource: &ApiResource) -> Seen<bool> {
    let what = format!("list the resources of {}", resource.api_version);
    let listed = async {
        match cluster.client.list_api_group_resources(&resource.api_version).await {
            Ok(listed) => Ok(listed.resources.iter().any(|served| served.name == resource.plural)),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(false),
            Err(error) => Err(error),
        }
    };
    seen(cluster, &what, listed).await
}

async fn installations(cluster: &Cluster, namespaces: &[String]) -> Seen<Vec<Installation>> {
    let labels = format!("{NAME_LABEL}={FIELD_MANAGER}");
    let deployments: Api<Deployment> = Api::all(cluster.client.clone());
    let found = list(
        cluster,
        "list Deployments in all namespaces",
        &deployments,
        Some(&labels),
    )
    .await;
    found.map(|found| {
        let found = found.iter().flatten().map(Installation::of);
        found.filter(|installation| installation.works_in(namespaces)).collect()
    })
}

async fn policies(cluster: &Cluster) -> Seen<Policies> {
    let policies: Api<ValidatingAdmissionPolicy> = Api::all(cluster.client.clone());
    let bindings: Api<ValidatingAdmissionPolicyBinding> = Api::all(cluster.client.clone());
    let policies = list(cluster, "list ValidatingAdmissionPolicies", &policies, None).await;
    let bindings = list(cluster, "list ValidatingAdmissionPolicyBindings", &bindings, None).await;
    policies.and(bindings).map(|(policies, bindings)| {
        let mut found = Policies {
            names: policies.iter().flatten().map(ResourceExt::name_any).collect(),
            ..Policies::default()
        };
        for spec in bindings.into_iter().flatten().filter_map(|binding| binding.spec) {
            let denies = spec.validation_actions.iter().flatten().any(|action| action == "Deny");
            *found.bound.entry(spec.policy_name.unwrap_or_default()).or_default() |= denies;
        }
        found
    })
}

/// Adds the policies that change objects. An API server before 1.36 has none.
async fn with_mutating(policies: Seen<Policies>, cluster: &Cluster) -> Seen<Policies> {
    let api = |kind: &str, plural: &str| {
        let group = GroupVersionKind::gvk("admissionregistration.k8s.io", "v1", kind);
        Api::<DynamicObject>::all_with(
            cluster.client.clone(),
            &ApiResource::from_gvk_with_plural(&group, plural),
        )
    };
    let mutating = api("MutatingAdmissionPolicy", "mutatingadmissionpolicies");
    let bindings = api("MutatingAdmissionPolicyBinding", "mutatingadmissionpolicybindings");
    let mutating = list(cluster, "list MutatingAdmissionPolicies", &mutating, None).await;
    let bindings = list(cluster, "list MutatingAdmissionPolicyBindings", &bindings, None).await;
    policies
        .and(mutating.and(bindings))
        .map(|(mut found, (mutating, bindings))| {
            found.names.extend(mutating.iter().flatten().map(ResourceExt::name_any));
            let bound = bindings
                .iter()
                .flatten()
                .filter_map(|binding| binding.data["spec"]["policyName"].as_str());
            found.bound.extend(bound.map(|name| (name.to_owned(), true)));
            found
        })
}

async fn resources(cluster: &Cluster, namespaces: &[String]) -> Seen<Vec<ResourceView>> {
    let resource = ApiResource::erase::<DockerPullSecret>(&());
    let apis: Vec<(String, Api<DynamicObject>)> = match namespaces {
        [] => vec![(
            "list DockerPullSecrets in all namespaces".to_owned(),
            Api::all_with(cluster.client.clone(), &resource),
        )],
        some => some
            .iter()
            .map(|namespace| {
                let api = Api::namespaced_with(cluster.client.clone(), namespace, &resource);
                (format!("list DockerPullSecrets in namespace {namespace}"), api)
            })
            .collect(),
    };
    let mut all = Vec::new();
    for (what, api) in apis {
        match views(cluster, DOCKER_PULL_SECRET, &what, &api).await {
            Seen::Read(found) => all.extend(found),
            unseen => return unseen,
        }
    }
    Seen::Read(all)
}

async fn cluster_resources(cluster: &Cluster) -> Seen<Vec<ResourceView>> {
    let resource = ApiResource::erase::<ClusterDockerPullSecret>(&());
    let api: Api<DynamicObject> = Api::all_with(cluster.client.clone(), &resource);
    views(
        cluster,
        CLUSTER_DOCKER_PULL_SECRET,
        "list ClusterDockerPullSecrets",
        &api,
    )
    .await
}

async fn views(cluster: &Cluster, kind: &str, what: &str, api: &Api<DynamicObject>) -> Seen<Vec<ResourceView>> {
    let of = |object| ResourceView::of(kind, serde_json::to_value(object).unwrap_or(Value::Null));
    list(cluster, what, api, None).await.and_then(|found| match found {
        Some(found) => Seen::Read(found.into_iter().map(of).collect()),
        None => Seen::Skipped("the API server does not know them".to_owned()),
    })
}

/// Watches a Lease for some seconds that seems expired, since the clock of its holder may be wrong.
async fn lease(cluster: &Cluster, key: ObjectKey, now: Timestamp) -> LeaseView {
    let leases: Api<Lease> = Api::namespaced(cluster.client.clone(), &key.namespace);
    let what = format!("get Lease {key}");
    let read = async || {
        let lease = seen(cluster, &what, leases.get_opt(&key.name)).await;
        lease.map(|lease| lease.as_ref().map(LeaseState::of))
    };
    let mut state = read().await;
    if let Seen::Read(Some(first)) = &mut state
        && first.seems_expired(now)
    {
        let version = first.version.clone();
        let watch = async {
            loop {
                sleep(LEASE_PAUSE).await;
                if let Seen::Read(Some(later)) = read().await
                    && later.version != version
                {
                    return later;
                }
            }
        };
        if let Ok(later) = timeout(LEASE_WATCH, watch).await {
            *first = LeaseState {
                is_renewed: true,
                ..later
            };
        }
    }
    LeaseView { key, state }
}
