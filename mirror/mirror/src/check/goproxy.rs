//! What a Go module mirror must do (<https://go.dev/ref/mod#goproxy-protocol>), asked with canaries.
//!
//! The `.info` of the first canary stands for HTTP: if it is not there, nothing else is asked. Then all canaries are asked side
//! by side; each leaves one layer. What is optional in the protocol is noted and never a fault.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use fairlead_gomod::dirhash::{H1, hash_go_mod};
use fairlead_gomod::path::Module;
use fairlead_gomod::zip::{self, ReadAt};
use fairlead_gomod::{modfile, pseudo};
use fairlead_http::fetch::{Document, redact};
use futures_util::future::join_all;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::cache::blocking;
use super::canary::Canary;
use super::probe::{Probe, millis};
use super::state::{Reason, State};
use super::trouble::{Trouble, header_text, sound};
use super::verdict::{Layer, Status};
use super::{fresh, sumdb};
use crate::source::MAX_DOCUMENT;
use crate::{Wanted, proof};

/// Longest zip of a canary that is downloaded, in bytes: it is compared in memory.
const MAX_CANARY_ZIP: usize = 32 << 20;

/// A canary that was there.
pub(super) struct Seen {
    pub(super) module: Module,
    pub(super) go_mod: H1,
}

/// What was seen of one canary.
struct Outcome {
    layer: Layer,
    troubles: Vec<Trouble>,
    seen: Option<Seen>,
    /// Whether a hash was compared with its pin.
    is_pinned: bool,
}

/// Looks at everything.
pub(super) async fn look(probe: &Probe<'_>) -> Result<(), Trouble> {
    let present = probe.options().canaries.iter().filter(|canary| matches!(canary, Canary::Present { .. }));
    let Some(first) = present.map(Canary::module).next() else { return Ok(()) };
    front(probe, first).await?;
    probe.answers(format!("answers for {first}"));
    let outcomes = join_all(probe.options().canaries.iter().map(|canary| Box::pin(ask(probe, canary)))).await;
    let mut seen = Vec::new();
    for outcome in outcomes {
        if outcome.is_pinned && outcome.troubles.is_empty() {
            probe.content_holds();
        }
        probe.write(outcome.layer);
        outcome.troubles.into_iter().for_each(|trouble| probe.trouble(trouble));
        seen.extend(outcome.seen);
    }
    Box::pin(private(probe)).await;
    Box::pin(latest(probe, first)).await;
    Box::pin(habits(probe, first)).await;
    Box::pin(sumdb::look(probe, &seen)).await;
    Box::pin(fresh::look(probe)).await;
    Ok(())
}

/// The first request: what goes wrong here goes wrong everywhere.
async fn front(probe: &Probe<'_>, module: &Module) -> Result<(), Trouble> {
    let started = Instant::now();
    let wanted = Wanted::Info(module.clone());
    let document = probe.read(&wanted.key(), MAX_DOCUMENT).await;
    let document = document.map_err(|trouble| probe.failed("http", started, trouble))?;
    probe.cheap(&wanted.key());
    probe.first_answer(started, &document)?;
    // A server of another kind that says yes to everything would break one promise after the other, and has made none.
    match proof::info(&document.body) {
        Ok(_) => Ok(()),
        Err(_) => conforms(&wanted, &document).map_err(|trouble| probe.failed("http", started, trouble)),
    }
}

async fn ask(probe: &Probe<'_>, canary: &Canary) -> Outcome {
    let started = Instant::now();
    let mut outcome = match canary {
        Canary::Present { module, go_mod, zip } => Box::pin(present(probe, module, *go_mod, *zip)).await,
        Canary::Absent(module) => absent(probe, module).await,
    };
    outcome.layer.took_ms = millis(started.elapsed());
    let worst = outcome.troubles.iter().map(|trouble| trouble.reason.target()).max();
    outcome.layer.status = match worst {
        None => Status::Ok,
        Some(state) if state < State::Down => Status::Warning,
        Some(_) => Status::Failed,
    };
    for trouble in &outcome.troubles {
        let text = format!("{}: {}", trouble.reason.word(), trouble.text);
        outcome.layer.evidence.push(("trouble".to_owned(), text));
    }
    outcome
}

impl Outcome {
    fn new(name: String) -> Self {
        let layer = Layer { name, status: Status::Ok, took_ms: 0, evidence: Vec::new() };
        Outcome { layer, troubles: Vec::new(), seen: None, is_pinned: false }
    }

    fn saw(&mut self, name: &str, value: impl Into<String>) {
        self.layer.evidence.push((name.to_owned(), value.into()));
    }
}

