//! Explains pods of a cluster: one, those of a workload, or all of a namespace or of all namespaces.

use std::collections::HashSet;

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::ListParams;
use kube::core::{ApiResource, DynamicObject, PartialObjectMeta};
use kube::{Api, ResourceExt as _};

use crate::cli::cluster::Cluster;
use crate::cli::explain::ExplainQuestion;
use crate::cli::explain::cluster::{SharedResources, read_pods};
use crate::cli::output::ProgressLine;
use crate::domain::names::ObjectKey;
use crate::domain::pull_failures::pod::Pod;
use crate::explain::report::{Report, explain_pods};
use crate::explain::subject::{ExplainSubject, WorkloadKind};

/// Most pods in one answer.
const PAGE: u32 = 500;

/// What was found out about pods.
#[derive(Default)]
pub(crate) struct ExplainedPods {
    pub(crate) report: Report,
    pub(crate) warnings: Vec<String>,
}

/// Explains the pods that are meant. At a time, only those of one namespace are in memory.
pub(crate) async fn explain(cluster: &Cluster, question: &ExplainQuestion) -> Result<ExplainedPods, String> {
    let subject = &question.subject;
    let pods = Api::<Pod>::namespaced(cluster.client.clone(), &cluster.namespace);
    let mut explained = ExplainedPods::default();
    if let ExplainSubject::Pod(name) = subject {
        let found = cluster.call(pods.get_opt(name)).await;
        let found = found.map_err(|error| cluster.failed("reading the pod", &error))?;
        let absent = || format!("pod {name:?} does not exist in namespace {:?}", cluster.namespace);
        let pod = found.ok_or_else(absent)?;
        let shared = SharedResources::read(cluster).await?;
        explained.add(cluster, &cluster.namespace, vec![pod], &shared).await?;
        return Ok(explained);
    }
    let owners = match subject {
        ExplainSubject::Workload(kind, name) => Some(owners(cluster, *kind, name).await?),
        _ => None,
    };
    let pods = if question.all_namespaces {
        Api::all(cluster.client.clone())
    } else {
        pods
    };
    let shared = SharedResources::read(cluster).await?;
    let mut progress = ProgressLine::new();
    let (mut group, mut count) = (Vec::new(), 0);
    let mut params = question.pods();
    params.limit = Some(PAGE);
    loop {
        let page = cluster.call(pods.list(&params)).await;
        let page = page.map_err(|error| cluster.failed("listing pods", &error))?;
        for pod in page.items {
            if owners.as_ref().is_some_and(|owners| !is_owned(&pod.metadata, owners)) {
                continue;
            }
            // They come by namespace.
            let is_next = group
                .last()
                .is_some_and(|last: &Pod| last.namespace() != pod.namespace());
            if is_next {
                explained.add_group(cluster, &mut group, &shared).await?;
            }
            count += 1;
            progress.say(&format!("{count} pods"));
            group.push(pod);
        }
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => break,
        }
    }
    explained.add_group(cluster, &mut group, &shared).await?;
    Ok(explained)
}

impl ExplainedPods {
    /// Explains pods of one namespace, and forgets them.
    async fn add_group(
        &mut self,
        cluster: &Cluster,
        group: &mut Vec<Pod>,
        shared: &SharedResources,
    ) -> Result<(), String> {
        let pods = std::mem::take(group);
        match pods.first().and_then(kube::ResourceExt::namespace) {
            Some(namespace) => self.add(cluster, &namespace, pods, shared).await,
            None => Ok(()),
        }
    }

    async fn add(
        &mut self,
        cluster: &Cluster,
        namespace: &str,
        pods: Vec<Pod>,
        shared: &SharedResources,
    ) -> Result<(), String> {
        let mut bundle = read_pods(cluster, namespace, pods, shared).await?;
        let report = explain_pods(&bundle, |_| true);
        self.report.failures.extend(report.failures);
        self.report.images.extend(report.images);
        for warning in bundle.warnings.drain(..) {
            if !self.warnings.contains(&warning) {
                self.warnings.push(warning);
            }
        }
        Ok(())
    }
}

/// UIDs of the objects that own the pods of a workload.
async fn owners(cluster: &Cluster, kind: WorkloadKind, name: &str) -> Result<HashSet<String>, String> {
    let word = kind.as_str();
    let place = ObjectKey::new(&*cluster.namespace, name);
    let own = Api::<DynamicObject>::namespaced_with(cluster.client.clone(), &cluster.namespace, &resource(kind));
    let found = cluster.call(own.get_metadata_opt(name)).await;
    let found = found.map_err(|error| cluster.failed(&format!("reading {word} {place}"), &error))?;
    let uid = found.and_then(|found| found.metadata.uid);
    let uid = uid.ok_or_else(|| format!("{word} {name:?} does not exist in namespace {:?}", cluster.namespace))?;
    let owners = HashSet::from([uid]);
    let Some(between) = kind.owns_through() else {
        return Ok(owners);
    };
    let api = Api::<PartialObjectMeta<DynamicObject>>::namespaced_with(
        cluster.client.clone(),
        &cluster.namespace,
        &resource(between),
    );
    let listed = cluster.list(&api, &ListParams::default()).await;
    let listed = listed.map_err(|error| cluster.failed(&format!("listing {}s", between.as_str()), &error))?;
    let owned = listed.into_iter().filter(|object| is_owned(&object.metadata, &owners));
    Ok(owned.filter_map(|object| object.metadata.uid).collect())
}

fn is_owned(meta: &ObjectMeta, owners: &HashSet<String>) -> bool {
    let mut references = meta.owner_references.iter().flatten();
    references.any(|owner| owner.controller == Some(true) && owners.contains(&owner.uid))
}

fn resource(kind: WorkloadKind) -> ApiResource {
    match kind {
        WorkloadKind::Deployment => ApiResource::erase::<Deployment>(&()),
        WorkloadKind::ReplicaSet => ApiResource::erase::<ReplicaSet>(&()),
        WorkloadKind::StatefulSet => ApiResource::erase::<StatefulSet>(&()),
        WorkloadKind::DaemonSet => ApiResource::erase::<DaemonSet>(&()),
        WorkloadKind::Job => ApiResource::erase::<Job>(&()),
        WorkloadKind::CronJob => ApiResource::erase::<CronJob>(&()),
    }
}
