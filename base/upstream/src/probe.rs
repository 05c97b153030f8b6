//! Active health checks: ask a server on a beat, and write down what it says.
//!
//! The first probe comes after one interval, a server starts up, and one failure takes it down, as Traefik does it.

use std::sync::{Arc, Weak};
use std::time::Duration;

use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};

use fairlead_http::client::{self, Scheme, Target, Transport};
use fairlead_http::{Conn, Request};

use crate::Endpoint;

/// Most redirects that one probe follows.
const MAX_REDIRECTS: u32 = 10;

/// How to ask.
#[derive(Clone, Debug)]
pub struct ProbeOptions {
    /// `http` or `https` in place of the server's own scheme.
    pub scheme: Option<Box<str>>,
    /// Port in place of the server's own.
    pub port: Option<u16>,
    /// Path and query.
    pub path: Box<str>,
    /// Method, usually `GET`.
    pub method: Method,
    /// Expected status; `None` accepts 200 to 399.
    pub status: Option<u16>,
    /// `Host` header in place of the server's own.
    pub hostname: Option<Box<str>>,
    /// Follow redirects, up to ten.
    pub follow_redirects: bool,
    /// Further headers.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Pause between probes of a server that is up.
    pub interval: Duration,
    /// Pause between probes of a server that is down.
    pub unhealthy_interval: Duration,
    /// Longest wait for one answer.
    pub timeout: Duration,
}

/// Probes `endpoint` until it is dropped. `changed` hears of each change of health.
pub async fn run(
    endpoint: Weak<Endpoint>,
    transport: Arc<Transport>,
    options: Arc<ProbeOptions>,
    changed: impl Fn(&Endpoint) + Send,
) {
    let mut pause = options.interval;
    loop {
        tokio::time::sleep(pause).await;
        let Some(endpoint) = endpoint.upgrade() else { return };
        let verdict = ask(&transport, endpoint.target(), &options).await;
        let up = verdict.is_ok();
        if endpoint.set_health(up, verdict.err()) {
            changed(&endpoint);
        }
        pause = if up { options.interval } else { options.unhealthy_interval };
    }
}

/// Asks once.
///
/// # Errors
/// Why the server does not count as well, in words.
pub async fn ask(
    transport: &Arc<Transport>,
    server: &Target,
    options: &ProbeOptions,
) -> Result<(), Box<str>> {
    match tokio::time::timeout(options.timeout, exchange(transport, server, options)).await {
        Ok(verdict) => verdict,
        Err(_) => Err(format!("no answer within {:?}", options.timeout).into()),
    }
}

async fn exchange(
    transport: &Arc<Transport>,
    server: &Target,
    options: &ProbeOptions,
) -> Result<(), Box<str>> {
    let mut url = first_url(server, options);
    for _ in 0..=MAX_REDIRECTS {
        let target = Target::parse(&url).map_err(|error| Box::<str>::from(error.to_string()))?;
        let mut request = request(&target, &url, options)?;
        let response = client::send(transport, &Arc::new(target), &mut request)
            .await
            .map_err(|failed| Box::<str>::from(failed.error.to_string()))?;
        if options.follow_redirects
            && response.status.is_redirection()
            && let Some(next) = redirect_target(&url, &response.headers)
        {
            url = next;
            continue;
        }
        return judge(response.status, options);
    }
    Err(format!("more than {MAX_REDIRECTS} redirects").into())
}

fn judge(status: StatusCode, options: &ProbeOptions) -> Result<(), Box<str>> {
    let well = match options.status {
        Some(expected) => status.as_u16() == expected,
        None => (200..400).contains(&status.as_u16()),
    };
    if well { Ok(()) } else { Err(format!("answered {status}").into()) }
}

fn first_url(server: &Target, options: &ProbeOptions) -> String {
    let scheme = options.scheme.as_deref().unwrap_or(scheme(server.scheme));
    let port = options.port.unwrap_or(server.port);
    let host = if server.host.contains(':') { format!("[{}]", server.host) } else { server.host.to_string() };
    let slash = if options.path.starts_with('/') { "" } else { "/" };
    format!("{scheme}://{host}:{port}{slash}{}", options.path)
}

fn scheme(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::Http => "http",
        Scheme::Https => "https",
        Scheme::H2c => "h2c",
    }
}

fn request(target: &Target, url: &str, options: &ProbeOptions) -> Result<Request, Box<str>> {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = after_scheme.find('/').map_or("/", |at| &after_scheme[at..]);
    let uri: Uri = path.parse().map_err(|_| Box::<str>::from(format!("`{path}` is not a valid path")))?;
    let conn = Conn::new("health", ([127, 0, 0, 1], 0).into(), ([127, 0, 0, 1], 0).into(), None);
    let mut request = Request::new(options.method.clone(), uri, Arc::new(conn));
    let host = options.hostname.as_deref().unwrap_or(&target.authority);
    let host =
        HeaderValue::try_from(host).map_err(|_| Box::<str>::from("host name is not a valid header"))?;
    request.headers.insert(header::HOST, host);
    request.headers.insert(header::USER_AGENT, HeaderValue::from_static("fairlead-health"));
    for (name, value) in &options.headers {
        request.headers.insert(name.clone(), value.clone());
    }
    Ok(request)
}

fn redirect_target(from: &str, headers: &HeaderMap) -> Option<String> {
    let location = headers.get(header::LOCATION)?.to_str().ok()?;
    if location.contains("://") {
        return Some(location.to_owned());
    }
    let (scheme, rest) = from.split_once("://")?;
    let authority = rest.split('/').next()?;
    let slash = if location.starts_with('/') { "" } else { "/" };
    Some(format!("{scheme}://{authority}{slash}{location}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_stays_on_its_server_or_leaves_it() {
        let mut headers = HeaderMap::new();
        headers.insert(header::LOCATION, HeaderValue::from_static("/ok"));
        assert_eq!(redirect_target("http://a:1/x", &headers).unwrap(), "http://a:1/ok");
        headers.insert(header::LOCATION, HeaderValue::from_static("https://b/ok"));
        assert_eq!(redirect_target("http://a:1/x", &headers).unwrap(), "https://b/ok");
    }
}
