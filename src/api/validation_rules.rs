//! Rules that the API server enforces (CEL), so that `kubectl apply` already refuses with a sentence to act on.
//!
//! They are a subset of what [`crate::domain`] checks: a rule may be missing here, but never be stricter.
//! Strings under a rule need a maximum length: the API server refuses rules whose worst case costs too much.

use kube::core::{Reason, Rule};
use schemars::{Schema, SchemaGenerator, json_schema};

/// Lower-case letters, digits and `-`, neither first nor last a `-`. Stricter than Kubernetes, which allows dots.
const NAME: &str = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";

/// A valid object name: parts like [`NAME`], separated by dots.
pub(crate) const OBJECT_NAME: &str = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";

/// What is wrong with the name of a namespace.
const NAMESPACE: &str =
    "is not a valid namespace: write lower-case letters, digits and '-', the first and the last no '-'";

/// The URL without `https://` or `http://`, in lower case; only where `registryUrl` is set.
const REST: &str = "self.registryUrl.lowerAscii().replace('https://', '').replace('http://', '')";

fn invalid(rule: impl Into<String>, message: &str) -> Rule {
    Rule::new(rule).message(message).reason(Reason::FieldValueInvalid)
}

fn when_url(rule: &str, message: &str) -> Rule {
    invalid(
        format!("!has(self.registryUrl) || {}", rule.replace("REST", REST)),
        message,
    )
    .field_path(".registryUrl")
}

pub(crate) fn name() -> Rule {
    invalid(
        format!("size(self.metadata.name) <= 253 && self.metadata.name.matches('{NAME}')"),
        "metadata.name must be lower-case letters, digits and '-', must begin and end with a letter or digit, and must not contain dots",
    )
}

pub(crate) fn secret_differs_from_source() -> Rule {
    invalid(
        "!has(self.spec.credentialsRef) || (has(self.spec.secretName) ? self.spec.secretName : self.metadata.name) != self.spec.credentialsRef.name",
        "spec.credentialsRef.name is also the name of the Secret to generate: set another name in spec.secretName",
    )
}

pub(crate) fn secret_differs_from_key() -> Rule {
    invalid(
        "!has(self.spec.credentialsFrom) || !has(self.spec.credentialsFrom.staticKeyRef) || (has(self.spec.secretName) ? self.spec.secretName : self.metadata.name) != self.spec.credentialsFrom.staticKeyRef.name",
        "spec.credentialsFrom.staticKeyRef.name is also the name of the Secret to generate: set another name in spec.secretName",
    )
}

pub(crate) fn secret_name() -> Rule {
    invalid(
        format!("!has(self.secretName) || self.secretName.matches('{NAME}')"),
        "must be lower-case letters, digits and '-', must begin and end with a letter or digit, and must not contain dots",
    )
    .field_path(".secretName")
}

pub(crate) fn credentials_name() -> Rule {
    invalid(
        format!("!has(self.credentialsRef) || self.credentialsRef.name.matches('{OBJECT_NAME}')"),
        "is not a valid Secret name: write lower-case letters, digits, '-' and '.'; each part between dots begins and ends with a letter or digit",
    )
    .field_path(".credentialsRef.name")
}

pub(crate) fn credentials_namespace() -> Rule {
    invalid(
        format!("!has(self.credentialsRef) || self.credentialsRef.__namespace__.matches('{NAME}')"),
        NAMESPACE,
    )
    .field_path(".credentialsRef.namespace")
}

pub(crate) fn minting_namespace() -> Rule {
    invalid(
        format!("!has(self.credentialsFrom) || self.credentialsFrom.__namespace__.matches('{NAME}')"),
        NAMESPACE,
    )
    .field_path(".credentialsFrom.namespace")
}

pub(crate) fn one_source() -> Rule {
    invalid(
        "has(self.credentialsRef) != has(self.credentialsFrom)",
        "spec must have exactly one of credentialsRef and credentialsFrom: the Secret with the credentials, or how they are minted",
    )
}

fn when_minted(rule: impl std::fmt::Display, message: &str) -> Rule {
    invalid(format!("!has(self.credentialsFrom) || {rule}"), message).field_path(".credentialsFrom")
}

pub(crate) fn minted_docker_hub() -> Rule {
    when_minted(
        "self.type == 'PrivateRegistry'",
        "is not for type DockerHub, which mints no credentials: name a Secret in credentialsRef",
    )
}

pub(crate) fn minting_provider() -> Rule {
    when_minted(
        "[has(self.credentialsFrom.aws), has(self.credentialsFrom.google), has(self.credentialsFrom.azure), has(self.credentialsFrom.quay)].filter(one, one).size() == 1",
        "must have exactly one of aws, google, azure and quay",
    )
}

