//! The access log: one line for each request, in Traefik's formats.
//!
//! The worker that served a request asks [`AccessLog::wanted`] and then formats the line into its own thread's
//! buffer ([`AccessLog::write`]). One writer thread empties the buffers of all threads into the file. A worker never
//! waits for the disk: a line that finds its buffer full is dropped and counted.

mod field;
mod format;
mod json;
mod writer;

pub use field::{FieldMode, FieldOptions, FieldsOptions};

use std::io;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use jiff::tz::TimeZone;

use field::Fields;
use writer::Writer;

/// How lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AccessLogFormat {
    /// Traefik's own: the generic common log format, then count, router, server and milliseconds.
    #[default]
    Common,
    /// The common log format with referer and user agent.
    GenericClf,
    /// One JSON object with sorted keys.
    Json,
}

/// Which requests are logged: those that any of the filters lets pass; all, when there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessLogFilters {
    /// Status codes.
    pub status_codes: Vec<RangeInclusive<u16>>,
    /// Requests that were retried.
    pub retry_attempts: bool,
    /// Requests that took longer; zero is no filter.
    pub min_duration: Duration,
}

/// How and where to log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessLogOptions {
    /// File to append to, made with its folders when missing; standard output when `None`.
    pub file_path: Option<PathBuf>,
    /// How lines look.
    pub format: AccessLogFormat,
    /// Which requests.
    pub filters: AccessLogFilters,
    /// Which fields.
    pub fields: FieldsOptions,
    /// Traefik's number of lines to hold back; anything above zero lets the writer collect for longer.
    pub buffering_size: u64,
    /// Whether requests to internal services (API, ping) are logged. Read by the gateway.
    pub add_internals: bool,
}

/// Header fields of a message, as the log reads them.
pub trait Headers {
    /// Calls `each` with every name (any case) and value; values of one name follow each other.
    fn for_each<'a>(&'a self, each: &mut dyn FnMut(&'a str, &'a [u8]));

    /// The first value of a name, which is given in lower case.
    fn first(&self, name: &str) -> Option<&[u8]> {
        let mut found = None;
        self.for_each(&mut |key, value| {
            if found.is_none() && key.eq_ignore_ascii_case(name) {
                found = Some(value);
            }
        });
        found
    }
}

impl Headers for &[(&str, &[u8])] {
    fn for_each<'a>(&'a self, each: &mut dyn FnMut(&'a str, &'a [u8])) {
        self.iter().for_each(|(name, value)| each(name, value));
    }
}

/// No header at all.
pub const NO_HEADERS: &(dyn Headers + Sync) = &NoHeaders;

struct NoHeaders;

impl Headers for NoHeaders {
    fn for_each<'a>(&'a self, _: &mut dyn FnMut(&'a str, &'a [u8])) {}
}

/// One request, at the end of its response.
#[derive(Clone)]
pub struct Record<'a> {
    /// When the head of the request had been read.
    pub start: SystemTime,
    /// From `start` to the end of the response.
    pub duration: Duration,
    /// Name of the entry point.
    pub entry_point: &'a str,
    /// Qualified name of the router; `None` when none matched.
    pub router: Option<&'a str>,
    /// Qualified name of the service, when it was reached.
    pub service: Option<&'a str>,
    /// URL of the server that answered.
    pub service_url: Option<&'a str>,
    /// The client's address.
    pub client: SocketAddr,
    /// User name that the request carried.
    pub user: Option<&'a str>,
    /// The `Host` header, port and all.
    pub host: &'a str,
    /// Method as sent.
    pub method: &'a str,
    /// Path and query as sent.
    pub path: &'a str,
    /// Such as `HTTP/1.1`.
    pub protocol: &'a str,
    /// `http` or `https`.
    pub scheme: &'a str,
    /// Body bytes of the request.
    pub request_size: u64,
    /// Status of the server; 0 when none answered.
    pub origin_status: u16,
    /// Time spent with the server.
    pub origin_duration: Duration,
    /// Body bytes of the server's answer.
    pub origin_size: u64,
    /// Status sent to the client.
    pub status: u16,
    /// Body bytes sent to the client.
    pub size: u64,
    /// How often the request was tried again; 0 when the first try stood.
    pub retries: u32,
    /// Version (`1.3`) and IANA name of the suite.
    pub tls: Option<(&'a str, &'a str)>,
    /// Subject of the client's certificate.
    pub tls_client_subject: Option<&'a str>,
    /// Trace and span, in hex.
    pub trace: Option<(&'a str, &'a str)>,
    /// Headers of the request as the router saw them.
    pub request_headers: &'a dyn Headers,
    /// Headers of the server's answer.
    pub origin_headers: &'a dyn Headers,
    /// Headers sent to the client.
    pub downstream_headers: &'a dyn Headers,
}

/// An open access log. Dropping it writes what is left.
pub struct AccessLog {
    options: AccessLogOptions,
    fields: Fields,
    zone: TimeZone,
    count: AtomicU64,
    writer: Writer,
}

impl AccessLog {
    /// Opens the file and starts the writer thread.
    ///
    /// # Errors
    /// When the file, its folders or the thread cannot be made.
    pub fn open(options: AccessLogOptions) -> io::Result<AccessLog> {
        let writer = Writer::start(options.file_path.clone(), options.buffering_size > 0)?;
        let fields = Fields::new(&options.fields);
        Ok(AccessLog { options, fields, zone: TimeZone::system(), count: AtomicU64::new(0), writer })
    }

    /// The options it was opened with.
    #[must_use]
    pub fn options(&self) -> &AccessLogOptions {
        &self.options
    }

    /// Whether the filters let a request pass. `retries` is 0 when the first try stood.
    #[must_use]
    pub fn wanted(&self, status: u16, retries: u32, duration: Duration) -> bool {
        let filters = &self.options.filters;
        if *filters == AccessLogFilters::default() {
            return true;
        }
        filters.status_codes.iter().any(|range| range.contains(&status))
            || (filters.retry_attempts && retries > 0)
            || (!filters.min_duration.is_zero() && duration > filters.min_duration)
    }

    /// Whether [`write`](Self::write) reads the headers of the server's answer and of the response.
    #[must_use]
    pub fn reads_response_headers(&self) -> bool {
        self.options.format == AccessLogFormat::Json && self.fields.any_header()
    }

    /// Logs one request. Never blocks.
    pub fn write(&self, record: &Record<'_>) {
        let count = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        let line = format::Line { record, fields: &self.fields, count, zone: &self.zone };
        self.writer.push(|out| match self.options.format {
            AccessLogFormat::Common => format::common(&line, out),
            AccessLogFormat::GenericClf => format::generic_clf(&line, out),
            AccessLogFormat::Json => json::write(&line, out),
        });
    }

    /// Opens the file anew, after a rotation. When that fails the old one stays in use.
    pub fn reopen(&self) {
        self.writer.reopen();
    }

    /// Waits until everything logged so far has been written. Blocks: not for request threads.
    pub fn flush(&self) {
        self.writer.flush();
    }

    /// Lines dropped because a buffer was full or the file could not be written.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.writer.dropped()
    }
}

#[cfg(test)]
mod tests;
