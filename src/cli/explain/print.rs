//! The report for people and for programs.

use std::fmt::Write as _;
use std::io::Write as _;

use super::{Explained, Failure, Format, Report};
use crate::domain::pulls::cause::about;
use crate::domain::pulls::explain::Looked;

pub(super) fn print(report: &Report, format: Format) -> Result<(), String> {
    let text = match format {
        Format::Json => serde_json::to_string_pretty(report).map_err(|error| error.to_string())? + "\n",
        Format::Text => readable(report).map_err(|error| error.to_string())?,
    };
    std::io::stdout()
        .write_all(text.as_bytes())
        .map_err(|error| error.to_string())
}

fn readable(report: &Report) -> Result<String, std::fmt::Error> {
    let mut out = String::new();
    for (index, image) in report.images.iter().enumerate() {
        if index > 0 {
            out.push('\n');
        }
        let of_image = |failure: &&Failure| {
            (&failure.namespace, &failure.pod, &failure.container, &failure.image)
                == (&image.namespace, &image.pod, &image.container, &image.image)
        };
        one(&mut out, image, report.failures.iter().find(of_image))?;
    }
    if report.images.is_empty() {
        out.push_str("No pods there.\n");
    }
    Ok(out)
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

fn looked(out: &mut String, secret: &Looked) -> std::fmt::Result {
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
