//! The layers below HTTP, each by itself: DNS, TCP, TLS.

use std::io;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use fairlead_net::dial::{self, DialError, DialErrorKind};
use fairlead_net::tls::CertificateFault;
use fairlead_net::tls::inspect::{InspectError, Inspection, Limits, Shown, inspect};
use jiff::Timestamp;

use super::probe::Probe;
use super::state::Reason;
use super::trouble::Trouble;
use super::verdict::Status;

/// Most addresses that are shown.
const MAX_SHOWN: usize = 16;
/// `id-ad-caIssuers` (RFC 5280, 4.2.2.1) as it stands in a certificate.
const CA_ISSUERS: [u8; 10] = [0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x30, 0x02];

/// Looks at the way to the mirror. A proxy hides it.
pub(super) async fn direct(probe: &Probe<'_>) -> Result<(), Trouble> {
    let started = Instant::now();
    if probe.session.wire.uses_proxy(probe.url) {
        let evidence = vec![("why".to_owned(), "a proxy resolves and connects".to_owned())];
        for name in ["dns", "tcp", "tls"] {
            probe.looked(name, Status::Skipped, started, evidence.clone());
        }
        return Ok(());
    }
    // A URL with http or https has both.
    let host = probe.url.host_str().unwrap_or_default();
    let port = probe.url.port_or_known_default().unwrap_or(443);
    resolve(probe, host).await?;
    connect(probe, host, port).await?;
    if probe.url.scheme() != "https" {
        let evidence = vec![("why".to_owned(), "plain http".to_owned())];
        probe.looked("tls", Status::Skipped, started, evidence);
        return Ok(());
    }
    shake_hands(probe, host, port).await
}

async fn resolve(probe: &Probe<'_>, host: &str) -> Result<(), Trouble> {
    let (started, limit) = (Instant::now(), probe.options().timeouts.dns);
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if bare.parse::<IpAddr>().is_ok() {
        probe.looked("dns", Status::Skipped, started, vec![("address".to_owned(), bare.to_owned())]);
        return Ok(());
    }
    let resolved = again(probe, async || {
        let found = tokio::time::timeout(limit, dial::resolve(host)).await;
        found.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    });
    match resolved.await {
        Ok(addresses) => {
            let shown = addresses.iter().take(MAX_SHOWN);
            let mut evidence = vec![("resolver".to_owned(), "system".to_owned())];
            evidence.extend(shown.map(|address| ("address".to_owned(), address.to_string())));
            probe.looked("dns", Status::Ok, started, evidence);
            Ok(())
        }
        Err(error) => Err(probe.failed("dns", started, of_resolver(host, &error))),
    }
}

fn of_resolver(host: &str, error: &io::Error) -> Trouble {
    let reason =
        if error.kind() == io::ErrorKind::TimedOut { Reason::DnsTimeout } else { Reason::DnsFailure };
    Trouble::new(reason, format!("{host} does not resolve: {error}"))
        .with("host", host)
        .with("resolver", "system")
        .with("resolverSaid", error.to_string())
}

async fn connect(probe: &Probe<'_>, host: &str, port: u16) -> Result<(), Trouble> {
    let (started, limits) = (Instant::now(), dial_limits(probe));
    match again(probe, async || dial::connect_within(host, port, limits).await).await {
        Ok(stream) => {
            probe.looked("tcp", Status::Ok, started, vec![("peer".to_owned(), stream.peer().to_string())]);
            Ok(())
        }
        Err(error) => Err(probe.failed("tcp", started, of_dial(&error))),
    }
}

fn of_dial(error: &DialError) -> Trouble {
    let is_late = error.source.kind() == io::ErrorKind::TimedOut;
    let reason = match error.kind {
        DialErrorKind::Dns if is_late => Reason::DnsTimeout,
        DialErrorKind::Dns => Reason::DnsFailure,
        DialErrorKind::Refused => Reason::ConnectRefused,
        DialErrorKind::Timeout => Reason::ConnectTimeout,
        DialErrorKind::Unreachable | DialErrorKind::Other => Reason::Unreachable,
    };
    Trouble::new(reason, error.to_string())
}

async fn shake_hands(probe: &Probe<'_>, host: &str, port: u16) -> Result<(), Trouble> {
    let started = Instant::now();
    let limits = Limits { dial: dial_limits(probe), handshake: probe.options().timeouts.tls };
    let roots = &probe.options().roots;
    let inspected = again(probe, async || inspect(host, port, limits, roots).await).await;
    let seen = inspected.map_err(|error| probe.failed("tls", started, of_inspection(&error)))?;
    let evidence = shown(&seen);
    if let Some(trouble) = distrust(&seen) {
        let trouble = Trouble { evidence, ..trouble };
        return Err(probe.failed("tls", started, trouble));
    }
    let left = seconds_left(&seen.chain);
    if left < probe.options().expiry_warning.as_secs() {
        let text = format!("its certificate chain ends in {} days", left / 86_400);
        let trouble = Trouble { reason: Reason::ExpiresSoon, text, evidence };
        let trouble = probe.failed("tls", started, trouble);
        probe.trouble(trouble);
        return Ok(());
    }
    probe.looked("tls", Status::Ok, started, evidence);
    Ok(())
}

