//! The `mirror` section of the configuration, as written. [`crate::serve`] resolves it into routes.

use std::path::PathBuf;

use fairlead_conf::{Duration, Node, Secret};
use fairlead_diag::Findings;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// Options of the module mirror. Texts in Go's own syntax where Go has one.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Settings {
    /// Upstream list in the syntax of `GOPROXY`. Default: `GOPROXY` of the environment, else `https://proxy.golang.org,direct`.
    pub upstreams: Option<String>,
    /// Patterns of modules that must never be named to a public upstream, as `GOPRIVATE`. Default: `GOPRIVATE` of the environment.
    pub private: Option<String>,
    /// Upstream list of private modules. Default: `direct`.
    pub private_upstreams: Option<String>,
    /// Patterns that are not asked of the checksum database, as `GONOSUMDB`. Default: what is private.
    pub no_sumdb: Option<String>,
    /// Checksum database as `GOSUMDB`: `name`, `name+key`, `name+key URL` or `off`. Default: `GOSUMDB` of the environment, else `sum.golang.org`.
    pub sumdb: Option<String>,
    /// What is done when an upstream of the list fails. Default: what the separators of the list say.
    pub fallback: Option<Fallback>,
    /// What may pass, first match counts. Without a match it may.
    pub rules: Vec<RuleSettings>,
    /// Youngest release that is served, by the time in its `.info`; zero serves all.
    pub minimum_age: Option<Duration>,
    /// Further checksum databases that may be passed through: `name`, `name+key` or `name+key URL`.
    pub sumdbs: Vec<String>,
    /// go.sum files whose lines are proofs too.
    pub go_sums: Vec<PathBuf>,
    /// Never ask the network: answer from the cache, or say that it is not there.
    pub offline: bool,
    /// Where verified data is kept.
    pub cache: CacheSettings,
    /// How long answers that may change are good.
    pub ttl: TtlSettings,
    /// Asking ahead.
    pub prefetch: PrefetchSettings,
    /// When an upstream is left alone.
    pub breaker: BreakerSettings,
    /// How upstreams are asked.
    pub client: ClientSettings,
    /// Modules from version control.
    pub direct: DirectSettings,
    /// Routes of tenants: `/tenants/NAME/ENVIRONMENT/…` is served by these, everything else by the options above.
    pub tenants: IndexMap<String, TenantSettings>,
    /// Allow `DELETE /api/mirror/cache/…`. The API has no guard of its own, so this is off unless a middleware guards it.
    pub allow_purge: bool,
}

/// Where modules come from, and what may pass. A tenant's environment overrides single options.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct RouteSettings {
    /// Upstream list in the syntax of `GOPROXY`. Default: `GOPROXY` of the environment, else `https://proxy.golang.org,direct`.
    pub upstreams: Option<String>,
    /// Patterns of modules that must never be named to a public upstream, as `GOPRIVATE`. Default: `GOPRIVATE` of the environment.
    pub private: Option<String>,
    /// Upstream list of private modules. Default: `direct`.
    pub private_upstreams: Option<String>,
    /// Patterns that are not asked of the checksum database, as `GONOSUMDB`. Default: what is private.
    pub no_sumdb: Option<String>,
    /// Checksum database as `GOSUMDB`: `name`, `name+key`, `name+key URL` or `off`. Default: `GOSUMDB` of the environment, else `sum.golang.org`.
    pub sumdb: Option<String>,
    /// What is done when an upstream of the list fails. Default: what the separators of the list say.
    pub fallback: Option<Fallback>,
    /// What may pass, first match counts. Without a match it may.
    pub rules: Vec<RuleSettings>,
    /// Youngest release that is served, by the time in its `.info`; zero serves all.
    pub minimum_age: Option<Duration>,
}

/// What is done when an upstream fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Fallback {
    /// Only the first upstream is asked.
    None,
    /// The next is asked after 404 and 410, whatever the separator.
    NotFound,
    /// The next is asked after any failure, whatever the separator.
    Any,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RuleSettings {
    /// Patterns of module paths, as in `GOPRIVATE`.
    pub modules: String,
    /// Versions it is about: `v1.2.3`, `>=v1.2.0 <v1.5.0`, `v1.2.3 || v1.2.4`. Empty is all.
    #[serde(default)]
    pub versions: String,
    /// What happens.
    pub action: RuleAction,
    /// Told to the client.
    #[serde(default)]
    pub reason: String,
}

