//! An HTTP backend whose behaviour the path of each request chooses.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;

use crate::behaviour::{self, Seen};
use crate::peer::Peer;
use crate::{Ca, Identity};

/// HTTP/1.1 and HTTP/2 (prior knowledge, or ALPN over TLS).
///
/// | path | answer |
/// |---|---|
/// | `/status/N` | status N without body |
/// | `/delay/MS` | as any other path, after a while |
/// | `/chunked/N` | N chunks `chunk i\n`, and the trailer `x-checksum: N` |
/// | `/sse/N` | N events, then the end |
/// | `/bytes/N` | N bytes of `x` with their length |
/// | `/slow/MS` | ten bytes with a pause before each |
/// | `/never` | none |
/// | `/close` | the connection is closed without answer |
/// | `/close-in-body` | 100 bytes are declared, some sent, then the connection is closed |
/// | `/hints` | a 200 with `link`, without interim answer (see [`Script::early_hints`](crate::Script::early_hints)) |
/// | `/upgrade` | 101 to the protocol asked for, then an echo of bytes |
/// | `/grpc…` | the body back as `application/grpc`, with the trailer `grpc-status: 0` |
/// | any other | JSON: `method`, `target`, `version`, `headers` (pairs), `body`, `backend`, `connection` |
pub struct Backend {
    peer: Peer,
    scheme: &'static str,
    requests: Arc<AtomicUsize>,
}

impl Backend {
    /// A plain one. Its JSON says that its name is empty.
    #[must_use]
    pub fn http() -> Backend {
        Backend::start("", None)
    }

    /// A plain one with a name, which its JSON and its header `x-backend` say.
    #[must_use]
    pub fn named(name: &str) -> Backend {
        Backend::start(name, None)
    }

    /// One with TLS.
    #[must_use]
    pub fn tls(identity: &Identity) -> Backend {
        Backend::start("", Some(tls_config(identity, None)))
    }

    /// One with TLS that demands a client certificate of an authority.
    #[must_use]
    pub fn mutual_tls(identity: &Identity, clients: &Ca) -> Backend {
        Backend::start("", Some(tls_config(identity, Some(clients))))
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.peer.addr
    }

    /// Scheme and address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.peer.addr)
    }

    /// Connections accepted so far.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.peer.connections()
    }

    /// Requests whose head arrived so far.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    fn start(name: &str, tls: Option<ServerConfig>) -> Backend {
        let scheme = if tls.is_some() { "https" } else { "http" };
        let tls = tls.map(|config| TlsAcceptor::from(Arc::new(config)));
        let requests = Arc::new(AtomicUsize::new(0));
        let (name, counter, connection) = (Arc::<str>::from(name), requests.clone(), AtomicUsize::new(0));
        let peer = Peer::start(move |stream| {
            let seen = Seen {
                backend: name.clone(),
                connection: connection.fetch_add(1, Ordering::SeqCst) + 1,
                requests: counter.clone(),
            };
            let tls = tls.clone();
            async move {
                match tls {
                    None => serve(stream, seen).await,
                    Some(tls) => {
                        if let Ok(stream) = tls.accept(stream).await {
                            serve(stream, seen).await;
                        }
                    }
                }
            }
        });
        Backend { peer, scheme, requests }
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, seen: Seen) {
    let service = service_fn(move |request| behaviour::answer(request, seen.clone()));
    // An error here is what the test asked for, or the client's end.
    let _ = auto::Builder::new(TokioExecutor::new())
        .serve_connection_with_upgrades(TokioIo::new(stream), service)
        .await;
}

pub(crate) fn tls_config(identity: &Identity, clients: Option<&Ca>) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let chain: Vec<_> =
        CertificateDer::pem_slice_iter(identity.cert.as_bytes()).collect::<Result<_, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap();
    let builder =
        ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(ca) => {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from_pem_slice(ca.pem().as_bytes()).unwrap()).unwrap();
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder.with_single_cert(chain, key).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}
