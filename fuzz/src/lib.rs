//! What the fuzz targets assert, apart from the fuzzer that feeds them: each `check` takes any bytes and panics where a
//! promise is broken.

pub mod message_loop;

pub mod untrusted;
