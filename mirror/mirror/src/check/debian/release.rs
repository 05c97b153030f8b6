//! The text of an `InRelease` file.

use jiff::Timestamp;

/// Most indexes that are kept. Debian lists some 2000.
const MAX_FILES: usize = 50_000;
const BEGIN: &str = "-----BEGIN PGP SIGNED MESSAGE-----";
const SIGNATURE: &str = "-----BEGIN PGP SIGNATURE-----";
const END: &str = "-----END PGP SIGNATURE-----";

/// What a release says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Release {
    pub(super) suite: Option<String>,
    pub(super) codename: Option<String>,
    pub(super) date: Timestamp,
    pub(super) valid_until: Option<Timestamp>,
    components: Vec<String>,
    pub(super) files: Vec<Listed>,
}

/// An index that it lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    /// Below the folder of the suite.
    pub(super) path: String,
    pub(super) sha256: String,
    pub(super) size: u64,
}

impl Release {
    /// Reads a clear-signed release (RFC 9580, section 7).
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text = str::from_utf8(bytes).map_err(|_| "the release is not UTF-8".to_owned())?;
        let fields = fields(signed_text(text).ok_or("the release is not clear-signed")?);
        let value =
            |name: &str| fields.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, lines)| lines);
        let first = |name: &str| value(name).and_then(|lines| lines.first()).map(|line| (*line).to_owned());
        let date = first("Date").as_deref().and_then(parse_date).ok_or("the release has no Date")?;
        let valid_until = match first("Valid-Until") {
            None => None,
            Some(text) => Some(parse_date(&text).ok_or("the release has a Valid-Until that is no date")?),
        };
        let components = first("Components").unwrap_or_default();
        let lines = value("SHA256").map(Vec::as_slice).unwrap_or_default();
        Ok(Release {
            suite: first("Suite"),
            codename: first("Codename"),
            date,
            valid_until,
            components: components.split_whitespace().map(str::to_owned).collect(),
            files: lines.iter().filter_map(|line| listed(line)).take(MAX_FILES).collect(),
        })
    }

    /// The smallest compressed index of packages of the first component that has one, of at most `limit` bytes.
    pub(super) fn sample(&self, limit: u64) -> Option<&Listed> {
        let is_packed = |path: &str| [".xz", ".gz"].iter().any(|ending| path.ends_with(ending));
        let of = |component: &str| {
            let start = format!("{component}/binary-");
            let fits = |file: &&Listed| {
                file.path.starts_with(&start)
                    && file.path.contains("/Packages")
                    && is_packed(&file.path)
                    && file.size <= limit
            };
            self.files.iter().filter(fits).min_by_key(|file| file.size)
        };
        self.components.iter().find_map(|component| of(component))
    }
}

/// What stands between the head of a clear-signed message and its signature.
fn signed_text(text: &str) -> Option<&str> {
    let rest = text.trim_start().strip_prefix(BEGIN)?.trim_start_matches('\r').strip_prefix('\n')?;
    // A blank line ends the `Hash:` headers.
    let blank = rest.find("\n\n").map(|at| at + 2).or_else(|| rest.find("\n\r\n").map(|at| at + 3))?;
    let (signed, signature) = rest.get(blank..)?.split_once(SIGNATURE)?;
    signature.contains(END).then_some(signed)
}

/// Fields with the lines of their values.
fn fields(text: &str) -> Vec<(&str, Vec<&str>)> {
    let mut fields: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in text.lines() {
        if line.starts_with([' ', '\t']) {
            if let Some((_, lines)) = fields.last_mut() {
                lines.push(line.trim());
            }
        } else if let Some((name, value)) = line.split_once(':') {
            let value = value.trim();
            fields.push((name, if value.is_empty() { Vec::new() } else { vec![value] }));
        }
    }
    fields
}

fn listed(line: &str) -> Option<Listed> {
    let mut words = line.split_whitespace();
    let (sha256, size, path) = (words.next()?, words.next()?.parse().ok()?, words.next()?);
    let is_digest = sha256.len() == 64 && sha256.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_below = !path.starts_with('/') && path.split('/').all(|part| !matches!(part, "" | "." | ".."));
    (is_digest && is_below && words.next().is_none()).then(|| Listed {
        path: path.to_owned(),
        sha256: sha256.to_ascii_lowercase(),
        size,
    })
}

/// `Sat, 09 Nov 2024 10:11:12 UTC`; the time zone is always UTC.
fn parse_date(text: &str) -> Option<Timestamp> {
    let text = text.trim().replace(" UTC", " +0000");
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(body: &str) -> Result<Release, String> {
        let text = format!("{BEGIN}\nHash: SHA512\n\n{body}\n{SIGNATURE}\n\nabc\n{END}\n");
        Release::parse(text.as_bytes())
    }

    #[test]
    fn a_release_names_its_indexes() {
        let hash = "ab".repeat(32);
        let body = format!(
            "Origin: Debian\nSuite: stable\nCodename: trixie\nDate: Sat, 09 Nov 2024 10:11:12 UTC\nComponents: main contrib\n\
             MD5Sum:\n 00 1 main/binary-amd64/Packages.gz\n\
             SHA256:\n {hash}   900 main/binary-amd64/Packages.xz\n {hash} 40 main/binary-armhf/Packages.gz\n \
             {hash} 4 contrib/binary-all/Packages.xz\n {hash} 5 ../../etc/passwd\n {hash} 1 main/binary-all/Packages"
        );
        let release = release(&body).unwrap();
        assert_eq!((release.suite.as_deref(), release.codename.as_deref()), (Some("stable"), Some("trixie")));
        assert_eq!(release.date.to_string(), "2024-11-09T10:11:12Z");
        assert_eq!(release.files.len(), 4);
        assert_eq!(release.sample(1000).unwrap().path, "main/binary-armhf/Packages.gz");
        assert_eq!(release.sample(30).unwrap().path, "contrib/binary-all/Packages.xz");
    }

    #[test]
    fn what_is_no_release_is_refused() {
        assert!(release("Suite: stable").is_err(), "no date");
        assert!(release("Date: soon").is_err());
        assert!(release("Date: Sat, 09 Nov 2024 10:11:12 UTC\nValid-Until: never").is_err());
        assert!(Release::parse(b"Date: Sat, 09 Nov 2024 10:11:12 UTC\n").is_err(), "not signed");
        assert!(Release::parse(b"\xff").is_err());
    }
}
