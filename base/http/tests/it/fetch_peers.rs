//! Servers for the fetch tests, and what the tests ask of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fairlead_http::fetch::{Fetch, FetchError, FetchOptions, Fetched, Fetcher, ProxyChoice, Timeouts};
use fairlead_net::Stream;
use fairlead_net::tls::server::{OptionsInput, ServerTls, ServerTlsInput, accept};
use fairlead_net::tls::{CertificateInput, Pem};
use parking_lot::Mutex;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use url::Url;

use crate::client_peers::{Backend, backend};

pub(crate) const LONG: Duration = Duration::from_secs(20);
/// A limit that a test waits for.
pub(crate) const SHORT: Duration = Duration::from_millis(150);

/// No proxy, no netrc, and limits that only a hanging test reaches.
pub(crate) fn options() -> FetchOptions {
    FetchOptions {
        timeouts: Timeouts { dns: LONG, connect: LONG, tls: LONG, first_byte: LONG, idle: LONG, total: None },
        proxy: ProxyChoice::Direct,
        netrc: false,
        ..FetchOptions::default()
    }
}

pub(crate) fn fetcher(options: FetchOptions) -> Fetcher {
    Fetcher::new(options).unwrap()
}

pub(crate) async fn get(options: FetchOptions, url: &str) -> Result<Fetched, FetchError> {
    let url = Url::parse(url).unwrap();
    crate::h2_peers::soon(fetcher(options).get(&Fetch::new(&url))).await
}

/// Gets a URL with a body to its end.
pub(crate) async fn read(options: FetchOptions, url: &str) -> Result<String, FetchError> {
    let body = crate::h2_peers::soon(get(options, url).await?.read(1 << 20)).await?;
    Ok(String::from_utf8(body.to_vec()).unwrap())
}

/// What a raw server was asked, heads as they came.
#[derive(Clone, Default)]
pub(crate) struct Asked(Arc<Mutex<Vec<String>>>);

impl Asked {
    pub(crate) fn count(&self) -> usize {
        self.0.lock().len()
    }

    pub(crate) fn head(&self, number: usize) -> String {
        self.0.lock()[number].clone()
    }
}

/// Reads one request head; `None` at the end of the connection.
pub(crate) async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut seen = Vec::new();
    while !seen.ends_with(b"\r\n\r\n") {
        seen.push(stream.read_u8().await.ok()?);
    }
    Some(String::from_utf8(seen).unwrap())
}

/// A server that answers a request head, with the request's number from 0, by bytes, and then closes.
pub(crate) async fn raw<F>(answer: F) -> (Backend, Asked)
where
    F: Fn(&str, usize) -> Vec<u8> + Clone + Send + Sync + 'static,
{
    let asked = Asked::default();
    let noted = asked.clone();
    let server = backend(move |mut stream, _| {
        let (answer, noted) = (answer.clone(), noted.clone());
        async move { serve_raw(&mut stream, &answer, &noted).await }
    })
    .await;
    (server, asked)
}

async fn serve_raw<S, F>(stream: &mut S, answer: &F, noted: &Asked)
where
    S: AsyncRead + AsyncWrite + Unpin,
    F: Fn(&str, usize) -> Vec<u8>,
{
    let Some(head) = read_head(stream).await else { return };
    let number = {
        let mut heads = noted.0.lock();
        heads.push(head.clone());
        heads.len() - 1
    };
    drop(stream.write_all(&answer(&head, number)).await);
    drop(stream.shutdown().await);
}

/// As [`raw`], behind TLS.
pub(crate) async fn raw_tls<F>(certificate: CertificateInput, answer: F) -> (Backend, Asked)
where
    F: Fn(&str, usize) -> Vec<u8> + Clone + Send + Sync + 'static,
{
    let asked = Asked::default();
    let noted = asked.clone();
    let options = OptionsInput { alpn: Some(vec!["http/1.1".to_owned()]), ..OptionsInput::default() };
    let input = ServerTlsInput {
        certificates: vec![certificate.clone()],
        default_certificate: Some(certificate),
        options: [(Arc::from("default"), options)].into(),
        ..ServerTlsInput::default()
    };
    let (tls, problems) = ServerTls::build(&input, None);
    assert_eq!(problems, []);
    let tls = Arc::new(tls);
    let server = backend(move |stream, _| {
        let (answer, noted, tls) = (answer.clone(), noted.clone(), Arc::clone(&tls));
        async move {
            let Ok((mut stream, _)) = accept(Stream::from_tcp(stream).unwrap(), &tls, LONG).await else {
                return;
            };
            serve_raw(&mut stream, &answer, &noted).await;
        }
    })
    .await;
    (server, asked)
}

/// An answer with a body of a declared length.
pub(crate) fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let mut all =
        format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n{headers}\r\n", body.len()).into_bytes();
    all.extend_from_slice(body);
    all
}

pub(crate) fn redirect(to: &str) -> Vec<u8> {
    answer("302 Found", &format!("Location: {to}\r\n"), b"")
}

/// An authority that issues certificates with any period.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let name = format!("fetch authority {}", NUMBER.fetch_add(1, Ordering::Relaxed));
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn pem(&self) -> Pem {
        self.0.pem().into_bytes().into()
    }

    /// A certificate for `name`, valid in these years.
    pub(crate) fn issue(&self, name: &str, from: i32, to: i32) -> CertificateInput {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(from, 1, 1);
        params.not_after = rcgen::date_time_ymd(to, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        CertificateInput {
            cert_pem: certificate.pem().into_bytes().into(),
            key_pem: key.serialize_pem().into_bytes().into(),
            label: name.into(),
        }
    }

    /// One for this machine, valid for long.
    pub(crate) fn here(&self) -> CertificateInput {
        self.issue("127.0.0.1", 2000, 4000)
    }

    /// Options that trust this authority beside the system's.
    pub(crate) fn trusted(&self) -> FetchOptions {
        let mut options = options();
        options.tls.extra_roots = vec![self.pem()];
        options
    }
}
