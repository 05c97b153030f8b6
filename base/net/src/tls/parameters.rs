//! Protocol versions, cipher suites and curves, by the names that Go gives them.

use std::sync::{Arc, LazyLock};

use rustls::crypto::aws_lc_rs::{self, cipher_suite, kx_group};
use rustls::crypto::{CryptoProvider, SupportedKxGroup};
use rustls::version::{TLS12, TLS13};
use rustls::{CipherSuite, NamedGroup, ProtocolVersion, SupportedCipherSuite, SupportedProtocolVersion};

/// What a configuration may use.
pub(super) struct Parameters {
    pub(super) provider: Arc<CryptoProvider>,
    pub(super) versions: Vec<&'static SupportedProtocolVersion>,
    /// What could not be honoured and was replaced.
    pub(super) notes: Vec<String>,
}

/// TLS 1.3 suites, always on, as in Go; AES-128 first, since it is the cheapest.
static SUITES_13: &[SupportedCipherSuite] = &[
    cipher_suite::TLS13_AES_128_GCM_SHA256,
    cipher_suite::TLS13_AES_256_GCM_SHA384,
    cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
];

/// TLS 1.2 suites by IANA name, in the order of preference.
static SUITES_12: &[(&str, SupportedCipherSuite)] = &[
    ("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
    ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256),
    ("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384),
    ("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384),
    (
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    ),
    (
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        cipher_suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    ),
];

/// Names of the TLS 1.3 suites, which a list may contain without effect.
const NAMES_13: &[&str] =
    &["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"];

/// Suites that Go has and we have not: no forward secrecy, CBC, RC4 or 3DES.
const WEAK_SUITES: &[&str] = &[
    "TLS_RSA_WITH_RC4_128_SHA",
    "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA",
    "TLS_RSA_WITH_AES_256_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_RSA_WITH_RC4_128_SHA",
    "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_FALLBACK_SCSV",
];

/// Curves by Go's name and by the standard's; `None` where we have not got it.
static CURVES: &[(&str, &str, Option<&'static dyn SupportedKxGroup>)] = &[
    ("X25519MLKEM768", "x25519mlkem768", Some(kx_group::X25519MLKEM768)),
    ("SecP256r1MLKEM768", "secp256r1mlkem768", Some(kx_group::SECP256R1MLKEM768)),
    ("SecP384r1MLKEM1024", "secp384r1mlkem1024", None),
    ("X25519", "x25519", Some(kx_group::X25519)),
    ("CurveP256", "secp256r1", Some(kx_group::SECP256R1)),
    ("CurveP384", "secp384r1", Some(kx_group::SECP384R1)),
    ("CurveP521", "secp521r1", None),
];

static DEFAULT: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| {
    let suites_12 = SUITES_12.iter().map(|(_, suite)| *suite);
    Arc::new(CryptoProvider {
        cipher_suites: SUITES_13.iter().copied().chain(suites_12).collect(),
        ..aws_lc_rs::default_provider()
    })
});

/// The provider with all that is safe.
pub(super) fn default_provider() -> Arc<CryptoProvider> {
    Arc::clone(&DEFAULT)
}

/// Makes parameters of what a configuration names; an empty name or list means the default.
pub(super) fn resolve(
    min: &str,
    max: &str,
    suites: &[String],
    curves: &[String],
) -> Result<Parameters, String> {
    let mut notes = Vec::new();
    let versions = versions(min, max, &mut notes)?;
    let suites_12 = suites_12(suites, &mut notes)?;
    let kx_groups = kx_groups(curves, &mut notes)?;
    let provider = match (suites_12, kx_groups) {
        (None, None) => default_provider(),
        (suites_12, kx_groups) => {
            let mut provider = DEFAULT.as_ref().clone();
            if let Some(suites) = suites_12 {
                provider.cipher_suites = SUITES_13.iter().copied().chain(suites).collect();
            }
            if let Some(groups) = kx_groups {
                provider.kx_groups = groups;
            }
            Arc::new(provider)
        }
    };
    Ok(Parameters { provider, versions, notes })
}

/// Whether a version name means something; an empty one means the default.
pub(super) fn is_version(name: &str) -> bool {
    name.is_empty() || minor(name).is_ok()
}

/// Minor number of a version name: 2 for `VersionTLS12`.
fn minor(name: &str) -> Result<u8, String> {
    match name {
        "VersionTLS10" => Ok(0),
        "VersionTLS11" => Ok(1),
        "VersionTLS12" => Ok(2),
        "VersionTLS13" => Ok(3),
        _ => Err(format!("unknown TLS version {name:?}")),
    }
}

fn versions(
    min: &str,
    max: &str,
    notes: &mut Vec<String>,
) -> Result<Vec<&'static SupportedProtocolVersion>, String> {
    let min = if min.is_empty() { 2 } else { minor(min)? };
    let max = if max.is_empty() { 3 } else { minor(max)? };
    if min > max && max >= 2 {
        return Err(format!("minimum version TLS 1.{min} is above the maximum version TLS 1.{max}"));
    }
    if min < 2 || max < 2 {
        notes.push("TLS 1.0 and 1.1 are not supported: TLS 1.2 is the oldest version used".to_owned());
    }
    let (min, max) = (min.max(2), max.max(2));
    Ok([(3, &TLS13), (2, &TLS12)]
        .into_iter()
        .filter(|(v, _)| (min..=max).contains(v))
        .map(|(_, v)| v)
        .collect())
}

fn suites_12(names: &[String], notes: &mut Vec<String>) -> Result<Option<Vec<SupportedCipherSuite>>, String> {
    let mut wanted = Vec::new();
    let mut weak = Vec::new();
    for name in names {
        if let Some(suite) = suite_12(name) {
            wanted.push(suite);
        } else if WEAK_SUITES.contains(&name.as_str()) {
            weak.push(name.as_str());
        } else if !NAMES_13.contains(&name.as_str()) {
            return Err(format!("invalid CipherSuite: {name}"));
        }
    }
    if !weak.is_empty() {
        notes.push(format!("cipher suites not supported: {}", weak.join(", ")));
    }
    // Nothing usable for TLS 1.2 named: the safe ones are nearer to what was meant than none at all.
    Ok((!wanted.is_empty()).then_some(wanted))
}

/// Go also knows the ChaCha suites by a name without the hash.
fn suite_12(name: &str) -> Option<SupportedCipherSuite> {
    let named = |(iana, _): &&(&str, SupportedCipherSuite)| {
        *iana == name || (name.ends_with("POLY1305") && iana.strip_suffix("_SHA256") == Some(name))
    };
    SUITES_12.iter().find(named).map(|(_, suite)| *suite)
}

fn kx_groups(
    names: &[String],
    notes: &mut Vec<String>,
) -> Result<Option<Vec<&'static dyn SupportedKxGroup>>, String> {
    let mut wanted = Vec::new();
    for name in names {
        match CURVES.iter().find(|(go, standard, _)| go == name || standard == name) {
            Some((_, _, Some(group))) => wanted.push(*group),
            Some((_, _, None)) => notes.push(format!("curve {name} is not supported")),
            None => return Err(format!("invalid CurveID in curvePreferences: {name}")),
        }
    }
    Ok((!wanted.is_empty()).then_some(wanted))
}