pub(crate) fn minting_asker() -> Rule {
    when_minted(
        "has(self.credentialsFrom.serviceAccountRef) != has(self.credentialsFrom.staticKeyRef)",
        "must have exactly one of serviceAccountRef and staticKeyRef",
    )
}

pub(crate) fn minting_quay() -> Rule {
    when_minted(
        "!has(self.credentialsFrom.quay) || !has(self.credentialsFrom.staticKeyRef)",
        "quay needs serviceAccountRef: put a robot's own token into a Secret, and name that in credentialsRef",
    )
}

pub(crate) fn minting_names() -> Rule {
    when_minted(
        format!(
            "((!has(self.credentialsFrom.serviceAccountRef) || self.credentialsFrom.serviceAccountRef.name.matches('{OBJECT_NAME}')) && (!has(self.credentialsFrom.staticKeyRef) || self.credentialsFrom.staticKeyRef.name.matches('{OBJECT_NAME}')))"
        ),
        "must name a ServiceAccount or a Secret: write lower-case letters, digits, '-' and '.'",
    )
}

pub(crate) fn minting_role() -> Rule {
    when_minted(
        "!has(self.credentialsFrom.aws) || !has(self.credentialsFrom.aws.roleArn) || self.credentialsFrom.aws.roleArn.matches('^arn:aws(-[-a-z]+)?:iam::[0-9]{12}:role/[!-~]+$')",
        "aws.roleArn must be the ARN of a role, such as arn:aws:iam::123456789012:role/pull",
    )
}

pub(crate) fn minting_ids() -> Rule {
    const GUID: &str = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$";
    when_minted(
        format!(
            "!has(self.credentialsFrom.azure) || ((!has(self.credentialsFrom.azure.clientId) || self.credentialsFrom.azure.clientId.matches('{GUID}')) && (!has(self.credentialsFrom.azure.tenantId) || self.credentialsFrom.azure.tenantId.matches('{GUID}')))"
        ),
        "azure.clientId and azure.tenantId must be ids such as 00000000-0000-0000-0000-000000000000",
    )
}

pub(crate) fn minting_repositories() -> Rule {
    when_minted(
        "!has(self.credentialsFrom.azure) || !has(self.credentialsFrom.azure.repositories) || self.credentialsFrom.azure.repositories.all(name, name.matches('^[-a-z0-9._]+(/[-a-z0-9._]+)*$'))",
        "azure.repositories must be names of repositories without host and tag, such as team/app: the registry knows no '*'",
    )
}

pub(crate) fn minting_robot() -> Rule {
    when_minted(
        "!has(self.credentialsFrom.quay) || self.credentialsFrom.quay.robot.matches('^[-a-z0-9._]+[+][-a-z0-9._]+$')",
        "quay.robot must be the full name of a robot account, such as acme+puller",
    )
}

pub(crate) fn selector_operators() -> Rule {
    invalid(
        "!has(self.namespaceSelector.matchExpressions) || self.namespaceSelector.matchExpressions.all(one, one.operator in ['In', 'NotIn'] ? has(one.values) && size(one.values) > 0 : (one.operator in ['Exists', 'DoesNotExist'] && (!has(one.values) || size(one.values) == 0)))",
        "must have the operators In or NotIn with values, or Exists or DoesNotExist without any",
    )
    .field_path(".namespaceSelector.matchExpressions")
}

pub(crate) fn excluded_namespaces() -> Rule {
    invalid(
        "!has(self.excludeNamespaces) || self.excludeNamespaces.all(name, name.matches('^[a-z0-9*]([-a-z0-9*]*[a-z0-9*])?$'))",
        "must be names of namespaces: lower-case letters, digits, '-', and '*' for any text",
    )
    .field_path(".excludeNamespaces")
}

pub(crate) fn url_required() -> Rule {
    Rule::new("self.type != 'PrivateRegistry' || has(self.registryUrl)")
        .message("spec.registryUrl is required for type PrivateRegistry: write the registry as images name it, such as registry.example.com:5000")
        .reason(Reason::FieldValueRequired)
}

pub(crate) fn url_refused() -> Rule {
    Rule::new("self.type != 'DockerHub' || !has(self.registryUrl)")
        .message(
            "must be left out for type DockerHub: the operator writes the one key that the kubelet matches for Docker Hub",
        )
        .reason(Reason::FieldValueForbidden)
        .field_path(".registryUrl")
}

pub(crate) fn url_blank() -> Rule {
    when_url(
        r"!self.registryUrl.matches('[\\s\\x00-\\x1f\\x7f]')",
        "must not contain whitespace or control characters",
    )
}

pub(crate) fn url_user_info() -> Rule {
    when_url(
        "!self.registryUrl.contains('@')",
        "must not contain '@': credentials belong in the Secret that credentialsRef names, and a key has no digest",
    )
}

