//! The upstream of a mirror: a GOPROXY in this process that counts what it is asked for, answers after a while, and
//! dies when told.

use std::net::{Ipv4Addr, TcpListener as StdListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::LocalSet;

use super::modules::{Kind, Modules};

const MAX_HEAD: usize = 16 * 1024;
const NOT_FOUND: &[u8] =
    b"HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\nnot found";

/// How an upstream behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// It answers.
    Serving,
    /// It has closed its port and its connections.
    Refusing,
    /// It takes connections and requests, and says nothing.
    Silent,
}

/// A running upstream; it ends when dropped.
#[derive(Debug)]
pub(crate) struct Upstream {
    /// Where it listens, on the loopback.
    pub(crate) port: u16,
    mode: watch::Sender<Mode>,
    asked: Arc<Asked>,
}

type Asked = [AtomicU64; Kind::ALL.len()];

struct Site {
    modules: Arc<Modules>,
    asked: Arc<Asked>,
    latency: Duration,
}

impl Upstream {
    /// Starts it on a thread of its own. Each answer comes after `latency`.
    pub(crate) fn start(modules: &Arc<Modules>, latency: Duration) -> Result<Upstream> {
        let listener = StdListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let asked = Arc::new(Asked::default());
        let site = Arc::new(Site { modules: Arc::clone(modules), asked: Arc::clone(&asked), latency });
        let (mode, seen) = watch::channel(Mode::Serving);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        thread::Builder::new().name("upstream".to_owned()).spawn(move || {
            LocalSet::new().block_on(&runtime, accept(listener, site, seen));
        })?;
        Ok(Upstream { port, mode, asked })
    }

    /// As it stands in `GOPROXY`.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// How it behaves from now on. What refuses does so for good.
    pub(crate) fn behave(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    /// How often it was asked for files of a kind.
    pub(crate) fn asked(&self, kind: Kind) -> u64 {
        self.asked[kind as usize].load(Ordering::Relaxed)
    }

    /// How often it was asked.
    pub(crate) fn asked_in_all(&self) -> u64 {
        Kind::ALL.into_iter().map(|kind| self.asked(kind)).sum()
    }
}

/// Takes connections until the upstream is to refuse them or is dropped.
async fn accept(listener: StdListener, site: Arc<Site>, mut mode: watch::Receiver<Mode>) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    let mut ends = mode.clone();
    let ended = async move { ends.wait_for(|mode| *mode == Mode::Refusing).await.is_ok() };
    tokio::pin!(ended);
    loop {
        tokio::select! {
            stays = &mut ended => {
                drop(listener);
                if stays {
                    // The connections end by themselves; the runtime must see them do it.
                    while mode.changed().await.is_ok() {}
                }
                return;
            }
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let _ = stream.set_nodelay(true);
                    tokio::task::spawn_local(serve(stream, Arc::clone(&site), mode.clone()));
                }
                // Out of files: the connections that end make room again.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
        }
    }
}

async fn serve(stream: TcpStream, site: Arc<Site>, mut mode: watch::Receiver<Mode>) {
    let answers = mode.clone();
    tokio::select! {
        // First, so that nothing that comes after the death is answered.
        biased;
        _ = mode.wait_for(|mode| *mode == Mode::Refusing) => {}
        () = converse(stream, &site, answers) => {}
    }
}

async fn converse(mut stream: TcpStream, site: &Site, mode: watch::Receiver<Mode>) {
    let mut buffer = vec![0; MAX_HEAD];
    let mut filled = 0;
    loop {
        match stream.read(&mut buffer[filled..]).await {
            Ok(0) | Err(_) => return,
            Ok(count) => filled += count,
        }
        while let Some(end) = memchr::memmem::find(&buffer[..filled], b"\r\n\r\n") {
            let answer = site.answer(&buffer[..end]);
            if !site.latency.is_zero() {
                tokio::time::sleep(site.latency).await;
            }
            if *mode.borrow() == Mode::Silent {
                std::future::pending::<()>().await;
            }
            if stream.write_all(answer).await.is_err() {
                return;
            }
            buffer.copy_within(end + 4..filled, 0);
            filled -= end + 4;
        }
        if filled == buffer.len() {
            return;
        }
    }
}

impl Site {
    fn answer(&self, head: &[u8]) -> &[u8] {
        let path = head.split(|&byte| byte == b' ').nth(1).and_then(|path| std::str::from_utf8(path).ok());
        let Some(served) = path.and_then(|path| self.modules.files.get(path)) else { return NOT_FOUND };
        self.asked[served.kind as usize].fetch_add(1, Ordering::Relaxed);
        &served.answer
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::Instant;

    use super::*;
    use crate::client::{connect, exchange};

    #[test]
    fn it_serves_counts_and_dies() {
        let modules = Arc::new(Modules::small(1).unwrap());
        let upstream = Upstream::start(&modules, Duration::ZERO).unwrap();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, upstream.port));
        let mut stream = connect(address).unwrap();
        let path = Kind::GoMod.path(&modules.paths[0]);
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
        let reply = exchange(&mut stream, request.as_bytes()).unwrap();
        assert_eq!((reply.status, &*reply.body), (200, modules.files[&path].body()));
        assert_eq!(exchange(&mut stream, b"GET /x HTTP/1.1\r\n\r\n").unwrap().status, 404);
        assert_eq!((upstream.asked(Kind::GoMod), upstream.asked_in_all()), (1, 1));
        upstream.behave(Mode::Refusing);
        assert!(exchange(&mut stream, request.as_bytes()).is_err(), "the connection is closed");
        let deadline = Instant::now() + Duration::from_secs(60);
        while connect(address).is_ok() {
            assert!(Instant::now() < deadline, "the port stays open");
        }
    }
}
