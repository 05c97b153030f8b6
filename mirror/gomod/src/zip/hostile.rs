//! Archives that lie, break or explode, and honest ones beside them.

use std::io;

use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

use super::forged::{
    Forged, MODULE, build, build_with, deflate, file, refusal, stored, verify_bytes, widen_end,
};
use super::*;
use crate::dirhash::{DirHash, H1};

const PREFIX: &str = "example.com/m@v1.0.0/";
const GO_MOD: &[u8] = b"module example.com/m\n";

fn h1(files: &[(&str, &[u8])]) -> H1 {
    let mut hash = DirHash::new();
    for (path, content) in files {
        hash.add(format!("{PREFIX}{path}"), Sha256::digest(content).into()).unwrap();
    }
    hash.finish()
}

fn honest() -> Vec<Forged> {
    let long = b"package m // and so on ".repeat(20);
    vec![
        file("go.mod", GO_MOD),
        stored("LICENSE", b"Do as you like.\n"),
        file("m.go", &long).streamed(true, false),
        file("empty", b"").streamed(false, false),
        stored("dir/", b""),
        stored("dir/data", b"01234567").streamed(true, true),
        file("dir/mehr-äöü", b"x").streamed(false, true),
    ]
}

fn honest_h1() -> H1 {
    let long = b"package m // and so on ".repeat(20);
    h1(&[
        ("go.mod", GO_MOD),
        ("LICENSE", b"Do as you like.\n"),
        ("m.go", &long),
        ("empty", b""),
        ("dir/", b""),
        ("dir/data", b"01234567"),
        ("dir/mehr-äöü", b"x"),
    ])
}

/// The same files in archives of different build.
fn honest_zips() -> Vec<Vec<u8>> {
    let commented = build_with(&honest(), |end| {
        end.comment = b"hello".to_vec();
        end.comment_len = 5;
    });
    let mut reordered = honest();
    reordered.reverse();
    vec![build(&honest()), widen_end(&build(&honest())), commented, build(&reordered)]
}

#[test]
fn honest_archives_verify_to_the_hash_of_their_files() {
    for zip in honest_zips() {
        let verified = verify_bytes(&zip).unwrap();
        assert_eq!(verified.h1, honest_h1());
        assert_eq!(verified.go_mod.as_deref(), Some(GO_MOD));
        assert_eq!((verified.files, verified.unpacked), (6, 21 + 16 + 460 + 8 + 1));
    }
}

#[test]
fn an_archive_without_files_has_a_hash_too() {
    let verified = verify_bytes(&build(&[])).unwrap();
    assert_eq!((verified.h1, verified.go_mod, verified.files), (h1(&[]), None, 0));
}

#[test]
fn sizes_in_zip64_fields_are_read() {
    let content = b"zip64".repeat(9);
    let mut wide = file("a", &content).both(|header| {
        let sizes = [u64::from(header.unpacked), u64::from(header.packed)];
        header.extra = b"\x99\x99\x02\0xx\x01\0\x10\0".to_vec();
        header.extra.extend(sizes.iter().flat_map(|size| size.to_le_bytes()));
        (header.packed, header.unpacked) = (u32::MAX, u32::MAX);
    });
    assert_eq!(verify_bytes(&build(&[wide.clone()])).unwrap().h1, h1(&[("a", &content)]));
    wide.central.extra.truncate(14);
    wide.central.extra[8] = 4;
    assert!(refusal(&build(&[wide])).contains("bad extra field"));
}

#[test]
fn every_truncation_is_refused() {
    for zip in honest_zips() {
        for len in 0..zip.len() {
            let error = verify_bytes(&zip[..len]).unwrap_err();
            assert_eq!(matches!(error, ZipError::NotAZip), len < 4, "{len}: {error}");
        }
    }
}

#[test]
fn no_flipped_bit_changes_what_is_accepted() {
    let small = build(&[file("go.mod", b"").streamed(true, false), stored("d/", b""), stored("d/a", b"123")]);
    for zip in [widen_end(&small), small] {
        let honest = verify_bytes(&zip).unwrap();
        let mut harmless = 0;
        for bit in 0..zip.len() * 8 {
            let mut flipped = zip.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            if let Ok(verified) = verify_bytes(&flipped) {
                assert_eq!(verified, honest, "bit {bit}");
                harmless += 1;
            }
        }
        // Dates, versions, attributes and spare flags, which no hash covers: less than 28 bytes of them per entry.
        assert!((1..3 * 28 * 8).contains(&harmless), "{harmless}");
    }
}

