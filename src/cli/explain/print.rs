//! The report for people and for programs.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::io::{ErrorKind, Write as _};

use crate::cli::Format;
use crate::cli::explain::{Explained, Failure, Report};
use crate::domain::pull_failures::cause::about;
use crate::explain::secrets::SecretView;

pub(crate) fn print(report: &Report, format: Format) -> Result<(), String> {
    let text = match format {
        Format::Json => serde_json::to_string_pretty(report).map_err(|error| error.to_string())? + "\n",
        Format::Text => readable(report).map_err(|error| error.to_string())?,
    };
    match std::io::stdout().write_all(text.as_bytes()) {
        // Whoever reads has seen enough.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.to_string()),
        _ => Ok(()),
    }
}

/// What an image of a container is found by.
type Place<'a> = (&'a str, Option<&'a str>, Option<&'a str>, &'a str);

fn readable(report: &Report) -> Result<String, std::fmt::Error> {
    let failures: HashMap<Place<'_>, &Failure> = report.failures.iter().map(|one| (one.place(), one)).collect();
    let (failing, rest): (Vec<_>, Vec<_>) = report
        .images
        .iter()
        .partition(|image| failures.contains_key(&image.place()));
    let pods = |images: &[&Explained]| {
        let pods = images.iter().map(|image| (image.namespace.clone(), image.pod.clone()));
        pods.collect::<HashSet<_>>().len()
    };
    let all = pods(&report.images.iter().collect::<Vec<_>>());
    let mut out = String::new();
    if report.images.is_empty() {
        out.push_str("No pods there.\n");
    }
    if all > 1 {
        writeln!(out, "{} of {all} pods cannot get an image.\n", pods(&failing))?;
    }
    for (index, image) in failing.iter().enumerate() {
        out.push_str(if index > 0 { "\n" } else { "" });
        one(&mut out, image, failures.get(&image.place()).copied())?;
    }
    for (index, image) in rest.iter().enumerate() {
        // Of many pods only those that fail are of interest.
        let brief = all > 1;
        out.push_str(if index + failing.len() > 0 && (!brief || index == 0) {
            "\n"
        } else {
            ""
        });
        if brief {
            let logins = logins(image.view.logins);
            let (pod, container) = (image.pod.as_deref(), image.container.as_deref());
            let (pod, container) = (pod.unwrap_or_default(), container.unwrap_or_default());
            let place = format!("Pod {}/{pod}, container {container}", image.namespace);
            writeln!(out, "{place}: nothing fails; image {}: {logins}", image.image)?;
        } else {
            one(&mut out, image, None)?;
        }
    }
    Ok(out)
}

impl Failure {
    fn place(&self) -> Place<'_> {
        (
            &self.namespace,
            self.pod.as_deref(),
            self.container.as_deref(),
            &self.image,
        )
    }
}

impl Explained {
    fn place(&self) -> Place<'_> {
        (
            &self.namespace,
            self.pod.as_deref(),
            self.container.as_deref(),
            &self.image,
        )
    }
}

fn one(out: &mut String, image: &Explained, failure: Option<&Failure>) -> std::fmt::Result {
    match (&image.pod, &image.container) {
        (Some(pod), Some(container)) => write!(out, "Pod {}/{pod}, container {container}: ", image.namespace)?,
        _ => write!(out, "A new pod in namespace {}: ", image.namespace)?,
    }
    match failure {
        None => writeln!(out, "nothing fails")?,
        Some(failure) => {
            let what = about(failure.cause).what;
            writeln!(out, "{} ({})", failure.code.as_str(), failure.code.title())?;
            writeln!(out, "  cause     {}: {what}", failure.cause.as_str())?;
            writeln!(out, "  to do     {}", failure.action)?;
            if let Some(blame) = &failure.blame {
                writeln!(out, "  at fault  {} {}/{}", blame.kind, blame.namespace, blame.name)?;
            }
            if !failure.message.is_empty() {
                writeln!(out, "  reported  {}", failure.message)?;
            }
        }
    }
    writeln!(out, "  image     {}", image.image)?;
    if let Some(note) = &image.note {
        writeln!(out, "  note      {note}")?;
    }
    if image.view.secrets.is_empty() {
        return writeln!(out, "  secrets   none named");
    }
    writeln!(out, "  secrets   {}", logins(image.view.logins))?;
    image.view.secrets.iter().try_for_each(|secret| looked(out, secret))
}

fn logins(count: usize) -> String {
    match count {
        0 => "none has a login for this image".to_owned(),
        1 => "one login for this image".to_owned(),
        count => format!("{count} logins for this image, tried in this order until one works"),
    }
}

fn looked(out: &mut String, secret: &SecretView) -> std::fmt::Result {
    write!(out, "    {}", secret.name)?;
    if let Some(resource) = &secret.generated_by {
        write!(out, " (of DockerPullSecret {resource})")?;
    }
    match &secret.why {
        Some(why) => writeln!(out, ": {why}")?,
        None => writeln!(out)?,
    }
    for entry in &secret.entries {
        let what = match (entry.order, &entry.why) {
            (Some(order), None) => format!("login {order}"),
            (Some(order), Some(why)) => format!("login {order}, which {why}"),
            (None, why) => format!("not used: {}", why.as_deref().unwrap_or_default()),
        };
        writeln!(out, "      {:<32} {what}", entry.key)?;
    }
    Ok(())
}
