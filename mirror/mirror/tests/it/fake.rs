//! An upstream on the loopback that answers as told and remembers what it was asked.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// A request, as it came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// What is answered.
#[derive(Clone, Default)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    /// Bytes of the body after which the connection is closed.
    pub(crate) cut: Option<usize>,
    /// A permit of it is needed before the head goes out.
    pub(crate) before: Option<Arc<Semaphore>>,
    /// A permit of it is needed before the second half of the body goes out.
    pub(crate) between: Option<Arc<Semaphore>>,
}

impl Reply {
    pub(crate) fn ok(body: impl Into<Vec<u8>>) -> Self {
        Reply { status: 200, body: body.into(), ..Reply::default() }
    }

    pub(crate) fn text(status: u16, body: &str) -> Self {
        Reply::ok(body).status(status).with("Content-Type", "text/plain; charset=utf-8")
    }

    pub(crate) fn html() -> Self {
        Reply::ok("<!DOCTYPE html><title>log in</title>").with("Content-Type", "text/html")
    }

    pub(crate) fn status(self, status: u16) -> Self {
        Reply { status, ..self }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn cut(self, at: usize) -> Self {
        Reply { cut: Some(at), ..self }
    }
}

type Answer = Box<dyn Fn(&Seen) -> Reply + Send>;

/// The upstream. It ends with the test's runtime.
pub(crate) struct Fake {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    answer: Arc<Mutex<Answer>>,
}

impl Fake {
    pub(crate) async fn new(answer: impl Fn(&Seen) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let answer: Arc<Mutex<Answer>> = Arc::new(Mutex::new(Box::new(answer)));
        let (log, reply) = (Arc::clone(&seen), Arc::clone(&answer));
        fairlead_rt::spawn("fake upstream", async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (log, reply) = (Arc::clone(&log), Arc::clone(&reply));
                fairlead_rt::spawn("fake connection", async move {
                    // The mirror may go away at any time.
                    drop(serve(stream, &log, &reply).await);
                });
            }
        });
        Fake { url, seen, answer }
    }

    /// An upstream that says the same to everything.
    pub(crate) async fn always(reply: Reply) -> Self {
        Self::new(move |_| reply.clone()).await
    }

    /// A place where nobody listens.
    pub(crate) async fn dead() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    }

    pub(crate) fn answers(&self, answer: impl Fn(&Seen) -> Reply + Send + 'static) {
        *self.answer.lock() = Box::new(answer);
    }

    /// Paths that were asked for, in order.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.seen.lock().iter().map(|seen| seen.path.clone()).collect()
    }

    /// Forgets what was asked so far.
    pub(crate) fn forget(&self) {
        self.seen.lock().clear();
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().clone()
    }
}

async fn serve(stream: TcpStream, log: &Mutex<Vec<Seen>>, answer: &Mutex<Answer>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) => headers.push((name.to_owned(), value.to_owned())),
            None => break,
        }
    }
    let seen = Seen { path, headers };
    let reply = answer.lock()(&seen);
    log.lock().push(seen);
    if let Some(gate) = &reply.before {
        gate.acquire().await.unwrap().forget();
    }
    let mut head = format!("HTTP/1.1 {} X\r\nConnection: close\r\n", reply.status);
    for (name, value) in &reply.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if reply.status != 304 {
        head.push_str(&format!("Content-Length: {}\r\n", reply.body.len()));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).await?;
    let body = &reply.body[..reply.cut.unwrap_or(reply.body.len())];
    let (first, second) = body.split_at(body.len() / 2);
    stream.write_all(first).await?;
    if let Some(gate) = &reply.between {
        stream.flush().await?;
        gate.acquire().await.unwrap().forget();
    }
    stream.write_all(second).await?;
    stream.flush().await?;
    stream.get_mut().shutdown().await?;
    // Until the other side has read all of it.
    drop(stream.read(&mut [0]).await);
    Ok(())
}
