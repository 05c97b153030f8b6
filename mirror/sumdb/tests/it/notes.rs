//! Signed notes, tree heads and records, mangled every way.

use fairlead_sumdb::note::{MAX_NOTE, MAX_SIGNATURES, Note, NoteError, SignerKey, VerifierKey, sign};
use fairlead_sumdb::tlog::{Hash, MAX_SIZE, Record, TlogError, Tree};
use proptest::prelude::*;

const TEXT: &str = "If you think cryptography is the answer,\n\nyou do not know what the question is.\n";

fn signer(name: &str) -> SignerKey {
    SignerKey::generate(name, [name.len() as u8; 32]).unwrap()
}

fn keys(signers: &[SignerKey]) -> Vec<VerifierKey> {
    signers.iter().map(|signer| signer.verifier().clone()).collect()
}

#[test]
fn a_note_opens_with_its_keys() {
    let signers = [signer("peter"), signer("enoch.example.com/db")];
    let message = sign(TEXT, &signers).unwrap();
    let both = Note::open(&message, &keys(&signers)).unwrap();
    assert_eq!((both.text.as_str(), both.signatures.len(), both.unverified.len()), (TEXT, 2, 0));
    let one = Note::open(&message, &keys(&signers)[1..]).unwrap();
    assert_eq!((&one.signatures[0], &one.unverified[0]), (&both.signatures[1], &both.signatures[0]));
    assert_eq!(Note::open(&message, &[]), Err(NoteError::Unverified));
    assert_eq!(Note::open(&message, &keys(&[signer("other")])), Err(NoteError::Unverified));
}

#[test]
fn the_head_of_the_public_database_opens() {
    let key = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8";
    let head = include_bytes!("golang-head.txt");
    let note = Note::open(head, &[VerifierKey::parse(key).unwrap()]).unwrap();
    let tree = Tree::parse(&note.text).unwrap();
    assert!(tree.size > 60_000_000);
    assert_eq!(tree.render(), note.text);
}

#[test]
fn every_flipped_bit_is_refused() {
    let signers = [signer("peter")];
    let message = sign(TEXT, &signers).unwrap();
    for bit in 0..message.len() * 8 {
        let mut bad = message.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert!(Note::open(&bad, &keys(&signers)).is_err(), "bit {bit}");
    }
}

#[test]
fn every_missing_doubled_or_added_byte_is_refused() {
    let signers = [signer("peter")];
    let message = sign(TEXT, &signers).unwrap();
    for at in 0..message.len() {
        let mut without = message.clone();
        without.remove(at);
        let mut doubled = message.clone();
        doubled.insert(at, message[at]);
        for bad in [&without, &doubled, &message[..at].to_vec(), &message[at + 1..].to_vec()] {
            assert!(Note::open(bad, &keys(&signers)).is_err(), "at {at}");
        }
    }
    for more in [" ", "\n", "x", "\r\n", "\u{0}"] {
        let bad = [&message[..], more.as_bytes()].concat();
        assert!(Note::open(&bad, &keys(&signers)).is_err(), "{more:?}");
    }
}

