//! An upstream list in GOPROXY's syntax: URLs, `direct` and `off`, with `,` or `|` between them.
//!
//! After an entry that ends in `,` the next is asked only when the answer was 404 or 410; after `|` on any failure. `direct` and
//! `off` end the list (<https://go.dev/ref/mod#environment-variables>, `GOPROXY`).

use std::fmt;

use url::Url;

use crate::Cause;

/// Most entries that a list may have.
const MAX_ENTRIES: usize = 64;

/// Where an entry of a list leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A GOPROXY.
    Proxy(Url),
    /// Version control.
    Direct,
    /// Nowhere: the search ends with a failure.
    Off,
}

/// What comes after an entry that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// `,`: the next entry, if this one said that it has no such thing.
    IfAbsent,
    /// `|`: the next entry.
    Always,
    /// The end of the list.
    End,
}

impl Then {
    /// Whether the next entry is asked after a failure of this kind.
    #[must_use]
    pub fn goes_on(self, cause: Cause) -> bool {
        match self {
            Then::IfAbsent => cause.is_absence(),
            Then::Always => true,
            Then::End => false,
        }
    }
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it leads.
    pub place: Place,
    /// What follows.
    pub then: Then,
}

/// A list with at least one entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    /// Entries in order. Entries behind `direct` and `off` are dropped, as the go command drops them.
    pub entries: Vec<Entry>,
}

/// Why a text is no upstream list.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    /// Nothing but separators.
    #[error("the list has no entries")]
    Empty,
    /// An entry that is no URL. Secrets are left out.
    #[error("{entry:?} is no proxy URL: {why}")]
    BadEntry {
        /// The entry, without userinfo.
        entry: String,
        /// What is wrong.
        why: String,
    },
    /// More entries than anybody needs.
    #[error("the list has more than {MAX_ENTRIES} entries")]
    TooLong,
}

impl List {
    /// Reads a list. Blanks around entries are dropped, empty entries skipped; an entry without a scheme is https.
    ///
    /// # Errors
    /// When nothing is left, or an entry is no URL with http, https or file.
    pub fn parse(text: &str) -> Result<Self, ListError> {
        let mut entries = Vec::new();
        for part in text.split_inclusive([',', '|']) {
            let then = match part.chars().last() {
                Some('|') => Then::Always,
                _ => Then::IfAbsent,
            };
            let word = part.trim_end_matches([',', '|']).trim();
            if word.is_empty() {
                continue;
            }
            if entries.len() == MAX_ENTRIES {
                return Err(ListError::TooLong);
            }
            let place = place(word)?;
            let last = place == Place::Direct || place == Place::Off;
            entries.push(Entry { place, then });
            if last {
                break;
            }
        }
        match entries.last_mut() {
            Some(last) => last.then = Then::End,
            None => return Err(ListError::Empty),
        }
        Ok(List { entries })
    }
}

fn place(word: &str) -> Result<Place, ListError> {
    match word {
        "direct" => return Ok(Place::Direct),
        "off" => return Ok(Place::Off),
        _ => {}
    }
    let bad = |why: &str| ListError::BadEntry { entry: without_userinfo(word), why: why.to_owned() };
    if !word.contains(['.', ':', '/']) {
        return Err(bad("words without a dot, a colon or a slash are reserved"));
    }
    let text = if word.contains("://") { word.to_owned() } else { format!("https://{word}") };
    let url = Url::parse(&text).map_err(|error| bad(&error.to_string()))?;
    match url.scheme() {
        "http" | "https" if url.has_host() => Ok(Place::Proxy(url)),
        "file" => Ok(Place::Proxy(url)),
        _ => Err(bad("the scheme is none of https, http, file")),
    }
}

/// The text before an `@` may be a secret.
fn without_userinfo(word: &str) -> String {
    match word.rsplit_once('@') {
        Some((_, rest)) => format!("…@{rest}"),
        None => word.to_owned(),
    }
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for entry in &self.entries {
            match &entry.place {
                Place::Proxy(url) => f.write_str(&fairlead_http::fetch::redact(url))?,
                Place::Direct => f.write_str("direct")?,
                Place::Off => f.write_str("off")?,
            }
            match entry.then {
                Then::IfAbsent => f.write_str(",")?,
                Then::Always => f.write_str("|")?,
                Then::End => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        List::parse(text).unwrap().to_string()
    }

    #[test]
    fn separators_say_when_the_next_is_asked() {
        let list = List::parse("https://a.example , https://b.example|direct").unwrap();
        let then: Vec<Then> = list.entries.iter().map(|entry| entry.then).collect();
        assert_eq!(then, [Then::IfAbsent, Then::Always, Then::End]);
        assert!(Then::IfAbsent.goes_on(Cause::Gone) && !Then::IfAbsent.goes_on(Cause::Denied));
        assert!(Then::Always.goes_on(Cause::Untrusted) && !Then::End.goes_on(Cause::NotFound));
    }

    #[test]
    fn direct_and_off_end_the_list() {
        assert_eq!(shown(",, a.example/x,off,b.example"), "https://a.example/x,off");
        assert_eq!(shown("direct|a.example"), "direct");
    }

    #[test]
    fn what_is_no_list_is_refused_without_its_secret() {
        assert_eq!(List::parse(" ,|"), Err(ListError::Empty));
        assert!(List::parse("ftp://a.example").is_err());
        assert!(List::parse("off-line").is_err());
        let error = List::parse("ftp://user:secret@a.example").unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
    }
}
