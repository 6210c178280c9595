//! Which hosts are whose: a token of a ServiceAccount goes to no other.

use dps::domain::minting::host::{azure, ecr, is_google};
use dps::domain::minting::settings::{GkeCluster, MintSettings, RegistrySuffix};
use proptest::prelude::*;

#[test]
fn registries_of_amazon_have_a_region_a_partition_and_apis() {
    let table = [
        (
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com",
            "aws",
            "eu-west-1",
            "api.ecr.eu-west-1.amazonaws.com",
            "sts.eu-west-1.amazonaws.com",
        ),
        (
            "123456789012.dkr.ecr-fips.us-east-1.amazonaws.com",
            "aws",
            "us-east-1",
            "api.ecr-fips.us-east-1.amazonaws.com",
            "sts-fips.us-east-1.amazonaws.com",
        ),
        (
            "123456789012.dkr-ecr.us-east-1.on.aws",
            "aws",
            "us-east-1",
            "ecr.us-east-1.api.aws",
            "sts.us-east-1.api.aws",
        ),
        (
            "123456789012.dkr-ecr-fips.us-east-1.on.aws",
            "aws",
            "us-east-1",
            "ecr-fips.us-east-1.api.aws",
            "sts-fips.us-east-1.api.aws",
        ),
        (
            "123456789012.dkr.ecr.us-gov-west-1.amazonaws.com",
            "aws-us-gov",
            "us-gov-west-1",
            "api.ecr.us-gov-west-1.amazonaws.com",
            "sts.us-gov-west-1.amazonaws.com",
        ),
        (
            "123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com",
            "aws-us-gov",
            "us-gov-west-1",
            "api.ecr-fips.us-gov-west-1.amazonaws.com",
            "sts.us-gov-west-1.amazonaws.com",
        ),
        (
            "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn",
            "aws-cn",
            "cn-north-1",
            "api.ecr.cn-north-1.amazonaws.com.cn",
            "sts.cn-north-1.amazonaws.com.cn",
        ),
        (
            "123456789012.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn",
            "aws-cn",
            "cn-north-1",
            "ecr.cn-north-1.api.amazonwebservices.com.cn",
            "sts.cn-north-1.api.amazonwebservices.com.cn",
        ),
        (
            "123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu",
            "aws-eusc",
            "eusc-de-east-1",
            "api.ecr.eusc-de-east-1.amazonaws.eu",
            "sts.eusc-de-east-1.amazonaws.eu",
        ),
        (
            "123456789012.dkr.ecr.us-iso-east-1.c2s.ic.gov",
            "aws-iso",
            "us-iso-east-1",
            "api.ecr.us-iso-east-1.c2s.ic.gov",
            "sts.us-iso-east-1.c2s.ic.gov",
        ),
        (
            "public.ecr.aws",
            "aws",
            "us-east-1",
            "api.ecr-public.us-east-1.amazonaws.com",
            "sts.us-east-1.amazonaws.com",
        ),
        (
            "ecr-public.aws.com",
            "aws",
            "us-east-1",
            "api.ecr-public.us-east-1.amazonaws.com",
            "sts.us-east-1.amazonaws.com",
        ),
    ];
    for (host, partition, region, api, sts) in table {
        let found = ecr(host).unwrap_or_else(|| panic!("{host}"));
        assert_eq!(
            (
                found.partition,
                found.region.as_str(),
                found.ecr.as_str(),
                found.sts.as_str()
            ),
            (partition, region, api, sts),
            "{host}"
        );
    }
}

#[test]
fn registries_of_azure_and_google_are_told_by_their_domain() {
    let settings = MintSettings::default();
    for (host, authority) in [
        ("example.azurecr.io", "login.microsoftonline.com"),
        ("example-a1b2c3.azurecr.io", "login.microsoftonline.com"),
        ("example.westeurope.geo.azurecr.io", "login.microsoftonline.com"),
        ("example.azurecr.us", "login.microsoftonline.us"),
        ("example.azurecr.cn", "login.chinacloudapi.cn"),
    ] {
        assert_eq!(
            azure(host, &settings).map(|cloud| cloud.authority),
            Some(authority),
            "{host}"
        );
    }
    for host in [
        "gcr.io",
        "eu.gcr.io",
        "europe-docker.pkg.dev",
        "us-central1-docker.pkg.dev",
        "docker.s3nsregistry.fr",
    ] {
        assert!(is_google(host, &settings), "{host}");
    }
}

