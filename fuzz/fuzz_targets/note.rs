#![no_main]

#[path = "../src/mirror/note.rs"]
mod note;

libfuzzer_sys::fuzz_target!(|data: &[u8]| note::run(data));