/// `1.2`, `1.3`.
pub(super) fn version_name(version: Option<ProtocolVersion>) -> &'static str {
    match version {
        Some(ProtocolVersion::TLSv1_2) => "1.2",
        Some(ProtocolVersion::TLSv1_3) => "1.3",
        _ => "",
    }
}

/// IANA name of a suite.
pub(super) fn suite_name(suite: CipherSuite) -> &'static str {
    match suite {
        CipherSuite::TLS13_AES_128_GCM_SHA256 => NAMES_13[0],
        CipherSuite::TLS13_AES_256_GCM_SHA384 => NAMES_13[1],
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256 => NAMES_13[2],
        _ => SUITES_12.iter().find(|(_, s)| s.suite() == suite).map_or("", |(name, _)| name),
    }
}

/// Go's name of a curve.
pub(super) fn curve_name(group: NamedGroup) -> &'static str {
    let is =
        |(_, _, g): &&(_, _, Option<&'static dyn SupportedKxGroup>)| g.is_some_and(|g| g.name() == group);
    CURVES.iter().find(is).map_or("", |(name, _, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(names: &[&str]) -> Vec<String> {
        names.iter().map(|n| (*n).to_owned()).collect()
    }

    fn minors(min: &str, max: &str) -> Result<(usize, usize), String> {
        resolve(min, max, &[], &[]).map(|p| (p.versions.len(), p.notes.len()))
    }

    #[test]
    fn versions_below_two_are_raised_and_said() {
        assert_eq!(minors("", "").unwrap(), (2, 0));
        assert_eq!(minors("VersionTLS12", "").unwrap(), (2, 0));
        assert_eq!(minors("VersionTLS13", "").unwrap(), (1, 0));
        assert_eq!(minors("", "VersionTLS12").unwrap(), (1, 0));
        assert_eq!(minors("VersionTLS10", "").unwrap(), (2, 1));
        assert_eq!(minors("VersionTLS10", "VersionTLS11").unwrap(), (1, 1));
        assert!(minors("VersionTLS13", "VersionTLS12").is_err());
        assert!(minors("VersionTLS14", "").is_err());
    }

    #[test]
    fn every_suite_and_curve_of_go_has_a_meaning() {
        for (name, suite) in SUITES_12 {
            let p = resolve("", "", &strings(&[name]), &[]).unwrap();
            assert_eq!(p.provider.cipher_suites.len(), 4, "{name}");
            assert_eq!(p.provider.cipher_suites[3], *suite);
            assert_eq!(suite_name(suite.suite()), *name);
        }
        for name in NAMES_13.iter().chain(WEAK_SUITES) {
            let p = resolve("", "", &strings(&[name]), &[]).unwrap();
            assert_eq!(p.provider.cipher_suites.len(), 9, "{name} leaves the defaults");
            assert_eq!(p.notes.len(), usize::from(WEAK_SUITES.contains(name)));
        }
        let chacha = resolve("", "", &strings(&["TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305"]), &[]).unwrap();
        assert_eq!(chacha.provider.cipher_suites.len(), 4);
        assert!(resolve("", "", &strings(&["TLS_NO_SUCH"]), &[]).is_err());
        for (go, standard, group) in CURVES {
            for name in [go, standard] {
                let p = resolve("", "", &[], &strings(&[name])).unwrap();
                assert_eq!(p.notes.len(), usize::from(group.is_none()), "{name}");
                assert!(group.is_none() || p.provider.kx_groups.len() == 1);
            }
        }
        assert!(resolve("", "", &[], &strings(&["Curve1"])).is_err());
    }
}
