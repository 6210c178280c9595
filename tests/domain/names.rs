//! Names of what a resource refers to.

use dps::api::Reason;
use dps::domain::names::is_object_name;
use dps::domain::spec::validate::validate;
use serde_json::json;

use super::{hub, resource, with};

const POSSIBLE: [&str; 5] = ["a", "login", "login-2", "my.login.v1", "0a.b-c"];

const IMPOSSIBLE: [&str; 16] = [
    "", "?", "my login", "a/b", "../x", ".", "..", "a.", ".a", "a..b", "-a", "a-", "a.-b", "A", "ä", "a#b",
];

#[test]
fn a_name_that_no_object_can_have_is_none() {
    for name in POSSIBLE {
        assert!(is_object_name(name), "{name:?}");
    }
    for name in IMPOSSIBLE {
        assert!(!is_object_name(name), "{name:?}");
    }
    assert!(is_object_name(&"a".repeat(253)));
    assert!(!is_object_name(&"a".repeat(254)));
}

#[test]
fn references_to_what_cannot_exist_are_refused() {
    let credentials = |name: &str| with(hub(), json!({"credentialsRef": {"name": name}}));
    let ca = |name: &str| {
        let tls = json!({"caBundleRef": {"kind": "ConfigMap", "name": name}});
        with(hub(), json!({"verification": {"tls": tls}}))
    };
    for name in POSSIBLE {
        for spec in [credentials(name), ca(name)] {
            validate(&resource(&spec)).unwrap_or_else(|problem| panic!("{spec}: {problem:?}"));
        }
    }
    for name in IMPOSSIBLE {
        for (spec, field) in [
            (credentials(name), "spec.credentialsRef.name"),
            (ca(name), "spec.verification.tls.caBundleRef.name"),
        ] {
            let problem = validate(&resource(&spec)).unwrap_err();
            assert_eq!(problem.reason, Reason::InvalidSpec, "{spec}");
            assert!(problem.message.contains(field), "{spec}: {}", problem.message);
        }
    }
}
