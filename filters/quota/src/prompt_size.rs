//! How many tokens a prompt may come to: a bound that costs nothing, and what there is to count.
//!
//! The bound rests on one fact: a token of a byte-level vocabulary covers at least one byte of the text
//! that was tokenised, and every vocabulary in use for chat is one or falls back to bytes. The text that
//! is tokenised is no longer than what is sent, but for three things that are added on top:
//!
//! - what a provider writes around the messages: less than the JSON that stands around them;
//! - tools and schemas, which a provider writes down in its own way: counted twice, and a preamble;
//! - images, which are bytes no more: a number for each, and their data is taken off.
//!
//! What a provider looks up elsewhere, such as a file that is named by its id, cannot be bounded here.
//! It shows as an overrun.

use crate::tokenizer::{self, INLINE_BYTES_MAX, Vocabulary};
use behest_contract::json::{Kind, Span};
use behest_contract::ports::{Busy, Offload, offloaded};
use behest_contract::prompt::{Member, Prompt, Role, TextKind};
use std::sync::Arc;

/// What goes around a whole conversation: its begin, and the opening of the answer.
const FRAME_TOKENS: u64 = 64;

/// What a provider says of tools in general. Anthropic documents up to 530 tokens, and others are not
/// known to need more.
const TOOLS_TOKENS: u64 = 600;

/// What goes around a message or a part of one, when tokens are counted: OpenAI documents 3 and 1 for
/// a name, Llama 3 has 5.
const MESSAGE_TOKENS: u64 = 8;

/// Bytes per token in an estimate: what English comes to.
pub(crate) const ESTIMATE_BYTES: u64 = 4;

/// What is sent, as far as its tokens go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PromptSize {
    /// Bytes, without the images' data.
    pub bytes: u64,
    /// Of them, those of tools, schemas and the like, which a provider writes down anew.
    pub rewritten_bytes: u64,
    /// Images.
    pub images: u64,
    /// Whether there are tools.
    pub has_tools: bool,
}

impl PromptSize {
    /// The size of a prompt as it goes up.
    pub fn of(prompt: &Prompt) -> Self {
        let outline = prompt.outline();
        let data: usize = outline.images.iter().map(|image| image.span.len()).sum();
        let rewritten = rewritten(prompt).map(|member| member.value.span.len());
        Self {
            bytes: (prompt.len_max().saturating_sub(data)) as u64,
            rewritten_bytes: rewritten.sum::<usize>() as u64,
            images: outline.images.len() as u64,
            has_tools: prompt.member(Role::Tools).is_some(),
        }
    }

    /// The most tokens that it can come to.
    pub fn bound(&self, image_tokens: u64) -> u64 {
        let text = self.bytes.saturating_add(self.rewritten_bytes);
        text.saturating_add(FRAME_TOKENS).saturating_add(self.besides(image_tokens))
    }

    /// About what it comes to, for want of anything better.
    pub(crate) fn estimate(&self, image_tokens: u64) -> u64 {
        self.bytes.div_ceil(ESTIMATE_BYTES).saturating_add(self.images.saturating_mul(image_tokens))
    }

    /// What no text accounts for.
    fn besides(&self, image_tokens: u64) -> u64 {
        let tools = if self.has_tools { TOOLS_TOKENS } else { 0 };
        self.images.saturating_mul(image_tokens).saturating_add(tools)
    }
}

/// The top-level members that a provider writes down anew: tools, a schema of the answer, …
fn rewritten(prompt: &Prompt) -> impl Iterator<Item = &Member> {
    prompt.outline().members.iter().filter(|member| {
        let nested = matches!(member.value.kind, Kind::Object | Kind::Array);
        nested && matches!(member.role, Role::Tools | Role::Other)
    })
}

/// Everything of a prompt whose tokens are to be counted, held so that it can be counted elsewhere.
pub(crate) struct Countable {
    texts: Vec<String>,
    /// Tokens that no text accounts for.
    besides: u64,
}

impl Countable {
    pub(crate) fn of(prompt: &Prompt, size: &PromptSize, image_tokens: u64) -> Self {
        let outline = prompt.outline();
        // Images come in the order of the body, and the client's own texts before what was laid in.
        let is_image = |at: usize, value: Span| {
            let found = outline.images.binary_search_by_key(&value.start, |image| image.span.start);
            at < outline.texts.len() && found.is_ok()
        };
        let texts = prompt.texts().enumerate();
        let mut texts: Vec<String> = texts
            .filter(|(at, (_, text, _))| !is_image(*at, text.value.span))
            .map(|(_, (_, _, now))| now.into_owned())
            .collect();
        let around = (outline.messages.len() as u64).saturating_add(texts.len() as u64);
        let json = |member: &Member| {
            String::from_utf8_lossy(member.value.span.of(prompt.body())).into_owned()
        };
        texts.extend(rewritten(prompt).map(json));
        // Numbers that stand for tokens themselves, as an embedding's input may have them.
        let says_something = outline.texts.iter().any(|text| text.kind == TextKind::Content);
        if let Some(input) = prompt.member(Role::Messages).filter(|_| !says_something) {
            texts.push(json(input));
        }
        let besides = around.saturating_mul(MESSAGE_TOKENS).saturating_add(FRAME_TOKENS);
        Self { texts, besides: besides.saturating_add(size.besides(image_tokens)) }
    }

    fn bytes(&self) -> usize {
        self.texts.iter().map(String::len).sum()
    }

    fn count(&self) -> u64 {
        tokenizer::count(self.texts.iter().map(String::as_str)).saturating_add(self.besides)
    }

    /// Counts here what is short, and elsewhere what is long. `Ok(None)`: it is too long to be counted
    /// here, and there is no elsewhere.
    pub(crate) async fn counted(
        self,
        offload: Option<&Arc<dyn Offload>>,
    ) -> Result<Option<u64>, Busy> {
        let is_short = self.bytes() <= INLINE_BYTES_MAX;
        match offload {
            Some(_) if is_short && tokenizer::is_loaded() => Ok(Some(self.count())),
            Some(offload) => offloaded(offload.as_ref(), move || self.count()).await.map(Some),
            None if is_short => Ok(Some(self.count())),
            None => Ok(None),
        }
    }
}

/// What a count comes to for a vocabulary: with its margin, and never above the bound.
pub(crate) fn counted_bound(counted: u64, vocabulary: Vocabulary, bound: u64) -> u64 {
    vocabulary.at_most(counted).min(bound)
}

#[cfg(test)]
mod tests;
