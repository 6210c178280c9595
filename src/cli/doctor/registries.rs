//! Contacts the registries of resources, without credentials.

use std::sync::Arc;

use futures::future::join_all;
use k8s_openapi::api::core::v1::Node;
use kube::Api;

use crate::cli::cluster::Cluster;
use crate::cli::doctor::Doctor;
use crate::cli::doctor::requests::list;
use crate::domain::doctor::Observations;
use crate::domain::doctor::registries::{RegistriesView, RegistryAnswer, RegistryInUse, registries_in_use};
use crate::domain::doctor::seen::Seen;
use crate::domain::verification::requester::Requester;
use crate::registry_client::http::RegistryClients;
use crate::registry_client::resolver::Resolver;

/// Adds what came of the registries.
pub(super) async fn look_at_registries(arguments: &Doctor, cluster: &Cluster, observed: Observations) -> Observations {
    let resources = [&observed.resources, &observed.cluster_resources];
    let in_use = registries_in_use(resources.into_iter().filter_map(Seen::read).flatten());
    let policy = Arc::new(arguments.addresses.policy());
    let clients = RegistryClients::new(&Resolver::new(policy), None);
    let answers = in_use.contacted.into_iter().map(async |registry: RegistryInUse| {
        let answer = match &clients {
            Ok(clients) => contact(clients, &registry).await,
            Err(error) => RegistryAnswer::Local(error.to_string()),
        };
        (registry, answer)
    });
    let node_providers = if in_use.of_clouds.is_empty() {
        Seen::Skipped("no resource is for the registry of a cloud".to_owned())
    } else {
        let nodes: Api<Node> = Api::all(cluster.client.clone());
        let nodes = list(cluster, "list Nodes", &nodes, None).await;
        nodes.map(|nodes| {
            let ids = nodes.into_iter().flatten().filter_map(|node| node.spec?.provider_id);
            ids.filter_map(|id| Some(id.split_once("://")?.0.to_owned())).collect()
        })
    };
    let registries = RegistriesView {
        left_out: in_use.left_out,
        answers: join_all(answers).await,
        of_clouds: in_use.of_clouds,
        node_providers,
    };
    Observations {
        registries: Some(registries),
        ..observed
    }
}

async fn contact(clients: &RegistryClients, registry: &RegistryInUse) -> RegistryAnswer {
    match clients.ping(&registry.base, Requester::Person).await {
        Ok(Ok(response)) => RegistryAnswer::Answered(response.status, response.redirect),
        Ok(Err(failure)) => RegistryAnswer::Failed(failure),
        Err(failure) => RegistryAnswer::Local(failure.to_string()),
    }
}
