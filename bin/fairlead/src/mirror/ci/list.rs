//! Mirrors as inputs and `GOPROXY` list them.

/// Mirrors, and how a `GOPROXY` of them ends.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct List {
    /// URLs, in their order.
    pub urls: Vec<String>,
    /// `direct` or `off` with the separator before it, or nothing.
    pub end: String,
}

/// Parts of a URL that are secret.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Credentials(pub Vec<String>);

impl List {
    /// Reads URLs between spaces, line breaks, commas and bars, as far as `direct` or `off`.
    ///
    /// # Errors
    /// A URL has credentials.
    pub(super) fn parse(text: &str) -> Result<Self, Credentials> {
        let mut list = List::default();
        let mut separator = ',';
        let is_separator = |c: char| c == ',' || c == '|' || c.is_whitespace();
        for piece in text.split_inclusive(is_separator) {
            let entry = piece.trim_end_matches(is_separator);
            match entry {
                "" => {}
                "direct" | "off" => {
                    list.end = format!("{separator}{entry}");
                    break;
                }
                url => {
                    if let Some(found) = credentials(url) {
                        return Err(found);
                    }
                    list.urls.push(url.to_owned());
                    separator = ',';
                }
            }
            if piece.ends_with('|') {
                separator = '|';
            }
        }
        Ok(list)
    }
}

/// User and password, and the password alone.
fn credentials(url: &str) -> Option<Credentials> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next()?;
    let (user, _) = authority.rsplit_once('@')?;
    let password = user.split_once(':').map_or(user, |(_, password)| password);
    Some(Credentials(vec![user.to_owned(), password.to_owned()]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> (Vec<String>, String) {
        let list = List::parse(text).unwrap();
        (list.urls, list.end)
    }

    #[test]
    fn separators_are_those_of_people_and_of_goproxy() {
        for (text, urls, end) in [
            ("", &[][..], ""),
            (" \r\n,| ", &[], ""),
            ("https://a.example", &["https://a.example"], ""),
            (
                "a.example b.example\r\n c.example|d.example,e.example",
                &["a.example", "b.example", "c.example", "d.example", "e.example"],
                "",
            ),
            ("a.example,direct", &["a.example"], ",direct"),
            ("a.example|direct", &["a.example"], "|direct"),
            ("a.example | direct", &["a.example"], "|direct"),
            ("a.example|b.example,off,c.example", &["a.example", "b.example"], ",off"),
            ("a.example\ndirect\nb.example", &["a.example"], ",direct"),
            ("direct", &[], ",direct"),
            ("https://a.example/direct", &["https://a.example/direct"], ""),
        ] {
            let urls = urls.iter().map(|url| (*url).to_owned()).collect();
            assert_eq!(list(text), (urls, end.to_owned()), "{text:?}");
        }
    }

    #[test]
    fn credentials_are_found_where_a_url_can_have_them() {
        for (url, user, password) in [
            ("https://ci:s3cret@m.example/go", "ci:s3cret", "s3cret"),
            ("https://token@m.example", "token", "token"),
            ("ci:p@ss:word@m.example", "ci:p@ss:word", "p@ss:word"),
        ] {
            let expected = Credentials(vec![user.to_owned(), password.to_owned()]);
            assert_eq!(List::parse(&format!("https://a.example {url}")), Err(expected), "{url}");
        }
        assert_eq!(list("https://m.example/a@b?c@d").0.len(), 1);
    }
}
