//! `tests/fuzzed/framing.rs`, with bytes from the fuzzer.

#![no_main]

#[path = "../../tests/fuzzed/mod.rs"]
mod fuzzed;

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzzed::framing::try_bytes(data));
