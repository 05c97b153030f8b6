//! Header maps between messages.
//!
//! A map costs two allocations, one of them large. Each worker keeps some empty ones: heads are read into them, and
//! whoever has sent a head gives its map back.

use std::cell::RefCell;

use http::HeaderMap;

/// Places of a new map: most requests fit with all that a proxy adds.
const PLACES: usize = 24;
/// Maps that have grown over this many places are not kept.
const MOST_PLACES: usize = 48;
/// Maps that one worker keeps.
const KEPT: usize = 64;

thread_local! {
    static SPARE: RefCell<Vec<HeaderMap>> = const { RefCell::new(Vec::new()) };
}

/// An empty map.
pub(super) fn take() -> HeaderMap {
    SPARE.with_borrow_mut(Vec::pop).unwrap_or_else(|| HeaderMap::with_capacity(PLACES))
}

/// Takes back a map that nobody needs any more.
pub(super) fn give(mut map: HeaderMap) {
    if map.len() > MOST_PLACES || !(PLACES..=MOST_PLACES).contains(&map.capacity()) {
        return;
    }
    map.clear();
    SPARE.with_borrow_mut(|spare| {
        if spare.len() < KEPT {
            spare.push(map);
        }
    });
}

#[cfg(test)]
mod tests {
    use http::header::{self, HeaderValue};

    use super::*;

    #[test]
    fn a_map_comes_back_empty_and_large_enough() {
        let mut map = take();
        let capacity = map.capacity();
        assert!(capacity >= PLACES);
        map.insert(header::COOKIE, HeaderValue::from_static("secret"));
        give(map);
        let again = take();
        assert!(again.is_empty() && again.capacity() == capacity);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        give(HeaderMap::with_capacity(1000));
        for _ in 0..2 * KEPT {
            give(HeaderMap::with_capacity(PLACES));
        }
        SPARE.with_borrow(|spare| {
            assert_eq!(spare.len(), KEPT);
            assert!(spare.iter().all(|map| map.capacity() <= MOST_PLACES));
        });
    }
}
