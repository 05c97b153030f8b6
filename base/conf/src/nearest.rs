//! The known word that a misspelt one most likely means.

/// The candidate nearest to `word` without case, if one is near enough to be worth suggesting.
#[must_use]
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > LONGEST {
        return None;
    }
    let word = word.to_ascii_lowercase();
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= LONGEST)
        .map(|candidate| (likeness(&word, &candidate.to_ascii_lowercase()), candidate))
        .filter(|(likeness, _)| *likeness >= 0.6)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

/// Words beyond this are no misspellings, and comparing them takes quadratic time.
const LONGEST: usize = 80;

/// From 0 to 1: edit distance against length, or a near certainty when one is the other plus a plural or a suffix.
fn likeness(word: &str, candidate: &str) -> f64 {
    let edits = strsim::normalized_damerau_levenshtein(word, candidate);
    let (short, long) = if word.len() < candidate.len() { (word, candidate) } else { (candidate, word) };
    let part = if short.len() >= 4 && long.starts_with(short) { 0.75 } else { 0.0 };
    edits.max(part)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn suggests_what_was_meant() {
        let known = ["entryPoints", "middlewares", "service", "rule", "priority", "tls"];
        assert_eq!(nearest("entrypoint", known), Some("entryPoints"));
        assert_eq!(nearest("midlewares", known), Some("middlewares"));
        assert_eq!(nearest("services", known), Some("service"));
        assert_eq!(nearest("roule", known), Some("rule"));
        assert_eq!(nearest("banana", known), None);
        assert_eq!(nearest(&"x".repeat(10_000), known), None);
        assert_eq!(nearest("", known), None);
    }
}
