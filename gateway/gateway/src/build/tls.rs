//! TLS of entry points: certificates, options, and which host gets which options.

use std::collections::BTreeMap;
use std::sync::Arc;

use fairlead_conf::FileOrContent;
use fairlead_diag::{Finding, Findings, Origin};
use fairlead_model::Merged;
use fairlead_model::dynamic::{Certificate, Object, TlsCertificate, TlsOptions};
use fairlead_net::tls::server::{ClientAuthInput, OptionsInput, ServerTls, ServerTlsInput};
use fairlead_net::tls::{CertificateInput, Problem};

use super::routers::declared;
use super::{Built, BuiltRouter};
use crate::codes;
use crate::entry_point::EntryPoint;
use crate::shared::Shared;
use crate::snapshot::Snapshot;
use crate::transport::read;

/// Certificates that end within this are reported.
const EXPIRY_NOTICE: i64 = 14 * 24 * 3600;

/// What messages call the certificate of the default store.
const DEFAULT: &str = "default certificate";

/// Options by host pattern.
type Hosts = BTreeMap<String, Arc<str>>;

/// The TLS of each entry point, and the routers whose options gave way to the default ones.
pub(super) fn server_tls(
    shared: &Shared,
    entry_points: &[Arc<EntryPoint>],
    config: &Merged,
    built: &Built,
    previous: &Snapshot,
    findings: &mut Findings,
) -> (Vec<Arc<ServerTls>>, BTreeMap<Arc<str>, String>) {
    let mut input = ServerTlsInput {
        certificates: certificates(config, findings),
        options: config.tls.options.iter().map(|(name, o)| (Arc::clone(name), options(o))).collect(),
        default_certificate: default_certificate(config, findings),
        hosts: Hosts::new(),
    };
    let mut conflicts = BTreeMap::new();
    let mut made: Vec<(Hosts, Arc<ServerTls>)> = Vec::new();
    let mut all = Vec::with_capacity(entry_points.len());
    for place in 0..entry_points.len() {
        let hosts = hosts(place, config, built, &mut conflicts, findings);
        if let Some((_, shared)) = made.iter().find(|(known, _)| *known == hosts) {
            all.push(Arc::clone(shared));
            continue;
        }
        input.hosts.clone_from(&hosts);
        let sibling = made.last().map(|(_, tls)| tls);
        let before = sibling.or_else(|| previous.entry_points.get(place).map(|routes| &routes.server_tls));
        let (tls, problems) = ServerTls::build(&input, before.map(|tls| &**tls));
        if made.is_empty() {
            findings.extend(problems.iter().map(|problem| {
                let code = if problem.fatal { &codes::TLS_PROBLEM } else { &codes::TLS_ADAPTED };
                let finding = Finding::new(code, format!("{}: {}", problem.subject, problem.message));
                finding.at(&origin_of(config, &problem.subject)).about(problem.subject.as_str())
            }));
            refused(&problems, built, &mut conflicts);
            expiring(&tls, shared, config, findings);
        }
        let tls = Arc::new(tls);
        made.push((hosts, Arc::clone(&tls)));
        all.push(tls);
    }
    (all, conflicts)
}

/// The routers whose options cannot be used: handshakes for their hosts are refused.
fn refused(problems: &[Problem], built: &Built, conflicts: &mut BTreeMap<Arc<str>, String>) {
    for problem in problems.iter().filter(|problem| problem.fatal) {
        let named = |router: &&Arc<BuiltRouter>| {
            router.tls_options.as_ref().is_some_and(|options| problem.subject == format!("options {options}"))
        };
        for router in built.routers.values().filter(named) {
            for (_, _, running) in &router.places {
                let why = format!("building TLS config: {}", problem.message);
                conflicts.insert(Arc::clone(&running.name), why);
            }
        }
    }
}

/// Which hosts of an entry point have other options than the default ones. Hosts whose routers disagree get those, with a warning.
fn hosts(
    place: usize,
    config: &Merged,
    built: &Built,
    conflicts: &mut BTreeMap<Arc<str>, String>,
    findings: &mut Findings,
) -> Hosts {
    let over_tls = || {
        built.routers.values().filter_map(|router| {
            let options = router.tls_options.as_ref()?;
            let (_, _, running) = router.places.iter().find(|(at, tls, _)| *at == place && *tls)?;
            Some((options, running))
        })
    };
    if over_tls().all(|(options, _)| &**options == "default") {
        return Hosts::new();
    }
    let mut wanted: BTreeMap<String, Vec<(&Arc<str>, &Arc<str>)>> = BTreeMap::new();
    for (options, router) in over_tls() {
        let hosts = router.rule.hosts();
        if hosts.is_empty() && &**options != "default" {
            let rule = router.rule.text();
            conflicts.insert(
                Arc::clone(&router.name),
                format!("no domain found in rule {rule}, the TLS option {options} cannot be applied"),
            );
        }
        for host in hosts {
            wanted.entry(host.to_string()).or_default().push((options, &router.name));
        }
    }
    let mut settled = Hosts::new();
    for (host, routers) in wanted {
        let first = routers[0].0;
        if routers.iter().all(|(options, _)| *options == first) {
            if &**first != "default" {
                settled.insert(host, Arc::clone(first));
            }
            continue;
        }
        let mut names: Vec<&str> = routers.iter().map(|(_, name)| &***name).collect();
        names.sort_unstable();
        let message = format!("routers of host `{host}` name different TLS options: {}", names.join(", "));
        let mut finding = Finding::new(&codes::TLS_CONFLICT, message).about(format!("host {host}"));
        for (options, name) in &routers {
            if let Some(router) = declared(config, name) {
                finding = finding.label(&router.origin_of(&["tls"]), format!("options `{options}`"));
            }
        }
        findings.push(finding);
        for (_, name) in routers {
            conflicts.insert(Arc::clone(name), CONFLICT.to_owned());
        }
    }
    settled
}

