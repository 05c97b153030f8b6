//! TLS for clients: one immutable set per configuration, and the handshake.

mod build;
mod handshake;

use std::collections::BTreeMap;
use std::sync::Arc;

use rustls::ServerConfig;

use super::choice::{CertificateStore, HostMap};
use super::identity::{Fingerprint, Identity, generated};
use super::{CertificateInfo, CertificateInput, Pem};

pub use handshake::{AcceptError, HANDSHAKE_TIMEOUT, Handshake, accept, starts_tls};

/// Name of the options that apply when no others do.
pub const DEFAULT_OPTIONS: &str = "default";

/// Everything that [`ServerTls::build`] needs, with files read.
#[derive(Debug, Clone, Default)]
pub struct ServerTlsInput {
    /// Certificates to choose from by server name; for equal names and key types the first wins.
    pub certificates: Vec<CertificateInput>,
    /// Named options; without a `default` the defaults are used for it.
    pub options: BTreeMap<Arc<str>, OptionsInput>,
    /// Shown when no certificate has the name; without one, a generated self-signed one.
    pub default_certificate: Option<CertificateInput>,
    /// Host name or `*.suffix` → name of options. Others have `default`.
    pub hosts: BTreeMap<String, Arc<str>>,
}

/// One `tls.options` entry with its files read. Empty texts and lists mean the defaults.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct OptionsInput {
    /// `VersionTLS12` or `VersionTLS13`.
    pub min_version: String,
    /// As [`min_version`](Self::min_version).
    pub max_version: String,
    /// TLS 1.2 suites by Go's names.
    pub cipher_suites: Vec<String>,
    /// Curves by Go's or the standard's names.
    pub curve_preferences: Vec<String>,
    /// Client certificates.
    pub client_auth: ClientAuthInput,
    /// Refuse handshakes for names without a certificate (alert 112).
    pub sni_strict: bool,
    /// Protocols, most wanted first; `None` for `h2`, `http/1.1`.
    pub alpn: Option<Vec<String>>,
    /// Neither give nor take session tickets.
    pub disable_session_tickets: bool,
    /// Why the caller could not even read the options, such as a missing CA file: they are refused then.
    pub unreadable: Option<String>,
}

/// `clientAuth` of TLS options.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct ClientAuthInput {
    /// Trust anchors of client certificates.
    pub ca_pems: Vec<Pem>,
    /// Go's name, such as `RequireAndVerifyClientCert`; empty means that if there are CAs, else `NoClientCert`.
    pub mode: String,
}

/// Certificates and options of one configuration.
#[derive(Debug)]
pub struct ServerTls {
    store: Arc<CertificateStore>,
    /// What is in `store`, in order, to tell whether the next configuration has the same.
    stored: Vec<Option<Fingerprint>>,
    identities: hashbrown::HashMap<Fingerprint, Parsed, foldhash::fast::RandomState>,
    listed: Vec<CertificateInfo>,
    /// `None` for the generated one.
    default_listed: Option<CertificateInfo>,
    options: BTreeMap<Arc<str>, Options>,
    default_name: Arc<str>,
    /// Hosts with other options than `default`.
    hosts: HostMap<Arc<str>>,
}

/// A certificate as parsed, or what is wrong with it.
type Parsed = Result<Arc<Identity>, Arc<str>>;

/// Options in use.
#[derive(Debug, Clone)]
struct Options {
    input: OptionsInput,
    /// `Err` when they are broken: handshakes are refused.
    config: Result<Arc<ServerConfig>, Arc<str>>,
    notes: Arc<[String]>,
}

impl ServerTls {
    /// The certificates to choose from, in the input's order.
    #[must_use]
    pub fn certificates(&self) -> &[CertificateInfo] {
        &self.listed
    }

    /// The certificate for all other names, generated when none is given; `None` only when even that failed.
    #[must_use]
    pub fn default_certificate(&self) -> Option<&CertificateInfo> {
        self.default_listed.as_ref().or_else(|| generated().map(|identity| &identity.info))
    }

    /// Name of the options that a server name gets; `None` for a client that sent none.
    #[must_use]
    pub fn options_of(&self, server_name: Option<&str>) -> Arc<str> {
        let named = server_name.and_then(|name| self.hosts.find(name).next());
        Arc::clone(named.unwrap_or(&self.default_name))
    }

    /// Whether a certificate other than the default one covers `host`, lower case.
    #[must_use]
    pub fn covers(&self, host: &str) -> bool {
        self.store.by_name(host, &[]).is_some()
    }

    /// Why the options cannot be used; `None` when they can.
    #[must_use]
    pub fn broken(&self, options: &str) -> Option<&str> {
        match self.options.get(options) {
            Some(Options { config: Ok(_), .. }) => None,
            Some(Options { config: Err(reason), .. }) => Some(reason),
            None => Some("unknown TLS options"),
        }
    }
}
