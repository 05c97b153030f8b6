//! What our own database answers.

use fairlead_sumdb::log::{AddError, AnswerError, Log};
use fairlead_sumdb::note::Note;
use fairlead_sumdb::tile::{new_tiles, read_tile_data};
use fairlead_sumdb::tlog::{Record, Tree};

use crate::stage::{key, log, record, signer};

#[test]
fn the_head_is_signed_and_names_the_tree() {
    for size in [0, 1, 30] {
        let log = log(size);
        assert_eq!(log.answer("/latest"), Ok(log.head().unwrap()));
        let note = Note::open(&log.head().unwrap(), &[key()]).unwrap();
        assert_eq!(Tree::parse(&note.text).unwrap(), log.tree().unwrap());
        assert_eq!(log.tree().unwrap().size, size);
    }
}

#[test]
fn a_lookup_is_the_record_and_the_head() {
    let log = log(30);
    let answer = log.answer("/lookup/example.com/m12@v1.12.0").unwrap();
    let (found, head) = Record::parse(&answer).unwrap();
    assert_eq!(found, Record { id: 12, text: record(12, "true") });
    assert_eq!(head, log.head().unwrap());
    assert_eq!(log.answer("/supported"), Ok(vec![]));
}

#[test]
fn every_published_tile_is_served_and_no_other() {
    let log = log(30);
    for size in 1..=30 {
        for tile in new_tiles(2, size - 1, size).unwrap() {
            let data = read_tile_data(&tile, log.hashes()).unwrap();
            assert_eq!(log.answer(&format!("/{}", tile.path())), Ok(data));
        }
    }
    for path in
        ["tile/2/0/007.p/3", "tile/2/0/007", "tile/2/0/008.p/1", "tile/2/1/001.p/4", "tile/2/3/000.p/1"]
    {
        let expected =
            if path == "tile/2/1/001.p/4" { AnswerError::BadRequest } else { AnswerError::NotFound };
        assert_eq!(log.answer(&format!("/{path}")), Err(expected), "{path}");
    }
    for path in
        ["tile/30/63/000", "tile/30/0/000", "tile/8/0/x018/x446/x744/x073/x709/x551/615", "tile/1/63/000"]
    {
        assert_eq!(log.answer(&format!("/{path}")), Err(AnswerError::NotFound), "{path}");
    }
}

#[test]
fn data_tiles_hold_the_records() {
    let log = log(30);
    let expected = format!("{}\n{}\n", record(28, "true"), record(29, "true"));
    assert_eq!(log.answer("/tile/2/data/007.p/2"), Ok(expected.into_bytes()));
    assert_eq!(log.answer("/tile/2/data/007"), Err(AnswerError::NotFound));
}

#[test]
fn paths_are_known_or_refused() {
    let log = log(30);
    for (path, expected) in [
        ("", AnswerError::NotFound),
        ("/", AnswerError::NotFound),
        ("/lookup", AnswerError::NotFound),
        ("/latest/", AnswerError::NotFound),
        ("/tile", AnswerError::NotFound),
        ("/tile/", AnswerError::BadRequest),
        ("/tile/8/0/0", AnswerError::BadRequest),
        ("/lookup/", AnswerError::BadRequest),
        ("/lookup/example.com/m1", AnswerError::BadRequest),
        ("/lookup/@v1.1.0", AnswerError::BadRequest),
        ("/lookup/example.com/m1@", AnswerError::BadRequest),
        ("/lookup/example.com/m1@1.1.0", AnswerError::BadRequest),
        ("/lookup/example.com/m1@v1.1", AnswerError::BadRequest),
        ("/lookup/example.com/m1@v1..0", AnswerError::BadRequest),
        ("/lookup/example.com/m1@v1.1.0x", AnswerError::BadRequest),
        ("/lookup/example.com/m1@v1.1.0+build", AnswerError::BadRequest),
        ("/lookup/example.com/m1@v1.1.0@v1.1.0", AnswerError::BadRequest),
        ("/lookup/example.com/m1@latest", AnswerError::BadRequest),
        ("/lookup/example.com/M1@v1.1.0", AnswerError::BadRequest),
        ("/lookup/example.com/m99@v1.1.0", AnswerError::NotFound),
        ("/lookup/example.com/m1@v1.1.0-rc.1", AnswerError::NotFound),
        ("/lookup/example.com/m1@v1.1.0-rc.1+incompatible", AnswerError::NotFound),
        ("/lookup/example.com/m1@v1.1.0+incompatible", AnswerError::NotFound),
    ] {
        assert_eq!(log.answer(path), Err(expected), "{path}");
    }
}

#[test]
fn a_record_is_added_once_and_never_changed() {
    let mut log = Log::new(signer());
    assert_eq!(log.add(&record(7, "true")), Ok(0));
    assert_eq!(log.add(&record(8, "true")), Ok(1));
    let head = log.head().unwrap();
    assert_eq!(log.add(&record(7, "true")), Ok(0));
    assert_eq!(log.add(&record(7, "other")), Err(AddError::Conflict(0)));
    for bad in [
        "",
        "\n",
        "two fields\n",
        "a v1.0.0 h1:x=",
        "a v1.0.0 h1:x=\n\n",
        "a v1.0.0 h1:x=\nb\n",
        "a  v1.0.0 h1:x=\tb\n",
    ] {
        assert_eq!(log.add(bad), Err(AddError::Malformed), "{bad:?}");
    }
    assert_eq!((log.size(), log.head().unwrap()), (2, head));
}
