#![no_main]

#[path = "../src/mirror/modfile.rs"]
mod modfile;

libfuzzer_sys::fuzz_target!(|data: &[u8]| modfile::run(data));
