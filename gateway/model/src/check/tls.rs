//! Certificates, TLS options and stores, and the TLS settings of transports.

use std::sync::Arc;

use fairlead_diag::{Finding, Severity};

use super::Check;
use crate::codes;
use crate::dynamic::tls::{ClientAuthType, DEFAULT};
use crate::dynamic::{Certificate, Object, ServersTransport, TlsOptions, TlsStore};
use crate::name;

/// TLS versions by the names that a configuration uses, lowest first.
pub const VERSIONS: [&str; 4] = ["VersionTLS10", "VersionTLS11", "VersionTLS12", "VersionTLS13"];

/// Index in [`VERSIONS`] of the lowest version that is offered.
const LOWEST_OFFERED: usize = 2;

/// Cipher suites that are offered, by their IANA names.
pub const CIPHER_SUITES: [&str; 9] = [
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
];

pub(super) fn check(check: &mut Check<'_>) {
    let merged = check.merged;
    for object in &merged.tls.certificates {
        let certificate = &object.value;
        let (no_cert, no_key) = (certificate.cert_file.is_empty(), certificate.key_file.is_empty());
        check.pair(no_cert, no_key, "tls.certificates", object, &[]);
        for (index, store) in certificate.stores.iter().enumerate() {
            if name::split(store).0 != DEFAULT {
                let origin = super::item_origin(object, &["stores"], index);
                let message =
                    format!("the certificate is put into the store `{store}`, and only `{DEFAULT}` is used");
                check.push(&codes::STORE_WITHOUT_EFFECT, message, "tls.certificates", &origin);
            }
        }
    }
    for (name, object) in &merged.tls.options {
        check.options(name, object);
    }
    for (name, object) in &merged.tls.stores {
        check.store(name, object);
    }
    check.rivals("TLS Options", &merged.rivals.options);
    check.rivals("TLS Store", &merged.rivals.stores);
}

