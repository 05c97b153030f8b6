//! A client against a server, or a disk, that changes bytes.

use std::sync::Arc;

use fairlead_sumdb::client::SumError;
use fairlead_sumdb::note::NoteError;
use fairlead_sumdb::tlog::{Hash, MAX_SIZE, Tree};

use crate::stage::{Server, Store, block_on, client, log, lookup, record, signed};

#[test]
fn every_flipped_bit_of_a_signed_head_is_refused() {
    let server = Server::new(log(30));
    let head = log(30).head().unwrap();
    for bit in 0..head.len() * 8 {
        let store = Arc::new(Store::default());
        let mut bad = head.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        let refused = block_on(client(&server, &store).check_tree(&bad)).unwrap_err();
        assert!(matches!(refused, SumError::Malformed(_) | SumError::BadSignature(_)), "{bit} {refused}");
        assert_eq!(*store.latest.lock().unwrap(), None);
    }
}

#[test]
fn every_flipped_bit_of_a_lookup_answer_is_refused() {
    let server = Server::new(log(13));
    let path = "/lookup/example.com/m5@v1.5.0";
    let bits = server.log.lock().unwrap().answer(path).unwrap().len() * 8;
    for bit in 0..bits {
        let store = Arc::new(Store::default());
        server.flip(path, bit);
        let refused = lookup(&client(&server, &store), 5).unwrap_err();
        assert!(
            matches!(refused, SumError::Malformed(_) | SumError::BadSignature(_) | SumError::Inclusion(_)),
            "{bit} {refused}"
        );
        assert!(!store.files.lock().unwrap().contains_key(path), "{bit}");
    }
}

#[test]
fn every_flipped_bit_of_every_tile_on_the_way_is_refused() {
    let server = Server::new(log(27));
    lookup(&client(&server, &Arc::default()), 5).unwrap();
    let tiles: Vec<_> = server.asked().into_iter().filter(|path| path.starts_with("/tile/")).collect();
    assert!(tiles.len() >= 4, "{tiles:?}");
    for path in tiles {
        let bits = server.log.lock().unwrap().answer(&path).unwrap().len() * 8;
        for bit in 0..bits {
            let store = Arc::new(Store::default());
            server.flip(&path, bit);
            let refused = lookup(&client(&server, &store), 5).unwrap_err();
            assert!(matches!(refused, SumError::Inclusion(_)), "{path} {bit} {refused}");
            assert!(store.files.lock().unwrap().is_empty(), "{path} {bit}");
        }
    }
}

#[test]
fn every_flipped_bit_on_the_way_from_an_older_tree_is_refused() {
    // The older head makes the client prove consistency as well.
    let server = Server::new(log(27));
    let older = log(11).head().unwrap();
    let store = || {
        let store = Store::default();
        *store.latest.lock().unwrap() = Some(older.clone());
        Arc::new(store)
    };
    lookup(&client(&server, &store()), 12).unwrap();
    for path in server.asked() {
        let bytes = server.log.lock().unwrap().answer(&path).unwrap().len();
        for byte in 0..bytes {
            let store = store();
            server.flip(&path, byte * 8 + byte % 8);
            lookup(&client(&server, &store), 12).unwrap_err();
            assert!(!store.files.lock().unwrap().contains_key(&path), "{path} {byte}");
        }
    }
}

#[test]
fn a_bad_tile_is_not_held_against_the_next_lookup() {
    let (server, store) = (Server::new(log(27)), Arc::new(Store::default()));
    let client = client(&server, &store);
    server.flip("/tile/2/0/001", 3);
    assert!(matches!(lookup(&client, 5), Err(SumError::Inclusion(_))));
    server.tamper(|_, answer| answer);
    assert!(lookup(&client, 5).is_ok());
}

#[test]
fn short_and_long_tiles_are_refused() {
    let server = Server::new(log(27));
    let changes: [fn(&mut Vec<u8>); 3] = [Vec::clear, |tile| tile.truncate(32), |tile| tile.push(0)];
    for change in changes {
        server.tamper(move |path, answer| {
            let mut answer = answer?;
            if path == "/tile/2/0/001" {
                change(&mut answer);
            }
            Ok(answer)
        });
        let refused = lookup(&client(&server, &Arc::default()), 5).unwrap_err();
        assert!(matches!(refused, SumError::Malformed(_)), "{refused}");
    }
}

#[test]
fn a_true_record_of_another_module_is_refused() {
    let (server, store) = (Server::new(log(30)), Arc::new(Store::default()));
    let other = server.log.lock().unwrap().answer("/lookup/example.com/m6@v1.6.0").unwrap();
    server.tamper(move |path, answer| if path.starts_with("/lookup/") { Ok(other.clone()) } else { answer });
    assert!(matches!(lookup(&client(&server, &store), 5), Err(SumError::Inclusion(_))));
    assert!(store.files.lock().unwrap().keys().all(|path| !path.starts_with("/lookup/")));
}