pub(crate) fn url_query() -> Rule {
    when_url(
        "!self.registryUrl.contains('?') && !self.registryUrl.contains('#')",
        "must not contain a query or fragment ('?' or '#'): write host[:port][/path]",
    )
}

pub(crate) fn url_scheme() -> Rule {
    when_url(
        "!REST.contains('://')",
        "must not have a scheme other than https:// or http://: write host[:port][/path]",
    )
}

pub(crate) fn url_docker_hub() -> Rule {
    when_url(
        "!REST.matches('^(docker[.]io|index[.]docker[.]io|registry-1[.]docker[.]io|hub[.]docker[.]com|registry[.]hub[.]docker[.]com)([:/]|$)')",
        "is Docker Hub: use type DockerHub and leave registryUrl out",
    )
}

pub(crate) fn url_wildcard() -> Rule {
    when_url(
        "!REST.matches('[:/].*[*]') && !REST.matches('^[*]([:/]|$)')",
        "may have '*' only in the host and not as the whole host, such as *.example.com: the kubelet matches nothing else",
    )
}

pub(crate) fn url_shape() -> Rule {
    when_url(
        "REST.matches('^([a-z0-9*]([-a-z0-9_*.]*[a-z0-9*])?|\\\\[[0-9a-f:.]+\\\\])(:[1-9][0-9]{0,4})?(/.*)?$')",
        "must be host[:port][/path] as images name the registry, such as registry.example.com:5000/team",
    )
}

pub(crate) fn email() -> Rule {
    invalid(
        r"!has(self.email) || !self.email.matches('[\\s\\x00-\\x1f\\x7f]')",
        "must not contain whitespace or control characters",
    )
    .field_path(".email")
}

pub(crate) fn service_accounts() -> Rule {
    invalid(
        "!has(self.attachTo) || !has(self.attachTo.serviceAccounts) || self.attachTo.serviceAccounts.all(name, name.matches('^[a-z0-9*]([-a-z0-9.*]*[a-z0-9*])?$'))",
        "must be names of ServiceAccounts: lower-case letters, digits, '-', '.', and '*' for any text",
    )
    .field_path(".attachTo.serviceAccounts")
}

pub(crate) fn interval_mode() -> Rule {
    invalid(
        "!has(self.verification) || !has(self.verification.interval) || (has(self.verification.mode) && self.verification.mode == 'Periodic')",
        "is only for mode Periodic: set spec.verification.mode to Periodic, or leave interval out",
    )
    .field_path(".verification.interval")
}

pub(crate) fn interval_length() -> Rule {
    invalid(
        "!has(self.verification) || !has(self.verification.interval) || (self.verification.interval.matches('^([0-9]+([.][0-9]+)?(h|m|s|ms))+$') && duration(self.verification.interval) >= duration('1h'))",
        "must be a duration such as 12h or 1h30m, at least 1h: registries lock accounts after too many login attempts",
    )
    .field_path(".verification.interval")
}

fn string_map(description: &str, value_length: u32) -> Schema {
    json_schema!({
        "type": "object",
        "description": description,
        "maxProperties": 64,
        "additionalProperties": {"type": "string", "maxLength": value_length},
    })
}

pub(crate) fn label_map(_: &mut SchemaGenerator) -> Schema {
    string_map("Labels to set.", 63)
}

pub(crate) fn annotation_map(_: &mut SchemaGenerator) -> Schema {
    string_map("Annotations to set.", 65_536)
}

/// A `LabelSelector`. Its texts have lengths, since rules are about them.
pub(crate) fn label_selector(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "description": "Labels of the namespaces that get the Secret; `{}` selects all.",
        "properties": {
            "matchLabels": {
                "type": "object",
                "description": "Labels that a namespace must have.",
                "maxProperties": 64,
                "additionalProperties": {"type": "string", "maxLength": 63},
            },
            "matchExpressions": {
                "type": "array",
                "description": "Requirements that a namespace must meet, all of them.",
                "maxItems": 32,
                "items": {
                    "type": "object",
                    "required": ["key", "operator"],
                    "properties": {
                        "key": {"type": "string", "description": "The label.", "minLength": 1, "maxLength": 317},
                        "operator": {
                            "type": "string",
                            "description": "`In` or `NotIn` of `values`, `Exists` or `DoesNotExist`.",
                            "enum": ["In", "NotIn", "Exists", "DoesNotExist"],
                        },
                        "values": {
                            "type": "array",
                            "description": "Values of the label, for `In` and `NotIn`.",
                            "maxItems": 256,
                            "items": {"type": "string", "maxLength": 63},
                        },
                    },
                },
            },
        },
    })
}
