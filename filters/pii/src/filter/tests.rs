//! The filter in a host of the test's own.

mod channels;
mod coming_back;
mod crowds;
mod going_up;
mod guardrail;
mod json_said;
mod refusals;
mod room;
mod said;

use room::{Room, enter, enter_rows, enter_with, masking, outcome};