#[test]
fn headers_that_lie_are_refused() {
    let a = || file("a", b"content");
    let change = |change: fn(&mut Forged)| {
        let mut forged = a();
        change(&mut forged);
        vec![forged]
    };
    let streamed = |change: fn(&mut Forged)| {
        let mut forged = a().streamed(true, false);
        change(&mut forged);
        vec![forged]
    };
    let cases: Vec<(Vec<Forged>, &str)> = vec![
        (change(|f| f.local.name = b"example.com/m@v1.0.0/b".to_vec()), "disagree on the name"),
        (change(|f| f.local.name.push(b'b')), "disagree on the name"),
        (change(|f| f.local.method = 0), "disagree on the method"),
        (change(|f| f.local.packed += 1), "disagree on the size"),
        (change(|f| f.local.unpacked = 0), "disagree on the size"),
        (change(|f| f.local.crc ^= 1), "disagree on the checksum"),
        (change(|f| f.local.flags = 1 << 3), "disagree on the flags"),
        (streamed(|f| f.local.unpacked = 3), "disagree on the size"),
        (vec![a().both(|h| h.flags = 1)], "is encrypted"),
        (vec![a().both(|h| h.flags = 1 << 6)], "is encrypted"),
        (vec![a().both(|h| h.flags = 1 << 13)], "is encrypted"),
        (vec![a().both(|h| h.method = 12)], "unsupported compression method 12"),
        (vec![a().both(|h| h.crc ^= 1)], "checksum differs"),
        (vec![a().both(|h| h.crc = 0)], "checksum differs"),
        (vec![a().both(|h| h.unpacked += 1)], "size differs"),
        (vec![a().both(|h| h.unpacked -= 1)], "size differs"),
        (vec![stored("a", b"content").both(|h| h.unpacked += 1)], "size differs"),
        (vec![a().both(|h| h.packed -= 1)], "bad compressed data"),
        (change(|f| f.central.packed = u32::MAX), "disagree on the size"),
        (vec![a().both(|h| h.packed = u32::MAX)], "overlaps"),
        (change(|f| f.disk = 1), "several parts"),
        (change(|f| f.offset = Some(1)), "no local header"),
        (change(|f| f.offset = Some(u32::MAX)), "no local header"),
        (streamed(|f| f.descriptor[4] ^= 1), "bad data descriptor"),
        (streamed(|f| f.descriptor[8] ^= 1), "bad data descriptor"),
        (streamed(|f| f.descriptor.truncate(0)), "overlaps"),
        (streamed(|f| f.descriptor.truncate(12)), "bad data descriptor"),
        (vec![a().both(|h| h.extra = b"\x75\x70\x06\0\x01....b".to_vec())], "bad extra field"),
        (vec![stored("a/", b"x")], "directory with content"),
    ];
    for (entries, expected) in cases {
        let text = refusal(&build(&entries));
        assert!(text.contains(expected), "expected {expected}: {text}");
    }
}

#[test]
fn bytes_behind_the_compressed_data_are_refused() {
    let mut forged = file("a", b"content");
    forged.data.extend(b"more");
    let forged = forged.both(|header| header.packed += 4);
    assert!(refusal(&build(&[forged])).contains("bad compressed data"));
}

#[test]
fn end_records_that_lie_are_refused() {
    type Lie = fn(&mut super::forged::End);
    let cases: [(Lie, &str); 10] = [
        (|end| end.counts = [2, 2], "more entries than the directory can hold"),
        (|end| end.counts = [0, 0], "wrong number of entries"),
        (|end| end.counts = [1, 0], "several parts"),
        (|end| end.disks = [1, 0], "several parts"),
        (|end| end.size -= 1, "not where the end record says"),
        (|end| end.offset += 1, "not where the end record says"),
        (|end| (end.offset, end.size) = (end.offset + 1, end.size - 1), "directory record is cut short"),
        (|end| end.comment = b"hidden".to_vec(), "bytes behind the end record"),
        (|end| end.comment_len = 1, "bytes behind the end record"),
        (|end| (end.offset, end.size) = (0, u32::MAX), "not where the end record says"),
    ];
    for (lie, expected) in cases {
        let text = refusal(&build_with(&[file("a", b"content")], lie));
        assert!(text.contains(expected), "expected {expected}: {text}");
    }
}

#[test]
fn bytes_in_front_of_the_archive_are_refused() {
    let zip = build(&[file("a", b"content")]);
    let text = refusal(&[b"#!/bin/sh\n", zip.as_slice()].concat());
    assert!(text.contains("not where the end record says"), "{text}");
}

#[test]
fn an_end_record_inside_the_comment_is_refused() {
    let inner = build(&[file("b", b"other")]);
    let zip = build_with(&[file("a", b"content")], |end| {
        end.comment_len = inner.len() as u16;
        end.comment = inner;
    });
    assert!(refusal(&zip).contains("not where the end record says"));
}

