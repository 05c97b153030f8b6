//! Choosing by server name: which certificate to show, which options to use.

use std::net::IpAddr;
use std::sync::Arc;

use hashbrown::HashMap;
use rustls::SignatureScheme;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::identity::{Identity, generated};

/// Values by host name: exact names first, then wildcards of one label.
#[derive(Debug)]
pub(super) struct HostMap<V> {
    exact: HashMap<Box<str>, V, foldhash::fast::RandomState>,
    /// By what follows the star, with the dot.
    wildcard: HashMap<Box<str>, V, foldhash::fast::RandomState>,
}

impl<V: Default> HostMap<V> {
    /// The value of a pattern, lower case, made when there is none.
    pub(super) fn entry(&mut self, pattern: &str) -> &mut V {
        match pattern.strip_prefix('*').filter(|rest| rest.starts_with('.')) {
            Some(rest) => self.wildcard.entry(rest.into()).or_default(),
            None => self.exact.entry(pattern.into()).or_default(),
        }
    }
}

impl<V> HostMap<V> {
    /// The values for a lower-case name, the better one first.
    pub(super) fn find(&self, name: &str) -> impl Iterator<Item = &V> {
        let wildcard = name.find('.').and_then(|dot| self.wildcard.get(&name[dot..]));
        self.exact.get(name).into_iter().chain(wildcard)
    }
}

impl<V> Default for HostMap<V> {
    fn default() -> Self {
        Self { exact: HashMap::default(), wildcard: HashMap::default() }
    }
}

/// The certificates of one configuration.
#[derive(Debug, Default)]
pub(super) struct CertificateStore {
    by_name: HostMap<Vec<Arc<CertifiedKey>>>,
    by_ip: HashMap<IpAddr, Arc<CertifiedKey>, foldhash::fast::RandomState>,
    /// For all other names; `None` for the generated one.
    pub(super) default: Option<Arc<CertifiedKey>>,
}

impl CertificateStore {
    /// Adds a certificate under all its names; an earlier one of the same kind goes first.
    pub(super) fn add(&mut self, identity: &Identity) {
        for name in &identity.names {
            self.by_name.entry(name).push(Arc::clone(&identity.key));
        }
        for ip in &identity.ips {
            self.by_ip.entry(*ip).or_insert_with(|| Arc::clone(&identity.key));
        }
    }

    /// The certificate for a lower-case name whose key the client can verify, or else any for that name.
    pub(super) fn by_name(&self, name: &str, schemes: &[SignatureScheme]) -> Option<&Arc<CertifiedKey>> {
        let mut candidates = self.by_name.find(name).flatten().peekable();
        let first = candidates.next()?;
        if candidates.peek().is_none() {
            return Some(first);
        }
        let suits = |key: &&Arc<CertifiedKey>| key.key.choose_scheme(schemes).is_some();
        Some(std::iter::once(first).chain(candidates).find(suits).unwrap_or(first))
    }

    /// The certificate for one of our addresses.
    pub(super) fn by_ip(&self, ip: IpAddr) -> Option<&Arc<CertifiedKey>> {
        self.by_ip.get(&ip.to_canonical())
    }
}

impl ResolvesServerCert for CertificateStore {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let named = hello.server_name().and_then(|name| {
            let schemes = hello.signature_schemes();
            if name.bytes().any(|b| b.is_ascii_uppercase()) {
                self.by_name(&name.to_ascii_lowercase(), schemes)
            } else {
                self.by_name(name, schemes)
            }
        });
        let default = || self.default.as_ref().or_else(|| generated().map(|identity| &identity.key));
        named.or_else(default).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_goes_before_wildcard_and_a_star_is_one_label() {
        let mut map = HostMap::<u8>::default();
        *map.entry("a.example.com") = 1;
        *map.entry("*.example.com") = 2;
        *map.entry("example.com") = 3;
        *map.entry("*") = 4;
        let found = |name: &str| map.find(name).copied().collect::<Vec<_>>();
        assert_eq!(found("a.example.com"), [1, 2]);
        assert_eq!(found("b.example.com"), [2]);
        assert_eq!(found("example.com"), [3]);
        assert_eq!(found("a.b.example.com"), [0; 0]);
        assert_eq!(found(""), [0; 0]);
        assert_eq!(found("."), [0; 0]);
    }

    #[test]
    fn of_several_certificates_for_a_name_the_client_must_know_the_key() {
        let identity = |algorithm| {
            let key = rcgen::KeyPair::generate_for(algorithm).unwrap();
            let params = rcgen::CertificateParams::new(vec!["a.example.com".to_owned()]).unwrap();
            let input = crate::tls::CertificateInput {
                cert_pem: params.self_signed(&key).unwrap().pem().into_bytes().into(),
                key_pem: key.serialize_pem().into_bytes().into(),
                label: "test".into(),
            };
            Identity::parse(&input).unwrap()
        };
        let (edwards, ecdsa) = (identity(&rcgen::PKCS_ED25519), identity(&rcgen::PKCS_ECDSA_P256_SHA256));
        let mut store = CertificateStore::default();
        store.add(&edwards);
        store.add(&ecdsa);
        let chosen = |schemes: &[_]| Arc::as_ptr(store.by_name("a.example.com", schemes).unwrap());
        let old = SignatureScheme::ECDSA_NISTP256_SHA256;
        assert_eq!(chosen(&[old]), Arc::as_ptr(&ecdsa.key));
        assert_eq!(
            chosen(&[old, SignatureScheme::ED25519]),
            Arc::as_ptr(&edwards.key),
            "the first that suits"
        );
        assert_eq!(chosen(&[]), Arc::as_ptr(&edwards.key), "none suits");
        assert!(store.by_name("b.example.com", &[old]).is_none());
    }
}
