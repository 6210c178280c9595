//! Starts the watches.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Namespace;
use kube::core::{NamespaceResourceScope, PartialObjectMeta};
use kube::{Api, Client};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::api::{ClusterDockerPullSecret, DockerPullSecret};
use crate::controller::context::Context;
use crate::controller::store::stored_resource::Of;
use crate::controller::watches::config_maps::ConfigMaps;
use crate::controller::watches::drive::{WatchSettings, Watched, drive};
use crate::controller::watches::namespaces::AllNamespaces;
use crate::controller::watches::pods::{Pods, UNFINISHED};
use crate::controller::watches::resources::Resources;
use crate::controller::watches::resync::resync;
use crate::controller::watches::secrets::Secrets;
use crate::controller::watches::service_accounts::ServiceAccounts;

/// The watches of one namespace, or of the cluster.
pub(crate) struct Watches {
    /// To end them.
    pub(crate) tasks: Vec<JoinHandle<()>>,
    /// Each is set when a first list is complete that reconciles wait for: before that nobody knows who wants a Secret, what was
    /// left behind and which pods fail.
    pub(crate) listed: Vec<watch::Receiver<bool>>,
}

impl Watches {
    /// Starts those that are needed.
    pub(crate) fn start(ctx: &Arc<Context>, namespace: Option<&str>) -> Self {
        let place = namespace.map_or_else(
            || "all namespaces".to_owned(),
            |namespace| format!("namespace {namespace}"),
        );
        tracing::info!("watching {place}");
        let mut started = Self {
            tasks: vec![tokio::spawn(resync(Arc::clone(ctx)))],
            listed: Vec::new(),
        };
        let (client, place) = (&ctx.client, place.as_str());
        let resources = Resources::<DockerPullSecret>::new(Arc::clone(ctx));
        started.await_list(resources, None, place, within(client, namespace), ctx);
        started.await_list(Secrets(Arc::clone(ctx)), None, place, within(client, namespace), ctx);
        let pods = Pods::new(Arc::clone(ctx));
        started.await_list(pods, Some(UNFINISHED), place, within(client, namespace), ctx);
        if let Some(attacher) = &ctx.attacher {
            let accounts = ServiceAccounts::new(Arc::clone(ctx), Arc::clone(attacher));
            started.await_list(accounts, None, place, within(client, namespace), ctx);
        }
        if ctx.distributor.is_some() {
            let place = "the cluster";
            let resources = Resources::<ClusterDockerPullSecret>::new(Arc::clone(ctx));
            let api: Api<Of<ClusterDockerPullSecret>> = Api::all(client.clone());
            started.await_list(resources, None, place, api, ctx);
            let api: Api<PartialObjectMeta<Namespace>> = Api::all(client.clone());
            started.await_list(AllNamespaces(Arc::clone(ctx)), None, place, api, ctx);
        }
        // Certificates are read by name.
        let config_maps = within(client, namespace);
        started.add(ConfigMaps(Arc::clone(ctx)), None, place, config_maps, ctx);
        started
    }

    fn await_list<W: Watched + 'static>(
        &mut self,
        watched: W,
        fields: Option<&'static str>,
        place: &str,
        api: Api<W::Object>,
        ctx: &Arc<Context>,
    ) {
        let listed = self.add(watched, fields, place, api, ctx);
        self.listed.push(listed);
    }

    fn add<W: Watched + 'static>(
        &mut self,
        watched: W,
        fields: Option<&'static str>,
        place: &str,
        api: Api<W::Object>,
        ctx: &Arc<Context>,
    ) -> watch::Receiver<bool> {
        let (ready, is_ready) = watch::channel(false);
        let name = format!("{} in {place}", W::RESOURCE.split('.').next().unwrap_or(W::RESOURCE));
        ctx.shared.readiness.expect(&name);
        let settings = WatchSettings { name, fields, ready };
        self.tasks
            .push(tokio::spawn(drive(watched, api, settings, Arc::clone(ctx))));
        is_ready
    }
}

fn within<K>(client: &Client, namespace: Option<&str>) -> Api<K>
where
    K: kube::Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
{
    namespace.map_or_else(
        || Api::all(client.clone()),
        |namespace| Api::namespaced(client.clone(), namespace),
    )
}
