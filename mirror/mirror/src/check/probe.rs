//! The probe of one mirror: it collects what is seen and ends in a verdict.

use std::time::{Duration, Instant};

use fairlead_http::fetch::{Document, redact};
use http::HeaderMap;
use jiff::Timestamp;
use parking_lot::Mutex;
use url::Url;

use super::What;
use super::cache::Past;
use super::options::{CheckOptions, Leg, Trust};
use super::session::Session;
use super::state::{Reason, State, Walk};
use super::trouble::{Trouble, header_text, sound};
use super::verdict::{Hold, Layer, Status, Verdict, exit_code};

/// Most notes of one probe.
const MAX_NOTES: usize = 64;

pub(super) struct Probe<'a> {
    pub(super) session: &'a Session<'a>,
    pub(super) url: &'a Url,
    shown: String,
    started: Instant,
    checked_at: Timestamp,
    trace_id: String,
    span_id: String,
    log: Mutex<Log>,
}

#[derive(Default)]
struct Log {
    walk: Walk,
    /// Whether the mirror has answered.
    has_answered: bool,
    /// Degradations that were seen before it answered.
    waiting: Vec<Trouble>,
    layers: Vec<Layer>,
    notes: Vec<(String, String)>,
    /// Times to first bytes.
    samples: Vec<Duration>,
    /// A cheap document, for more samples.
    cheap: Option<Url>,
    ownership: Option<Hold>,
    content: Option<Hold>,
}

impl<'a> Probe<'a> {
    /// Begins where the last probe ended.
    pub(super) fn begin(session: &'a Session<'a>, url: &'a Url, past: &Past) -> Self {
        let mut walk = Walk::from(past.state);
        if past.is_acknowledged {
            walk = Walk::from(State::Untrusted);
            walk.step(Reason::Acknowledged, "the operator has acknowledged the evidence", Vec::new());
        } else if past.state == State::Untrusted {
            let text = format!("untrusted since {} and not acknowledged", past.since);
            walk.step(Reason::Unacknowledged, text, past.evidence.clone());
        }
        let shown = redact(url);
        let (trace_id, span_id) =
            (format!("{:032x}", rand::random::<u128>()), format!("{:016x}", rand::random::<u64>()));
        session.tell(&shown, &trace_id, &span_id, What::Started);
        Probe {
            session,
            url,
            shown,
            started: Instant::now(),
            checked_at: Timestamp::now(),
            trace_id,
            span_id,
            log: Mutex::new(Log { walk, ..Log::default() }),
        }
    }

