//! The watch of the metadata of ConfigMaps, which may hold certificates. Nothing of it is stored.

use std::sync::Arc;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::core::PartialObjectMeta;

use crate::controller::context::Context;
use crate::controller::watches::drive::Watched;
use crate::domain::names::ObjectKey;

pub(crate) struct ConfigMaps(pub(crate) Arc<Context>);

impl ConfigMaps {
    fn changed(&self, config_map: &PartialObjectMeta<ConfigMap>) {
        let key = ObjectKey::of(&config_map.metadata);
        let affected = {
            let index = self.0.index();
            let mut affected = index.affected_by_config_map(&key);
            affected.extend(index.distributions.reading_config_map(&key));
            affected
        };
        self.0.trigger(&affected);
    }
}

impl Watched for ConfigMaps {
    type Object = PartialObjectMeta<ConfigMap>;
    const KIND: &'static str = "ConfigMap";
    const RESOURCE: &'static str = "configmaps";

    /// A later list shows what changed while the watch was cut; at the start every resource is reconciled anyway.
    fn listed(&mut self, config_map: Self::Object) {
        self.changed(&config_map);
    }

    fn list_ends(&mut self, _first: bool) {}

    fn applied(&mut self, config_map: Self::Object) {
        self.changed(&config_map);
    }

    fn deleted(&mut self, config_map: Self::Object) {
        self.changed(&config_map);
    }
}