/// What a rule does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RuleAction {
    /// It may pass.
    Allow,
    /// 403 with the reason: the go command stops there.
    Deny,
    /// 404: the go command looks further.
    Hide,
}

/// The cache.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct CacheSettings {
    /// Directory. Default: `fairlead/mirror` in the user's cache directory (`XDG_CACHE_HOME`, else `~/.cache`).
    pub directory: Option<PathBuf>,
    /// An S3-compatible object store in place of the directory, for several replicas.
    #[serde(deserialize_with = "fairlead_conf::section")]
    pub s3: Option<S3Settings>,
    /// Bytes of verified data that are kept; what was not asked for longest goes first. 0 keeps all.
    pub max_bytes: u64,
    /// Bytes of small files that are kept in memory.
    pub memory_bytes: u64,
}

impl Default for CacheSettings {
    fn default() -> Self {
        CacheSettings { directory: None, s3: None, max_bytes: 50 << 30, memory_bytes: 64 << 20 }
    }
}

/// An object store. Credentials that are not given come from the environment (`AWS_ACCESS_KEY_ID` …).
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct S3Settings {
    /// Bucket.
    pub bucket: String,
    /// What keys begin with.
    pub prefix: String,
    /// Region.
    pub region: String,
    /// URL of a store that is not Amazon's.
    pub endpoint: Option<String>,
    /// Buckets stand in the path, not in the host name.
    pub path_style: bool,
    /// Access key.
    pub access_key_id: Option<String>,
    /// Secret key.
    #[serde(skip_serializing)]
    pub secret_access_key: Option<Secret>,
}

/// How long answers that may change are good. Verified files of a version never change and never expire.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct TtlSettings {
    /// `@v/list`.
    pub list: Duration,
    /// `@latest`.
    pub latest: Duration,
    /// `.info` of a branch, tag or commit.
    pub query: Duration,
    /// 404 and 410.
    pub absent: Duration,
    /// How old an answer may be that is given because no upstream answers; zero gives none.
    pub stale_if_error: Duration,
}

impl Default for TtlSettings {
    fn default() -> Self {
        TtlSettings {
            list: Duration::from_secs(60),
            latest: Duration::from_secs(60),
            query: Duration::from_secs(60),
            absent: Duration::from_secs(60),
            stale_if_error: Duration::from_secs(7 * 24 * 3600),
        }
    }
}

/// Asking ahead.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PrefetchSettings {
    /// Whether.
    pub enabled: bool,
    /// Fetches at a time.
    pub concurrency: usize,
    /// Modules that one client's requests may bring in within ten minutes.
    pub max_modules: usize,
}

impl Default for PrefetchSettings {
    fn default() -> Self {
        PrefetchSettings { enabled: true, concurrency: 32, max_modules: 4096 }
    }
}

/// When an upstream is left alone.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct BreakerSettings {
    /// Share of failures above which it opens.
    pub failure_ratio: f64,
    /// Over how long.
    pub window: Duration,
    /// Requests in that time below which it never opens.
    pub minimum_requests: u32,
    /// How long it stays open before one request may try again.
    pub open_for: Duration,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        BreakerSettings {
            failure_ratio: 0.5,
            window: Duration::from_secs(60),
            minimum_requests: 10,
            open_for: Duration::from_secs(30),
        }
    }
}

/// How upstreams are asked.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ClientSettings {
    /// Name resolution.
    pub dns_timeout: Duration,
    /// TCP connection.
    pub connect_timeout: Duration,
    /// TLS handshake.
    pub tls_timeout: Duration,
    /// From the request to the head of the answer.
    pub first_byte_timeout: Duration,
    /// Between two bytes of a body.
    pub idle_timeout: Duration,
    /// Further attempts after the first, where a retry can help.
    pub retries: u32,
    /// After this long without an answer the next healthy upstream is asked beside the first; zero never hedges.
    pub hedge_after: Duration,
    /// Certificate authorities in PEM files, beside those of the system.
    pub root_cas: Vec<PathBuf>,
    /// Read user names and passwords from `.netrc`.
    pub netrc: bool,
}

