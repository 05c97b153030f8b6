//! Servers transports: from configuration to what the client needs. Reads certificate files.

use std::time::Duration;

use fairlead_conf::FileOrContent;
use fairlead_http::client::{Transport, TransportOptions};
use fairlead_model::dynamic::ServersTransport as Dynamic;
use fairlead_model::statics::ServersTransport as Static;
use fairlead_net::tls::client::{ClientTls, ClientTlsInput};
use fairlead_net::tls::{CertificateInput, Pem};

/// Identity of the static default transport.
const DEFAULT_ID: u64 = 1;

/// The transport of services that name none.
///
/// # Errors
/// What cannot be used, in words.
pub(crate) fn from_static(options: &Static) -> Result<Transport, String> {
    let input = ClientTlsInput {
        insecure_skip_verify: options.insecure_skip_verify,
        root_ca_pems: read_all(&options.root_cas)?,
        ..ClientTlsInput::default()
    };
    let timeouts = &options.forwarding_timeouts;
    let options = TransportOptions {
        dial_timeout: timeouts.dial_timeout.into(),
        response_header_timeout: timeouts.response_header_timeout.into(),
        idle_conn_timeout: timeouts.idle_conn_timeout.into(),
        max_idle_per_host: idle(options.max_idle_conns_per_host),
        ..TransportOptions::default()
    };
    make(DEFAULT_ID, &input, options)
}

/// A declared transport whose declaration hashes to `hash`.
///
/// # Errors
/// What cannot be used, in words.
pub(crate) fn from_dynamic(options: &Dynamic, hash: u64) -> Result<Transport, String> {
    if options.spiffe.is_some() {
        return Err("`spiffe` is not supported by this version".to_owned());
    }
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let certificates = options.certificates.iter().map(|pair| {
        Ok(CertificateInput {
            cert_pem: read(&pair.cert_file)?,
            key_pem: read(&pair.key_file)?,
            label: "client certificate".into(),
        })
    });
    let input = ClientTlsInput {
        server_name: text(&options.server_name),
        insecure_skip_verify: options.insecure_skip_verify,
        root_ca_pems: read_all(&options.root_cas)?,
        certificates: certificates.collect::<Result<_, String>>()?,
        cipher_suites: options.cipher_suites.clone(),
        min_version: options.min_version.clone(),
        max_version: options.max_version.clone(),
        peer_cert_uri: text(&options.peer_cert_uri),
        peer_cert_sans: options.peer_cert_sans.clone(),
        alpn: Vec::new(),
    };
    let timeouts = options.forwarding_timeouts.clone().unwrap_or_default();
    let options = TransportOptions {
        dial_timeout: timeouts.dial_timeout.into(),
        response_header_timeout: timeouts.response_header_timeout.into(),
        idle_conn_timeout: timeouts.idle_conn_timeout.into(),
        max_idle_per_host: idle(options.max_idle_conns_per_host),
        disable_http2: options.disable_http2,
        read_idle_timeout: timeouts.read_idle_timeout.into(),
        ping_timeout: timeouts.ping_timeout.into(),
    };
    make(hash | 2, &input, options)
}

fn make(id: u64, input: &ClientTlsInput, mut options: TransportOptions) -> Result<Transport, String> {
    if options.dial_timeout.is_zero() {
        // Go: no limit. A bound keeps a black hole from holding requests for ever.
        options.dial_timeout = Duration::from_secs(600);
    }
    let tls = ClientTls::build(input).map_err(|problem| problem.message)?;
    Ok(Transport::new(id, &tls, options))
}

fn idle(count: u64) -> isize {
    isize::try_from(count).unwrap_or(isize::MAX)
}

fn read_all(sources: &[FileOrContent]) -> Result<Vec<Pem>, String> {
    sources.iter().map(read).collect()
}

/// Reads a file or takes the content itself.
///
/// # Errors
/// Why the file cannot be read, naming it.
pub(crate) fn read(source: &FileOrContent) -> Result<Pem, String> {
    source.read().map(Pem::from).map_err(|error| error.to_string())
}
