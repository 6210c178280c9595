//! Who verifies credentials: messages name remedies that this reader can apply.

/// Who verifies credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requester {
    /// The operator, for a resource.
    Operator,
    /// A person, with `dps verify`.
    Person,
}

impl Requester {
    fn choose(self, operator: &'static str, person: &'static str) -> &'static str {
        match self {
            Self::Operator => operator,
            Self::Person => person,
        }
    }

    /// Why a registry that cannot be reached from here may be fine.
    pub(crate) fn other_network(self) -> &'static str {
        self.choose(
            "the request came from the operator's network; the nodes may be able to reach the registry",
            "the request came from this machine; the cluster may be able to reach the registry",
        )
    }

    /// The remedy for a temporary problem.
    pub(crate) fn retry(self) -> &'static str {
        self.choose("the operator retries later", "try again later")
    }

    /// Who sent the request.
    pub(crate) fn name(self) -> &'static str {
        self.choose("the operator", "this machine")
    }

    /// The remedy when the registry answers everybody alike.
    pub(crate) fn private_image(self) -> &'static str {
        self.choose(
            "set spec.verification.image to a private image",
            "name a private image with --image",
        )
    }

    /// The remedies for a certificate that is not trusted.
    pub(crate) fn trust(self) -> &'static str {
        self.choose(
            "if a private authority signed the certificate, reference the authority's certificate in spec.verification.tls.caBundleRef (nodes need it too); if the registry has no TLS, set spec.verification.plainHttp to true",
            "if a private authority signed the certificate, pass the authority's certificate with --ca-file; if the registry has no TLS, use --plain-http",
        )
    }

    /// The remedy for a token server of another domain.
    pub(crate) fn allow_token_server(self) -> &'static str {
        self.choose(
            "if it is the right one, the operator's administrator can allow it with --allow-token-server",
            "if it is the right one, allow it with --allow-token-server",
        )
    }

    /// The remedy for a target that the policy refuses.
    pub(crate) fn allow(self) -> &'static str {
        self.choose(
            "the operator's administrator can allow this target with --allow-registry",
            "allow this target with --allow-registry",
        )
    }
}
