//! Asks the API server what accounts may do.

use futures::StreamExt as _;
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec, SubjectAccessReview,
    SubjectAccessReviewSpec, SubjectAccessReviewStatus,
};
use kube::Api;
use kube::api::PostParams;

use crate::cli::cluster::Cluster;
use crate::cli::doctor::requests::seen;
use crate::domain::doctor::installation::Installation;
use crate::domain::doctor::resources::ResourceView;
use crate::domain::doctor::rights::{AccountRights, Askers, RightQuestion, accounts};
use crate::domain::doctor::seen::Seen;
use crate::domain::names::ObjectKey;

/// Most questions: whoever may create Deployments decides how many operators there seem to be.
const QUESTIONS: usize = 5000;

/// Questions at a time.
const CONCURRENCY: usize = 16;

/// The rights of each account that counts.
pub(super) async fn of_operators(
    cluster: &Cluster,
    installations: &Seen<Vec<Installation>>,
    resources: [&Seen<Vec<ResourceView>>; 2],
    namespaces: &[String],
    lease: Option<&ObjectKey>,
) -> Seen<Vec<AccountRights>> {
    let user = user(cluster).await;
    let accounts = match accounts(installations, user.as_deref(), namespaces, lease) {
        Seen::Read(accounts) => accounts,
        Seen::Skipped(why) => return Seen::Skipped(why),
        Seen::Failed(why) => return Seen::Failed(why),
    };
    let mut rights = Vec::new();
    let mut left = QUESTIONS;
    for mut account in accounts {
        account.askers = Askers::of(
            resources.into_iter().filter_map(Seen::read).flatten(),
            &account.namespaces,
        );
        let questions = account.questions();
        let refused = if questions.len() <= left {
            left -= questions.len();
            refused(cluster, account.user.as_deref(), questions).await
        } else {
            Seen::Skipped(
                "there are too many operators and namespaces to ask about; name some with --namespace".to_owned(),
            )
        };
        rights.push(AccountRights { account, refused });
    }
    Seen::Read(rights)
}

/// Who asks; everybody may know that of themselves.
pub(crate) async fn user(cluster: &Cluster) -> Option<String> {
    let reviews: Api<SelfSubjectReview> = Api::all(cluster.client.clone());
    let (params, review) = (PostParams::default(), SelfSubjectReview::default());
    let Seen::Read(review) = seen(cluster, "create SelfSubjectReviews", reviews.create(&params, &review)).await else {
        return None;
    };
    review.status?.user_info?.username
}

/// What a user, or who asks, may not do.
pub(crate) async fn refused(
    cluster: &Cluster,
    user: Option<&str>,
    questions: Vec<RightQuestion>,
) -> Seen<Vec<RightQuestion>> {
    let mut answers = futures::stream::iter(questions)
        .map(|question| async {
            let answer = ask(cluster, user, &question).await;
            (question, answer)
        })
        .buffered(CONCURRENCY);
    let mut refused = Vec::new();
    while let Some((question, answer)) = answers.next().await {
        match answer {
            Seen::Read(true) => {}
            Seen::Read(false) => refused.push(question),
            Seen::Skipped(why) => return Seen::Skipped(why),
            Seen::Failed(why) => return Seen::Failed(why),
        }
    }
    Seen::Read(refused)
}

/// Whether a user, or who asks, may do something.
async fn ask(cluster: &Cluster, user: Option<&str>, question: &RightQuestion) -> Seen<bool> {
    let attributes = Some(attributes(question));
    let params = PostParams::default();
    let status = if let Some(user) = user {
        let review = SubjectAccessReview {
            spec: SubjectAccessReviewSpec {
                user: Some(user.to_owned()),
                groups: Some(groups(user)),
                resource_attributes: attributes,
                ..SubjectAccessReviewSpec::default()
            },
            ..SubjectAccessReview::default()
        };
        let reviews: Api<SubjectAccessReview> = Api::all(cluster.client.clone());
        let what = format!("create SubjectAccessReviews (try --as {user})");
        seen(cluster, &what, reviews.create(&params, &review))
            .await
            .map(|review| review.status)
    } else {
        let review = SelfSubjectAccessReview {
            spec: SelfSubjectAccessReviewSpec {
                resource_attributes: attributes,
                ..SelfSubjectAccessReviewSpec::default()
            },
            ..SelfSubjectAccessReview::default()
        };
        let reviews: Api<SelfSubjectAccessReview> = Api::all(cluster.client.clone());
        let review = reviews.create(&params, &review);
        seen(cluster, "create SelfSubjectAccessReviews", review)
            .await
            .map(|review| review.status)
    };
    status.map(|status: Option<SubjectAccessReviewStatus>| status.is_some_and(|status| status.allowed))
}

/// The groups of a ServiceAccount.
fn groups(user: &str) -> Vec<String> {
    let namespace = user.split(':').nth(2).unwrap_or_default();
    vec![
        "system:serviceaccounts".to_owned(),
        format!("system:serviceaccounts:{namespace}"),
        "system:authenticated".to_owned(),
    ]
}

fn attributes(question: &RightQuestion) -> ResourceAttributes {
    let right = question.right;
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    ResourceAttributes {
        group: text(right.group),
        resource: text(right.resource),
        subresource: text(right.subresource),
        verb: text(question.verb),
        namespace: question.namespace.clone(),
        name: question.name.clone(),
        ..ResourceAttributes::default()
    }
}
