//! What is checked and how strictly.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use fairlead_conf::Secret;
use fairlead_http::fetch::{Credentials, ProxyChoice, RedirectPolicy, Timeouts};
use fairlead_net::tls::Pem;
use serde::{Deserialize, Serialize};
use url::Url;

use super::canary::{Canary, defaults};
use crate::goenv::DEFAULT_SUMDB_KEY;
use crate::proof::SumDbSpec;

/// What a mirror mirrors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Go modules (<https://go.dev/ref/mod#goproxy-protocol>).
    #[default]
    Goproxy,
    /// Container images (<https://github.com/opencontainers/distribution-spec>).
    Oci,
    /// Debian packages (<https://wiki.debian.org/DebianRepository/Format>).
    Debian,
    /// Ubuntu packages, in Debian's format.
    Ubuntu,
    /// Alpine packages (<https://wiki.alpinelinux.org/wiki/Apk_spec>).
    Alpine,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 5] = [Kind::Goproxy, Kind::Oci, Kind::Debian, Kind::Ubuntu, Kind::Alpine];

    /// Stable word for the command line, logs and documents.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Kind::Goproxy => "goproxy",
            Kind::Oci => "oci",
            Kind::Debian => "debian",
            Kind::Ubuntu => "ubuntu",
            Kind::Alpine => "alpine",
        }
    }
}

/// One reason to trust a mirror.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Leg {
    /// Its certificate is valid for its name. Does not apply to plain http.
    Tls,
    /// Its owner has put the digest of a token into the DNS. Does not apply without a token.
    Ownership,
    /// What it serves is what is pinned or proved.
    Content,
}

impl Leg {
    /// Stable word for the command line and documents.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Leg::Tls => "tls",
            Leg::Ownership => "ownership",
            Leg::Content => "content",
        }
    }
}

/// Which reasons to trust a mirror must hold. Whatever is chosen, a certificate that is not valid and content that is not
/// what was pinned stay failures of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// Every one that applies.
    #[default]
    All,
    /// At least one.
    Any,
    /// These, whether they apply or not.
    List(Vec<Leg>),
}

/// A header that the first answer must carry, by the caller's own rule.
#[derive(Clone, Debug)]
pub struct RequiredHeader {
    /// Its name.
    pub name: http::HeaderName,
    /// What its value must match somewhere.
    pub pattern: regex::Regex,
}

/// Where results are kept between runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheOptions {
    /// The folder; see [`cache_folder`](crate::settings::cache_folder).
    pub folder: PathBuf,
    /// How long a good verdict is taken for granted.
    pub ttl: Duration,
    /// How long a bad one is.
    pub negative_ttl: Duration,
}

impl CacheOptions {
    /// Five minutes for the good and thirty seconds for the bad.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        CacheOptions {
            folder: folder.into(),
            ttl: Duration::from_secs(300),
            negative_ttl: Duration::from_secs(30),
        }
    }
}

/// What is looked at in a container registry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OciOptions {
    /// An image such as `library/alpine:3.20` or `team/app@sha256:…` whose manifest must be there; none asks `/v2/` only.
    pub image: Option<String>,
}

/// What is looked at in a Debian or Ubuntu archive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DebianOptions {
    /// Name of a suite; `stable` for Debian and `noble` for Ubuntu when there is none.
    pub suite: Option<String>,
    /// A file of public keys for the `gpgv` program, which must be installed; without one the signature is not checked.
    pub keyring: Option<PathBuf>,
}

/// What is looked at in an Alpine mirror.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlpineOptions {
    /// Branch and repository, such as `v3.20/main`.
    pub repository: String,
    /// Architecture.
    pub arch: String,
    /// Public keys (`NAME.rsa.pub`, PEM) of which one must have signed the index: a folder, or one key's file. Without it the
    /// system's are looked at, and the signature is not checked where they lack the key.
    pub keys: Option<PathBuf>,
}

