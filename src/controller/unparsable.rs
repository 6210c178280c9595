//! A resource that this operator's version cannot read.

use kube::{Resource as _, ResourceExt as _};

use crate::controller::context::Context;
use crate::controller::publish;
use crate::controller::store::stored_resource::StoredResource;
use crate::domain::problem::Problem;
use crate::domain::status::build::{Finding, Outcome};
use crate::kubernetes::request::Error;

/// Says in the status that a resource does not parse.
pub(crate) async fn publish(object: &StoredResource, problem: &Problem, ctx: &Context) -> Result<String, Error> {
    let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
    let old = object.status();
    let uid = object.uid().unwrap_or_default();
    let kept = ctx.claims().retained_secret(&namespace, &uid, &name);
    let outcome = Outcome::without_login(problem.clone(), kept, None);
    match publish::publish(ctx, object.meta(), old.as_ref(), &Finding::Decided(outcome)).await {
        // The API server may refuse any write to an object that does not fit its schema; then only the log can tell.
        Err(error) if error.answer().is_some_and(kube::core::Status::is_invalid) => {
            tracing::warn!(namespace, name, "{}", problem.message);
            Ok(problem.reason.as_str().to_owned())
        }
        result => result,
    }
}
