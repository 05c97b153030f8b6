//! What came back.

use std::fmt::{self, Display};

/// An answer with everything that expectations look at.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// `HTTP/1.1` or `HTTP/2`.
    pub version: &'static str,
    /// Headers in order; names as received.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
    /// Headers after the body.
    pub trailers: Vec<(String, String)>,
    /// Statuses and headers of interim answers.
    pub interim: Vec<(u16, Vec<(String, String)>)>,
    /// The server's certificate, DER.
    pub certificate: Option<Vec<u8>>,
}

impl Answer {
    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// All values of a header.
    pub fn header<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers
            .iter()
            .filter(move |(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The body as JSON; `Null` when it is none.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

impl Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (status, headers) in &self.interim {
            writeln!(f, "{} {status}", self.version)?;
            write_headers(f, headers)?;
        }
        writeln!(f, "{} {}", self.version, self.status)?;
        write_headers(f, &self.headers)?;
        let text = self.text();
        let cut: String = text.chars().take(3000).collect();
        writeln!(f, "\n{cut}{}", if cut.len() < text.len() { " …" } else { "" })?;
        write_headers(f, &self.trailers)
    }
}

fn write_headers(f: &mut fmt::Formatter<'_>, headers: &[(String, String)]) -> fmt::Result {
    headers.iter().try_for_each(|(name, value)| writeln!(f, "{name}: {value}"))
}
