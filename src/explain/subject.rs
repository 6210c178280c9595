//! What is to be explained.

/// What to explain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExplainSubject {
    /// Every pod of the input, or of the namespace.
    AllPods,
    /// One pod.
    Pod(String),
    /// A new pod with this image.
    Image(String),
    /// The pods of a workload.
    Workload(WorkloadKind, String),
}

/// A kind of object that owns pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr, strum::EnumIter)]
#[allow(missing_docs, reason = "they are the kinds of Kubernetes")]
pub enum WorkloadKind {
    Deployment,
    ReplicaSet,
    StatefulSet,
    DaemonSet,
    Job,
    CronJob,
}

impl WorkloadKind {
    /// The name of the kind.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// What it creates that owns the pods; `None`: it owns them itself.
    pub fn owns_through(self) -> Option<Self> {
        match self {
            Self::Deployment => Some(Self::ReplicaSet),
            Self::CronJob => Some(Self::Job),
            Self::ReplicaSet | Self::StatefulSet | Self::DaemonSet | Self::Job => None,
        }
    }

    /// As kubectl takes it, in the singular and the plural.
    fn of(word: &str) -> Option<Self> {
        Some(match word {
            "deployment" | "deployments" | "deploy" => Self::Deployment,
            "replicaset" | "replicasets" | "rs" => Self::ReplicaSet,
            "statefulset" | "statefulsets" | "sts" => Self::StatefulSet,
            "daemonset" | "daemonsets" | "ds" => Self::DaemonSet,
            "job" | "jobs" => Self::Job,
            "cronjob" | "cronjobs" | "cj" => Self::CronJob,
            _ => return None,
        })
    }
}

impl ExplainSubject {
    /// Of the words of a command line: `KIND NAME`, `KIND/NAME`, or nothing.
    pub fn of(words: &[impl AsRef<str>]) -> Result<Self, String> {
        let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
        let (kind, name) = match words.as_slice() {
            [] => return Ok(Self::AllPods),
            [kind, name] => (*kind, *name),
            [one] => one.split_once('/').ok_or_else(usage)?,
            _ => return Err(usage()),
        };
        if name.is_empty() {
            return Err(usage());
        }
        let lower = kind.to_ascii_lowercase();
        // kubectl takes `deployments.apps` and `jobs.batch` as well.
        let word = lower.strip_suffix(".apps").or(lower.strip_suffix(".batch"));
        match word.unwrap_or(&lower) {
            "pod" | "pods" | "po" => Ok(Self::Pod(name.to_owned())),
            "image" => Ok(Self::Image(name.to_owned())),
            word => {
                let kind = WorkloadKind::of(word).ok_or_else(usage)?;
                Ok(Self::Workload(kind, name.to_owned()))
            }
        }
    }
}

fn usage() -> String {
    "specify pod/NAME, image REFERENCE, or a workload: deployment/NAME, statefulset/NAME, daemonset/NAME, replicaset/NAME, job/NAME or cronjob/NAME".to_owned()
}
