//! A client against a server that is honest, if sometimes away.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use fairlead_sumdb::client::{Client, SumError, TILE_HEIGHT, lookup_path};
use fairlead_sumdb::log::AnswerError;
use fairlead_sumdb::tile::Tile;

use crate::stage::{HEIGHT, Server, Store, block_on, client, key, log, lookup, record};

fn lines(number: u64) -> Vec<String> {
    record(number, "true").lines().map(str::to_owned).collect()
}

#[test]
fn every_record_of_every_log_is_found_and_proved() {
    for size in 1..=40 {
        let (server, store) = (Server::new(log(size)), Arc::new(Store::default()));
        let client = client(&server, &store);
        for number in 0..size {
            assert_eq!(lookup(&client, number), Ok(lines(number)), "{number} of {size}");
        }
        assert_eq!(*store.latest.lock().unwrap(), server.log.lock().unwrap().head().ok());
    }
}

#[test]
fn a_growing_log_is_followed() {
    let (server, store) = (Server::new(log(0)), Arc::new(Store::default()));
    let client = client(&server, &store);
    for number in 0..100 {
        server.log.lock().unwrap().add(&record(number, "true")).unwrap();
        assert_eq!(lookup(&client, number), Ok(lines(number)), "{number}");
        assert_eq!(block_on(client.latest()).unwrap().unwrap().0, server.log.lock().unwrap().tree().unwrap());
    }
}

#[test]
fn the_usual_tile_height_works_too() {
    let (server, store) = (Server::new(log(600)), Arc::new(Store::default()));
    let client = Client::new(key(), server.clone(), store, TILE_HEIGHT);
    for number in [0, 1, 255, 256, 511, 512, 599] {
        assert_eq!(lookup(&client, number), Ok(lines(number)));
    }
    assert!(server.asked().iter().filter(|path| path.starts_with("/tile/")).count() <= 4);
}

#[test]
fn a_version_with_go_mod_is_the_same_lookup() {
    let (server, store) = (Server::new(log(5)), Arc::new(Store::default()));
    let client = client(&server, &store);
    assert_eq!(block_on(client.lookup("example.com/m3", "v1.3.0/go.mod")), Ok(lines(3)));
    server.asked();
    assert_eq!(lookup(&client, 3), Ok(lines(3)));
    assert_eq!(server.asked(), [""; 0]);
}

#[test]
fn paths_are_escaped() {
    assert_eq!(
        lookup_path("github.com/Azure/x", "v1.0.0-RC1").unwrap(),
        "/lookup/github.com/!azure/x@v1.0.0-!r!c1"
    );
    assert!(matches!(lookup_path("../x", "v1.0.0"), Err(SumError::BadName(_))));
    let mut log = log(3);
    log.add("github.com/Azure/x v1.0.0 h1:a=\ngithub.com/Azure/x v1.0.0/go.mod h1:b=\n").unwrap();
    let (server, store) = (Server::new(log), Arc::new(Store::default()));
    let lines = block_on(client(&server, &store).lookup("github.com/Azure/x", "v1.0.0")).unwrap();
    assert_eq!(lines, ["github.com/Azure/x v1.0.0 h1:a=", "github.com/Azure/x v1.0.0/go.mod h1:b="]);
}

#[test]
fn what_was_proved_once_needs_no_server() {
    let (server, store) = (Server::new(log(30)), Arc::new(Store::default()));
    lookup(&client(&server, &store), 7).unwrap();
    *server.is_down.lock().unwrap() = true;
    server.asked();
    assert_eq!(lookup(&client(&server, &store), 7), Ok(lines(7)));
    assert_eq!(server.asked(), [""; 0]);
    assert!(matches!(lookup(&client(&server, &store), 8), Err(SumError::Unreachable(_))));
}

#[test]
fn an_unreachable_server_is_not_remembered_as_such() {
    let (server, store) = (Server::new(log(30)), Arc::new(Store::default()));
    let client = client(&server, &store);
    *server.is_down.lock().unwrap() = true;
    assert!(matches!(lookup(&client, 7), Err(SumError::Unreachable(_))));
    *server.is_down.lock().unwrap() = false;
    assert_eq!(lookup(&client, 7), Ok(lines(7)));
}

#[test]
fn an_unknown_module_is_not_found_but_a_missing_tile_is_no_denial() {
    let (server, store) = (Server::new(log(30)), Arc::new(Store::default()));
    let client = client(&server, &store);
    assert!(matches!(lookup(&client, 30), Err(SumError::NotFound(_))));
    server
        .tamper(|path, answer| if path.starts_with("/tile/") { Err(AnswerError::NotFound) } else { answer });
    assert!(matches!(lookup(&client, 7), Err(SumError::Unreachable(_))));
    assert!(store.files.lock().unwrap().is_empty());
}

/// Serves tiles of a log of 150 records, without the partial ones of which there is a full one by now, and lookups
/// with the head that was signed at `size`, as a proxy would that cached them.
fn serve_as_a_grown_log(server: &Server, size: u64) {
    let (then, now) = (log(size), log(150));
    server.tamper(move |path, _| {
        let tile = Tile::parse_path(&path[1..]).filter(|tile| !tile.is_full());
        let full = tile.map(|tile| now.answer(&format!("/{}", tile.full().path())));
        match full {
            Some(Ok(_)) => Err(AnswerError::NotFound),
            _ if path.starts_with("/tile/") => now.answer(path),
            _ => then.answer(path),
        }
    });
}

