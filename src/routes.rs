//! Answers that are given here.

pub mod models;
