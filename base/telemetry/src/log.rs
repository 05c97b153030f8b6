//! The application log: `tracing` events as lines in the manner of Traefik's.
//!
//! `2026-11-21T22:06:15Z INF configuration applied routers=20` in the common format, an object with `level`, `time`
//! and `message` in JSON. Lines pass a bounded queue to a writer thread; when the queue is full they are dropped and
//! counted, so that a slow terminal holds nobody up. A finding is an event with a field `code`.

use std::fmt;
use std::io;
use std::path::PathBuf;

use jiff::Timestamp;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::Registry;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;

/// Lines that wait for the writer at most. Each place takes 32 bytes from the start.
const QUEUED_LINES: usize = 2_048;

/// How lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// Time, level, message, `key=value`.
    #[default]
    Common,
    /// One JSON object.
    Json,
}

/// How and where to log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogOptions {
    /// The least important level that is shown.
    pub level: LevelFilter,
    /// How lines look.
    pub format: LogFormat,
    /// No colours, even on a terminal.
    pub no_color: bool,
    /// File to append to, made with its folders when missing; standard output when `None`.
    pub file_path: Option<PathBuf>,
}

impl Default for LogOptions {
    fn default() -> Self {
        LogOptions { level: LevelFilter::ERROR, format: LogFormat::Common, no_color: false, file_path: None }
    }
}

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The file cannot be opened.
    #[error("failed to open the log file {}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The process has a log already.
    #[error("the process has a log already")]
    Twice,
}

/// Keeps the writer thread; dropping it writes what is left.
pub struct LogGuard {
    dropped: ErrorCounter,
    _worker: WorkerGuard,
}

impl LogGuard {
    /// Lines dropped because the queue was full.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.dropped_lines() as u64
    }
}

/// The level of one of Traefik's names, without case: `fatal` and `panic` show what `error` shows, `disabled` nothing.
#[must_use]
pub fn level(name: &str) -> Option<LevelFilter> {
    Some(match name.to_ascii_lowercase().as_str() {
        "trace" => LevelFilter::TRACE,
        "debug" => LevelFilter::DEBUG,
        "info" => LevelFilter::INFO,
        "warn" | "warning" => LevelFilter::WARN,
        "error" | "fatal" | "panic" => LevelFilter::ERROR,
        "disabled" => LevelFilter::OFF,
        _ => return None,
    })
}

/// Sets the log of the process up. Libraries are held to warnings unless the level is `trace`.
///
/// # Errors
/// When the file cannot be opened, or the process has a log already.
pub fn init(options: LogOptions) -> Result<LogGuard, LogError> {
    let terminal = options.file_path.is_none() && io::IsTerminal::is_terminal(&io::stdout());
    let sink: Box<dyn io::Write + Send> = match &options.file_path {
        None => Box::new(io::stdout()),
        Some(path) => Box::new(open(path).map_err(|source| LogError::Open { path: path.clone(), source })?),
    };
    let (writer, worker) =
        NonBlockingBuilder::default().lossy(true).buffered_lines_limit(QUEUED_LINES).finish(sink);
    let dropped = writer.error_counter();
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .with_ansi(terminal && !options.no_color)
        .event_format(Lines { format: options.format });
    let subscriber = Registry::default().with(lines).with(filter(options.level));
    tracing::subscriber::set_global_default(subscriber).map_err(|_| LogError::Twice)?;
    Ok(LogGuard { dropped, _worker: worker })
}

/// Ours at `level`; the chatter of libraries only where somebody asked for everything.
fn filter(level: LevelFilter) -> Targets {
    let others = if level == LevelFilter::TRACE { level } else { level.min(LevelFilter::WARN) };
    Targets::new().with_default(others).with_target("fairlead", level)
}

fn open(path: &std::path::Path) -> io::Result<std::fs::File> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::OpenOptions::new().create(true).append(true).open(path)
}

/// Formats events.
struct Lines {
    format: LogFormat,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut seen = Seen::default();
        event.record(&mut seen);
        let time = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ");
        match self.format {
            LogFormat::Common => common(&mut out, *event.metadata().level(), &time, seen),
            LogFormat::Json => json(&mut out, *event.metadata().level(), &time, seen),
        }
    }
}

/// What an event says.
#[derive(Default)]
struct Seen {
    message: String,
    fields: Vec<(&'static str, Value)>,
}

impl Seen {
    fn take(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(text)) => self.message = text,
            ("message", other) => self.message = other.to_string(),
            (name, value) => self.fields.push((name, value)),
        }
    }
}