#[test]
fn malformed_notes_are_refused() {
    let signers = [signer("peter")];
    let keys = keys(&signers);
    let message = String::from_utf8(sign(TEXT, &signers).unwrap()).unwrap();
    let line = message.lines().last().unwrap();
    let encoded = line.rsplit(' ').next().unwrap();
    for bad in [
        String::new(),
        "\n".into(),
        TEXT.into(),
        format!("{TEXT}{line}\n"),
        format!("{TEXT}\n"),
        format!("{TEXT}\n{line}"),
        format!("{TEXT}\n{}\n", line.replace('—', "-")),
        format!("{TEXT}\n{}\n", line.replace("— ", "—")),
        format!("{TEXT}\n— peter\n"),
        format!("{TEXT}\n— peter \n"),
        format!("{TEXT}\n— peter AAAA\n"),
        format!("{TEXT}\n— peter {encoded} \n"),
        format!("{TEXT}\n— peter  {encoded}\n"),
        format!("{TEXT}\n— pe+ter {encoded}\n"),
        format!("{TEXT}\n— pe\u{a0}ter {encoded}\n"),
        format!("{TEXT}\n—  {encoded}\n"),
        format!("{TEXT}\n{line}\nnot a signature\n"),
        format!("{TEXT}\n{line}\r\n"),
        format!("{TEXT}\t\n{line}\n"),
        format!("{TEXT}\u{0}\n{line}\n"),
        format!("{TEXT}\n— peter {}\n", encoded.trim_end_matches('=')),
    ] {
        assert_eq!(Note::open(bad.as_bytes(), &keys), Err(NoteError::Malformed), "{bad:?}");
    }
    let mut invalid = message.clone().into_bytes();
    invalid[0] = 0xff;
    assert_eq!(Note::open(&invalid, &keys), Err(NoteError::Malformed));
}

#[test]
fn a_bad_signature_of_a_known_key_spoils_the_note() {
    let (good, bad) = (signer("good"), signer("bad name".trim_end_matches(" name")));
    let keys = keys(&[signer("good"), signer("bad")]);
    let other = String::from_utf8(sign("other text\n", &[bad]).unwrap()).unwrap();
    let message = String::from_utf8(sign(TEXT, &[good]).unwrap()).unwrap();
    let message = format!("{message}{}\n", other.lines().last().unwrap());
    let refused = Note::open(message.as_bytes(), &keys);
    assert_eq!(refused, Err(NoteError::BadSignature { name: "bad".into(), hash: keys[1].hash() }));
    // The same signature counts for nothing when its key is unknown.
    assert_eq!(Note::open(message.as_bytes(), &keys[..1]).unwrap().unverified.len(), 1);
}

#[test]
fn repeated_signatures_count_once() {
    let signers = [signer("peter"), signer("unknown")];
    let message = String::from_utf8(sign(TEXT, &signers).unwrap()).unwrap();
    let lines: Vec<_> = message.lines().rev().take(2).collect();
    let message = format!("{message}{}\n{}\n", lines[0], lines[1]);
    let note = Note::open(message.as_bytes(), &keys(&signers[..1])).unwrap();
    assert_eq!((note.signatures.len(), note.unverified.len()), (1, 1));
}

#[test]
fn two_keys_of_one_name_and_hash_are_ambiguous() {
    let signer = signer("peter");
    let keys = [signer.verifier().clone(), signer.verifier().clone()];
    let message = sign(TEXT, &[signer]).unwrap();
    assert!(matches!(Note::open(&message, &keys), Err(NoteError::AmbiguousKey { .. })));
}

#[test]
fn signatures_and_bytes_are_limited() {
    let known = [signer("peter")];
    let message = String::from_utf8(sign(TEXT, &known).unwrap()).unwrap();
    let strangers =
        |count: usize| -> String { (0..count).map(|n| format!("— stranger{n} AAAAAAAAAAAA\n")).collect() };
    let with = |count| Note::open(format!("{message}{}", strangers(count)).as_bytes(), &keys(&known));
    assert_eq!(with(MAX_SIGNATURES - 1).unwrap().unverified.len(), MAX_SIGNATURES - 1);
    assert_eq!(with(MAX_SIGNATURES), Err(NoteError::Malformed));

    let frame = sign("\n", &known).unwrap().len();
    let longest = format!("{}\n", "x".repeat(MAX_NOTE - frame));
    let message = sign(&longest, &known).unwrap();
    assert_eq!(message.len(), MAX_NOTE);
    assert!(Note::open(&message, &keys(&known)).is_ok());
    assert_eq!(sign(&format!("x{longest}"), &known), Err(NoteError::Malformed));
    let mut longer = message;
    longer.insert(0, b'x');
    assert_eq!(Note::open(&longer, &keys(&known)), Err(NoteError::Malformed));
}

