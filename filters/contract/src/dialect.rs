//! How a provider speaks. Pure translation, no network.

use crate::delta::Decoded;
use crate::facts::Endpoint;
use crate::filter::Hears;
use crate::prompt::{Prompt, Wire};
use http::HeaderName;
use std::fmt;

/// What a provider can do, as far as providers of one dialect differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// It can report usage in a stream when asked.
    pub usage_in_streams: bool,
    /// It knows the role `developer`; otherwise that becomes `system`.
    pub developer_role: bool,
    /// How it is told the most tokens that an answer may have.
    pub output_cap: OutputCap,
}

/// How a provider is told the most tokens that an answer may have, where it can be told in more than
/// one way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OutputCap {
    /// `max_completion_tokens`, which counts what a model thinks too.
    #[default]
    MaxCompletionTokens,
    /// `max_tokens`, the older word.
    MaxTokens,
    /// Not at all.
    Untold,
}

impl Default for Capabilities {
    fn default() -> Self {
        Self { usage_in_streams: true, developer_role: true, output_cap: OutputCap::default() }
    }
}

/// Where an attempt goes, as far as its wording depends on it.
#[derive(Debug, Clone)]
pub struct Target {
    /// The model's name at the provider.
    pub model: Box<str>,
    /// What the provider can do.
    pub capabilities: Capabilities,
}

/// Something that a dialect cannot say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsupported(pub &'static str);

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Unsupported {}

/// An answer that is not what the dialect promises. Holds nothing of the answer itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nonsense(pub &'static str);

impl fmt::Display for Nonsense {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Nonsense {}

/// The words and manners of one kind of provider.
pub trait Dialect: Send + Sync {
    /// The kind's name, as in the configuration.
    fn name(&self) -> &'static str;

    /// The path of an endpoint, to be added to the provider's base address.
    fn path(&self, endpoint: Endpoint, target: &Target) -> String;

    /// The header that carries the provider's key, and what stands before the key in it.
    fn credential(&self) -> (HeaderName, &'static str);

    /// What an answer's status means for the request.
    fn judge(&self, status: u16) -> Judgement;

    /// The prompt in the provider's words.
    fn encode(
        &self,
        endpoint: Endpoint,
        prompt: &Prompt,
        target: &Target,
    ) -> Result<Wire, Unsupported>;

    /// A reader for one answer.
    fn decoder(&self, answer: Answer) -> Box<dyn Decoder>;
}

/// What an answer's status means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// The answer is what was asked for.
    Answer,
    /// It is asked too often: another provider may do better.
    Busy,
    /// It has failed: another provider may do better.
    Failed,
    /// It does not accept the gateway's credential.
    BadCredential,
    /// It finds fault with the request: others would too.
    Refused,
    /// Nothing that an answer may say.
    Nonsense,
}

/// What kind of answer a decoder is to read.
#[derive(Debug, Clone, Copy)]
pub struct Answer {
    /// What was asked.
    pub endpoint: Endpoint,
    /// Whether it comes as a stream of events.
    pub streamed: bool,
    /// What of it the rooms listen to; the rest need not be worked out.
    pub hears: Hears,
    /// The longest whole answer, or event of a stream, in bytes.
    pub bytes_max: usize,
}

/// Reads one answer, cut anywhere.
pub trait Decoder: Send + Sync {
    /// Takes in bytes and gives what they complete.
    fn feed(&mut self, bytes: &[u8], out: &mut Vec<Decoded>) -> Result<(), Nonsense>;

    /// The provider's body has ended. An answer that is not complete by now is nonsense.
    fn finish(&mut self, out: &mut Vec<Decoded>) -> Result<(), Nonsense>;
}