impl Visit for Seen {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.take(field, format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.take(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.take(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.take(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.take(field, value.into());
    }
}

/// `time LVL message key=value`, coloured on a terminal as zerolog does.
fn common(out: &mut Writer<'_>, level: Level, time: &dyn fmt::Display, seen: Seen) -> fmt::Result {
    let (word, colour) = match level {
        Level::ERROR => ("ERR", "31"),
        Level::WARN => ("WRN", "33"),
        Level::INFO => ("INF", "32"),
        Level::DEBUG => ("DBG", "36"),
        Level::TRACE => ("TRC", "34"),
    };
    let message = one_line(&seen.message);
    if out.has_ansi_escapes() {
        write!(out, "\x1b[90m{time}\x1b[0m \x1b[{colour}m{word}\x1b[0m {message}")?;
    } else {
        write!(out, "{time} {word} {message}")?;
    }
    for (name, value) in &seen.fields {
        let text = match value {
            Value::String(text) if needs_quotes(text) => Value::from(text.as_str()).to_string(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        if out.has_ansi_escapes() {
            write!(out, " \x1b[36m{name}=\x1b[0m{text}")?;
        } else {
            write!(out, " {name}={text}")?;
        }
    }
    out.write_char('\n')
}

fn json(out: &mut Writer<'_>, level: Level, time: &dyn fmt::Display, seen: Seen) -> fmt::Result {
    let mut object = Map::new();
    object.insert("level".into(), level.as_str().to_ascii_lowercase().into());
    for (name, value) in seen.fields {
        object.insert(name.into(), value);
    }
    object.insert("time".into(), time.to_string().into());
    object.insert("message".into(), seen.message.into());
    writeln!(out, "{}", Value::Object(object))
}

/// Whether a value would be misread without quotes.
fn needs_quotes(text: &str) -> bool {
    text.is_empty() || text.chars().any(|c| c.is_whitespace() || c.is_control() || matches!(c, '"' | '\\'))
}

/// Line feeds and other controls as Rust escapes them, so that a message cannot forge a line or steer a terminal.
fn one_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() && c != '\t' {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parking_lot::Mutex;

    use super::*;

    /// Lines of what `say` logs.
    fn lines(format: LogFormat, say: impl FnOnce()) -> String {
        #[derive(Clone, Default)]
        struct Memory(Arc<Mutex<Vec<u8>>>);
        impl io::Write for Memory {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.lock().extend_from_slice(bytes);
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let memory = Memory::default();
        let sink = memory.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(LevelFilter::INFO)
            .with_writer(move || sink.clone())
            .with_ansi(false)
            .event_format(Lines { format })
            .finish();
        tracing::subscriber::with_default(subscriber, say);
        let bytes = memory.0.lock().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn libraries_are_held_to_warnings_until_everything_is_asked_for() {
        use Level as L;
        for (level, ours, theirs) in [
            (LevelFilter::TRACE, L::TRACE, L::TRACE),
            (LevelFilter::DEBUG, L::DEBUG, L::WARN),
            (LevelFilter::ERROR, L::ERROR, L::ERROR),
        ] {
            let filter = filter(level);
            for (target, most) in [("fairlead_http::client", ours), ("fairlead", ours), ("hyper", theirs)] {
                for asked in [L::TRACE, L::DEBUG, L::INFO, L::WARN, L::ERROR] {
                    assert_eq!(
                        filter.would_enable(target, &asked),
                        asked <= most,
                        "{level} {target} {asked}"
                    );
                }
            }
        }
        assert!(!filter(LevelFilter::OFF).would_enable("fairlead", &L::ERROR));
    }

    #[test]
    fn common_lines_have_time_level_message_and_fields() {
        let text = lines(LogFormat::Common, || {
            tracing::warn!(code = "FLD-GW-0001", routers = 3, why = "two words", "bad\nthing");
            tracing::debug!("not shown");
        });
        let (time, rest) = text.split_once(' ').unwrap();
        assert!(time.len() == 20 && time.ends_with('Z'), "{time}");
        assert_eq!(rest, "WRN bad\\nthing code=FLD-GW-0001 routers=3 why=\"two words\"\n");
    }

    #[test]
    fn json_lines_are_objects() {
        let text = lines(LogFormat::Json, || tracing::error!(code = "FLD-GW-0001", "a \"b\""));
        let json: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (json["level"].as_str(), json["message"].as_str(), json["code"].as_str()),
            (Some("error"), Some("a \"b\""), Some("FLD-GW-0001"))
        );
    }

    #[test]
    fn levels_have_the_names_of_traefik() {
        assert_eq!(level("DEBUG"), Some(LevelFilter::DEBUG));
        assert_eq!(level("panic"), Some(LevelFilter::ERROR));
        assert_eq!(level("loud"), None);
    }
}
