//! OpenAI's chat completions and embeddings, and all that imitates them.

mod answer;
mod request;
mod stream;

use behest_contract::dialect::{Answer, Decoder, Dialect, Judgement, Target, Unsupported};
use behest_contract::facts::Endpoint;
use behest_contract::prompt::{Prompt, Wire};
use http::HeaderName;
use http::header::AUTHORIZATION;

/// The dialect.
#[derive(Debug, Clone, Copy, Default)]
pub struct OpenAi;

impl Dialect for OpenAi {
    fn name(&self) -> &'static str {
        "openai"
    }

    fn path(&self, endpoint: Endpoint, _target: &Target) -> String {
        match endpoint {
            Endpoint::Chat | Endpoint::Mint | Endpoint::Usage => "/chat/completions",
            Endpoint::Embeddings => "/embeddings",
            Endpoint::Models => "/models",
        }
        .to_owned()
    }

    fn credential(&self) -> (HeaderName, &'static str) {
        (AUTHORIZATION, "Bearer ")
    }

    fn judge(&self, status: u16) -> Judgement {
        match status {
            200..300 => Judgement::Answer,
            401 | 403 => Judgement::BadCredential,
            429 => Judgement::Busy,
            400..500 => Judgement::Refused,
            500..600 => Judgement::Failed,
            _ => Judgement::Nonsense,
        }
    }

    fn encode(
        &self,
        endpoint: Endpoint,
        prompt: &Prompt,
        target: &Target,
    ) -> Result<Wire, Unsupported> {
        Ok(prompt.splice(&request::edits(endpoint, prompt, target)))
    }

    fn decoder(&self, answer: Answer) -> Box<dyn Decoder> {
        if answer.streamed {
            Box::new(stream::StreamDecoder::new(answer))
        } else {
            Box::new(answer::WholeDecoder::new(answer))
        }
    }
}
