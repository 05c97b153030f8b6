//! Paths of the GOPROXY protocol, as they are after percent-decoding.

use fairlead_mirror::Wanted;

/// Databases that are passed on: one name begins with the other.
const SUMDBS: [&str; 2] = ["sum.example", "sum.example/db"];
/// What a store takes, in bytes, less room for folders before and endings behind.
const MAX_KEY: usize = 1024 - 200;

/// Reads the bytes as a path.
///
/// # Panics
/// When a path that is taken leads out of the cache, or has another meaning when it is read again.
pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for path in [format!("/{text}"), text.into_owned()] {
        let Ok(wanted) = Wanted::parse(&path, &SUMDBS) else { continue };
        let key = wanted.key();
        assert!(!key.starts_with('/') && !key.contains(['\\', '\0']), "{key:?} is no key");
        let climbs = |part: &str| matches!(part, "" | "." | "..");
        // A branch may have a percent sign in its name.
        let again = Wanted::parse(&format!("/{}", key.replace('%', "%25")), &SUMDBS);
        assert_eq!(again.ok().as_ref(), Some(&wanted), "{key:?}");
        if let Wanted::Sumdb { path, .. } = &wanted {
            assert!(!path[1..].split('/').any(climbs), "{key:?} climbs");
            continue;
        }
        assert!(!key.split('/').any(climbs), "{key:?} climbs");
        assert!(key.is_ascii() || key.chars().all(|c| !c.is_control()), "{key:?} cannot be shown");
        assert!(key.len() <= MAX_KEY, "{} bytes", key.len());
        // Upper case is escaped: two modules never share a file where names have no case.
        assert!(!key.bytes().any(|byte| byte.is_ascii_uppercase()), "{key:?} has upper case");
        let module = wanted.module_path().unwrap_or_default();
        assert!(fairlead_gomod::path::check_path(module).is_ok(), "{module:?} is no module");
    }
}
