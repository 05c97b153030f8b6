//! Building [`ServerTls`], reusing what the previous one has.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::server::NoServerSessionStorage;

use super::{DEFAULT_OPTIONS, Options, OptionsInput, Parsed, ServerTls, ServerTlsInput};
use crate::tls::choice::{CertificateStore, HostMap};
use crate::tls::identity::Identity;
use crate::tls::{CertificateInfo, CertificateInput, Problem, client_auth, parameters};

/// ALPN when options name none. `acme-tls/1` is left out: there is no challenge to answer it with.
const DEFAULT_ALPN: &[&str] = &["h2", "http/1.1"];
const ACME_ALPN: &str = "acme-tls/1";

impl ServerTls {
    /// Builds the set; what is broken is left out (certificates) or refused (options), and told.
    ///
    /// Certificates, configurations and ticket keys that are equal in `previous` are taken from it.
    #[must_use]
    pub fn build(input: &ServerTlsInput, previous: Option<&Self>) -> (Self, Vec<Problem>) {
        let mut problems = Vec::new();
        let mut built = Self {
            store: Arc::default(),
            stored: Vec::with_capacity(input.certificates.len() + 1),
            identities: hashbrown::HashMap::default(),
            listed: Vec::with_capacity(input.certificates.len()),
            default_listed: None,
            options: std::collections::BTreeMap::new(),
            default_name: Arc::from(DEFAULT_OPTIONS),
            hosts: HostMap::default(),
        };
        built.fill_store(input, previous, &mut problems);
        built.fill_options(input, previous, &mut problems);
        built.fill_hosts(input, &mut problems);
        (built, problems)
    }

    fn fill_store(&mut self, input: &ServerTlsInput, previous: Option<&Self>, problems: &mut Vec<Problem>) {
        let mut store = CertificateStore::default();
        for certificate in &input.certificates {
            if let Some(identity) = self.identity(certificate, previous, problems) {
                store.add(&identity);
                self.listed
                    .push(CertificateInfo { label: Arc::clone(&certificate.label), ..identity.info.clone() });
            }
        }
        let given = input.default_certificate.as_ref().and_then(|c| self.identity(c, previous, problems));
        if let Some(identity) = given {
            store.default = Some(Arc::clone(&identity.key));
            self.default_listed = Some(identity.info.clone());
        } else {
            self.stored.push(None);
        }
        self.store = match previous {
            Some(previous) if previous.stored == self.stored => Arc::clone(&previous.store),
            _ => Arc::new(store),
        };
    }

    fn identity(
        &mut self,
        input: &CertificateInput,
        previous: Option<&Self>,
        problems: &mut Vec<Problem>,
    ) -> Option<Arc<Identity>> {
        let fingerprint = input.fingerprint();
        let known = || previous.and_then(|p| p.identities.get(&fingerprint)).cloned();
        let parse = || -> Parsed { Identity::parse(input).map(Arc::new).map_err(Arc::from) };
        let parsed =
            self.identities.entry(fingerprint).or_insert_with(|| known().unwrap_or_else(parse)).clone();
        match parsed {
            Ok(identity) => {
                self.stored.push(Some(fingerprint));
                Some(identity)
            }
            Err(message) => {
                let subject = input.label.to_string();
                problems.push(Problem { subject, message: message.to_string(), fatal: true });
                None
            }
        }
    }

    fn fill_options(&mut self, input: &ServerTlsInput, previous: Option<&Self>, problems: &mut Vec<Problem>) {
        let fallback = OptionsInput::default();
        let default =
            (!input.options.contains_key(DEFAULT_OPTIONS)).then(|| (Arc::from(DEFAULT_OPTIONS), &fallback));
        let named = input.options.iter().map(|(name, options)| (Arc::clone(name), options));
        for (name, wanted) in named.chain(default) {
            let known = previous.and_then(|p| p.options.get(&name).map(|options| (options, &p.store)));
            let options = match known {
                Some((options, store)) if options.input == *wanted => {
                    if Arc::ptr_eq(store, &self.store) {
                        options.clone()
                    } else {
                        options.with_store(&self.store)
                    }
                }
                _ => Options::build(wanted, &self.store),
            };
            let subject = || format!("options {name}");
            let note =
                |message: &String| Problem { subject: subject(), message: message.clone(), fatal: false };
            problems.extend(options.notes.iter().map(note));
            if let Err(reason) = &options.config {
                problems.push(Problem { subject: subject(), message: reason.to_string(), fatal: true });
            }
            self.options.insert(name, options);
        }
    }

    fn fill_hosts(&mut self, input: &ServerTlsInput, problems: &mut Vec<Problem>) {
        for (host, options) in &input.hosts {
            if !self.options.contains_key(options) {
                let message = format!("unknown TLS options {options:?}");
                problems.push(Problem { subject: host.clone(), message, fatal: true });
            }
            *self.hosts.entry(&host.to_ascii_lowercase()) = Arc::clone(options);
        }
    }
}

