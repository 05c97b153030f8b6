//! A certificate chain with its key, read from PEM once.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use rustls::RootCertStore;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use super::parameters::default_provider;

/// PEM text, as read from a file.
pub type Pem = Arc<[u8]>;

/// One `tls.certificates` entry with its files read.
#[derive(Clone, PartialEq, Eq)]
pub struct CertificateInput {
    /// The chain, leaf first.
    pub cert_pem: Pem,
    /// The private key: PKCS#8, PKCS#1 or SEC1.
    pub key_pem: Pem,
    /// How problems and lists name it, such as the path of its file.
    pub label: Arc<str>,
}

/// What lists and metrics tell of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateInfo {
    /// Common name of the subject; may be empty.
    pub cn: String,
    /// Names of DNS, addresses, URIs and mail, in the certificate's order.
    pub sans: Vec<String>,
    /// Serial number in decimal.
    pub serial: String,
    /// Start of validity, Unix seconds.
    pub not_before: i64,
    /// End of validity, Unix seconds.
    pub not_after: i64,
    /// [`CertificateInput::label`].
    pub label: Arc<str>,
}

/// A usable certificate.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) key: Arc<CertifiedKey>,
    /// Lower-case host names, some with a leading `*.`.
    pub(super) names: Vec<Box<str>>,
    pub(super) ips: Vec<IpAddr>,
    pub(super) info: CertificateInfo,
}

/// Tells two certificates apart without keeping their text.
pub(super) type Fingerprint = [u8; 32];

impl CertificateInput {
    pub(super) fn fingerprint(&self) -> Fingerprint {
        let mut hash = Sha256::new();
        hash.update((self.cert_pem.len() as u64).to_le_bytes());
        hash.update(&self.cert_pem);
        hash.update(&self.key_pem);
        hash.finalize().into()
    }
}

impl std::fmt::Debug for CertificateInput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CertificateInput").field("label", &self.label).finish_non_exhaustive()
    }
}

impl Identity {
    /// Parses the PEM texts and checks that key and certificate belong together.
    pub(super) fn parse(input: &CertificateInput) -> Result<Self, String> {
        let chain = certificates(&input.cert_pem)?;
        let key = PrivateKeyDer::from_pem_slice(&input.key_pem).map_err(|_| "no private key found")?;
        Self::new(chain, key, &input.label)
    }

    fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
        label: &Arc<str>,
    ) -> Result<Self, String> {
        let leaf = chain.first().ok_or("no certificate found")?;
        let facts = LeafFacts::parse(leaf)?;
        let info = CertificateInfo {
            cn: facts.cn,
            sans: facts.sans,
            serial: facts.serial,
            not_before: facts.not_before,
            not_after: facts.not_after,
            label: Arc::clone(label),
        };
        let key = CertifiedKey::from_der(chain, key, &default_provider()).map_err(|e| e.to_string())?;
        Ok(Self { key: Arc::new(key), names: facts.names, ips: facts.ips, info })
    }
}

/// All certificates in a PEM text; an error when there is none.
pub(super) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|e| format!("unreadable certificate: {e}"))?;
    if chain.is_empty() { Err("no certificate found".to_owned()) } else { Ok(chain) }
}

/// The certificates of several PEM texts as trust anchors.
pub(super) fn roots(pems: &[Pem]) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for pem in pems {
        for certificate in certificates(pem)? {
            roots.add(certificate).map_err(|e| format!("unusable CA certificate: {e}"))?;
        }
    }
    Ok(roots)
}

/// What we read from a leaf certificate.
pub(super) struct LeafFacts {
    pub(super) cn: String,
    pub(super) sans: Vec<String>,
    pub(super) names: Vec<Box<str>>,
    pub(super) ips: Vec<IpAddr>,
    serial: String,
    pub(super) not_before: i64,
    pub(super) not_after: i64,
}

impl LeafFacts {
    pub(super) fn parse(leaf: &CertificateDer<'_>) -> Result<Self, String> {
        let (_, x509) =
            X509Certificate::from_der(leaf).map_err(|e| format!("unreadable certificate: {e}"))?;
        let cn = x509.subject().iter_common_name().next().and_then(|cn| cn.as_str().ok()).unwrap_or_default();
        let mut facts = Self {
            cn: cn.to_owned(),
            sans: Vec::new(),
            names: Vec::new(),
            ips: Vec::new(),
            serial: x509.tbs_certificate.serial.to_string(),
            not_before: x509.validity().not_before.timestamp(),
            not_after: x509.validity().not_after.timestamp(),
        };
        facts.add_name(cn);
        if let Ok(Some(sans)) = x509.subject_alternative_name() {
            sans.value.general_names.iter().for_each(|name| facts.add_san(name));
        }
        Ok(facts)
    }

    fn add_san(&mut self, name: &GeneralName<'_>) {
        match name {
            GeneralName::DNSName(name) => {
                self.sans.push((*name).to_owned());
                self.add_name(name);
            }
            GeneralName::URI(text) | GeneralName::RFC822Name(text) => self.sans.push((*text).to_owned()),
            GeneralName::IPAddress(bytes) => {
                let v4 = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
                let Ok(ip) = v4.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from)) else { return };
                self.sans.push(ip.to_string());
                self.ips.push(ip);
            }
            _ => {}
        }
    }

    /// Keeps what can be a server name: a common name is often free text.
    fn add_name(&mut self, name: &str) {
        let labels = name.strip_prefix("*.").unwrap_or(name);
        let is_host = |label: &str| {
            !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
        };
        let lower = name.to_ascii_lowercase().into_boxed_str();
        if labels.split('.').all(is_host) && !self.names.contains(&lower) {
            self.names.push(lower);
        }
    }
}

/// The certificate for names that no other one covers: self-signed, made once per process, when it is first asked for. `None`
/// when it cannot be made.
pub(super) fn generated() -> Option<&'static Identity> {
    static GENERATED: OnceLock<Option<Identity>> = OnceLock::new();
    let made = GENERATED.get_or_init(|| {
        generate().inspect_err(|error| tracing::error!(%error, "cannot make a default certificate")).ok()
    });
    made.as_ref()
}

fn generate() -> Result<Identity, String> {
    let text = |e: rcgen::Error| e.to_string();
    let key = rcgen::KeyPair::generate().map_err(text)?;
    let name = Sha256::digest(key.public_key_raw());
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let host = format!("{}.{}.fairlead.default", hex(&name[..16]), hex(&name[16..]));
    let mut params = rcgen::CertificateParams::new(vec![host]).map_err(text)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(rcgen::DnType::CommonName, "FAIRLEAD DEFAULT CERT");
    let certificate = params.self_signed(&key).map_err(text)?;
    let der = PrivateKeyDer::try_from(key.serialize_der()).map_err(str::to_owned)?;
    Identity::new(vec![certificate.der().clone()], der, &Arc::from("generated default certificate"))
}
