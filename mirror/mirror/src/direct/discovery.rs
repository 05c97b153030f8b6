//! Which repository a module is in: what its path tells, else what its web server says in `go-import` tags.
//!
//! A tag for a shorter path counts only when the page of that path has the same tag: a server cannot speak for its neighbours.
//! See <https://go.dev/ref/mod#vcs-find>.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use fairlead_gomod::pattern::Patterns;
use fairlead_http::fetch::{Fetch, FetchError, Fetched, Fetcher, Kind, RetryPolicy, redact};
use http::StatusCode;
use parking_lot::Mutex;
use tokio::time::Instant;
use url::Url;

use super::fault::shortened;
use super::hosts::{self, Hint};
use super::layout::{Layout, below};
use super::meta::{self, Import, MAX_PAGE};
use super::repository::Remote;
use crate::{Cause, Failure};

/// How long the tags of a page are good.
const GOOD_FOR: Duration = Duration::from_secs(300);
/// Most pages whose tags are remembered.
const MAX_PAGES: usize = 512;
/// Protocols that git may speak.
const SECURE: &str = "https:ssh";
/// The same for modules that need no TLS.
const INSECURE: &str = "https:http:git:ssh";

/// Where a module comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A repository, at the first of these URLs that answers.
    Git(Layout, Vec<Remote>),
    /// A GOPROXY.
    Proxy(Url),
}

/// Finds repositories.
pub(super) struct Discovery {
    fetcher: Fetcher,
    /// Modules that may come without TLS.
    insecure: Patterns,
    pages: Mutex<HashMap<String, Page>>,
}

/// The tags of a page.
#[derive(Clone)]
struct Page {
    read: Instant,
    /// Redacted.
    url: Arc<str>,
    imports: Arc<[Import]>,
}

impl Discovery {
    pub(super) fn new(fetcher: Fetcher, insecure: &str) -> Self {
        Discovery { fetcher, insecure: Patterns::parse(insecure), pages: Mutex::default() }
    }

    /// Finds the repository of a module.
    ///
    /// # Errors
    /// [`Cause::NotFound`] when nobody knows one, [`Cause::Denied`] for a system or a protocol that is not spoken here.
    pub(super) async fn find(&self, path: &str, deadline: Option<Instant>) -> Result<Place, Failure> {
        let is_insecure = self.insecure.matches(path).is_some();
        if let Hint::Known { root, vcs, repository, is_https } = hosts::hint(path)? {
            check_system(vcs, path)?;
            let schemes: &[&str] = match (is_https, is_insecure) {
                (true, _) => &["https"],
                (false, false) => &["https", "ssh"],
                (false, true) => &["https", "http", "ssh"],
            };
            let remote = |scheme: &&str| remote(&format!("{scheme}://{repository}"), is_insecure);
            let remotes = schemes.iter().map(remote).collect::<Result<_, _>>()?;
            return Ok(Place::Git(Layout::new(path, &root, "")?, remotes));
        }
        let import = self.import(path, is_insecure, deadline).await?;
        if import.vcs == "mod" {
            return proxy(&import.root, is_insecure).map(Place::Proxy);
        }
        check_system(&import.vcs, path)?;
        let remote = remote(&import.root, is_insecure)?;
        Ok(Place::Git(Layout::new(path, &import.prefix, &import.subfolder)?, vec![remote]))
    }

    /// The tag that is about a path, confirmed by the page of its prefix.
    async fn import(
        &self,
        path: &str,
        is_insecure: bool,
        deadline: Option<Instant>,
    ) -> Result<Import, Failure> {
        let page = self.page(path, is_insecure, deadline).await?;
        let import = matching(&page, path)?.clone();
        if import.prefix != path {
            let other = self.page(&import.prefix, is_insecure, deadline).await?;
            if matching(&other, path).ok() != Some(&import) {
                let text =
                    format!("{} and {} disagree about go-import for {}", page.url, other.url, import.prefix);
                return Err(not_found(&text));
            }
        }
        if import.subfolder.starts_with(['/', '-']) {
            return Err(not_found(&format!("{}: invalid subdirectory {:?}", page.url, import.subfolder)));
        }
        Ok(import)
    }

    async fn page(&self, path: &str, is_insecure: bool, deadline: Option<Instant>) -> Result<Page, Failure> {
        if let Some(page) = self.pages.lock().get(path).filter(|page| page.read.elapsed() < GOOD_FOR) {
            return Ok(page.clone());
        }
        let page = self.read(path, is_insecure, deadline).await?;
        let mut pages = self.pages.lock();
        if pages.len() >= MAX_PAGES {
            pages.retain(|_, page| page.read.elapsed() < GOOD_FOR);
        }
        if pages.len() < MAX_PAGES {
            pages.insert(path.to_owned(), page.clone());
        }
        Ok(page)
    }

