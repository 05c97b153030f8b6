//! Which object store, and who we are there.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use object_store::aws::{AmazonS3, AmazonS3Builder, S3CopyIfNotExists};
use object_store::{ClientOptions, RetryConfig};

use super::transport::Connector;
use crate::StoreError;
use crate::key::check_folder;

/// Longest silence of the store within an exchange.
const SILENCE: Duration = Duration::from_secs(60);
/// How often a request is sent again, and for how long.
const RETRIES: usize = 4;
const RETRY_FOR: Duration = Duration::from_secs(60);

/// An S3-compatible object store.
#[derive(Clone, Debug)]
pub struct ObjectOptions {
    /// `http://HOST[:PORT]` or `https://…`; `None` for Amazon's own in `region`.
    pub endpoint: Option<String>,
    /// The bucket, which must exist.
    pub bucket: String,
    /// A folder in the bucket that every key is beneath; empty for none. No `/` at either end.
    pub prefix: String,
    /// The region; empty for `us-east-1`.
    pub region: String,
    /// The bucket is in the path (`HOST/BUCKET/KEY`), not in the host name (`BUCKET.HOST/KEY`).
    pub path_style: bool,
    /// Who signs the requests.
    pub credentials: Credentials,
    /// Authorities, PEM, that are trusted beside the system's.
    pub roots: Vec<Bytes>,
}

/// Who signs the requests.
#[derive(Clone)]
pub enum Credentials {
    /// What the environment says: `AWS_ACCESS_KEY_ID` and its kin, a web identity token, a container's or a machine's role.
    Environment,
    /// These.
    Given {
        /// The name of the key.
        access_key_id: String,
        /// The secret.
        secret_access_key: String,
        /// For credentials that are lent.
        session_token: Option<String>,
    },
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Credentials::Environment => "Environment",
            Credentials::Given { .. } => "Given(…)",
        })
    }
}

/// A client for the store; it connects with the first request.
pub(super) fn connect(options: &ObjectOptions) -> Result<AmazonS3, StoreError> {
    check_folder(&options.prefix).map_err(|_| bad("the prefix is not a folder of keys"))?;
    if options.bucket.is_empty() || options.bucket.contains(['/', '?', '#', '@', ':']) {
        return Err(bad("the bucket is not a name"));
    }
    let mut builder = builder(&options.credentials)
        .with_bucket_name(&options.bucket)
        .with_virtual_hosted_style_request(!options.path_style)
        .with_copy_if_not_exists(S3CopyIfNotExists::Multipart)
        .with_retry(RetryConfig { max_retries: RETRIES, retry_timeout: RETRY_FOR, ..RetryConfig::default() });
    if !options.region.is_empty() {
        builder = builder.with_region(&options.region);
    }
    let mut client = ClientOptions::new();
    if let Some(endpoint) = &options.endpoint {
        let (scheme, host) = split(endpoint)?;
        client = client.with_allow_http(scheme == "http");
        let bucket = if options.path_style { String::new() } else { format!("{}.", options.bucket) };
        builder = builder.with_endpoint(format!("{scheme}://{bucket}{host}"));
    }
    // The builder's own words may hold the options, and with them a secret.
    builder
        .with_http_connector(Connector::new(&options.roots, SILENCE)?)
        .with_client_options(client)
        .build()
        .map_err(|_| bad("the object store's client does not take them"))
}

fn builder(credentials: &Credentials) -> AmazonS3Builder {
    match credentials {
        Credentials::Environment => AmazonS3Builder::from_env(),
        Credentials::Given { access_key_id, secret_access_key, session_token } => {
            let builder = AmazonS3Builder::new()
                .with_access_key_id(access_key_id)
                .with_secret_access_key(secret_access_key);
            session_token.iter().fold(builder, |builder, token| builder.with_token(token))
        }
    }
}

/// Scheme and authority of an endpoint that has nothing else.
fn split(endpoint: &str) -> Result<(&str, &str), StoreError> {
    let (scheme, host) = endpoint.split_once("://").ok_or_else(|| bad("the endpoint has no scheme"))?;
    let host = host.strip_suffix('/').unwrap_or(host);
    if !matches!(scheme, "http" | "https") {
        return Err(bad("the endpoint is neither http nor https"));
    }
    if host.is_empty() || host.contains(['/', '?', '#', '@']) {
        return Err(bad("the endpoint is not just a host and a port"));
    }
    Ok((scheme, host))
}

fn bad(reason: &str) -> StoreError {
    StoreError::BadOptions(reason.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> ObjectOptions {
        ObjectOptions {
            endpoint: Some("http://127.0.0.1:9000".into()),
            bucket: "modules".into(),
            prefix: "go/cache".into(),
            region: String::new(),
            path_style: true,
            credentials: Credentials::Given {
                access_key_id: "id".into(),
                secret_access_key: "s3cret".into(),
                session_token: Some("t0ken".into()),
            },
            roots: Vec::new(),
        }
    }

    #[test]
    fn only_a_host_is_an_endpoint() {
        assert!(connect(&options()).is_ok());
        for endpoint in [
            "",
            "minio:9000",
            "ftp://minio",
            "http://",
            "http://u:p@minio",
            "http://minio/x",
            "http://minio?x",
        ] {
            let options = ObjectOptions { endpoint: Some(endpoint.into()), ..options() };
            assert!(matches!(connect(&options), Err(StoreError::BadOptions(_))), "{endpoint}");
        }
    }

    #[test]
    fn a_prefix_is_a_folder() {
        for prefix in ["/a", "a/", "..", "a//b"] {
            assert!(connect(&ObjectOptions { prefix: prefix.into(), ..options() }).is_err(), "{prefix}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        let shown = format!("{:?}", options());
        assert!(!shown.contains("s3cret") && !shown.contains("t0ken"), "{shown}");
        let shown = format!("{:?}", connect(&options()).unwrap());
        assert!(!shown.contains("s3cret") && !shown.contains("t0ken"), "{shown}");
    }
}
