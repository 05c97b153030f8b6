#![no_main]

#[path = "../src/mirror/go_import.rs"]
mod go_import;

libfuzzer_sys::fuzz_target!(|data: &[u8]| go_import::run(data));