#[test]
fn nothing_is_signed_that_would_not_open() {
    for text in ["", "no newline", "control\u{7}\n", "return\r\n"] {
        assert_eq!(sign(text, &[signer("peter")]), Err(NoteError::Malformed), "{text:?}");
    }
    assert_eq!(sign(TEXT, &[]), Err(NoteError::Malformed));
}

#[test]
fn tree_heads_parse_only_as_they_are_written() {
    let tree = Tree { size: 123_456_789_012, hash: Hash([7; 32]) };
    let text = tree.render();
    assert_eq!(Tree::parse(&text), Ok(tree));
    assert_eq!(Tree::parse(&format!("{text}for later\n\nformats")), Ok(tree));
    let hash = tree.hash.to_string();
    for bad in [
        String::new(),
        text.trim_end().into(),
        text.replace("tree\n", "tree v2\n"),
        text.replace("12345", "012345"),
        text.replace("12345", "+12345"),
        text.replace("12345", "-12345"),
        text.replace("12345", "12345 "),
        text.replace("123456789012", ""),
        text.replace("123456789012", "9223372036854775808"),
        text.replace("123456789012", "18446744073709551616"),
        text.replace(&hash, &hash[4..]),
        text.replace(&hash, &format!("AAAA{hash}")),
        text.replace(&hash, hash.trim_end_matches('=')),
        text.replace("BwcHBwc=", "BwcHBwd="),
        text.replace('\n', "\r\n"),
        format!("{text}{}", "x".repeat(MAX_NOTE)),
    ] {
        assert_eq!(Tree::parse(&bad), Err(TlogError::MalformedTree), "{bad:.80}");
    }
    for size in [0, MAX_SIZE] {
        let tree = Tree { size, ..tree };
        assert_eq!(Tree::parse(&tree.render()), Ok(tree));
    }
}

#[test]
fn records_parse_only_as_they_are_written() {
    let record = Record { id: 10, text: "héllo\nworld\n".into() };
    let message = [&record.render().unwrap()[..], b"rest\n\nmore"].concat();
    assert_eq!(Record::parse(&message), Ok((record, &b"rest\n\nmore"[..])));
    for bad in [
        "",
        "1",
        "1\n",
        "1\n\n",
        "1\n\n\n",
        "1\nx\n",
        "\nx\n\n",
        "x\nx\n\n",
        "-1\nx\n\n",
        "+1\nx\n\n",
        "01\nx\n\n",
        " 1\nx\n\n",
        "1\nx\r\n\n",
        "1\nx\u{1}\n\n",
        "1\n\nx\n\n",
        "9223372036854775808\nx\n\n",
        "18446744073709551616\nx\n\n",
    ] {
        assert_eq!(Record::parse(bad.as_bytes()), Err(TlogError::MalformedRecord), "{bad:?}");
    }
    assert_eq!(Record::parse(b"1\n\xff\n\n"), Err(TlogError::MalformedRecord));
    for text in ["", "x", "\nx\n", "x\n\ny\n", "x\n\n", "x\ty\n", "\n"] {
        assert_eq!(Record { id: 1, text: text.into() }.render(), Err(TlogError::MalformedRecord), "{text:?}");
    }
    assert_eq!(Record { id: MAX_SIZE + 1, text: "x\n".into() }.render(), Err(TlogError::MalformedRecord));
}

proptest! {
    #[test]
    fn whatever_is_signed_opens(text in "[^\\x00-\\x09\\x0b-\\x1f]{0,60}\n", name in "[a-z./]{1,20}") {
        let signers = [SignerKey::generate(&name, [9; 32]).unwrap()];
        let note = Note::open(&sign(&text, &signers).unwrap(), &keys(&signers)).unwrap();
        prop_assert_eq!((note.text, note.signatures.len()), (text, 1));
    }

    #[test]
    fn no_bytes_make_the_parsers_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Note::open(&bytes, &keys(&[signer("peter")])).is_err());
        let _ = Record::parse(&bytes);
        let _ = Tree::parse(&String::from_utf8_lossy(&bytes));
    }
}