async fn present(probe: &Probe<'_>, module: &Module, pin: Option<H1>, zip_pin: Option<H1>) -> Outcome {
    let mut outcome = Outcome::new(format!("canary {module}"));
    if let Err(trouble) = info(probe, module).await {
        outcome.troubles.push(trouble);
        return outcome;
    }
    match go_mod(probe, module, pin).await {
        Ok(h1) => {
            outcome.saw("go.mod", h1.to_string());
            outcome.is_pinned = pin.is_some();
            outcome.seen = Some(Seen { module: module.clone(), go_mod: h1 });
        }
        Err(trouble) => outcome.troubles.push(trouble),
    }
    if let Some(pin) = zip_pin {
        match Box::pin(archive(probe, module, pin)).await {
            Ok(bytes) => {
                outcome.saw("zip", format!("{pin}, {bytes} bytes"));
                outcome.is_pinned = true;
            }
            Err(trouble) => outcome.troubles.push(trouble),
        }
    }
    if !pseudo::is_pseudo(&module.version)
        && let Err(trouble) = listed(probe, module).await
    {
        outcome.troubles.push(trouble);
    }
    outcome
}

async fn info(probe: &Probe<'_>, module: &Module) -> Result<(), Trouble> {
    let wanted = Wanted::Info(module.clone());
    let document = probe.read(&wanted.key(), MAX_DOCUMENT).await?;
    conforms(&wanted, &document)
}

async fn go_mod(probe: &Probe<'_>, module: &Module, pin: Option<H1>) -> Result<H1, Trouble> {
    let wanted = Wanted::GoMod(module.clone());
    let document = probe.read(&wanted.key(), MAX_DOCUMENT).await?;
    let h1 = hash_go_mod(&document.body);
    if let Some(pin) = pin.filter(|pin| *pin != h1) {
        return Err(mismatch(module, "go.mod", &document, &h1, &pin));
    }
    conforms(&wanted, &document)?;
    match modfile::module_path(&document.body) {
        Some(path) if path == module.path => Ok(h1),
        path => {
            let said = path.unwrap_or_default();
            let text = format!("the go.mod file of {module} is that of {}", said.escape_debug());
            Err(Trouble::new(Reason::Protocol, text).with("url", redact(&document.url)))
        }
    }
}

/// The zip, proved; its length.
async fn archive(probe: &Probe<'_>, module: &Module, pin: H1) -> Result<usize, Trouble> {
    let wanted = Wanted::Zip(module.clone());
    let document = probe.ask(&wanted.key(), HeaderMap::new(), MAX_CANARY_ZIP).await?;
    if document.status != StatusCode::OK {
        return Err(Trouble::of_status(&document));
    }
    let (bytes, Module { path, version }) = (document.body.clone(), module.clone());
    let verified = blocking(move || zip::verify(&bytes_at(&bytes), &path, &version)).await;
    match verified {
        Some(Ok(verified)) if verified.h1 == pin => Ok(document.body.len()),
        Some(Ok(verified)) => Err(mismatch(module, "zip", &document, &verified.h1, &pin)),
        Some(Err(error)) => Err(Trouble::new(Reason::BadArchive, format!("zip for {module}: {error}"))
            .with("url", redact(&document.url))
            .with("bytes", document.body.len().to_string())),
        None => Err(Trouble::new(Reason::Unverified, format!("zip for {module}: hashing was interrupted"))),
    }
}

/// Bytes of a document as an archive is read.
fn bytes_at(bytes: &Bytes) -> impl ReadAt + use<> {
    Arc::new(bytes.to_vec())
}

async fn listed(probe: &Probe<'_>, module: &Module) -> Result<(), Trouble> {
    let wanted = Wanted::List(module.path.clone());
    let document = probe.ask(&wanted.key(), HeaderMap::new(), MAX_DOCUMENT).await?;
    let lacks = |text: String| Trouble::new(Reason::ListIncomplete, text).with("url", redact(&document.url));
    if matches!(document.status, StatusCode::NOT_FOUND | StatusCode::GONE) {
        return Err(lacks(format!("{} has a version and no list", module.path)));
    }
    let document = sound(document.clone())?;
    conforms(&wanted, &document)?;
    let text = String::from_utf8_lossy(&document.body);
    let is_there = |line: &str| line.split_whitespace().next() == Some(module.version.as_str());
    if text.lines().any(is_there) { Ok(()) } else { Err(lacks(format!("the list lacks {module}"))) }
}

async fn absent(probe: &Probe<'_>, module: &Module) -> Outcome {
    let mut outcome = Outcome::new(format!("absent {module}"));
    let key = Wanted::Info(module.clone()).key();
    match probe.ask(&key, HeaderMap::new(), MAX_DOCUMENT).await {
        Ok(document) => {
            outcome.saw("status", document.status.as_u16().to_string());
            outcome.troubles.extend(not_absent(module, &document));
        }
        Err(trouble) => outcome.troubles.push(trouble),
    }
    outcome
}

