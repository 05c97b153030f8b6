//! Tiles that a client hands on are proved first.

use std::sync::Arc;

use fairlead_sumdb::client::SumError;
use fairlead_sumdb::log::AnswerError;
use fairlead_sumdb::tile::{Level, Tile, new_tiles};

use crate::stage::{HEIGHT, Server, Store, block_on, client, forked_log, log, lookup};

#[test]
fn every_tile_of_every_log_is_handed_on_as_it_is() {
    for size in [1, 2, 3, 4, 5, 15, 16, 17, 40, 64, 65] {
        let (server, store) = (Server::new(log(size)), Arc::new(Store::default()));
        let client = client(&server, &store);
        for old in 0..size {
            for tile in new_tiles(HEIGHT, old, old + 1).unwrap() {
                let path = format!("/{}", tile.path());
                assert_eq!(
                    block_on(client.tile(tile)).unwrap(),
                    log(size).answer(&path).unwrap(),
                    "{size} {path}"
                );
            }
        }
    }
}

#[test]
fn a_changed_tile_is_not_handed_on() {
    let server = Server::new(log(30));
    for tile in new_tiles(HEIGHT, 0, 30).unwrap() {
        for byte in 0..tile.size() {
            let store = Arc::new(Store::default());
            server.flip(&format!("/{}", tile.path()), byte * 8 + byte % 8);
            let refused = block_on(client(&server, &store).tile(tile));
            assert!(matches!(refused, Err(SumError::Inclusion(_))), "{} {byte}", tile.path());
            assert!(store.files.lock().unwrap().is_empty());
        }
    }
}

#[test]
fn a_tile_of_a_tree_not_seen_yet_brings_the_newer_head() {
    let (server, store) = (Server::new(log(10)), Arc::new(Store::default()));
    let client = client(&server, &store);
    block_on(client.refresh()).unwrap();
    let tile = Tile { h: HEIGHT, l: Level::Hashes(0), n: 4, w: 4 };
    assert!(matches!(block_on(client.tile(tile)), Err(SumError::NotFound(_))));
    *server.log.lock().unwrap() = log(20);
    assert_eq!(block_on(client.tile(tile)).unwrap(), log(20).answer("/tile/2/0/004").unwrap());
    assert_eq!(store.latest.lock().unwrap().clone(), log(20).head().ok());
    *server.log.lock().unwrap() = forked_log(40, 12);
    let beyond = Tile { n: 8, ..tile };
    assert!(matches!(block_on(client.tile(beyond)), Err(SumError::Fork(_))));
}

#[test]
fn tiles_that_are_none_of_ours_are_not_found() {
    let (server, store) = (Server::new(log(30)), Arc::new(Store::default()));
    let client = client(&server, &store);
    lookup(&client, 3).unwrap();
    for path in [
        "tile/2/data/000",
        "tile/3/0/000",
        "tile/8/0/000.p/30",
        "tile/2/0/007",
        "tile/2/31/000.p/1",
        "tile/2/63/000",
        "tile/2/0/x018/x446/x744/x073/x709/x551/615",
    ] {
        let tile = Tile::parse_path(path).unwrap();
        assert!(matches!(block_on(client.tile(tile)), Err(SumError::NotFound(_))), "{path}");
    }
    for h in [0, 31, 32, 64, 255] {
        let tile = Tile { h, l: Level::Hashes(0), n: u64::MAX, w: u32::MAX };
        assert!(matches!(block_on(client.tile(tile)), Err(SumError::NotFound(_))), "{h}");
        assert_eq!(Tile::parse_path(&tile.path()), None);
    }
    server.tamper(|_, _| Err(AnswerError::NotFound));
    assert!(matches!(
        block_on(client.tile(Tile { h: HEIGHT, l: Level::Hashes(0), n: 5, w: 4 })),
        Err(SumError::Unreachable(_))
    ));
}
