//! Names of dynamic objects: `name@provider`.
//!
//! Every object is known by its qualified name. A reference without `@` means an object of the provider that declared
//! the referring object.

use std::sync::Arc;

/// Separates a name from its provider.
pub const SEPARATOR: char = '@';

/// The provider of what the program itself offers: `api@internal`, `ping@internal` …
pub const INTERNAL: &str = "internal";

/// The qualified form of `name` as seen from `provider`; a name that is qualified already stays as it is.
///
/// ```
/// assert_eq!(&*fairlead_model::name::qualify("web", "file"), "web@file");
/// assert_eq!(&*fairlead_model::name::qualify("web@docker", "file"), "web@docker");
/// ```
#[must_use]
pub fn qualify(name: &str, provider: &str) -> Arc<str> {
    if name.contains(SEPARATOR) || provider.is_empty() {
        return name.into();
    }
    join(name, provider).into()
}

/// Whether `qualified` is what [`qualify`] makes of the other two, when neither of them is qualified or empty.
pub(crate) fn is_qualified(qualified: &str, name: &str, provider: &str) -> bool {
    let (front, back) = split(qualified);
    !provider.is_empty() && !name.contains(SEPARATOR) && front == name && back == provider
}

/// Every name passes here at each reload, so this takes no detour through a formatter.
pub(crate) fn join(name: &str, provider: &str) -> String {
    let mut joined = String::with_capacity(name.len() + SEPARATOR.len_utf8() + provider.len());
    joined.push_str(name);
    joined.push(SEPARATOR);
    joined.push_str(provider);
    joined
}

/// Name and provider of a qualified name; the provider is empty when there is none. The last `@` counts.
///
/// ```
/// assert_eq!(fairlead_model::name::split("web@file"), ("web", "file"));
/// assert_eq!(fairlead_model::name::split("web"), ("web", ""));
/// ```
#[must_use]
pub fn split(qualified: &str) -> (&str, &str) {
    qualified.rsplit_once(SEPARATOR).unwrap_or((qualified, ""))
}

/// The provider of a qualified name; empty when there is none.
#[must_use]
pub fn provider(qualified: &str) -> &str {
    split(qualified).1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unqualified_references_stay_with_their_provider() {
        assert_eq!(&*qualify("app", "docker"), "app@docker");
        assert_eq!(&*qualify("app@file", "docker"), "app@file");
        assert_eq!(&*qualify("app", ""), "app");
    }

    #[test]
    fn splits_at_the_last_separator() {
        assert_eq!(split("a@b@c"), ("a@b", "c"));
        assert_eq!(split("a@"), ("a", ""));
        assert_eq!(split(""), ("", ""));
        assert_eq!(provider("x@internal"), INTERNAL);
    }

    #[test]
    fn what_is_qualified_splits_back() {
        for name in ["a", "router-1", "with.dot", "ns/route"] {
            assert_eq!(split(&qualify(name, "file")), (name, "file"));
        }
    }
}