#[test]
fn zip64_records_that_contradict_the_plain_one_are_refused() {
    let zip = widen_end(&build(&[file("a", b"content")]));
    let end = zip.len() - 22;
    for (at, lie) in [(end + 8, 2_u16), (end + 10, 2), (end + 12, 3), (end + 16, 3), (end + 4, 1)] {
        let mut lying = zip.clone();
        let width = if at < end + 12 { 2 } else { 4 };
        lying[at..at + width].copy_from_slice(&u32::from(lie).to_le_bytes()[..width]);
        assert!(refusal(&lying).contains("zip64 end record"), "{}", at - end);
    }
    let mut lost = zip;
    lost[end - 12] ^= 0x40;
    assert!(refusal(&lost).contains("zip64 end record"));
}

#[test]
fn entries_that_share_bytes_are_refused() {
    // Two names for one local header cannot agree with it; the classic bomb gives every file its own header inside
    // the stored data of the one before.
    let kernel = file("b", &[0; 1000]);
    let inner = build(std::slice::from_ref(&kernel));
    let quoted = &inner[..inner.len() - 22 - 46 - kernel.central.name.len()];
    let outer = stored("a", quoted);
    let mut hidden = kernel;
    hidden.offset = Some(30 + outer.local.name.len() as u32);
    // The directory lists the quoted entry, whose header is inside the data of the outer one.
    let mut zip = build(&[outer, hidden]);
    assert!(refusal(&zip).contains("overlaps another entry"));

    let mut twice = file("a", b"content");
    twice.offset = Some(0);
    zip = build(&[file("a", b"content"), twice]);
    assert!(refusal(&zip).contains("overlaps another entry"));
}

#[test]
fn quoting_inside_deflate_blocks_is_refused() {
    // A stored deflate block whose body is the next local header: both files then inflate through the same kernel.
    let kernel = file("b", &[7; 5000]);
    let zip = build(std::slice::from_ref(&kernel));
    let quoted = &zip[..zip.len() - 22 - 46 - kernel.central.name.len()];
    let header_len = (quoted.len() - kernel.data.len()) as u16;
    let content = [&quoted[..header_len.into()], &[7; 5000]].concat();
    let mut outer = stored("a", &content).both(|header| header.method = 8);
    outer.data = vec![0];
    outer.data.extend(header_len.to_le_bytes());
    outer.data.extend((!header_len).to_le_bytes());
    outer.data.extend(quoted);
    let packed = outer.data.len() as u32;
    let outer = outer.both(|header| header.packed = packed);
    assert_eq!(verify_bytes(&build(std::slice::from_ref(&outer))).unwrap().h1, h1(&[("a", &content)]));

    let mut inner = kernel;
    inner.offset = Some(30 + outer.local.name.len() as u32 + 5);
    assert!(refusal(&build(&[outer, inner])).contains("overlaps another entry"));
}

#[test]
fn a_bomb_stops_at_its_declared_size() {
    let zeros = vec![0; 8 << 20];
    let bomb = file("a", &zeros).both(|header| header.unpacked = 1000);
    assert!(refusal(&build(&[bomb])).contains("size differs"));
}

#[test]
fn sizes_above_the_limits_are_refused_before_anything_is_inflated() {
    let declared = |path, size: u64| file(path, b"x").both(|header| header.unpacked = size as u32);
    let cases = [
        (vec![declared("a", MAX_ZIP + 1)], "sum of the files"),
        (vec![declared("a", MAX_ZIP), declared("b", 1)], "sum of the files"),
        (vec![declared("go.mod", MAX_GO_MOD + 1)], "go.mod file is too large"),
        (vec![declared("LICENSE", MAX_LICENSE + 1)], "LICENSE file is too large"),
        (vec![file(&"x/".repeat(2100), b"")], "name of an entry is too large"),
    ];
    for (entries, expected) in cases {
        let text = refusal(&build(&entries));
        assert!(text.contains(expected), "expected {expected}: {text}");
    }
    let huge = Silent(MAX_ZIP + 1);
    assert!(matches!(verify(&huge, MODULE.0, MODULE.1), Err(ZipError::TooLarge { what: "module zip", .. })));
}

#[test]
fn what_is_no_archive_at_all_is_told_from_a_broken_one() {
    for page in [&b""[..], b"P", b"<!doctype html><html>", &[0; 100]] {
        assert!(matches!(verify_bytes(page), Err(ZipError::NotAZip)));
    }
    assert!(matches!(verify_bytes(b"PK\x03\x04 and then nothing"), Err(ZipError::Truncated)));
}

