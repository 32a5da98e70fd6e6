//! What is asked for.

use crate::prompt_size::PromptSize;
use behest_contract::facts::Endpoint;
use behest_contract::prompt::{Prompt, Role};
use std::sync::Arc;

/// What a request asks for, read from its final prompt.
#[derive(Debug, Clone, Copy)]
pub struct Want<'a> {
    /// The request's id, unique for ever: the lease's name and the row's.
    pub id: &'a Arc<str>,
    /// The model, where it is known.
    pub model: Option<&'a Arc<str>>,
    /// The size of the prompt.
    pub prompt: PromptSize,
    /// What may be written.
    pub output: Output,
}

/// What a request lets the model write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// Nothing.
    Nothing,
    /// Answers, so many and each of so many tokens at most.
    Capped {
        /// The client's cap for each, what is thought included.
        tokens: u64,
        /// How many.
        choices: u64,
    },
    /// Answers, so many and each as long as it becomes.
    Open {
        /// How many.
        choices: u64,
    },
}

impl Output {
    /// What a prompt lets the model write. Both spellings of the cap count; of two the larger one does,
    /// for nobody knows which of them a provider obeys.
    pub fn of(prompt: &Prompt, endpoint: Endpoint) -> Self {
        if endpoint == Endpoint::Embeddings {
            return Self::Nothing;
        }
        let numbers = |role| {
            let members = prompt.outline().members.iter();
            let given = members.filter(move |member| member.role == role);
            given.filter_map(|member| member.value.whole_number(prompt.body()))
        };
        let choices = numbers(Role::Choices).max().unwrap_or(1).max(1);
        match numbers(Role::OutputCap).max() {
            Some(tokens) => Self::Capped { tokens, choices },
            None => Self::Open { choices },
        }
    }
}
