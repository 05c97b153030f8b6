#![no_main]

#[path = "../src/mirror/zip.rs"]
mod zip;

libfuzzer_sys::fuzz_target!(|data: &[u8]| zip::run(data));
