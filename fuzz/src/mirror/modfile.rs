//! go.mod files, and go.sum files beside them.

use fairlead_gomod::gosum::GoSum;
use fairlead_gomod::modfile::{MAX_ERRORS, ModFile, module_path};

/// Reads the bytes as both.
///
/// # Panics
/// When what the strict reader takes is something else to the lax one, or a go.sum changes by being written down.
pub fn run(data: &[u8]) {
    let (strict, lax) = (ModFile::parse(data), ModFile::parse_lax(data));
    for errors in [&strict, &lax].into_iter().filter_map(|read| read.as_ref().err()) {
        assert!(!errors.is_empty() && errors.len() <= MAX_ERRORS, "{} errors", errors.len());
        assert!(errors.iter().all(|error| error.line > 0 && !error.message.is_empty()), "{errors:?}");
    }
    if let Ok(strict) = strict {
        let Ok(lax) = lax else { panic!("a go.mod that only the strict reader takes") };
        assert_eq!((strict.path(), &strict.require), (lax.path(), &lax.require));
        assert_eq!(strict.retract, lax.retract);
        if let Some(path) = strict.path() {
            assert_eq!(
                module_path(data).as_deref(),
                Some(path),
                "the short way to the module's name is another"
            );
        }
    }
    let (sums, _) = GoSum::parse(data);
    let again = sums.render();
    let (read, errors) = GoSum::parse(again.as_bytes());
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(read.render(), again);
}