impl Default for ClientSettings {
    fn default() -> Self {
        ClientSettings {
            dns_timeout: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(5),
            tls_timeout: Duration::from_secs(5),
            first_byte_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(20),
            retries: 2,
            hedge_after: Duration::from_secs(1),
            root_cas: Vec::new(),
            netrc: true,
        }
    }
}

/// Modules from version control.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct DirectSettings {
    /// Repositories that are worked on at a time.
    pub concurrency: usize,
    /// How long one git command may take.
    pub timeout: Duration,
    /// Largest repository, in bytes on disk.
    pub max_repository_bytes: u64,
    /// Patterns of modules that may be fetched without TLS, as `GOINSECURE`.
    pub insecure: String,
}

impl Default for DirectSettings {
    fn default() -> Self {
        DirectSettings {
            concurrency: 8,
            timeout: Duration::from_secs(300),
            max_repository_bytes: 4 << 30,
            insecure: String::new(),
        }
    }
}

/// A tenant.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct TenantSettings {
    /// Its routes by environment; `default` serves `/tenants/NAME/…` without one and environments that are not named.
    pub environments: IndexMap<String, RouteSettings>,
}

/// `fairlead/NAME` in the user's cache folder: `XDG_CACHE_HOME`, else `~/.cache`. `None` when neither that nor `HOME` is set.
#[must_use]
pub fn cache_folder(name: &str) -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")))?;
    Some(base.join("fairlead").join(name))
}

impl Settings {
    /// Reads the section.
    #[must_use]
    pub fn decode(node: &Node, findings: &mut Findings) -> Option<Self> {
        fairlead_conf::decode_at(node, &["mirror"], findings)
    }

    /// The options that a tenant's environment may override.
    #[must_use]
    pub fn route(&self) -> RouteSettings {
        RouteSettings {
            upstreams: self.upstreams.clone(),
            private: self.private.clone(),
            private_upstreams: self.private_upstreams.clone(),
            no_sumdb: self.no_sumdb.clone(),
            sumdb: self.sumdb.clone(),
            fallback: self.fallback,
            rules: self.rules.clone(),
            minimum_age: self.minimum_age,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(text: &str) -> (Settings, Findings) {
        let mut findings = Findings::new();
        let node = fairlead_conf::yaml::parse(text, "fairlead.yml").unwrap();
        (Settings::decode(&node, &mut findings).unwrap(), findings)
    }

    #[test]
    fn a_full_section_decodes() {
        let (settings, findings) = decode(
            "upstreams: https://a.example|direct\nprivate: '*.corp.example'\nminimumAge: 24h\n\
             rules:\n- {modules: 'evil.example/*', action: deny, reason: known bad}\n\
             cache: {directory: /var/cache/fairlead, maxBytes: 1000}\nttl: {list: 5m}\nprefetch: {enabled: false}\n\
             tenants:\n  acme:\n    environments:\n      prod: {upstreams: 'https://b.example'}\n",
        );
        assert!(findings.is_empty(), "{findings:?}");
        assert_eq!(settings.upstreams.as_deref(), Some("https://a.example|direct"));
        assert_eq!(settings.rules[0].action, RuleAction::Deny);
        assert_eq!(settings.ttl.list, Duration::from_secs(300));
        assert_eq!(settings.ttl.latest, Duration::from_secs(60));
        let prod = &settings.tenants["acme"].environments["prod"];
        assert_eq!(prod.upstreams.as_deref(), Some("https://b.example"));
    }

    #[test]
    fn nothing_is_a_section_too() {
        let (settings, findings) = decode("{}");
        assert!(findings.is_empty(), "{findings:?}");
        assert_eq!(settings, Settings::default());
    }

    #[test]
    fn an_unknown_key_is_named_with_the_nearest() {
        let (_, findings) = decode("upstream: x\nttl: {lists: 1s}\n");
        let text = format!("{findings:?}");
        assert!(text.contains("upstreams") && text.contains("ttl"), "{text}");
    }
}