#[test]
fn one_file_can_be_taken_out() {
    let zip = build(&honest());
    let archive = Archive::open(&zip).unwrap();
    let name = |path: &str| format!("{PREFIX}{path}");
    assert_eq!(extract_file(&archive, &name("go.mod"), 21).unwrap(), GO_MOD);
    assert!(matches!(
        extract_file(&archive, &name("go.mod"), 20),
        Err(ZipError::TooLarge { size: 21, limit: 20, .. })
    ));
    assert!(matches!(extract_file(&archive, "go.mod", 20), Err(ZipError::NoEntry(_))));
    let zip = build(&[file("a", b"1"), file("a", b"2")]);
    let archive = Archive::open(&zip).unwrap();
    assert!(matches!(
        extract_file(&archive, &name("a"), 20),
        Err(ZipError::Rule { rule: Rule::Duplicate, .. })
    ));
}

#[test]
fn contents_read_as_streams() {
    let zip = build(&honest());
    let archive = Archive::open(&zip).unwrap();
    let entry = archive.find(format!("{PREFIX}dir/data").as_bytes()).unwrap();
    let mut text = String::new();
    io::Read::read_to_string(&mut archive.content(entry), &mut text).unwrap();
    assert_eq!(text, "01234567");

    let zip = build(&[file("a", b"content").both(|header| header.crc ^= 1)]);
    let archive = Archive::open(&zip).unwrap();
    let mut content = archive.content(archive.entries().next().unwrap());
    let error = io::Read::read_to_string(&mut content, &mut text).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
}

#[test]
fn files_on_disk_and_short_reads_are_sources_too() {
    use std::io::Write as _;
    let zip = build(&honest());
    assert_eq!(verify(&Dripping(zip.clone()), MODULE.0, MODULE.1).unwrap().h1, honest_h1());
    let path = std::env::temp_dir().join(format!("fairlead-gomod-zip-{}.zip", std::process::id()));
    let mut on_disk = std::fs::File::create_new(&path).unwrap();
    on_disk.write_all(&zip).unwrap();
    let opened = std::fs::File::open(&path);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(verify(&opened.unwrap(), MODULE.0, MODULE.1).unwrap().h1, honest_h1());
}

#[test]
fn a_failing_medium_is_no_fault_of_the_archive() {
    assert!(matches!(verify(&Silent(100), MODULE.0, MODULE.1), Err(ZipError::Io(_))));
}

/// Gives one byte at a time, and every other time nothing yet.
struct Dripping(Vec<u8>);

impl ReadAt for Dripping {
    fn len(&self) -> u64 {
        ReadAt::len(&self.0)
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        static TURN: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);
        if TURN.fetch_not(std::sync::atomic::Ordering::Relaxed) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let len = buf.len().min(1);
        self.0.read_at(offset, &mut buf[..len])
    }
}

/// Has a length and cannot be read.
struct Silent(u64);

impl ReadAt for Silent {
    fn len(&self) -> u64 {
        self.0
    }

    fn read_at(&self, _: u64, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::PermissionDenied.into())
    }
}

proptest! {
    #[test]
    fn random_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(verify_bytes(&bytes).is_err());
    }

    #[test]
    fn random_damage_never_changes_what_is_accepted(
        which in 0..4_usize,
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in proptest::option::of((any::<prop::sample::Index>(), any::<prop::sample::Index>())),
    ) {
        let mut zip = honest_zips().swap_remove(which);
        for (at, byte) in damage {
            let at = at.index(zip.len());
            zip[at] = byte;
        }
        if let Some((from, to)) = cut {
            let (from, to) = (from.index(zip.len()), to.index(zip.len()));
            zip.drain(from.min(to)..from.max(to));
        }
        if let Ok(verified) = verify_bytes(&zip) {
            prop_assert_eq!(verified.files, 6);
        }
    }

    #[test]
    fn random_deflate_data_is_refused_or_exact(data in proptest::collection::vec(any::<u8>(), 0..80), size in 0..100_u32) {
        let forged = file("a", b"").both(|header| (header.packed, header.unpacked) = (data.len() as u32, size));
        let forged = Forged { data, ..forged };
        if let Ok(verified) = verify_bytes(&build(&[forged])) {
            prop_assert_eq!(verified.unpacked, u64::from(size));
        }
    }

    #[test]
    fn any_content_comes_back(content in proptest::collection::vec(0..4_u8, 0..3000)) {
        let expected = h1(&[("a", &content), ("b", &content)]);
        let zip = build(&[file("a", &content), stored("b", &content).streamed(true, true)]);
        prop_assert_eq!(verify_bytes(&zip).unwrap().h1, expected);
        prop_assert!(deflate(&content).len() < content.len() + 100);
    }
}
