//! What a container registry must do (<https://github.com/opencontainers/distribution-spec>).
//!
//! `/v2/` is 200, or 401 with a challenge that a client can follow. Where an image is named, its manifest must be there, with a
//! token where the challenge asks for one, and must hash to its digest.

use std::time::Instant;

use fairlead_http::fetch::{Document, redact};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use url::Url;

use super::cache::hex;
use super::probe::Probe;
use super::state::Reason;
use super::trouble::{Trouble, header_text, sound};
use super::verdict::Status;
use crate::proof::is_html;

/// Longest answer to `/v2/`, or of a token service.
const MAX_ANSWER: usize = 1 << 20;
/// Longest manifest (the specification's own limit is 4 MiB).
const MAX_MANIFEST: usize = 4 << 20;
/// Kinds of manifests that are understood.
const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json";

/// What a registry wants to see.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Challenge {
    /// A token of the realm, for a service.
    Bearer { realm: String, service: Option<String> },
    /// A user and a password.
    Basic,
}

pub(super) async fn look(probe: &Probe<'_>) -> Result<(), Trouble> {
    let started = Instant::now();
    let challenge = front(probe).await.map_err(|trouble| probe.failed("http", started, trouble))?;
    probe.answers("answers as a registry");
    let Some(image) = &probe.options().oci.image else { return Ok(()) };
    let started = Instant::now();
    let name = format!("image {image}");
    match Box::pin(manifest(probe, image, challenge.as_ref())).await {
        Ok(evidence) => probe.looked(name, Status::Ok, started, evidence),
        Err(trouble) => probe.trouble(probe.failed(name, started, trouble)),
    }
    Ok(())
}

async fn front(probe: &Probe<'_>) -> Result<Option<Challenge>, Trouble> {
    let started = Instant::now();
    let document = probe.ask("v2/", HeaderMap::new(), MAX_ANSWER).await?;
    if is_html(&document.body) && document.status == StatusCode::OK {
        return Err(Trouble::portal(&document));
    }
    let challenge = match document.status {
        StatusCode::OK => None,
        StatusCode::UNAUTHORIZED => Some(challenge(&document)?),
        _ => return Err(Trouble::of_status(&document)),
    };
    probe.cheap("v2/");
    probe.first_answer(started, &document)?;
    match header_text(&document.headers, "docker-distribution-api-version") {
        Some(version) => probe.note("docker-distribution-api-version", version),
        None => probe.note("docker-distribution-api-version", "not said"),
    }
    Ok(challenge)
}

/// The challenge that a client can follow: Bearer before Basic.
fn challenge(document: &Document) -> Result<Challenge, Trouble> {
    let values = document.headers.get_all(header::WWW_AUTHENTICATE);
    let texts: Vec<&str> = values.iter().filter_map(|value| value.to_str().ok()).collect();
    let found: Vec<Challenge> = texts.iter().filter_map(|text| parse_challenge(text)).collect();
    let bearer = found.iter().find(|challenge| matches!(challenge, Challenge::Bearer { .. }));
    bearer.or(found.first()).cloned().ok_or_else(|| {
        Trouble::new(Reason::Protocol, "401 without a challenge that can be followed")
            .with("url", redact(&document.url))
            .with("www-authenticate", texts.join(", "))
    })
}

/// Reads `Bearer realm="https://…",service="…"` or `Basic realm="…"` (RFC 9110, section 11.2).
fn parse_challenge(text: &str) -> Option<Challenge> {
    let (scheme, rest) = text.trim().split_once(' ')?;
    let parameters = parameters(rest)?;
    let value = |name: &str| parameters.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone());
    let realm = value("realm")?;
    if scheme.eq_ignore_ascii_case("basic") {
        return Some(Challenge::Basic);
    }
    let url = Url::parse(&realm).ok()?;
    let is_web = matches!(url.scheme(), "http" | "https") && url.has_host();
    (scheme.eq_ignore_ascii_case("bearer") && is_web)
        .then(|| Challenge::Bearer { realm, service: value("service") })
}

/// `name="value"` pairs with commas between; `None` when it is something else.
fn parameters(mut rest: &str) -> Option<Vec<(String, String)>> {
    let mut found = Vec::new();
    loop {
        rest = rest.trim_start_matches([',', ' ']);
        if rest.is_empty() {
            return Some(found);
        }
        let (name, after) = rest.split_once('=')?;
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => after.split_at(after.find(',').unwrap_or(after.len())),
        };
        found.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
        rest = after;
    }
}

type Evidence = Vec<(String, String)>;

