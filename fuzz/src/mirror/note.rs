//! What a checksum database serves: signed notes, tree heads, records, tiles. The first byte says which is tried.

use fairlead_sumdb::client::has_shape;
use fairlead_sumdb::note::{Note, SignerKey, VerifierKey, sign};
use fairlead_sumdb::tile::{Tile, TileProof, read_tile_data};
use fairlead_sumdb::tlog::{Hash, Record, Tree, record_hash, stored_hash_index, stored_hashes, tree_hash};

/// The one text that the key has signed; `seeds/note/note` is the note.
const TEXT: &str = "go.sum database tree\n3\nAAAA\n";
/// Records of the log of which tiles are tried, and the height of its tiles.
const RECORDS: u64 = 13;
const HEIGHT: u8 = 2;

/// Reads the bytes as one of them.
///
/// # Panics
/// When something is believed that nobody signed, or something does not read back as it was written.
pub fn run(data: &[u8]) {
    let Some((kind, rest)) = data.split_first() else { return };
    match kind {
        b'n' => note(rest),
        b't' => tile(rest),
        b'p' => path(&String::from_utf8_lossy(rest)),
        _ => texts(rest),
    }
}

fn key() -> SignerKey {
    let key = SignerKey::generate("sum.example", [7; 32]);
    key.unwrap_or_else(|error| panic!("{error}"))
}

fn note(data: &[u8]) {
    let key = key();
    if let Ok(note) = Note::open(data, std::slice::from_ref(key.verifier())) {
        assert_eq!(note.text, TEXT, "nobody signed this");
        assert_eq!(note.signatures.len(), 1);
        assert!(has_shape("/latest", data), "a note without the shape of one");
    }
    let text = String::from_utf8_lossy(data);
    if let Ok(key) = VerifierKey::parse(&text) {
        assert_eq!(VerifierKey::parse(&key.to_string()).ok().as_ref(), Some(&key));
    }
    if let Ok(signed) = sign(&text, std::slice::from_ref(&key)) {
        let opened = Note::open(&signed, std::slice::from_ref(key.verifier()));
        assert!(opened.is_ok_and(|note| note.text == text), "what we sign we can read: {text:?}");
    }
}

fn texts(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(tree) = Tree::parse(&text) {
        assert_eq!(Tree::parse(&tree.render()), Ok(tree));
    }
    if let Some(hash) = Hash::parse(&text) {
        assert_eq!(hash.to_string(), text);
    }
    if let Ok((record, rest)) = Record::parse(data) {
        let Ok(mut again) = record.render() else { panic!("a record that cannot be written") };
        again.extend_from_slice(rest);
        assert_eq!(Record::parse(&again), Ok((record, rest)));
    }
    for path in ["/latest", "/lookup/a.example/m@v1.0.0", "/tile/8/0/000.p/1", "/supported"] {
        has_shape(path, data);
    }
}

fn path(text: &str) {
    let Some(tile) = Tile::parse_path(text) else { return };
    assert_eq!(tile.path(), text);
    assert_eq!(Tile::parse_path(&tile.full().path()), Some(tile.full()));
}

/// The bytes as tiles of a log that has others, unless they are the same.
fn tile(data: &[u8]) {
    let (hashes, tree) = log();
    let Some((wanted, data)) = data.split_first() else { return };
    let Ok(index) = stored_hash_index(0, u64::from(*wanted) % RECORDS) else { return };
    let Ok(proof) = TileProof::new(tree, HEIGHT, &[index]) else { panic!("a log without its record") };
    // As many true tiles as the data does not reach.
    let mut rest = data;
    let served: Vec<Vec<u8>> = proof
        .tiles()
        .iter()
        .map(|tile| match rest.split_at_checked(tile.size()) {
            Some((taken, left)) => {
                rest = left;
                taken.to_vec()
            }
            None => read_tile_data(tile, &hashes).unwrap_or_default(),
        })
        .collect();
    if let Ok(read) = proof.authenticate(&served) {
        let place = usize::try_from(index).unwrap_or_default();
        assert_eq!(read, [hashes[place]], "a tile that is not the log's");
    }
}

fn log() -> (Vec<Hash>, Tree) {
    let mut hashes: Vec<Hash> = Vec::new();
    for number in 0..RECORDS {
        let record = record_hash(format!("record {number}\n").as_bytes());
        let more = stored_hashes(number, record, &hashes).unwrap_or_else(|error| panic!("{error}"));
        hashes.extend(more);
    }
    let hash = tree_hash(RECORDS, &hashes).unwrap_or_else(|error| panic!("{error}"));
    (hashes, Tree { size: RECORDS, hash })
}