fn of_inspection(error: &InspectError) -> Trouble {
    match error {
        InspectError::Dial(error) => of_dial(error),
        InspectError::Tls(tls) => {
            let reason = match tls {
                fairlead_net::tls::client::TlsError::Timeout => Reason::TlsTimeout,
                fairlead_net::tls::client::TlsError::Handshake(error) if is_hangup(error) => Reason::TlsReset,
                _ => Reason::TlsOther,
            };
            Trouble::new(reason, error.to_string())
        }
        InspectError::Configuration(why) => Trouble::new(Reason::TlsOther, why.as_str()),
    }
}

fn is_hangup(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)
}

fn distrust(seen: &Inspection) -> Option<Trouble> {
    let distrust = seen.trusted.as_ref().err()?;
    let reason = match distrust.fault {
        CertificateFault::UnknownIssuer if lacks_intermediate(&seen.chain) => Reason::TlsIncomplete,
        CertificateFault::UnknownIssuer => Reason::TlsUntrusted,
        CertificateFault::WrongName => Reason::TlsHost,
        CertificateFault::Expired | CertificateFault::NotYetValid => Reason::TlsExpired,
        CertificateFault::Revoked | CertificateFault::Other => Reason::TlsOther,
    };
    Some(Trouble::new(reason, distrust.reason.as_str()))
}

/// A leaf that came alone and says where its issuer's certificate is: public authorities issue from intermediates only.
fn lacks_intermediate(chain: &[Shown]) -> bool {
    match chain {
        [leaf] => {
            leaf.issuer != leaf.subject && leaf.der.windows(CA_ISSUERS.len()).any(|at| at == CA_ISSUERS)
        }
        _ => false,
    }
}

fn shown(seen: &Inspection) -> Vec<(String, String)> {
    let mut evidence: Vec<(String, String)> = [
        ("peer", seen.peer.to_string()),
        ("protocol", seen.protocol.clone()),
        ("cipher", seen.cipher.clone()),
        ("alpn", seen.alpn.clone().unwrap_or_default()),
        ("ocspStapled", (!seen.ocsp.is_empty()).to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    for certificate in seen.chain.iter().take(MAX_SHOWN) {
        let until = Timestamp::from_second(certificate.not_after).unwrap_or_default();
        let text = format!("{} issued by {} until {until}", certificate.subject, certificate.issuer);
        evidence.push(("certificate".to_owned(), text));
    }
    if let Some(leaf) = seen.chain.first() {
        let names: Vec<&str> = leaf.sans.iter().take(MAX_SHOWN).map(String::as_str).collect();
        evidence.push(("names".to_owned(), names.join(", ")));
    }
    evidence
}

/// For how long all of a chain is still valid.
fn seconds_left(chain: &[Shown]) -> u64 {
    let now = Timestamp::now().as_second();
    // 0 is what could not be read.
    let ends = chain.iter().map(|certificate| certificate.not_after).filter(|end| *end != 0);
    ends.map(|end| u64::try_from(end.saturating_sub(now)).unwrap_or(0)).min().unwrap_or(u64::MAX)
}

fn dial_limits(probe: &Probe<'_>) -> dial::Limits {
    let timeouts = &probe.options().timeouts;
    dial::Limits { resolve: timeouts.dns, connect: timeouts.connect }
}

/// Whether a failure may pass.
trait Passing {
    fn may_pass(&self) -> bool;
}

impl Passing for io::Error {
    fn may_pass(&self) -> bool {
        true
    }
}

impl Passing for DialError {
    fn may_pass(&self) -> bool {
        true
    }
}

impl Passing for InspectError {
    fn may_pass(&self) -> bool {
        matches!(of_inspection(self).reason.exit_code(), super::EXIT_UNREACHABLE)
    }
}

/// Tries as often as the policy says, with a permit each time.
async fn again<T, E: Passing>(probe: &Probe<'_>, attempt: impl AsyncFn() -> Result<T, E>) -> Result<T, E> {
    let mut attempts = 1;
    loop {
        let result = {
            let _permit = probe.session.wire.permit().await;
            Box::pin(attempt()).await
        };
        let pause: Option<Duration> = match &result {
            Err(error) if error.may_pass() => probe.session.wire.pause(attempts),
            _ => None,
        };
        let Some(pause) = pause else { return result };
        tokio::time::sleep(pause).await;
        attempts += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(subject: &str, issuer: &str, der: &[u8]) -> Shown {
        Shown {
            der: der.to_vec().into(),
            subject: subject.to_owned(),
            issuer: issuer.to_owned(),
            sans: Vec::new(),
            not_before: 0,
            not_after: 0,
        }
    }

    #[test]
    fn a_leaf_alone_with_an_issuer_elsewhere_lacks_its_intermediate() {
        let alone = certificate("CN=m.example", "CN=R3", &CA_ISSUERS);
        assert!(lacks_intermediate(std::slice::from_ref(&alone)));
        assert!(!lacks_intermediate(&[alone, certificate("CN=R3", "CN=Root", &[])]));
        assert!(!lacks_intermediate(&[certificate("CN=m.example", "CN=R3", &[])]));
        assert!(!lacks_intermediate(&[certificate("CN=me", "CN=me", &CA_ISSUERS)]));
        assert!(!lacks_intermediate(&[]));
    }

    #[test]
    fn the_shortest_of_a_chain_counts() {
        let now = Timestamp::now().as_second();
        let ending = |end| Shown { not_after: end, ..certificate("a", "b", &[]) };
        assert_eq!(seconds_left(&[ending(now - 5), ending(now + 500)]), 0);
        assert!((90..=100).contains(&seconds_left(&[ending(now + 500), ending(now + 100)])));
        assert_eq!(seconds_left(&[ending(0)]), u64::MAX);
    }
}
