//! The access log: a line for each request.

use std::ops::RangeInclusive;

use fairlead_conf::{Duration, section};

use super::otlp::OtlpLog;
use crate::options::{Named, options, words};

options! {
    /// The access log.
    pub struct AccessLog {
        /// File; standard output when empty.
        pub file_path: String,
        /// Shape of a line.
        pub format: AccessLogFormat,
        /// Which requests are written. A request that fits any filter is.
        #[serde(deserialize_with = "section")]
        pub filters: Option<AccessLogFilters>,
        /// Which fields are written.
        #[serde(deserialize_with = "section")]
        pub fields: Option<AccessLogFields>,
        /// Lines held in memory before they are written; 0 means none.
        pub buffering_size: u64,
        /// Requests to the program's own pages too.
        pub add_internals: bool,
        /// Writes lines here although a collector receives them.
        pub dual_output: bool,
        /// Sends the lines to a collector.
        #[serde(deserialize_with = "section")]
        pub otlp: Option<OtlpLog>,
    }

    /// Which requests are written; all when nothing is set.
    pub struct AccessLogFilters {
        /// Status codes and ranges, such as `200` or `400-499`.
        pub status_codes: Vec<String>,
        /// Those that were tried again.
        pub retry_attempts: bool,
        /// Those that took longer than this.
        pub min_duration: Duration,
    }

    /// Which fields are written.
    pub struct AccessLogFields {
        /// For fields that are not named.
        pub default_mode: FieldMode,
        /// For fields by name.
        pub names: Named<FieldMode>,
        /// Request and response headers.
        #[serde(deserialize_with = "section")]
        pub headers: Option<HeaderFields> = Some(HeaderFields::default()),
        /// Query parameters in the path.
        #[serde(deserialize_with = "section")]
        pub query_parameters: Option<QueryFields> = Some(QueryFields::default()),
    }

    /// Which headers are written.
    pub struct HeaderFields {
        /// For headers that are not named.
        pub default_mode: FieldMode = FieldMode::Drop,
        /// For headers by name.
        pub names: Named<FieldMode>,
    }

    /// Which query parameters are written.
    pub struct QueryFields {
        /// For all of them.
        pub default_mode: FieldMode,
    }
}

words! {
    /// Shape of a line.
    pub enum AccessLogFormat {
        /// The Common Log Format with more fields behind.
        Common = "common",
        /// The Common Log Format as it is.
        GenericClf = "genericCLF",
        /// One JSON object.
        Json = "json",
    }

    /// What happens to a field.
    pub enum FieldMode {
        /// It is written.
        Keep = "keep",
        /// It is left out.
        Drop = "drop",
        /// `REDACTED` stands in its place.
        Redact = "redact",
    }
}

impl AccessLogFilters {
    /// The ranges that `status_codes` stand for.
    pub fn status_ranges(&self) -> impl Iterator<Item = Result<RangeInclusive<u16>, String>> {
        self.status_codes.iter().map(|text| status_range(text))
    }
}

/// `200`, or `400-499`.
fn status_range(text: &str) -> Result<RangeInclusive<u16>, String> {
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    match (from.trim().parse(), to.trim().parse()) {
        (Ok(from), Ok(to)) if from <= to => Ok(from..=to),
        _ => Err(format!("`{text}` is neither a code nor a range such as 400-499")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_ranges() {
        assert_eq!(status_range("200").unwrap(), 200..=200);
        assert_eq!(status_range("400-499").unwrap(), 400..=499);
        assert!(status_range("4xx").unwrap_err().contains("4xx"));
        assert!(status_range("499-400").is_err());
    }
}
