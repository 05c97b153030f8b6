//! Web pages with `go-import` tags.

use fairlead_mirror::direct::imports;

/// Most tags of a page that count, and most bytes of one.
const MAX_IMPORTS: usize = 64;
const MAX_CONTENT: usize = 2048;

/// Reads the bytes as a page.
///
/// # Panics
/// When a tag has a field that is none, or there are too many.
pub fn run(data: &[u8]) {
    let found = imports(data);
    assert!(found.len() <= MAX_IMPORTS, "{} tags", found.len());
    for import in &found {
        let fields = [&import.prefix, &import.vcs, &import.root];
        assert!(fields.iter().all(|field| !field.is_empty()), "{import:?}");
        let all = fields.into_iter().chain([&import.subfolder]);
        assert!(all.clone().all(|field| !field.contains(char::is_whitespace)), "{import:?}");
        assert!(all.map(String::len).sum::<usize>() <= MAX_CONTENT, "{import:?}");
    }
    let proxies = found.iter().take_while(|import| import.vcs == "mod").count();
    assert!(found[proxies..].iter().all(|import| import.vcs != "mod"), "a proxy behind a repository");
}