    async fn read(&self, path: &str, is_insecure: bool, deadline: Option<Instant>) -> Result<Page, Failure> {
        let at = |scheme: &str| {
            let slash = if path.contains('/') { "" } else { "/" };
            let url = Url::parse(&format!("{scheme}://{path}{slash}?go-get=1"));
            url.map_err(|error| not_found(&format!("invalid import path {path:?}: {error}")))
        };
        let mut fetched = self.ask(&at("https")?, deadline).await;
        if fetched.is_err() && is_insecure {
            fetched = self.ask(&at("http")?, deadline).await;
        }
        let fetched = fetched.map_err(|error| of_fetch(&error))?;
        let (status, url) = (fetched.status, fetched.url.clone());
        let text = beginning(fetched).await.map_err(|error| of_fetch(&error))?;
        let imports = meta::imports(&text);
        // Go looks for tags in pages of any status.
        if imports.is_empty() {
            return Err(without_tags(&redact(&url), status));
        }
        Ok(Page { read: Instant::now(), url: redact(&url).into(), imports: imports.into() })
    }

    async fn ask(&self, url: &Url, deadline: Option<Instant>) -> Result<Fetched, FetchError> {
        let fetch = Fetch { deadline, ..Fetch::new(url) };
        self.fetcher.get_with_retry(&fetch, &RetryPolicy { retries: 1, ..RetryPolicy::default() }).await
    }
}

/// As much of a page as counts.
async fn beginning(fetched: Fetched) -> Result<Vec<u8>, FetchError> {
    let (mut body, mut text) = (fetched.body, Vec::new());
    while text.len() < MAX_PAGE
        && let Some(piece) = body.chunk().await?
    {
        text.extend_from_slice(&piece);
    }
    Ok(text)
}

/// The only tag whose prefix a path has; one of a GOPROXY counts before others.
fn matching<'a>(page: &'a Page, path: &str) -> Result<&'a Import, Failure> {
    let mut fits = page.imports.iter().filter(|import| below(path, &import.prefix).is_some());
    match (fits.next(), fits.next()) {
        (Some(import), None) => Ok(import),
        (Some(import), Some(next)) if import.vcs == "mod" && next.vcs != "mod" => Ok(import),
        (Some(_), Some(_)) => {
            Err(not_found(&format!("{}: multiple meta tags match import path {path:?}", page.url)))
        }
        (None, _) => {
            let others: Vec<_> = page.imports.iter().take(8).map(|import| import.prefix.as_str()).collect();
            let others = others.join(", ");
            Err(not_found(&format!("{}: no go-import meta tag for {path}, only for {others}", page.url)))
        }
    }
}

fn check_system(vcs: &str, path: &str) -> Result<(), Failure> {
    let text = match vcs {
        "git" => return Ok(()),
        "hg" | "svn" | "bzr" | "fossil" => {
            format!(
                "{path} is kept in {vcs}, and this mirror fetches only from git: use a proxy upstream for it"
            )
        }
        _ => return Err(not_found(&format!("{path}: unknown version control system {vcs:?}"))),
    };
    Err(Failure::new(Cause::Denied, text))
}

/// A URL that git may be given.
fn remote(text: &str, is_insecure: bool) -> Result<Remote, Failure> {
    let url = Url::parse(text).map_err(|error| not_found(&format!("invalid repository URL: {error}")))?;
    let shown = redact(&url);
    let is_tls = matches!(url.scheme(), "https" | "ssh" | "git+ssh");
    let is_known = is_tls || matches!(url.scheme(), "http" | "git");
    if !is_known || !(is_tls || is_insecure) {
        return Err(not_secure(&shown, url.scheme(), is_known));
    }
    let authority = text.split_once("://").map_or("", |(_, rest)| rest.split('/').next().unwrap_or_default());
    let is_option = url.host_str().is_none_or(|host| host.is_empty() || host.starts_with('-'));
    if is_option
        || authority.starts_with('-')
        || authority.contains(['%', '\\'])
        || text.contains(char::is_control)
    {
        return Err(not_found(&format!("invalid repository URL {shown}")));
    }
    let origin = if url.password().is_some() { shown.clone() } else { text.to_owned() };
    let protocols = if is_insecure { INSECURE } else { SECURE };
    Ok(Remote { url: text.to_owned(), shown, origin, protocols })
}

