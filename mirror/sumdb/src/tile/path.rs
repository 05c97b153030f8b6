//! A tile's place as a path.

use super::{Level, MAX_HEIGHT, MAX_LEVEL, Tile};

/// Entries in one folder.
const GROUP: u64 = 1000;

pub(super) fn render(tile: &Tile) -> String {
    let mut number = format!("{:03}", tile.n % GROUP);
    let mut rest = tile.n / GROUP;
    while rest > 0 {
        number = format!("x{:03}/{number}", rest % GROUP);
        rest /= GROUP;
    }
    let partial = if tile.is_full() { String::new() } else { format!(".p/{}", tile.w) };
    match tile.l {
        Level::Data => format!("tile/{}/data/{number}{partial}", tile.h),
        Level::Hashes(level) => format!("tile/{}/{level}/{number}{partial}", tile.h),
    }
}

pub(super) fn parse(text: &str) -> Option<Tile> {
    let (h, rest) = text.strip_prefix("tile/")?.split_once('/')?;
    let (l, rest) = rest.split_once('/')?;
    let h = h.parse().ok().filter(|h| (1..=MAX_HEIGHT).contains(h))?;
    let l = match l {
        "data" => Level::Data,
        level => Level::Hashes(level.parse().ok().filter(|&level| level <= MAX_LEVEL)?),
    };
    let (number, w) = match rest.split_once(".p/") {
        None => (rest, 1 << h),
        Some((number, width)) => (number, width.parse().ok().filter(|w| (1..1_u32 << h).contains(w))?),
    };
    let mut n = 0_u64;
    for group in number.split('/') {
        let digits: u64 =
            group.strip_prefix('x').unwrap_or(group).parse().ok().filter(|&part| part < GROUP)?;
        n = n.checked_mul(GROUP)?.checked_add(digits)?;
    }
    // Only one spelling of each tile is a path: no signs, no spare zeros, every `x` in its place.
    let tile = Tile { h, l, n, w };
    (render(&tile) == text).then_some(tile)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_paths() {
        for (path, h, l, n, w) in [
            ("tile/4/0/001", 4, Level::Hashes(0), 1, 16),
            ("tile/4/0/001.p/5", 4, Level::Hashes(0), 1, 5),
            ("tile/3/5/x123/x456/078", 3, Level::Hashes(5), 123_456_078, 8),
            ("tile/3/5/x123/x456/078.p/2", 3, Level::Hashes(5), 123_456_078, 2),
            ("tile/1/0/x003/x057/500", 1, Level::Hashes(0), 3_057_500, 2),
            ("tile/8/data/x001/000.p/255", 8, Level::Data, 1000, 255),
            ("tile/30/63/x018/x446/x744/x073/x709/x551/615", 30, Level::Hashes(63), u64::MAX, 1 << 30),
        ] {
            let tile = Tile { h, l, n, w };
            assert_eq!(tile.path(), path);
            assert_eq!(Tile::parse_path(path), Some(tile));
        }
    }

    #[test]
    fn other_spellings_are_refused() {
        for path in [
            "",
            "tile",
            "tile/8/0",
            "tile/8/0/",
            "/tile/8/0/000",
            "tile/0/0/000",
            "tile/31/0/000",
            "tile/+8/0/000",
            "tile/08/0/000",
            "tile/8/64/000",
            "tile/8/-1/000",
            "tile/8/00/000",
            "tile/8/0/0",
            "tile/8/0/0000",
            "tile/8/0/+00",
            "tile/8/0/x000/001",
            "tile/8/0/001/000",
            "tile/8/0/x001",
            "tile/8/0/x001/x000",
            "tile/8/0/xx01/000",
            "tile/8/0/000.p/0",
            "tile/8/0/000.p/256",
            "tile/8/0/000.p/257",
            "tile/8/0/000.p/01",
            "tile/8/0/000.p/",
            "tile/8/0/000.p",
            "tile/8/0/000.p/1/",
            "tile/8/0/000.p/1.p/1",
            "tile/8/0/.p/1",
            "tile/8/0/000/",
            "tile/8/0/x018/x446/x744/x073/x709/x551/616",
            "tile/8/0/x999/x999/x999/x999/x999/x999/x999/999",
            "tile/8/data/000 ",
        ] {
            assert_eq!(Tile::parse_path(path), None, "{path}");
        }
    }

    fn tiles() -> impl Strategy<Value = Tile> {
        let level = prop_oneof![Just(Level::Data), (0..=MAX_LEVEL).prop_map(Level::Hashes)];
        (1..=MAX_HEIGHT, level, any::<u64>(), 0..64_u32, any::<u32>()).prop_map(|(h, l, n, shift, w)| Tile {
            h,
            l,
            n: n >> shift,
            w: w % (1 << h) + 1,
        })
    }

    proptest! {
        #[test]
        fn every_tile_has_one_path(tile in tiles()) {
            prop_assert_eq!(Tile::parse_path(&tile.path()), Some(tile));
        }

        #[test]
        fn whatever_parses_renders_back(text in "tile/[0-9]{1,2}/([0-9]{1,2}|data)/(x?[0-9]{3}/){0,3}[0-9]{3}(\\.p/[0-9]{1,3})?") {
            if let Some(tile) = Tile::parse_path(&text) {
                prop_assert_eq!(tile.path(), text);
            }
        }
    }
}
