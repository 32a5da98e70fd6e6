#![no_main]

#[path = "../checks/pii.rs"]
#[allow(dead_code, reason = "each target calls one of its checks")]
mod checks;

libfuzzer_sys::fuzz_target!(|data: &[u8]| checks::stream_splits(data));
