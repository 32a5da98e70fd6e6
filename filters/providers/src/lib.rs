#![doc = include_str!("../README.md")]

mod openai;
mod registry;

pub use openai::OpenAi;
pub use registry::dialect;