    pub(super) fn options(&self) -> &'a CheckOptions {
        self.session.options
    }

    /// Takes a step.
    pub(super) fn step(&self, reason: Reason, text: impl Into<String>, evidence: Vec<(String, String)>) {
        self.log.lock().walk.step(reason, text, evidence);
    }

    /// Takes the step that a trouble asks for. A mirror can be degraded only once it has answered.
    pub(super) fn trouble(&self, trouble: Trouble) {
        let mut log = self.log.lock();
        if !log.has_answered && trouble.reason.target() < State::Down {
            return log.waiting.push(trouble);
        }
        drop(log);
        let is_about_owner = matches!(trouble.reason, Reason::OwnershipUnproved | Reason::TrustUnmet);
        if trouble.reason.target() == State::Untrusted && !is_about_owner {
            self.log.lock().content.replace(Hold::Fails);
        }
        self.step(trouble.reason, trouble.text, trouble.evidence);
    }

    /// The mirror answers: it begins to be good.
    pub(super) fn answers(&self, text: impl Into<String>) {
        let mut log = self.log.lock();
        let reason = if log.walk.state() == State::Down { Reason::Healed } else { Reason::Valid };
        log.walk.step(reason, text, Vec::new());
        log.has_answered = true;
        for Trouble { reason, text, evidence } in std::mem::take(&mut log.waiting) {
            log.walk.step(reason, text, evidence);
        }
    }

    /// Writes down what was looked at, from `started` to now.
    pub(super) fn looked(
        &self,
        name: impl Into<String>,
        status: Status,
        started: Instant,
        evidence: Vec<(String, String)>,
    ) {
        let took_ms = millis(started.elapsed());
        self.write(Layer { name: name.into(), status, took_ms, evidence });
    }

    /// Writes a layer down.
    pub(super) fn write(&self, layer: Layer) {
        self.session.tell(&self.shown, &self.trace_id, &self.span_id, What::Looked(&layer));
        self.log.lock().layers.push(layer);
    }

    /// Writes down that a layer failed, and gives the trouble on.
    pub(super) fn failed(&self, name: impl Into<String>, started: Instant, trouble: Trouble) -> Trouble {
        let mut evidence = vec![("reason".to_owned(), trouble.reason.word().to_owned())];
        evidence.push(("cause".to_owned(), trouble.text.clone()));
        evidence.extend(trouble.evidence.iter().cloned());
        let status = if trouble.reason.target() < State::Down { Status::Warning } else { Status::Failed };
        self.looked(name, status, started, evidence);
        trouble
    }

    /// Notes something that is worth knowing.
    pub(super) fn note(&self, name: &str, value: impl Into<String>) {
        let mut log = self.log.lock();
        if log.notes.len() < MAX_NOTES {
            log.notes.push((name.to_owned(), value.into()));
        }
    }

    /// What the mirror has at `path`, which begins without a slash, below its URL; any status.
    pub(super) async fn ask(
        &self,
        path: &str,
        headers: HeaderMap,
        limit: usize,
    ) -> Result<Document, Trouble> {
        let document = self.session.wire.get(&below(self.url, path), headers, limit).await?;
        self.log.lock().samples.push(document.first_byte);
        Ok(document)
    }

    /// [`ask`](Self::ask) for what must be there and must be no page.
    pub(super) async fn read(&self, path: &str, limit: usize) -> Result<Document, Trouble> {
        sound(self.ask(path, HeaderMap::new(), limit).await?)
    }

    /// What may be asked for again to measure.
    pub(super) fn cheap(&self, path: &str) {
        self.log.lock().cheap = Some(below(self.url, path));
    }

    /// Content was compared with what is known of it, and is that.
    pub(super) fn content_holds(&self) {
        self.log.lock().content.get_or_insert(Hold::Holds);
    }

    pub(super) fn ownership_is(&self, hold: Hold) {
        self.log.lock().ownership = Some(hold);
    }

    /// What the head of the first answer says: redirects, clock, and headers that tell something.
    pub(super) fn first_answer(&self, started: Instant, document: &Document) -> Result<(), Trouble> {
        let mut evidence = vec![
            ("url".to_owned(), redact(&document.url)),
            ("status".to_owned(), document.status.as_u16().to_string()),
            ("attempts".to_owned(), document.attempts.to_string()),
        ];
        for hop in &document.hops {
            evidence.push(("redirect".to_owned(), format!("{} {}", hop.status.as_u16(), hop.url)));
        }
        self.looked("http", Status::Ok, started, evidence);
        for (name, value) in &document.headers {
            if name == "server" || name == "via" || name.as_str().starts_with("x-go") {
                self.note(name.as_str(), value.to_str().unwrap_or("(not text)"));
            }
        }
        self.look_at_clock(document);
        self.look_at_required(document)
    }

    fn look_at_clock(&self, document: &Document) {
        let Some(date) = header_text(&document.headers, "date") else {
            return self.note("date", "the answer has no date");
        };
        let Ok(date) = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(&date) else {
            return self.note("date", "the answer's date cannot be read");
        };
        let age = header_text(&document.headers, "age").and_then(|age| age.parse::<i64>().ok()).unwrap_or(0);
        let now = Timestamp::now().as_second().saturating_sub(age.max(0));
        let off = now.abs_diff(date.as_second());
        if off > self.options().clock_skew.as_secs() {
            let trouble = Trouble::new(Reason::ClockSkew, format!("its clock and ours differ by {off} s"))
                .with("date", date.to_string());
            self.trouble(trouble);
        }
    }

    fn look_at_required(&self, document: &Document) -> Result<(), Trouble> {
        let Some(required) = &self.options().require_header else { return Ok(()) };
        let values = document.headers.get_all(&required.name);
        let text: Vec<&str> = values.iter().filter_map(|value| value.to_str().ok()).collect();
        if text.iter().any(|value| required.pattern.is_match(value)) {
            return Ok(());
        }
        let said = if text.is_empty() { "is missing" } else { "has another value" };
        let name = required.name.as_str();
        Err(Trouble::new(Reason::HeaderRequired, format!("header {name} {said}"))
            .with("header", name)
            .with("value", text.join(", "))
            .with("pattern", required.pattern.as_str()))
    }

    /// Takes more samples where there are too few, and holds their median against the limit.
    pub(super) async fn settle_latency(&self) {
        let started = Instant::now();
        loop {
            let (count, cheap) = {
                let log = self.log.lock();
                (log.samples.len(), log.cheap.clone())
            };
            let Some(url) = cheap.filter(|_| count < self.options().probes) else { break };
            match self.session.wire.get(&url, HeaderMap::new(), crate::source::MAX_DOCUMENT).await {
                Ok(document) => self.log.lock().samples.push(document.first_byte),
                Err(_) => break,
            }
        }
        let mut samples = self.log.lock().samples.clone();
        samples.sort_unstable();
        let Some(&median) = samples.get(samples.len() / 2) else { return };
        let evidence = vec![
            ("medianMs".to_owned(), millis(median).to_string()),
            ("samples".to_owned(), samples.len().to_string()),
        ];
        if median <= self.options().slow {
            return self.looked("latency", Status::Ok, started, evidence);
        }
        let text = format!("the median time to the first byte is {} ms", millis(median));
        let trouble = Trouble { reason: Reason::Slow, text, evidence };
        let trouble = self.failed("latency", started, trouble);
        self.trouble(trouble);
    }

    /// Holds the reasons for trust against the policy.
    pub(super) fn settle_trust(&self) {
        let legs = self.legs();
        let hold = |leg: Leg| legs.iter().find(|(l, _)| *l == leg).map_or(Hold::Unknown, |(_, hold)| *hold);
        match &self.options().trust {
            Trust::Any if legs.iter().any(|(_, hold)| *hold == Hold::Holds) => {}
            Trust::Any => {
                self.trouble(Trouble::new(Reason::TrustUnmet, "no reason to trust it holds"));
            }
            Trust::All => match hold(Leg::Ownership) {
                Hold::Fails => self.trouble(of_ownership(Hold::Fails)),
                Hold::Unknown => self.trouble(of_ownership(Hold::Unknown)),
                Hold::Holds | Hold::NotApplicable => {}
            },
            Trust::List(wanted) => {
                for leg in wanted {
                    match (*leg, hold(*leg)) {
                        (_, Hold::Holds) => {}
                        (Leg::Ownership, hold @ (Hold::Fails | Hold::Unknown)) => {
                            self.trouble(of_ownership(hold));
                        }
                        (leg, Hold::Unknown) => {
                            let text = format!("{} could not be proved", leg.word());
                            self.trouble(Trouble::new(Reason::Unverified, text));
                        }
                        (leg, Hold::Fails | Hold::NotApplicable) => {
                            let text = format!("{} does not hold", leg.word());
                            self.trouble(Trouble::new(Reason::TrustUnmet, text));
                        }
                    }
                }
            }
        }
    }

    fn legs(&self) -> Vec<(Leg, Hold)> {
        let log = self.log.lock();
        let tls = if self.url.scheme() == "https" {
            let seen = log.layers.iter().find(|layer| layer.name == "tls" || layer.name == "http");
            match seen.map(|layer| layer.status) {
                Some(Status::Failed) => Hold::Fails,
                Some(Status::Skipped) | None => Hold::Unknown,
                Some(Status::Ok | Status::Info | Status::Warning) => Hold::Holds,
            }
        } else {
            Hold::NotApplicable
        };
        let without = if self.options().token.is_some() { Hold::Unknown } else { Hold::NotApplicable };
        vec![
            (Leg::Tls, tls),
            (Leg::Ownership, log.ownership.unwrap_or(without)),
            (Leg::Content, log.content.unwrap_or(Hold::Unknown)),
        ]
    }

    /// The verdict.
    pub(super) fn end(self) -> Verdict {
        let legs = self.legs();
        let Probe { session, shown, started, checked_at, trace_id, span_id, log, .. } = self;
        let Log { walk, layers, notes, .. } = log.into_inner();
        let state = walk.state();
        let path = walk.into_path();
        let verdict = Verdict {
            url: shown,
            kind: session.options.kind,
            state,
            exit_code: exit_code(&path, session.options.strict),
            path,
            layers,
            legs,
            notes,
            checked_at,
            took_ms: millis(started.elapsed()),
            from_cache: false,
            trace_id,
            span_id,
        };
        session.tell(&verdict.url, &verdict.trace_id, &verdict.span_id, What::Finished(&verdict));
        verdict
    }
}

fn of_ownership(hold: Hold) -> Trouble {
    if hold == Hold::Fails {
        return Trouble::new(Reason::OwnershipUnproved, "the DNS does not have the digest of the token");
    }
    Trouble::new(Reason::OwnershipUnknown, "the DNS could not be asked for the digest of the token")
}

/// Whole milliseconds.
pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// A URL below another; `path` has no leading slash.
pub(super) fn below(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}/{path}", base.path().trim_end_matches('/')));
    url
}
