//! How documents are fetched: trust, limits, redirects, proxies and credentials.

use std::sync::Arc;
use std::time::Duration;

use fairlead_net::tls::{CertificateInput, Pem};
use http::HeaderValue;
use url::Url;

/// Everything a [`Fetcher`](super::Fetcher) is built from.
#[derive(Clone, Debug)]
pub struct FetchOptions {
    /// Whom to trust, and who we are.
    pub tls: FetchTls,
    /// A limit for each phase.
    pub timeouts: Timeouts,
    /// A body below this average speed is given up; `None` leaves it to [`Timeouts::idle`].
    pub min_speed: Option<MinSpeed>,
    /// Which redirects are followed.
    pub redirects: Redirects,
    /// Value of `user-agent`.
    pub user_agent: HeaderValue,
    /// Ask for gzip. Bodies that come as gzip are decoded in any case.
    pub accept_gzip: bool,
    /// Limits on what gzip may unfold to.
    pub inflation: Inflation,
    /// Through whom.
    pub proxy: ProxyChoice,
    /// Credentials for hosts.
    pub credentials: Credentials,
    /// Read credentials from the file that `NETRC` names, or from `.netrc` in the home folder.
    pub netrc: bool,
    /// Never offer HTTP/2 in TLS.
    pub disable_http2: bool,
    /// Idle connections kept for each host, over all workers.
    pub max_idle_per_host: usize,
    /// How long a connection without requests is kept.
    pub idle_connection: Duration,
}

impl Default for FetchOptions {
    fn default() -> Self {
        FetchOptions {
            tls: FetchTls::default(),
            timeouts: Timeouts::default(),
            min_speed: None,
            redirects: Redirects::default(),
            user_agent: HeaderValue::from_static(concat!("fairlead/", env!("CARGO_PKG_VERSION"))),
            accept_gzip: true,
            inflation: Inflation::default(),
            proxy: ProxyChoice::FromEnvironment,
            credentials: Credentials::default(),
            netrc: true,
            disable_http2: false,
            max_idle_per_host: 32,
            idle_connection: Duration::from_secs(90),
        }
    }
}

/// Trust in servers, and our own certificates.
#[derive(Clone, Debug, Default)]
pub struct FetchTls {
    /// Trust anchors, PEM, more than the system's.
    pub extra_roots: Vec<Pem>,
    /// Accept any certificate.
    pub insecure: bool,
    /// Client certificates; the first that suits a server's request is sent.
    pub certificates: Vec<CertificateInput>,
}

/// A limit for each phase; every one is a failure of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Name resolution.
    pub dns: Duration,
    /// Connecting, over all addresses of a name; a proxy's answer to `CONNECT` has the same time once more.
    pub connect: Duration,
    /// The TLS handshake.
    pub tls: Duration,
    /// From the end of a request to the end of the response head.
    pub first_byte: Duration,
    /// Between two pieces of a body, while somebody waits for them.
    pub idle: Duration,
    /// One fetch with its redirects, body included; `None` is no limit. Each attempt of a retry has it anew.
    pub total: Option<Duration>,
}

impl Default for Timeouts {
    fn default() -> Self {
        Timeouts {
            dns: Duration::from_secs(5),
            connect: Duration::from_secs(5),
            tls: Duration::from_secs(5),
            first_byte: Duration::from_secs(10),
            idle: Duration::from_secs(20),
            total: None,
        }
    }
}

/// The least average speed of a body, over the time that was spent waiting for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MinSpeed {
    /// Bytes on the wire, before gzip is undone.
    pub bytes_per_second: u64,
    /// Waiting that is not judged.
    pub grace: Duration,
}

/// Which redirects are followed, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Redirects {
    /// Where they may lead.
    pub policy: RedirectPolicy,
    /// How many in a row.
    pub max: usize,
}

impl Default for Redirects {
    fn default() -> Self {
        Redirects { policy: RedirectPolicy::HttpsOnly, max: 10 }
    }
}

/// Where a redirect may lead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RedirectPolicy {
    /// Nowhere: a redirect is a failure.
    Deny,
    /// To the same host, and not from https to http.
    SameHost,
    /// Anywhere, but not from https to http, as the Go client has it.
    #[default]
    HttpsOnly,
    /// Anywhere.
    Allow,
}

/// What gzip may unfold to; more is an attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inflation {
    /// Bytes of a decoded body.
    pub max_bytes: u64,
    /// Decoded bytes for each encoded one, once the first MiB is out.
    pub max_ratio: u64,
}

impl Default for Inflation {
    fn default() -> Self {
        Inflation { max_bytes: 1 << 30, max_ratio: 200 }
    }
}

/// Which proxy is used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ProxyChoice {
    /// What `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` say, upper case before lower case, as in Go.
    #[default]
    FromEnvironment,
    /// None.
    Direct,
    /// This one for every host; `http` or `https`, perhaps with a user.
    Url(Url),
}

/// Credentials by host; each is only ever sent to its own host, and over https or to this machine.
#[derive(Clone, Default)]
pub struct Credentials {
    pub(super) entries: Vec<(Arc<str>, HeaderValue)>,
}

impl Credentials {
    /// Adds a bearer token for `host`, a name or `name:port`. The first entry that suits a host counts.
    ///
    /// # Errors
    /// When the token cannot stand in a header.
    pub fn add_bearer(&mut self, host: &str, token: &str) -> Result<(), http::header::InvalidHeaderValue> {
        let mut value = HeaderValue::try_from(format!("Bearer {token}"))?;
        value.set_sensitive(true);
        self.entries.push((host.to_ascii_lowercase().into(), value));
        Ok(())
    }

    /// Adds a user and a password for `host`, a name or `name:port`. The first entry that suits a host counts.
    pub fn add_basic(&mut self, host: &str, user: &str, password: &str) {
        let value = crate::client::basic(format!("{user}:{password}").as_bytes());
        self.entries.extend(value.map(|value| (host.to_ascii_lowercase().into(), value)));
    }
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.entries.iter().map(|(host, _)| host)).finish()
    }
}