#[test]
fn partial_tiles_are_cut_from_full_ones() {
    let mut cuts = 0;
    for size in 1..=64 {
        let (server, store) = (Server::new(log(0)), Arc::new(Store::default()));
        serve_as_a_grown_log(&server, size);
        assert_eq!(lookup(&client(&server, &store), size - 1), Ok(lines(size - 1)), "{size}");
        assert_eq!(store.latest.lock().unwrap().clone(), log(size).head().ok());
        let asked = server.asked();
        cuts += asked.iter().filter(|path| path.contains(".p/")).count();
        // What was cut off is not proved, and so not saved.
        for (path, file) in store.files.lock().unwrap().iter() {
            assert_eq!(log(size).answer(path).as_ref(), Ok(file), "{size} {path}");
        }
    }
    assert!(cuts > 40);
}

#[test]
fn partial_tiles_are_cut_from_saved_full_ones() {
    // Four levels of tiles, all full.
    let full = Server::new(log(256));
    let store = Arc::new(Store::default());
    let ahead = client(&full, &store);
    for number in 0..64 {
        lookup(&ahead, number).unwrap();
    }
    let saved = store.files.lock().unwrap().clone();
    for size in 1..=64 {
        let server = Server::new(log(size));
        server.tamper(
            |path, answer| if path.starts_with("/lookup/") { answer } else { Err(AnswerError::NotFound) },
        );
        let store = Arc::new(Store::default());
        store.files.lock().unwrap().extend(saved.clone());
        store.files.lock().unwrap().retain(|path, _| path.starts_with("/tile/") && !path.contains(".p/"));
        assert_eq!(lookup(&client(&server, &store), size - 1), Ok(lines(size - 1)), "{size}");
    }
}

#[test]
fn saved_tiles_serve_later_trees() {
    let (server, store) = (Server::new(log(64)), Arc::new(Store::default()));
    let client = client(&server, &store);
    for number in 0..64 {
        lookup(&client, number).unwrap();
    }
    server.asked();
    for number in 0..64 {
        assert_eq!(lookup(&crate::stage::client(&server, &store), number), Ok(lines(number)));
    }
    assert_eq!(server.asked(), [""; 0]);
    assert_eq!(HEIGHT, 2);
    let saved = store.files.lock().unwrap();
    assert_eq!(saved.keys().filter(|path| path.starts_with("/tile/2/0/")).count(), 16);
}

#[test]
fn the_head_is_swapped_in_even_against_neighbours() {
    let (server, store) = (Server::new(log(30)), Arc::new(Store::default()));
    let older = |size| log(size).head().unwrap();
    *store.neighbours.lock().unwrap() = vec![older(12), older(11), older(10)];
    assert_eq!(lookup(&client(&server, &store), 7), Ok(lines(7)));
    assert_eq!(store.latest.lock().unwrap().clone(), Some(older(30)));

    // A neighbour that is ahead of us is left alone, and we go on from there.
    server.log.lock().unwrap().add(&record(30, "true")).unwrap();
    let mut ahead = log(40);
    *store.neighbours.lock().unwrap() = vec![ahead.head().unwrap()];
    *server.log.lock().unwrap() = log(40);
    server.tamper(|path, answer| {
        let mut answer = answer?;
        if path.starts_with("/lookup/") {
            let at = answer.windows(2).position(|pair| pair == b"\n\n").unwrap() + 2;
            answer.splice(at.., log(31).head().unwrap());
        }
        Ok(answer)
    });
    let client = client(&server, &store);
    assert_eq!(lookup(&client, 30), Ok(lines(30)));
    assert_eq!(store.latest.lock().unwrap().clone(), ahead.head().ok());
    assert_eq!(block_on(client.latest()).unwrap().unwrap().0.size, 40);
    ahead.add(&record(40, "true")).unwrap();
}

#[test]
fn a_head_that_could_not_be_remembered_is_tried_again() {
    let (server, store) = (Server::new(log(30)), Arc::new(Store::default()));
    let client = client(&server, &store);
    store.failing_swaps.store(1, Ordering::SeqCst);
    assert_eq!(lookup(&client, 7), Err(SumError::Memory("disk full".into())));
    assert_eq!(*store.latest.lock().unwrap(), None);
    assert_eq!(lookup(&client, 7), Ok(lines(7)));
    assert_eq!(*store.latest.lock().unwrap(), server.log.lock().unwrap().head().ok());
}

#[test]
fn a_memory_that_never_lets_go_is_given_up() {
    let (server, store) = (Server::new(log(30)), Arc::new(Store::default()));
    *store.neighbours.lock().unwrap() = (0..200).map(|n| log(10 + n % 2).head().unwrap()).collect();
    assert!(matches!(lookup(&client(&server, &store), 7), Err(SumError::Memory(_))));
}

#[test]
fn heads_served_by_others_are_folded_in() {
    let (server, store) = (Server::new(log(30)), Arc::new(Store::default()));
    let client = client(&server, &store);
    assert_eq!(block_on(client.latest()), Ok(None));
    for size in [20, 30, 10, 1] {
        let head = log(size).head().unwrap();
        assert_eq!(block_on(client.check_tree(&head)).unwrap(), log(size).tree().unwrap());
    }
    let head = log(30).head().unwrap();
    assert_eq!(block_on(client.latest()).unwrap(), Some((log(30).tree().unwrap(), head.clone())));
    assert_eq!(*store.latest.lock().unwrap(), Some(head));
}
