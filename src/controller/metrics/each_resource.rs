//! Series of each resource. They are written as they are found: with thousands of resources, labels and values of all of them
//! take several times the memory of the text.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeGaugeValue, EncodeLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

use crate::domain::status::figures::Figures;

/// A resource with a name.
pub(crate) trait MeasuredResource: fmt::Debug + Send + Sync + 'static {
    /// Its namespace and name.
    fn name(&self) -> (&str, &str);
    /// What metrics say of it.
    fn figures(&self) -> &Figures;
}

/// All resources that have series of their own.
#[derive(Debug)]
pub(crate) struct EachResource<R>(pub(crate) Vec<R>);

impl<R: MeasuredResource> Collector for EachResource<R> {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let conditions = self.0.iter().flat_map(|one| {
            let [namespace, name] = labels(one);
            let conditions = one.figures().conditions();
            conditions.map(move |(condition, status, reason)| {
                let state = [("condition", condition), ("status", status), ("reason", reason)];
                let [condition, status, reason] = state;
                ([namespace, name, condition, status, reason], 1)
            })
        });
        let help = "1 for the present status and reason of a condition of a DockerPullSecret or, without a namespace, a ClusterDockerPullSecret";
        gauge(&mut encoder, "resource_condition", help, None, conditions)?;

        let pods = self.0.iter().flat_map(|one| {
            let [namespace, name] = labels(one);
            let causes = one.figures().failing_pods.iter();
            causes.map(move |(cause, count)| ([namespace, name, ("cause", *cause)], i64::from(*count)))
        });
        let help = "Pods that cannot pull and concern a resource, by cause; those of the failures in its status";
        gauge(&mut encoder, "resource_failing_pods", help, None, pods)?;

        let namespaces = self.0.iter().flat_map(|one| {
            let labels = labels(one);
            let counts = one.figures().namespaces.into_iter().flatten();
            counts.map(move |(state, count)| ([labels[1], ("state", state)], i64::from(count)))
        });
        let help =
            "Namespaces of a ClusterDockerPullSecret: those that are to have the Secret, have it, and cannot get it";
        gauge(&mut encoder, "resource_namespaces", help, None, namespaces)?;

        let accepted = self
            .0
            .iter()
            .filter_map(|one| Some((labels(one), one.figures().accepted_at?)));
        let help = "When the registry last accepted the credentials, if that is the last verdict";
        gauge(
            &mut encoder,
            "credentials_accepted_timestamp",
            help,
            Some(&Unit::Seconds),
            accepted,
        )?;

        let next = self
            .0
            .iter()
            .filter_map(|one| Some((labels(one), one.figures().next_verification?)));
        let help = "When the next verification of the credentials is due";
        gauge(
            &mut encoder,
            "next_verification_timestamp",
            help,
            Some(&Unit::Seconds),
            next,
        )
    }
}

fn labels<R: MeasuredResource>(one: &R) -> [(&'static str, &str); 2] {
    let (namespace, name) = one.name();
    [("namespace", namespace), ("name", name)]
}

/// A gauge with these series, if there are any.
fn gauge<L: EncodeLabelSet, V: EncodeGaugeValue>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    series: impl Iterator<Item = (L, V)>,
) -> fmt::Result {
    let mut series = series.peekable();
    if series.peek().is_none() {
        return Ok(());
    }
    // With a full stop, as the library writes it behind all others.
    let mut family = encoder.encode_descriptor(name, &format!("{help}."), unit, MetricType::Gauge)?;
    for (labels, value) in series {
        family.encode_family(&labels)?.encode_gauge(&value)?;
    }
    Ok(())
}