impl Check<'_> {
    fn pair<T>(&mut self, no_cert: bool, no_key: bool, subject: &str, object: &Object<T>, path: &[&str]) {
        let message = match (no_cert, no_key) {
            (false, false) => return,
            (false, true) => "the certificate has no `keyFile`",
            (true, false) => "the key has no `certFile`",
            (true, true) => "the certificate has neither `certFile` nor `keyFile`",
        };
        self.push(&codes::NO_KEY, message, subject, &object.origin_of(path));
    }

    fn options(&mut self, name: &str, object: &Object<TlsOptions>) {
        let subject = format!("tls options {name}");
        let options = &object.value;
        self.versions(&subject, &options.min_version, &options.max_version, object);
        self.cipher_suites(&subject, &options.cipher_suites, object);
        let checked = matches!(
            options.client_auth.kind(),
            ClientAuthType::VerifyClientCertIfGiven | ClientAuthType::RequireAndVerifyClientCert
        );
        if checked && options.client_auth.ca_files.is_empty() {
            let message =
                format!("invalid clientAuthType: {}, CAFiles is required", options.client_auth.kind().word());
            self.push(
                &codes::TLS_INVALID,
                message,
                subject.as_str(),
                &object.origin_of(&["clientAuth", "clientAuthType"]),
            );
        }
    }

    pub(super) fn transport(&mut self, name: &str, object: &Object<ServersTransport>) {
        let subject = format!("serversTransport {name}");
        let transport = &object.value;
        self.versions(&subject, &transport.min_version, &transport.max_version, object);
        self.cipher_suites(&subject, &transport.cipher_suites, object);
        for (index, Certificate { cert_file, key_file }) in transport.certificates.iter().enumerate() {
            let path = ["certificates", &index.to_string()];
            self.pair(cert_file.is_empty(), key_file.is_empty(), &subject, object, &path);
        }
    }

    fn versions<T>(&mut self, subject: &str, lowest: &str, highest: &str, object: &Object<T>) {
        let min = self.version(subject, "minVersion", lowest, object);
        let max = self.version(subject, "maxVersion", highest, object);
        if let Some(max) = max.filter(|max| *max < LOWEST_OFFERED) {
            let message = format!("no version up to {} is offered, so every handshake fails", VERSIONS[max]);
            self.push(&codes::TLS_INVALID, message, subject, &object.value_origin(&["maxVersion"]));
        }
        if let (Some(min), Some(max)) = (min, max)
            && min > max
        {
            let message = format!("the lowest TLS version {lowest} is above the highest {highest}");
            self.push(&codes::TLS_INVALID, message, subject, &object.value_origin(&["minVersion"]));
        }
    }

    /// The index of a version that is set; one that is not known or not offered is reported.
    fn version<T>(&mut self, subject: &str, key: &str, version: &str, object: &Object<T>) -> Option<usize> {
        if version.is_empty() {
            return None;
        }
        let index = VERSIONS.iter().position(|known| *known == version);
        let origin = object.value_origin(&[key]);
        match index {
            None => {
                let message = format!("invalid TLS version: {version}");
                let finding = Finding::new(&codes::TLS_INVALID, message).about(subject).at(&origin);
                self.findings.push(finding.help(format!("known versions: {}", VERSIONS.join(", "))));
            }
            Some(index) if index < LOWEST_OFFERED && key == "minVersion" => {
                let message =
                    format!("{version} is not offered; the lowest version is {}", VERSIONS[LOWEST_OFFERED]);
                self.push(&codes::TLS_UNSUPPORTED, message, subject, &origin);
            }
            Some(_) => {}
        }
        index
    }

    fn cipher_suites<T>(&mut self, subject: &str, suites: &[String], object: &Object<T>) {
        let offered = |suite: &str| CIPHER_SUITES.contains(&plain(suite));
        for (index, suite) in suites.iter().enumerate().filter(|(_, suite)| !offered(suite)) {
            let origin = super::item_origin(object, &["cipherSuites"], index);
            let message = format!("the cipher suite {suite} is not offered");
            let finding = Finding::new(&codes::TLS_UNSUPPORTED, message).about(subject).at(&origin);
            let near = fairlead_conf::nearest(suite, CIPHER_SUITES);
            self.findings.push(match near {
                Some(near) => finding.help(format!("the nearest one that is offered is {near}")),
                None => finding.help(format!("offered: {}", CIPHER_SUITES.join(", "))),
            });
        }
        if !suites.is_empty() && !suites.iter().any(|suite| offered(suite)) {
            let origin = object.origin_of(&["cipherSuites"]);
            let message = "none of the cipher suites is offered";
            self.findings.push(
                Finding::new(&codes::TLS_UNSUPPORTED, message)
                    .severity(Severity::Error)
                    .about(subject)
                    .at(&origin),
            );
        }
    }

    fn store(&mut self, name: &str, object: &Object<TlsStore>) {
        let subject = format!("tls store {name}");
        if name != DEFAULT {
            let message = format!("the store `{name}` has no effect: only `{DEFAULT}` is used");
            self.push(&codes::STORE_WITHOUT_EFFECT, message, subject.as_str(), &object.origin);
        }
        if let Some(Certificate { cert_file, key_file }) = &object.value.default_certificate {
            self.pair(cert_file.is_empty(), key_file.is_empty(), &subject, object, &["defaultCertificate"]);
        }
    }

    fn rivals<T>(&mut self, what: &str, rivals: &[(Arc<str>, Arc<Object<T>>)]) {
        if rivals.is_empty() {
            return;
        }
        let providers: Vec<&str> = rivals.iter().map(|(provider, _)| &**provider).collect();
        let message = format!("Default {what} defined in multiple providers: [{}]", providers.join(" "));
        let finding = Finding::new(&codes::AMBIGUOUS_DEFAULT, message).about(what.to_ascii_lowercase());
        let finding = rivals.iter().rev().fold(finding, |finding, (provider, object)| {
            finding.label(&object.origin, format!("declared by `{provider}`"))
        });
        self.findings.push(finding);
    }
}

/// Go's older names of two suites leave the hash out.
fn plain(suite: &str) -> &str {
    match suite {
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305" => "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305" => "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        _ => suite,
    }
}
