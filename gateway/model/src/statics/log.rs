//! The program's own log.

use fairlead_conf::section;

use super::otlp::OtlpLog;
use crate::options::{options, words};

options! {
    /// The program's own log.
    pub struct Log {
        /// Least severity that is written.
        pub level: LogLevel,
        /// Shape of a line.
        pub format: LogFormat,
        /// No colours in the common format.
        pub no_color: bool,
        /// File; standard output when empty.
        pub file_path: String,
        /// Rotates the file at this size, in megabytes; 0 means never.
        pub max_size: u64,
        /// Drops rotated files after this many days; 0 means never.
        pub max_age: u64,
        /// Most rotated files kept; 0 means all.
        pub max_backups: u64,
        /// Compresses rotated files.
        pub compress: bool,
        /// Sends the lines to a collector.
        #[serde(deserialize_with = "section")]
        pub otlp: Option<OtlpLog>,
    }
}

words! {
    /// Least severity that is written.
    pub enum LogLevel {
        /// Errors.
        Error = "ERROR",
        /// Every step of the program.
        Trace = "TRACE",
        /// What helps to find a fault.
        Debug = "DEBUG",
        /// What happens.
        Info = "INFO",
        /// What may be wrong.
        Warn = "WARN",
        /// Errors that end the program.
        Fatal = "FATAL",
        /// Errors that should be impossible.
        Panic = "PANIC",
    }

    /// Shape of a line.
    pub enum LogFormat {
        /// For people.
        Common = "common",
        /// One JSON object.
        Json = "json",
    }
}