impl Default for AlpineOptions {
    fn default() -> Self {
        AlpineOptions { repository: "latest-stable/main".to_owned(), arch: "x86_64".to_owned(), keys: None }
    }
}

/// Everything that a check depends on.
#[derive(Clone, Debug)]
pub struct CheckOptions {
    /// What the mirrors mirror.
    pub kind: Kind,
    /// Most requests in flight at any time, over all mirrors; 0 counts as 1.
    pub jobs: usize,
    /// A limit for each phase; each has its own reason.
    pub timeouts: Timeouts,
    /// Attempts of each request, the first included; 0 counts as 1. Only what may pass is tried again.
    pub attempts: u32,
    /// Longest pause between two attempts; a server that asks for a longer one is not asked again.
    pub retry_delay: Duration,
    /// For the whole check of all mirrors.
    pub deadline: Option<Duration>,
    /// Which redirects are followed.
    pub redirects: RedirectPolicy,
    /// Stale and degraded mirrors have exit code 4 instead of 0.
    pub strict: bool,
    /// Exit codes over 2 become 2, for callers that know no others.
    pub fold_exit_codes: bool,
    /// What a Go module mirror is asked for.
    pub canaries: Vec<Canary>,
    /// A module path that is private to somebody and must not be served.
    pub private: Option<String>,
    /// A mirror that is fresh.
    pub reference: Option<Url>,
    /// How much older than the reference's newest version the mirror's may be.
    pub max_lag: Duration,
    /// The checksum database that a Go module mirror may pass on; what it passes on must hold.
    pub sumdb: Option<SumDbSpec>,
    /// A rule of the caller's.
    pub require_header: Option<RequiredHeader>,
    /// Trust anchors beside the system's.
    pub roots: Vec<Pem>,
    /// What the owner's digest in the DNS is made from.
    pub token: Option<Secret>,
    /// Who is asked for that digest; the system's name servers when nobody is named.
    pub name_server: Option<SocketAddr>,
    /// Which reasons for trust must hold.
    pub trust: Trust,
    /// A median time to the first byte over this is a degradation.
    pub slow: Duration,
    /// Least number of answers of which the median is taken.
    pub probes: usize,
    /// A certificate that ends sooner than this is a degradation.
    pub expiry_warning: Duration,
    /// A `date` that is further off than this is a degradation.
    pub clock_skew: Duration,
    /// Where results are kept.
    pub cache: Option<CacheOptions>,
    /// Through whom.
    pub proxy: ProxyChoice,
    /// Credentials for hosts.
    pub credentials: Credentials,
    /// Read credentials from the netrc file.
    pub netrc: bool,
    /// Container registries.
    pub oci: OciOptions,
    /// Debian and Ubuntu archives.
    pub debian: DebianOptions,
    /// Alpine mirrors.
    pub alpine: AlpineOptions,
}

impl Default for CheckOptions {
    fn default() -> Self {
        let sumdb = SumDbSpec::parse(DEFAULT_SUMDB_KEY).ok().flatten();
        CheckOptions {
            kind: Kind::default(),
            jobs: 4,
            timeouts: Timeouts { total: Some(Duration::from_secs(10)), ..Timeouts::default() },
            attempts: 3,
            retry_delay: Duration::from_secs(2),
            deadline: None,
            redirects: RedirectPolicy::HttpsOnly,
            strict: false,
            fold_exit_codes: false,
            canaries: defaults(),
            private: None,
            reference: None,
            max_lag: Duration::from_secs(24 * 3600),
            sumdb,
            require_header: None,
            roots: Vec::new(),
            token: None,
            name_server: None,
            trust: Trust::All,
            slow: Duration::from_secs(2),
            probes: 5,
            expiry_warning: Duration::from_secs(14 * 24 * 3600),
            clock_skew: Duration::from_secs(300),
            cache: None,
            proxy: ProxyChoice::FromEnvironment,
            credentials: Credentials::default(),
            netrc: true,
            oci: OciOptions::default(),
            debian: DebianOptions::default(),
            alpine: AlpineOptions::default(),
        }
    }
}