/// Traefik's words.
const CONFLICT: &str = "router's TLSOptions configuration is conflicting with other routers on the same entrypoint and host, \
                        default TLS options will be used instead";

fn certificates(config: &Merged, findings: &mut Findings) -> Vec<CertificateInput> {
    config.tls.certificates.iter().filter_map(|object| certificate(object, findings)).collect()
}

fn certificate(object: &Object<TlsCertificate>, findings: &mut Findings) -> Option<CertificateInput> {
    let pair = &object.value;
    pair_input(
        &pair.cert_file,
        &pair.key_file,
        label(&pair.cert_file, &object.origin),
        &object.origin,
        findings,
    )
}

fn default_certificate(config: &Merged, findings: &mut Findings) -> Option<CertificateInput> {
    let store = config.tls.stores.get("default")?;
    let Certificate { cert_file, key_file } = store.value.default_certificate.as_ref()?;
    pair_input(cert_file, key_file, DEFAULT.into(), &store.origin, findings)
}

fn pair_input(
    cert: &FileOrContent,
    key: &FileOrContent,
    label: Arc<str>,
    origin: &Origin,
    findings: &mut Findings,
) -> Option<CertificateInput> {
    if cert.is_empty() || key.is_empty() {
        // The model's checks say which of the two is missing.
        return None;
    }
    match (read(cert), read(key)) {
        (Ok(cert_pem), Ok(key_pem)) => Some(CertificateInput { cert_pem, key_pem, label }),
        (cert, key) => {
            for why in [cert.err(), key.err()].into_iter().flatten() {
                findings.push(
                    Finding::new(&codes::TLS_PROBLEM, why).at(origin).about(format!("certificate {label}")),
                );
            }
            None
        }
    }
}

/// A name for messages: the file, or the place of inline content.
fn label(cert: &FileOrContent, origin: &Origin) -> Arc<str> {
    match cert.path() {
        Some(path) => path.display().to_string().into(),
        None => origin.to_string().into(),
    }
}

fn options(object: &Object<TlsOptions>) -> OptionsInput {
    let options = &object.value;
    let cas: Result<Vec<_>, String> = options.client_auth.ca_files.iter().map(read).collect();
    let unreadable = cas.as_ref().err().cloned();
    OptionsInput {
        min_version: options.min_version.clone(),
        max_version: options.max_version.clone(),
        cipher_suites: options.cipher_suites.clone(),
        curve_preferences: options.curve_preferences.clone(),
        client_auth: ClientAuthInput {
            ca_pems: cas.unwrap_or_default(),
            mode: options.client_auth.kind().word().to_owned(),
        },
        sni_strict: options.sni_strict,
        alpn: Some(options.alpn_protocols.clone()),
        disable_session_tickets: options.disable_session_tickets,
        unreadable,
    }
}

/// Where the certificate of this label, or the options that the subject names, are declared.
fn origin_of(config: &Merged, subject: &str) -> Origin {
    let labelled =
        |object: &&Arc<Object<TlsCertificate>>| *label(&object.value.cert_file, &object.origin) == *subject;
    if let Some(object) = config.tls.certificates.iter().find(labelled) {
        return object.origin_of(&["certFile"]);
    }
    if let Some(store) = config.tls.stores.get("default").filter(|_| subject == DEFAULT) {
        return store.origin_of(&["defaultCertificate"]);
    }
    let named = config.tls.options.iter().find(|(name, _)| subject.contains(&***name));
    named.map(|(_, object)| object.origin.clone()).unwrap_or_default()
}

fn expiring(tls: &ServerTls, shared: &Shared, config: &Merged, findings: &mut Findings) {
    let now = jiff::Timestamp::now().as_second();
    for certificate in tls.certificates() {
        let left = certificate.not_after - now;
        if left < EXPIRY_NOTICE {
            let days = left / 86_400;
            let when = if left < 0 { "has expired".to_owned() } else { format!("expires in {days} days") };
            let message =
                format!("certificate `{}` ({}) {when}", certificate.label, certificate.sans.join(", "));
            findings.push(
                Finding::new(&codes::CERTIFICATE_EXPIRES, message)
                    .at(&origin_of(config, &certificate.label))
                    .about(format!("certificate {}", certificate.cn)),
            );
        }
    }
    let shown = tls.certificates().iter().map(|certificate| fairlead_telemetry::CertificateInfo {
        cn: certificate.cn.clone(),
        serial: certificate.serial.clone(),
        sans: certificate.sans.join(","),
        not_after: certificate.not_after,
    });
    shared.metrics.set_certificates(shown.collect());
}
