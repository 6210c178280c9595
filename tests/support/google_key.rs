//! The key file of a service account of Google that does not exist.

use serde_json::json;

pub const EMAIL: &str = "pull@acme.iam.gserviceaccount.com";

/// Its private key, made for these tests.
pub const PEM: &str = include_str!("rsa.pem");

pub fn file() -> String {
    json!({
        "type": "service_account", "client_email": EMAIL, "private_key": PEM,
        "token_uri": "https://oauth2.googleapis.com/token",
    })
    .to_string()
}