async fn manifest(
    probe: &Probe<'_>,
    image: &str,
    challenge: Option<&Challenge>,
) -> Result<Evidence, Trouble> {
    let (repository, reference) = split(image);
    let mut headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(ACCEPT))]);
    match challenge {
        Some(Challenge::Bearer { realm, service }) => {
            let token = token(probe, realm, service.as_deref(), repository).await?;
            headers.insert(header::AUTHORIZATION, token);
        }
        // Credentials of the options are sent by themselves; without any the answer is 401 again.
        Some(Challenge::Basic) | None => {}
    }
    let path = format!("v2/{repository}/manifests/{reference}");
    let document = probe.ask(&path, headers, MAX_MANIFEST).await?;
    if document.status == StatusCode::UNAUTHORIZED && matches!(challenge, Some(Challenge::Basic)) {
        let text = format!("a user and a password are wanted for the manifest of {image}");
        return Err(Trouble::new(Reason::Unverified, text).with("url", redact(&document.url)));
    }
    let document = sound(document)?;
    let digest = format!("sha256:{}", hex(&Sha256::digest(&document.body)));
    let said = header_text(&document.headers, "docker-content-digest");
    let asked = reference.starts_with("sha256:").then(|| reference.to_owned());
    for expected in said.iter().chain(&asked).filter(|expected| expected.starts_with("sha256:")) {
        if *expected != digest {
            return Err(Trouble::new(
                Reason::DigestMismatch,
                format!("the manifest of {image} is another one"),
            )
            .with("url", redact(&document.url))
            .with("got", digest)
            .with("expected", expected.as_str()));
        }
    }
    if serde_json::from_slice::<serde_json::Map<_, _>>(&document.body).is_err() {
        return Err(Trouble::new(Reason::Protocol, format!("the manifest of {image} is no JSON object")));
    }
    if asked.is_some() {
        probe.content_holds();
    }
    Ok(vec![("digest".to_owned(), digest)])
}

async fn token(
    probe: &Probe<'_>,
    realm: &str,
    service: Option<&str>,
    repository: &str,
) -> Result<HeaderValue, Trouble> {
    #[derive(Deserialize)]
    struct Answer {
        token: Option<String>,
        access_token: Option<String>,
    }
    let broken = |why: &str| Trouble::new(Reason::Protocol, format!("token service: {why}"));
    let mut url = Url::parse(realm).map_err(|_| broken("its realm is no URL"))?;
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let mut query = format!("scope={}", encode(&format!("repository:{repository}:pull")));
    if let Some(service) = service {
        query = format!("service={}&{query}", encode(service));
    }
    let query = url.query().map(|known| format!("{known}&{query}")).unwrap_or(query);
    url.set_query(Some(&query));
    let document = sound(probe.session.wire.get(&url, HeaderMap::new(), MAX_ANSWER).await?)?;
    let answer: Answer =
        serde_json::from_slice(&document.body).map_err(|_| broken("its answer is no JSON with a token"))?;
    let token = answer.token.or(answer.access_token).ok_or_else(|| broken("its answer has no token"))?;
    let mut value = HeaderValue::try_from(format!("Bearer {token}"))
        .map_err(|_| broken("its token cannot stand in a header"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Repository and reference: `NAME@DIGEST`, `NAME:TAG`, or `NAME` for the tag `latest`.
fn split(image: &str) -> (&str, &str) {
    if let Some(parts) = image.split_once('@') {
        return parts;
    }
    match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (image, "latest"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_are_followed_only_where_they_lead_somewhere() {
        let bearer = |realm: &str, service: Option<&str>| {
            Some(Challenge::Bearer { realm: realm.to_owned(), service: service.map(str::to_owned) })
        };
        for (text, expected) in [
            (
                r#"Bearer realm="https://auth.example/token",service="registry.example""#,
                bearer("https://auth.example/token", Some("registry.example")),
            ),
            (r#"bearer Realm="https://auth.example/t", scope="a,b""#, bearer("https://auth.example/t", None)),
            (r#"Basic realm="Registry""#, Some(Challenge::Basic)),
            (r#"Bearer realm="token""#, None),
            (r#"Bearer realm="file:///etc/passwd""#, None),
            (r#"Bearer service="x""#, None),
            (r#"Bearer realm="https://auth.example"#, None),
            ("Bearer", None),
            (r#"Digest realm="https://x.example""#, None),
        ] {
            assert_eq!(parse_challenge(text), expected, "{text}");
        }
    }

    #[test]
    fn images_have_a_reference() {
        assert_eq!(split("library/alpine:3.20"), ("library/alpine", "3.20"));
        assert_eq!(split("library/alpine"), ("library/alpine", "latest"));
        assert_eq!(split("a/b@sha256:00"), ("a/b", "sha256:00"));
    }
}
