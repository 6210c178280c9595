#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| parsers::run("kubelet_message", data));
