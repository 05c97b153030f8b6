//! A database that signs two histories is found out, whoever saw which of them.

use std::sync::Arc;

use fairlead_sumdb::client::{Fork, SumError};
use fairlead_sumdb::note::Note;
use fairlead_sumdb::tlog::{self, Tree};

use crate::stage::{Server, Store, block_on, client, forked_log, key, log, lookup, signed};

fn fork<T: std::fmt::Debug>(result: Result<T, SumError>) -> Fork {
    match result {
        Err(SumError::Fork(fork)) => *fork,
        other => panic!("no fork: {other:?}"),
    }
}

/// Anybody who has the key must be able to follow the report.
fn check_report(fork: &Fork) {
    let tree = |note: &str| Tree::parse(&Note::open(note.as_bytes(), &[key()]).unwrap().text).unwrap();
    let (ours, theirs) = (tree(&fork.ours), tree(&fork.theirs));
    let (old, new) = if fork.theirs_is_older { (theirs, ours) } else { (ours, theirs) };
    assert!(old.size <= new.size);
    assert_ne!(fork.hash, old.hash);
    let proof = fork.proof.as_ref().unwrap();
    tlog::check_tree(proof, new.size, &new.hash, old.size, &fork.hash).unwrap();

    let text = fork.to_string();
    assert!(
        text.starts_with("SECURITY ERROR\ngo.sum database server misbehavior detected!\n\nold database:\n\t")
    );
    let (before, after) = text.split_once("\nnew database:\n").unwrap();
    assert!(before.contains(&old.hash.to_string()) && after.contains(&new.hash.to_string()));
    let (_, shown) = after.split_once("\nproof of misbehavior:\n\t").unwrap();
    let shown: Vec<_> = shown.split("\n\t").collect();
    assert_eq!(shown.len(), 1 + proof.len());
    assert_eq!(shown[0], fork.hash.to_string());
}

/// Sizes of the true and the other log, and where they part.
fn cases() -> impl Iterator<Item = (u64, u64, u64)> {
    let sizes = [1, 2, 3, 7, 8, 13, 16, 21];
    let pairs = sizes.into_iter().flat_map(move |a| sizes.into_iter().map(move |b| (a, b)));
    pairs.flat_map(|(a, b)| [0, a.min(b) / 2, a.min(b) - 1].into_iter().map(move |at| (a, b, at)))
}

/// The larger history's tiles show that the smaller one is no part of it.
fn serve_tiles_of_the_larger(server: &Server, a: u64, b: u64, at: u64) {
    let larger = if a > b { log(a) } else { forked_log(b, at) };
    server.tamper(move |path, answer| if path.starts_with("/tile/") { larger.answer(path) } else { answer });
}

#[test]
fn a_fork_is_found_by_a_lookup() {
    for (a, b, at) in cases() {
        let (server, store) = (Server::new(log(a)), Arc::new(Store::default()));
        let client = client(&server, &store);
        lookup(&client, 0).unwrap();
        let before = store.files.lock().unwrap().clone();
        *server.log.lock().unwrap() = forked_log(b, at);
        serve_tiles_of_the_larger(&server, a, b, at);
        let found = fork(lookup(&client, b - 1).and_then(|lines| {
            // The only record may have been looked up before; then only a new head can show the fork.
            assert_eq!(b, 1);
            block_on(client.refresh()).map(|_| lines)
        }));
        check_report(&found);
        assert_eq!(found.ours.as_bytes(), log(a).head().unwrap(), "{a} {b} {at}");
        assert_eq!(found.theirs.as_bytes(), forked_log(b, at).head().unwrap(), "{a} {b} {at}");
        // Neither the head nor any tile of the other history was remembered.
        assert_eq!(store.latest.lock().unwrap().clone(), log(a).head().ok());
        for (path, file) in store.files.lock().unwrap().iter() {
            let is_true = before.get(path) == Some(file) || log(a).answer(path).as_ref() == Ok(file);
            assert!(is_true, "{a} {b} {at} {path}");
        }
    }
}

#[test]
fn a_fork_is_found_across_restarts() {
    for (a, b, at) in cases() {
        let store = Arc::new(Store::default());
        lookup(&client(&Server::new(log(a)), &store), 0).unwrap();
        let server = Server::new(forked_log(b, at));
        serve_tiles_of_the_larger(&server, a, b, at);
        check_report(&fork(block_on(client(&server, &store).refresh())));
        assert_eq!(store.latest.lock().unwrap().clone(), log(a).head().ok());
    }
}

#[test]
fn a_fork_between_neighbours_is_found_at_the_swap() {
    let store = Arc::new(Store::default());
    let ours = client(&Server::new(log(13)), &store);
    let neighbour = client(&Server::new(forked_log(21, 9)), &store);
    // Both have read the empty memory before either has written.
    assert_eq!(block_on(ours.latest()), Ok(None));
    assert_eq!(block_on(neighbour.latest()), Ok(None));
    lookup(&ours, 3).unwrap();
    check_report(&fork(lookup(&neighbour, 15)));
    assert_eq!(store.latest.lock().unwrap().clone(), log(13).head().ok());
}

#[test]
fn an_older_head_of_the_same_history_is_fine() {
    let (server, store) = (Server::new(log(30)), Arc::new(Store::default()));
    let client = client(&server, &store);
    lookup(&client, 29).unwrap();
    *server.log.lock().unwrap() = log(10);
    server.tamper(|path, answer| if path.starts_with("/tile/") { log(30).answer(path) } else { answer });
    assert!(lookup(&client, 7).is_ok());
    assert_eq!(block_on(client.latest()).unwrap().unwrap().0.size, 30);
    assert_eq!(store.latest.lock().unwrap().clone(), log(30).head().ok());
}

#[test]
fn a_rollback_that_forgets_a_record_is_found_when_the_log_grows_again() {
    let (server, store) = (Server::new(log(30)), Arc::new(Store::default()));
    let client = client(&server, &store);
    lookup(&client, 29).unwrap();
    *server.log.lock().unwrap() = log(20);
    block_on(client.refresh()).unwrap();
    *server.log.lock().unwrap() = forked_log(40, 20);
    check_report(&fork(lookup(&client, 35)));
}

#[test]
fn two_roots_of_one_size_need_no_tiles_to_be_a_fork() {
    let (server, store) = (Server::new(log(30)), Arc::new(Store::default()));
    let client = client(&server, &store);
    block_on(client.refresh()).unwrap();
    *server.is_down.lock().unwrap() = true;
    check_report(&fork(block_on(client.check_tree(&forked_log(30, 4).head().unwrap()))));
}

#[test]
fn a_fork_that_hides_its_tiles_is_still_refused() {
    let (server, store) = (Server::new(log(30)), Arc::new(Store::default()));
    let client = client(&server, &store);
    lookup(&client, 7).unwrap();
    // The head is of the other history, the tiles are of ours.
    let head = forked_log(40, 4).head().unwrap();
    *server.log.lock().unwrap() = log(40);
    assert!(matches!(block_on(client.check_tree(&head)), Err(SumError::Inclusion(_))));
    let made_up = signed(25, tlog::Hash([9; 32]));
    check_report(&fork(block_on(client.check_tree(&made_up))));
    assert!(lookup(&client, 8).is_ok());
}
