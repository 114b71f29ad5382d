//! Bytes as text of a run, on its way to a model.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cortexpilot_fuzz::untrusted::check(data));
