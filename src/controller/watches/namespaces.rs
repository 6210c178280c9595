//! The watch of the metadata of namespaces, where there are resources for many of them. Labels are stored.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Namespace;
use kube::core::PartialObjectMeta;

use crate::controller::attach;
use crate::controller::context::Context;
use crate::controller::distribute;
use crate::controller::watches::drive::Watched;

pub(crate) struct AllNamespaces(pub(crate) Arc<Context>);

impl Watched for AllNamespaces {
    type Object = PartialObjectMeta<Namespace>;
    const KIND: &'static str = "Namespace";
    const RESOURCE: &'static str = "namespaces";

    /// Labels and the annotation are read at once, and the rest is not kept.
    fn slim(_: &mut Self::Object) {}

    fn list_begins(&mut self) {
        self.0.index().distributions.namespaces.begin_list();
    }

    fn listed(&mut self, namespace: Self::Object) {
        self.0.index().distributions.namespaces.observe(&namespace.metadata);
    }

    fn list_ends(&mut self, first: bool) {
        let gone = self.0.index().distributions.namespaces.end_list();
        for namespace in gone {
            self.0.index().distributions.forget_namespace(&namespace);
        }
        if !first {
            distribute::review(&self.0);
            attach::review(None, &self.0);
            let all = self.0.index().distributions.which(|_| true);
            self.0.trigger(&all);
        }
    }

    fn applied(&mut self, namespace: Self::Object) {
        let name = namespace.metadata.name.clone().unwrap_or_default();
        let concerned = {
            let distributions = &mut self.0.index().distributions;
            let mut concerned = distributions.concerning(&name);
            if !distributions.namespaces.observe(&namespace.metadata) {
                return;
            }
            concerned.extend(distributions.concerning(&name));
            concerned
        };
        attach::review(Some(&name), &self.0);
        distribute::tell(concerned, &self.0);
    }

    /// DockerPullSecrets work without it. Before namespaces are listed, the others decide nothing, and what is there stays.
    fn is_optional(&self, _is_forbidden: bool) -> bool {
        true
    }

    fn deleted(&mut self, namespace: Self::Object) {
        let name = namespace.metadata.name.unwrap_or_default();
        let concerned = {
            let distributions = &mut self.0.index().distributions;
            let concerned = distributions.concerning(&name);
            distributions.forget_namespace(&name);
            concerned
        };
        distribute::tell(concerned, &self.0);
    }
}
