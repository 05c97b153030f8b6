//! A host of modules on the loopback: go-import pages for whoever uses it as a proxy, and git repositories over http.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use parking_lot::Mutex;

/// The server. Its thread ends with the process.
pub(super) struct Server {
    pub(super) address: String,
    shared: Arc<Shared>,
}

struct Shared {
    repositories: PathBuf,
    pages: Mutex<HashMap<String, String>>,
    seen: Mutex<Vec<String>>,
}

/// The head of a request.
struct Head {
    method: String,
    target: String,
    headers: HashMap<String, String>,
}

impl Server {
    /// Serves the bare repositories of a folder below `/git/`; below `/private/` it wants to know who asks.
    pub(super) fn start(repositories: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let shared = Arc::new(Shared {
            repositories: repositories.to_owned(),
            pages: Mutex::default(),
            seen: Mutex::default(),
        });
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&serving);
                std::thread::spawn(move || drop(shared.serve(&stream)));
            }
        });
        Server { address, shared }
    }

    /// Puts a go-import tag on the page of a path.
    pub(super) fn page(&self, path: &str, content: &str) {
        let content = content.replace("HOST", &format!("http://{}", self.address));
        let page = format!(
            "<html><head><meta name=\"go-import\" content=\"{content}\"></head><body>x</body></html>"
        );
        self.shared.pages.lock().insert(path.to_owned(), page);
    }

    /// How many requests began like this.
    pub(super) fn count(&self, beginning: &str) -> usize {
        self.shared.seen.lock().iter().filter(|line| line.starts_with(beginning)).count()
    }
}

impl Shared {
    fn serve(&self, stream: &TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream);
        let head = head(&mut reader)?;
        self.seen.lock().push(format!("{} {}", head.method, head.target));
        let path = head.target.strip_prefix("http://").unwrap_or(&head.target);
        if let Some(path) = path.strip_suffix("?go-get=1") {
            let page = self.pages.lock().get(path.trim_end_matches('/')).cloned();
            return match page {
                Some(page) => answer(stream, "200 OK", "Content-Type: text/html", page.as_bytes()),
                None => answer(stream, "404 Not Found", "Content-Type: text/plain", b"no such page\n"),
            };
        }
        if path.ends_with("/proxy/mods.example/proxied/@v/list") {
            return answer(stream, "200 OK", "Content-Type: text/plain", b"v1.2.3\n");
        }
        if head.target.starts_with("/git/") {
            return self.git(stream, &mut reader, &head);
        }
        if head.target.starts_with("/private/") {
            return answer(stream, "401 Unauthorized", "WWW-Authenticate: Basic realm=x", b"");
        }
        answer(stream, "404 Not Found", "Content-Type: text/plain", b"")
    }

    /// `git http-backend` as a CGI program (RFC 3875).
    fn git(&self, stream: &TcpStream, reader: &mut impl BufRead, head: &Head) -> std::io::Result<()> {
        let (path, query) = head.target.split_once('?').unwrap_or((&head.target, ""));
        let header = |name: &str| head.headers.get(name).map(String::as_str).unwrap_or_default();
        let mut body = Vec::new();
        let length = header("content-length").parse().unwrap_or(0);
        reader.take(length).read_to_end(&mut body)?;
        let mut child = Command::new("git")
            .arg("http-backend")
            .env("GIT_PROJECT_ROOT", &self.repositories)
            .env("GIT_HTTP_EXPORT_ALL", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("REQUEST_METHOD", &head.method)
            .env("PATH_INFO", path.strip_prefix("/git").unwrap_or_default())
            .env("QUERY_STRING", query)
            .env("CONTENT_TYPE", header("content-type"))
            .env("CONTENT_LENGTH", length.to_string())
            .env("HTTP_CONTENT_ENCODING", header("content-encoding"))
            .env("GIT_PROTOCOL", header("git-protocol"))
            .env("REMOTE_ADDR", "127.0.0.1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        child.stdin.take().unwrap().write_all(&body)?;
        let output = child.wait_with_output()?.stdout;
        let end = output.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(output.len());
        let (lines, body) =
            (String::from_utf8_lossy(&output[..end]), output.get(end + 4..).unwrap_or_default());
        let status =
            lines.lines().find_map(|line| line.strip_prefix("Status: ")).unwrap_or("200 OK").to_owned();
        let headers: Vec<_> = lines.lines().filter(|line| !line.starts_with("Status: ")).collect();
        answer(stream, &status, &headers.join("\r\n"), body)
    }
}

fn head(reader: &mut impl BufRead) -> std::io::Result<Head> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            return Ok(Head { method, target, headers });
        }
        if let Some((name, value)) = line.split_once(':') {
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
    }
}

fn answer(mut stream: &TcpStream, status: &str, headers: &str, body: &[u8]) -> std::io::Result<()> {
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\n{headers}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    )?;
    stream.write_all(body)
}