#[test]
fn a_longer_name_or_version_is_another_module() {
    let mut log = log(2);
    log.add("example.com/x v1.2.0 h1:a=\nexample.com/xy v1.2.0 h1:b=\nexample.com/x v1.2.01 h1:c=\n")
        .unwrap();
    let server = Server::new(log);
    let lines = block_on(client(&server, &Arc::default()).lookup("example.com/x", "v1.2.0")).unwrap();
    assert_eq!(lines, ["example.com/x v1.2.0 h1:a="]);
}

#[test]
fn answers_without_or_with_a_strange_head_are_refused() {
    let server = Server::new(log(30));
    for end in [&b""[..], b"\n", b"not a note", &log(5).head().unwrap()] {
        let end = end.to_vec();
        server.tamper(move |path, answer| {
            let mut answer = answer?;
            if path.starts_with("/lookup/") {
                let at = answer.windows(2).position(|pair| pair == b"\n\n").unwrap() + 2;
                answer.splice(at.., end.clone());
            }
            Ok(answer)
        });
        let refused = lookup(&client(&server, &Arc::default()), 5).unwrap_err();
        assert!(matches!(refused, SumError::Malformed(_) | SumError::Inclusion(_)), "{refused}");
    }
}

#[test]
fn a_head_signed_by_another_key_is_refused() {
    let signer = fairlead_sumdb::note::SignerKey::generate("sums.example.com", [1; 32]).unwrap();
    let mut other = fairlead_sumdb::log::Log::new(signer);
    other.add(&record(0, "true")).unwrap();
    let refused = lookup(&client(&Server::new(other), &Arc::default()), 0);
    assert_eq!(refused, Err(SumError::BadSignature(NoteError::Unverified)));
}

#[test]
fn damaged_files_are_fetched_again() {
    let server = Server::new(log(27));
    let store = Arc::new(Store::default());
    lookup(&client(&server, &store), 5).unwrap();
    let good = store.files.lock().unwrap().clone();
    for path in good.keys() {
        let changes: [fn(&mut Vec<u8>); 3] = [|file| file[1] ^= 1, Vec::clear, |file| file.truncate(3)];
        for change in changes {
            change(store.files.lock().unwrap().get_mut(path).unwrap());
            assert!(lookup(&client(&server, &store), 5).is_ok(), "{path}");
            assert_eq!(*store.files.lock().unwrap(), good, "{path}");
        }
    }
}

#[test]
fn a_damaged_remembered_head_is_never_passed_over() {
    let server = Server::new(log(27));
    let head = log(11).head().unwrap();
    for damaged in [vec![], head[1..].to_vec(), head[..head.len() - 9].to_vec()] {
        let store = Arc::new(Store::default());
        *store.latest.lock().unwrap() = Some(damaged.clone());
        assert!(matches!(lookup(&client(&server, &store), 5), Err(SumError::Memory(_))));
        assert_eq!(*store.latest.lock().unwrap(), Some(damaged));
    }
}

#[test]
fn hostile_sizes_end_in_an_error() {
    let (server, store) = (Server::new(log(27)), Arc::new(Store::default()));
    let client = client(&server, &store);
    lookup(&client, 5).unwrap();
    for size in [28, 1 << 20, 1 << 31, 1 << 32, 1 << 62, MAX_SIZE - 1, MAX_SIZE] {
        let refused = block_on(client.check_tree(&signed(size, Hash([1; 32])))).unwrap_err();
        assert!(matches!(refused, SumError::Unreachable(_)), "{size} {refused}");
    }
    for size in [MAX_SIZE + 1, u64::MAX] {
        let refused = block_on(client.check_tree(&signed(size, Hash([1; 32])))).unwrap_err();
        assert!(matches!(refused, SumError::Malformed(_)), "{size} {refused}");
    }
    assert_eq!(*store.latest.lock().unwrap(), log(27).head().ok());
}

#[test]
fn hostile_sizes_end_in_an_error_on_first_contact_too() {
    for size in [MAX_SIZE - 1, MAX_SIZE] {
        for id in [0, 5, size - 1, size, MAX_SIZE, u64::MAX] {
            let server = Server::new(log(27));
            server.tamper(move |path, answer| {
                if path.starts_with("/tile/") {
                    // Tiles of the right length, made up.
                    let width = path.rsplit_once(".p/").map_or(4, |(_, width)| width.parse().unwrap());
                    return Ok(vec![7; width * 32]);
                }
                let head = signed(size, Hash([1; 32]));
                answer.map(|_| [format!("{id}\n{}\n", record(5, "true")).into_bytes(), head].concat())
            });
            let refused = lookup(&client(&server, &Arc::default()), 5).unwrap_err();
            assert!(
                matches!(refused, SumError::Inclusion(_) | SumError::Malformed(_)),
                "{size} {id} {refused}"
            );
        }
    }
}

#[test]
fn an_empty_tree_with_a_hash_of_its_own_is_a_fork() {
    let (server, store) = (Server::new(log(27)), Arc::new(Store::default()));
    let client = client(&server, &store);
    assert_eq!(block_on(client.check_tree(&signed(0, Hash::EMPTY))), Ok(Tree::EMPTY));
    assert!(matches!(block_on(client.check_tree(&signed(0, Hash([1; 32])))), Err(SumError::Fork(_))));
}
