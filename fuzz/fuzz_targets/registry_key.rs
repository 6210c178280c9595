#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| parsers::run("registry_key", data));
