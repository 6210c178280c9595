//! Objects that hand one login to many namespaces.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};
use serde_json::Value;

use crate::domain::text::shown_key;
use crate::form::field;
use crate::form::import::foreign::{ForeignObject, Surroundings};
use crate::form::import::{Found, SharedLogin, stored};
use crate::form::objects::FurtherFields;

/// The label that the API server gives every namespace: its name.
const NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// Namespaces with this annotation get nothing from registry-creds (`controllers/secret_reconciler.go` there).
const IGNORED: &str = "alexellis.io/registry-creds.ignore";

/// Who gets a login, and under which name.
struct Recipients {
    selector: LabelSelector,
    excluded: Vec<String>,
    options: FurtherFields,
}

impl ForeignObject {
    /// All namespaces but those that opt out; all ServiceAccounts.
    pub(super) fn cluster_pull_secret(&self, around: Surroundings<'_>) -> Result<Vec<Found>, String> {
        let namespaces = around.namespaces.ok_or_else(|| {
            format!(
                "which namespaces opt out of it, with the annotation {IGNORED}, is not known without the cluster: omit --export, or give the Namespaces with --filename too"
            )
        })?;
        let opts_out = namespaces.iter().filter(|namespace| {
            let annotation = namespace.annotations.as_ref().and_then(|all| all.get(IGNORED));
            annotation.is_some_and(|value| value == "1" || value.eq_ignore_ascii_case("true"))
        });
        let recipients = Recipients {
            selector: LabelSelector::default(),
            excluded: opts_out.filter_map(|namespace| namespace.name.clone()).collect(),
            options: FurtherFields {
                secret_name: Some(format!("{}-registrycreds", self.name())),
                service_accounts: vec!["*".to_owned()],
                ..FurtherFields::default()
            },
        };
        self.shared(around, recipients)
    }

    /// Namespaces with certain labels, or certain names.
    pub(super) fn image_pull_secret(&self, around: Surroundings<'_>) -> Result<Vec<Found>, String> {
        let target = &self.manifest["spec"]["target"];
        if entries(&target["secret"]["annotations"]) > 0 {
            return Err(
                "it sets annotations on the Secrets: run dps create with --from-secret and --namespace-selector, and set spec.secretTemplate.annotations".to_owned(),
            );
        }
        let labels = target["secret"]["labels"].as_object().into_iter().flatten();
        let labels = labels.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
        let recipients = Recipients {
            selector: selector(target)?,
            excluded: Vec::new(),
            options: FurtherFields {
                secret_name: target["secret"]["name"].as_str().map(str::to_owned),
                labels: labels.collect(),
                ..FurtherFields::default()
            },
        };
        self.shared(around, recipients)
    }

    fn shared(&self, around: Surroundings<'_>, recipients: Recipients) -> Result<Vec<Found>, String> {
        let Some((Some(namespace), secret)) = self.secret() else {
            return Err(
                "it does not name exactly one Secret, with its namespace, and a ClusterDockerPullSecret has one login: run dps create with --from-secret and --namespace-selector for each".to_owned(),
            );
        };
        let shown = format!("Secret {}/{}", shown_key(namespace), shown_key(secret));
        let found = around.secret.ok_or_else(|| {
            format!("{shown}, which it names, cannot be read: create it, or give it with --filename too")
        })?;
        let mut found = stored(&self.place(), found)?;
        let count = found.len();
        let [only] = found.as_mut_slice() else {
            return Err(format!(
                "{shown}, which it names, has {count} registries, and a ClusterDockerPullSecret has one: run dps create with --from-secret and --namespace-selector for each"
            ));
        };
        only.shared = Some(SharedLogin {
            instead_of: self.title(),
            name: field::name(self.name()).map_err(|problem| format!("its name {problem}"))?,
            namespace: namespace.to_owned(),
            selector: recipients.selector,
            excluded: recipients.excluded,
            options: recipients.options,
        });
        Ok(found)
    }
}

/// The selector of an ImagePullSecret, which selects what any of its parts does.
fn selector(target: &Value) -> Result<LabelSelector, String> {
    let namespaces = &target["namespaces"];
    let (by_name, by_label) = (&namespaces["names"], &namespaces["labels"]);
    let pods = &target["namespacesWithPods"];
    let others = [&namespaces["annotations"], &pods["labels"], &pods["annotations"]];
    if others.into_iter().any(|part| entries(part) > 0) {
        return Err(
            "it selects namespaces by their annotations or by their pods: label these namespaces, and run dps create with --from-secret and --namespace-selector".to_owned(),
        );
    }
    match (entries(by_name), entries(by_label)) {
        (0, 1) => serde_json::from_value(by_label[0].clone()).map_err(|_| "its selector is not valid".to_owned()),
        (1.., 0) => {
            let names = serde_json::from_value(by_name.clone());
            Ok(LabelSelector {
                match_expressions: Some(vec![LabelSelectorRequirement {
                    key: NAME_LABEL.to_owned(),
                    operator: "In".to_owned(),
                    values: Some(names.map_err(|_| "its names of namespaces are not valid".to_owned())?),
                }]),
                match_labels: None,
            })
        }
        (0, 0) => Err("it selects no namespace".to_owned()),
        _ => Err(
            "it selects namespaces in more than one way: label them alike, and run dps create with --from-secret and --namespace-selector".to_owned(),
        ),
    }
}

/// Number of entries of a list or a map.
fn entries(value: &Value) -> usize {
    value
        .as_array()
        .map_or_else(|| value.as_object().map_or(0, serde_json::Map::len), Vec::len)
}
