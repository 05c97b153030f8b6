//! Whose mirror it is: a TXT record in the DNS that only its owner can write.

use std::time::Instant;

use fairlead_net::dns::{self, DnsError};

use super::cache::digest;
use super::probe::Probe;
use super::verdict::{Hold, Status};

/// The text of the record `_mirror-auth.HOST`: `sha256=` and the digest of the host, a newline and the token.
#[must_use]
pub fn txt_digest(host: &str, token: &str) -> String {
    format!("sha256={}", digest(&format!("{}\n{token}", host.to_ascii_lowercase())))
}

/// Looks the record up, where there is a token.
pub(super) async fn look(probe: &Probe<'_>) {
    let Some(token) = &probe.options().token else { return };
    let started = Instant::now();
    let host = probe.url.host_str().unwrap_or_default();
    let (name, wanted) = (format!("_mirror-auth.{host}"), txt_digest(host, token.reveal()));
    let (limit, server) = (probe.options().timeouts.dns, probe.options().name_server);
    let found = {
        let _permit = probe.session.wire.permit().await;
        Box::pin(dns::txt(&name, server, limit)).await
    };
    let (hold, status, said) = match &found {
        Ok(texts) if texts.iter().any(|text| text.trim() == wanted) => {
            (Hold::Holds, Status::Ok, "the digest of the token is there".to_owned())
        }
        Ok(texts) => (
            Hold::Fails,
            Status::Warning,
            format!("{} records, none is the digest of the token", texts.len()),
        ),
        Err(error @ (DnsError::NxDomain | DnsError::NoData)) => {
            (Hold::Fails, Status::Warning, error.to_string())
        }
        Err(error) => (Hold::Unknown, Status::Warning, error.to_string()),
    };
    probe.ownership_is(hold);
    let evidence = vec![("name".to_owned(), name), ("said".to_owned(), said)];
    probe.looked("ownership", status, started, evidence);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_binds_host_and_token() {
        // printf 'm.example\nsecret' | sha256sum
        let expected = "sha256=0d84f30b5ab501eb830ac289843dd7c53af48277106119c7a0a293f75796ac44";
        assert_eq!(txt_digest("M.Example", "secret"), expected);
        assert_ne!(txt_digest("other.example", "secret"), expected);
    }
}