fn not_absent(module: &Module, document: &Document) -> Option<Trouble> {
    match document.status {
        StatusCode::NOT_FOUND | StatusCode::GONE => None,
        StatusCode::OK if proof::info(&document.body).is_err() => {
            conforms(&Wanted::Info(module.clone()), document).err()
        }
        StatusCode::OK => {
            let text = format!("it has {module}, which does not exist");
            Some(Trouble::new(Reason::InventedModule, text).with("url", redact(&document.url)))
        }
        status => {
            let text = format!(
                "it says {} of what does not exist, so that a list with commas ends here",
                status.as_u16()
            );
            Some(Trouble { reason: Reason::AbsenceRefused, text, ..Trouble::of_status(document) })
        }
    }
}

/// A module that is private to somebody must not come out.
async fn private(probe: &Probe<'_>) {
    let Some(path) = &probe.options().private else { return };
    let started = Instant::now();
    let name = format!("private {path}");
    for wanted in [Wanted::List(path.clone()), Wanted::Latest(path.clone())] {
        let document = match probe.ask(&wanted.key(), HeaderMap::new(), MAX_DOCUMENT).await {
            Ok(document) => document,
            Err(trouble) => return probe.trouble(probe.failed(name, started, trouble)),
        };
        let is_empty = document.body.trim_ascii().is_empty();
        if document.status != StatusCode::OK || is_empty || conforms(&wanted, &document).is_err() {
            continue;
        }
        let trouble = Trouble::new(Reason::PrivateServed, format!("it serves {path}, which is private"))
            .with("url", redact(&document.url));
        return probe.trouble(probe.failed(name, started, trouble));
    }
    probe.looked(name, Status::Ok, started, Vec::new());
}

/// `@latest` is optional; if it is there it must be right.
async fn latest(probe: &Probe<'_>, module: &Module) {
    let started = Instant::now();
    let wanted = Wanted::Latest(module.path.clone());
    let document = match probe.ask(&wanted.key(), HeaderMap::new(), MAX_DOCUMENT).await {
        Ok(document) => document,
        Err(trouble) => return probe.trouble(probe.failed("latest", started, trouble)),
    };
    let evidence = vec![("status".to_owned(), document.status.as_u16().to_string())];
    if document.status != StatusCode::OK {
        probe.note("@latest", format!("status {}: it is optional", document.status.as_u16()));
        return probe.looked("latest", Status::Info, started, evidence);
    }
    match sound(document).and_then(|document| conforms(&wanted, &document)) {
        Ok(()) => probe.looked("latest", Status::Ok, started, evidence),
        Err(trouble) => probe.trouble(probe.failed("latest", started, trouble)),
    }
}

/// What the protocol leaves open, for whoever wants to know.
async fn habits(probe: &Probe<'_>, module: &Module) {
    let started = Instant::now();
    let mut evidence = Vec::new();
    let mut saw = |name: &str, value: String| evidence.push((name.to_owned(), value));
    let info = Wanted::Info(module.clone()).key();
    let list = Wanted::List(module.path.clone()).key();
    let zip = Wanted::Zip(module.clone()).key();
    // Of a zip, because no other file is worth being resumed.
    let range = HeaderMap::from_iter([(header::RANGE, HeaderValue::from_static("bytes=0-0"))]);
    if let Ok(document) = probe.ask(&zip, range, MAX_CANARY_ZIP).await {
        let is_range = document.status == StatusCode::PARTIAL_CONTENT;
        saw("range", if is_range { "yes" } else { "no" }.to_owned());
    }
    let accept = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static("application/json"))]);
    if let Ok(document) = probe.ask(&info, accept, MAX_DOCUMENT).await {
        saw("accept", if sound(document).is_ok() { "does not matter" } else { "matters" }.to_owned());
    }
    for (name, key) in [("cacheControlOfInfo", &info), ("cacheControlOfList", &list)] {
        if let Ok(document) = probe.ask(key, HeaderMap::new(), MAX_DOCUMENT).await {
            let value = header_text(&document.headers, "cache-control");
            saw(name, value.unwrap_or_else(|| "none".to_owned()));
            if name == "cacheControlOfInfo" {
                let length = header_text(&document.headers, "content-length");
                saw("contentLength", if length.is_some() { "declared" } else { "not declared" }.to_owned());
            }
        }
    }
    probe.looked("habits", Status::Info, started, evidence);
}

/// Whether a document is what the protocol says.
pub(super) fn conforms(wanted: &Wanted, document: &Document) -> Result<(), Trouble> {
    let failure = match proof::document(wanted, &document.body) {
        Ok(()) => return Ok(()),
        Err(failure) => failure,
    };
    if proof::is_html(&document.body) {
        return Err(Trouble::portal(document));
    }
    Err(Trouble::new(Reason::Protocol, failure.text.as_ref()).with("url", redact(&document.url)))
}

fn mismatch(module: &Module, what: &str, document: &Document, got: &H1, pin: &H1) -> Trouble {
    Trouble::new(Reason::PinMismatch, format!("{what} of {module} is not the one that is known"))
        .with("url", redact(&document.url))
        .with("got", got.to_string())
        .with("expected", pin.to_string())
}