#[test]
fn hosts_that_only_look_like_a_registry_of_a_cloud_are_none() {
    let settings = MintSettings::default();
    for host in [
        "x.azurecr.io.evil.test",
        "azurecr.io",
        "x.azurecr.io.",
        "evil-azurecr.io",
        "X.azurecr.io",
        "x.azurecr.io:443",
        "x.data.azurecr.io",
        "x.westeurope.data.azurecr.io",
        "a.b.azurecr.io",
        "*.azurecr.io",
        ".azurecr.io",
        "-x.azurecr.io",
        "1.dkr.ecr.us-east-1.amazonaws.com",
        "123456789012.dkr.ecr.us-east-1.amazonaws.com.evil.test",
        "123456789012.dkr.ecr.us-east-1.evil.amazonaws.com",
        "123456789012.dkr.ecr.us-east-1.amazonaws.com.",
        "123456789012.dkr.ecr.us-east-1.amazonaws.com:5000",
        "123456789012.dkr.ecr..amazonaws.com",
        "123456789012.dkr.ecr.us-east-1.on.aws",
        "123456789012.dkr-ecr.us-east-1.amazonaws.com",
        "123456789012.dkr.ecrx.us-east-1.amazonaws.com",
        "12345678901a.dkr.ecr.us-east-1.amazonaws.com",
        "evil.123456789012.dkr.ecr.us-east-1.amazonaws.com",
        "123456789012.dkr-ecr.us-iso-east-1.c2s.ic.gov",
        "public.ecr.aws.evil.test",
        "x.public.ecr.aws",
        "pkg.dev",
        "docker.pkg.dev",
        "-docker.pkg.dev",
        "europe-docker.pkg.dev.evil.test",
        "a.europe-docker.pkg.dev",
        "europe-maven.pkg.dev",
        "a.b.gcr.io",
        "xgcr.io",
        "gcr.io.evil.test",
        "gcr.io:443",
    ] {
        assert_eq!(ecr(host), None, "{host}");
        assert_eq!(azure(host, &settings), None, "{host}");
        assert!(!is_google(host, &settings), "{host}");
    }
}

#[test]
fn administrator_may_add_domains_of_private_clouds() {
    let suffix = |text: &str| text.parse::<RegistrySuffix>();
    let settings = MintSettings {
        suffixes: vec![
            suffix("azure=azurecr.example.net").unwrap(),
            suffix("google=.Registry.Example.org").unwrap(),
        ],
        ..MintSettings::default()
    };
    assert!(azure("team.azurecr.example.net", &settings).is_some());
    assert!(is_google("team.registry.example.org", &settings));
    assert!(!is_google("team.azurecr.example.net", &settings));
    assert!(azure("azurecr.example.net", &settings).is_none());
    assert!(azure("team.azurecr.example.net.evil.test", &settings).is_none());
    for wrong in [
        "azure",
        "azure=",
        "azure=com",
        "aws=example.com",
        "azure=a..b",
        "azure=a b.c",
        "quay=example.com",
    ] {
        assert!(suffix(wrong).is_err(), "{wrong}");
    }
    let cluster: GkeCluster = "projects/acme/locations/europe-west1/clusters/prod".parse().unwrap();
    assert_eq!(cluster.pool(), "acme.svc.id.goog");
    assert_eq!(
        cluster.audience(),
        "identitynamespace:acme.svc.id.goog:https://container.googleapis.com/v1/projects/acme/locations/europe-west1/clusters/prod"
    );
    for wrong in [
        "",
        "acme",
        "projects/acme/locations//clusters/prod",
        "projects/a/locations/b/clusters/c/d",
        "projects/a b/locations/b/clusters/c",
    ] {
        assert!(wrong.parse::<GkeCluster>().is_err(), "{wrong}");
    }
}

proptest! {
    #[test]
    fn nothing_but_the_own_domain_ends_a_host(prefix in "[a-z0-9.:@/?#-]{0,30}", domain in "[a-z]{1,8}\\.[a-z]{2,5}") {
        let settings = MintSettings::default();
        for known in ["azurecr.io", "pkg.dev", "gcr.io", "amazonaws.com", "on.aws"] {
            let host = format!("{prefix}.{known}.{domain}");
            // `.amazonaws.com.cn` is Amazon's too.
            prop_assume!(!["amazonaws.com", "amazonwebservices.com"].iter().any(|own| host.ends_with(&format!("{own}.cn"))));
            prop_assert!(ecr(&host).is_none() && azure(&host, &settings).is_none() && !is_google(&host, &settings), "{host}");
        }
    }

    #[test]
    fn apis_are_below_the_domain_of_the_registry(account in "[0-9]{12}", region in "[a-z]{2}-[a-z]{1,8}-[1-9]") {
        let found = ecr(&format!("{account}.dkr.ecr.{region}.amazonaws.com")).unwrap();
        let domain = format!(".{region}.amazonaws.com");
        prop_assert!(found.ecr.ends_with(&domain));
        prop_assert!(found.sts.ends_with(&domain));
    }
}