impl Options {
    fn build(input: &OptionsInput, store: &Arc<CertificateStore>) -> Self {
        let (config, notes) = match server_config(input, store) {
            Ok((config, notes)) => (Ok(Arc::new(config)), notes),
            Err(reason) => (Err(Arc::from(reason)), Vec::new()),
        };
        Self { input: input.clone(), config, notes: notes.into() }
    }

    /// The same options, ticket keys included, over other certificates.
    fn with_store(&self, store: &Arc<CertificateStore>) -> Self {
        let with_store = |config: &Arc<ServerConfig>| {
            let mut config = config.as_ref().clone();
            config.cert_resolver = Arc::<CertificateStore>::clone(store);
            Arc::new(config)
        };
        Self { config: self.config.as_ref().map(with_store).map_err(Arc::clone), ..self.clone() }
    }
}

fn server_config(
    input: &OptionsInput,
    store: &Arc<CertificateStore>,
) -> Result<(ServerConfig, Vec<String>), String> {
    if let Some(reason) = &input.unreadable {
        return Err(reason.clone());
    }
    // As in Traefik, a name that is no version leaves the default; here it is told.
    let mut notes = Vec::new();
    let mut version = |name| -> &str {
        if parameters::is_version(name) {
            return name;
        }
        notes.push(format!("unknown TLS version {name:?} is ignored"));
        ""
    };
    let (min, max) = (version(&input.min_version), version(&input.max_version));
    let parameters = parameters::resolve(min, max, &input.cipher_suites, &input.curve_preferences)?;
    notes.extend(parameters.notes);
    let verifier = client_auth::verifier(&input.client_auth, &parameters.provider)?;
    let builder = ServerConfig::builder_with_provider(parameters.provider)
        .with_protocol_versions(&parameters.versions)
        .map_err(|e| e.to_string())?;
    let builder = match verifier {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(Arc::<CertificateStore>::clone(store));
    config.alpn_protocols = match &input.alpn {
        Some(names) => names.iter().filter(|n| *n != ACME_ALPN).map(|n| n.clone().into_bytes()).collect(),
        None => DEFAULT_ALPN.iter().map(|n| n.as_bytes().to_vec()).collect(),
    };
    // Ticket keys belong to one options value: a session begun without a client certificate must not be resumed
    // after a change that asks for one. Session ids are not used, as in Go.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    if input.disable_session_tickets {
        config.send_tls13_tickets = 0;
    } else {
        config.ticketer = Ticketer::new().map_err(|e| e.to_string())?;
    }
    Ok((config, notes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(name: &str) -> CertificateInput {
        let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
        CertificateInput {
            cert_pem: made.cert.pem().into_bytes().into(),
            key_pem: made.signing_key.serialize_pem().into_bytes().into(),
            label: name.into(),
        }
    }

    #[test]
    fn what_is_equal_is_taken_from_the_previous() {
        let (a, b) = (certificate("a.test"), certificate("b.test"));
        let mut input = ServerTlsInput { certificates: vec![a.clone()], ..ServerTlsInput::default() };
        input.options.insert(Arc::from("one"), OptionsInput { sni_strict: true, ..OptionsInput::default() });
        let config = |tls: &ServerTls, name: &str| Arc::clone(tls.options[name].config.as_ref().unwrap());
        let identity = |tls: &ServerTls| Arc::clone(tls.identities[&a.fingerprint()].as_ref().unwrap());

        let (first, _) = ServerTls::build(&input, None);
        let (same, _) = ServerTls::build(&input, Some(&first));
        assert!(Arc::ptr_eq(&first.store, &same.store));
        assert!(Arc::ptr_eq(&identity(&first), &identity(&same)));
        assert!(Arc::ptr_eq(&config(&first, "one"), &config(&same, "one")));

        input.options.insert(Arc::from("one"), OptionsInput::default());
        let (changed, _) = ServerTls::build(&input, Some(&same));
        assert!(!Arc::ptr_eq(&config(&same, "one"), &config(&changed, "one")));
        assert!(Arc::ptr_eq(&config(&same, "default"), &config(&changed, "default")));

        input.certificates.push(b);
        let (more, _) = ServerTls::build(&input, Some(&changed));
        assert!(!Arc::ptr_eq(&changed.store, &more.store));
        assert!(Arc::ptr_eq(&identity(&changed), &identity(&more)));
        let (old, new) = (config(&changed, "one"), config(&more, "one"));
        assert!(!Arc::ptr_eq(&old, &new) && Arc::ptr_eq(&old.ticketer, &new.ticketer));
        assert!(more.covers("b.test") && !changed.covers("b.test"));
        assert_eq!(more.default_certificate().unwrap().cn, "FAIRLEAD DEFAULT CERT");
    }
}
