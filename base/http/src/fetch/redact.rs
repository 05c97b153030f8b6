//! URLs without their secrets.

use url::Url;

/// The URL without user, password, fragment and the values of its query. Every error and log line shows URLs this way.
#[must_use]
pub fn redact(url: &Url) -> String {
    let mut shown = url.clone();
    // Both fail only for URLs that have no host and so no user.
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    shown.set_fragment(None);
    let masked = url.query().map(|query| query.split('&').map(mask).collect::<Vec<_>>().join("&"));
    shown.set_query(masked.as_deref());
    shown.to_string()
}

/// The name of a pair; what has no name is a value itself.
fn mask(pair: &str) -> String {
    match pair.split_once('=') {
        Some((name, _)) => format!("{name}=***"),
        None if pair.is_empty() => String::new(),
        None => "***".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_gone_and_the_rest_stays() {
        for (url, shown) in [
            ("https://user:secret@a.example:8443/x/@v/list", "https://a.example:8443/x/@v/list"),
            ("https://token@a.example/", "https://a.example/"),
            ("https://a.example/b?sig=secret&secret&x=#frag", "https://a.example/b?sig=***&***&x=***"),
            ("http://a.example/?", "http://a.example/?"),
        ] {
            assert_eq!(redact(&Url::parse(url).unwrap()), shown, "{url}");
        }
    }
}
