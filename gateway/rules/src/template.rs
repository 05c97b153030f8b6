//! The path and host templates of the v2 syntax: literal text with `{name}` and `{name:pattern}` parts, as the
//! gorilla mux writes them. A template becomes one anchored pattern in Go's syntax.

/// Where a template is used, which decides what `{name}` stands for and whether the end is fixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Host,
    Path,
    Prefix,
    Query,
}

/// The pattern, in Go's syntax, of `template`.
///
/// # Errors
/// Unbalanced braces, or an empty name or pattern.
pub(crate) fn to_pattern(template: &str, kind: Kind) -> Result<String, String> {
    let default = match kind {
        Kind::Host => "[^.]+",
        Kind::Path | Kind::Prefix => "[^/]+",
        Kind::Query => ".*",
    };
    let mut pattern = String::from("^");
    let mut rest = template;
    let braces = brace_pairs(template).ok_or_else(|| format!("mux: unbalanced braces in {template:?}"))?;
    let mut at = 0;
    for (open, close) in braces {
        pattern.push_str(&regex::escape(&template[at..open]));
        pattern.push_str(&variable(&template[open..=close], default)?);
        at = close + 1;
        rest = &template[at..];
    }
    pattern.push_str(&regex::escape(rest));
    if kind == Kind::Query && template.split_once('=').is_some_and(|(_, value)| value.is_empty()) {
        pattern.push_str(default);
    }
    if kind != Kind::Prefix {
        pattern.push('$');
    }
    Ok(pattern)
}

/// Whether `template` has variable parts.
pub(crate) fn has_variables(template: &str) -> bool {
    template.contains(['{', '}'])
}

fn variable(part: &str, default: &str) -> Result<String, String> {
    let inner = &part[1..part.len() - 1];
    let (name, pattern) = inner.split_once(':').unwrap_or((inner, default));
    if name.is_empty() || pattern.is_empty() {
        return Err(format!("mux: missing name or pattern in {part:?}"));
    }
    Ok(format!("(?:{pattern})"))
}

/// The outermost pairs of braces.
fn brace_pairs(template: &str) -> Option<Vec<(usize, usize)>> {
    let mut pairs = Vec::new();
    let (mut level, mut start) = (0_usize, 0);
    for (i, b) in template.bytes().enumerate() {
        match b {
            b'{' => {
                if level == 0 {
                    start = i;
                }
                level += 1;
            }
            b'}' => {
                level = level.checked_sub(1)?;
                if level == 0 {
                    pairs.push((start, i));
                }
            }
            _ => {}
        }
    }
    (level == 0).then_some(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_become_patterns() {
        assert_eq!(to_pattern("/a/{id:[0-9]{2}}.x", Kind::Path).unwrap(), r"^/a/(?:[0-9]{2})\.x$");
        assert_eq!(to_pattern("/a/{id}", Kind::Prefix).unwrap(), "^/a/(?:[^/]+)");
        assert_eq!(to_pattern("{sub}.a.b", Kind::Host).unwrap(), r"^(?:[^.]+)\.a\.b$");
        assert_eq!(to_pattern("k=", Kind::Query).unwrap(), "^k=.*$");
        assert_eq!(to_pattern("k={v}", Kind::Query).unwrap(), "^k=(?:.*)$");
    }

    #[test]
    fn bad_templates_say_why() {
        for (template, why) in [
            ("/{a", "unbalanced"),
            ("/a}", "unbalanced"),
            ("/{}", "missing name or pattern"),
            ("/{a:}", "missing name or pattern"),
        ] {
            let error = to_pattern(template, Kind::Path).unwrap_err();
            assert!(error.contains(why), "{template}: {error}");
        }
    }
}