fn proxy(text: &str, is_insecure: bool) -> Result<Url, Failure> {
    let url = Url::parse(text).map_err(|error| not_found(&format!("invalid proxy URL: {error}")))?;
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_insecure => Ok(url),
        scheme => Err(not_secure(&redact(&url), scheme, scheme == "http")),
    }
}

fn not_secure(shown: &str, scheme: &str, is_known: bool) -> Failure {
    let why =
        if is_known { "only modules that direct.insecure names may use it" } else { "it is not spoken here" };
    Failure::new(Cause::Denied, shortened(&format!("{shown}: protocol {scheme}: {why}")))
}

fn without_tags(url: &str, status: StatusCode) -> Failure {
    let cause = match status.as_u16() {
        401 | 403 | 407 => Cause::Denied,
        408 | 425 | 429 | 500.. => Cause::Unavailable,
        _ => Cause::NotFound,
    };
    let text = match status {
        StatusCode::OK => format!("{url}: no go-import meta tags"),
        status => format!("reading {url}: {status}"),
    };
    Failure::new(cause, shortened(&text))
}

fn of_fetch(error: &FetchError) -> Failure {
    let cause = match error.kind {
        Kind::Timeout | Kind::TooSlow => Cause::Timeout,
        Kind::Truncated | Kind::TooLarge | Kind::BadEncoding | Kind::Malformed => Cause::Corrupt,
        Kind::RedirectLoop | Kind::RedirectRefused => Cause::Corrupt,
        _ => Cause::Unavailable,
    };
    Failure::new(cause, shortened(&error.to_string()))
}

fn not_found(text: &str) -> Failure {
    Failure::new(Cause::NotFound, shortened(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(imports: &[(&str, &str)]) -> Page {
        let import = |(prefix, vcs): &(&str, &str)| Import {
            prefix: (*prefix).to_owned(),
            vcs: (*vcs).to_owned(),
            root: "https://g.example/x".to_owned(),
            subfolder: String::new(),
        };
        Page {
            read: Instant::now(),
            url: "https://a.example/".into(),
            imports: imports.iter().map(import).collect(),
        }
    }

    #[test]
    fn one_tag_must_be_about_the_path() {
        let of = |imports: &[(&str, &str)]| {
            matching(&page(imports), "a.example/x/y").map(|import| import.vcs.clone())
        };
        assert_eq!(of(&[("a.example/z", "hg"), ("a.example/x", "git")]).as_deref(), Ok("git"));
        assert_eq!(of(&[("a.example/x", "mod"), ("a.example/x/y", "git")]).as_deref(), Ok("mod"));
        assert!(of(&[("a.example/x", "git"), ("a.example/x/y", "git")]).is_err());
        assert!(of(&[("a.example/xx", "git")]).is_err());
        assert!(of(&[]).is_err());
    }

    #[test]
    fn only_safe_urls_reach_git() {
        let cause = |url: &str, is_insecure| remote(url, is_insecure).err().map(|failure| failure.cause);
        for url in ["https://a.example/x", "ssh://git@a.example/x.git", "git+ssh://a.example:22/x"] {
            assert_eq!(cause(url, false), None, "{url}");
        }
        for url in ["http://a.example/x", "git://a.example/x"] {
            assert_eq!((cause(url, false), cause(url, true)), (Some(Cause::Denied), None), "{url}");
        }
        for url in
            ["file:///etc", "ext::sh -c id", "a.example:x", "ftp://a.example/x", "-x", "https://", "/etc"]
        {
            assert!(cause(url, true).is_some(), "{url}");
        }
        for url in ["ssh://-oProxyCommand=id/x", "ssh://-x@a.example/x", "ssh://%2dx@a.example/x", "ssh:///x"]
        {
            assert_eq!(cause(url, true), Some(Cause::NotFound), "{url}");
        }
        let secret = remote("https://me:hunter2@a.example/x", false).unwrap();
        assert!(!format!("{}{}", secret.shown, secret.origin).contains("hunter2"));
    }

    #[test]
    fn other_systems_are_refused_by_name() {
        let failure = check_system("hg", "a.example/x").unwrap_err();
        assert_eq!(failure.cause, Cause::Denied);
        assert!(failure.text.contains("hg") && failure.text.contains("proxy"), "{}", failure.text);
        assert_eq!(check_system("cvs", "a.example/x").unwrap_err().cause, Cause::NotFound);
    }
}
