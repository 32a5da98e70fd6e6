//! The store's own sources of admission and of the journal's groups, with locks whose order of threads is
//! tried out by [shuttle](https://docs.rs/shuttle): nothing is written anew for the model.

#![expect(dead_code, reason = "the model needs a part of the sources")]

pub mod embedded;
