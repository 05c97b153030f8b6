#![no_main]

#[path = "../src/mirror/wanted.rs"]
mod wanted;

libfuzzer_sys::fuzz_target!(|data: &[u8]| wanted::run(data));
