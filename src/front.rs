//! Front doors: how a client's bytes are read, and how an answer is spelt back to it.
//!
//! This is the client's side of what a dialect is on the provider's. A front door knows the names of
//! its wire's members; past it, rooms ask by role. OpenAI's chat completions and embeddings are the
//! first two.

mod chat;
mod embeddings;
mod fields;
mod spell;

pub use spell::{Spelling, StreamSpeller, spell_whole};

use behest_contract::denial::Denial;
use behest_contract::facts::Endpoint;
use behest_contract::prompt::{Outline, Prompt, Role};
use bytes::Bytes;

/// Reads a body: one pass, no copy. `Err` is what to tell the client.
pub fn read(endpoint: Endpoint, body: Bytes) -> Result<Prompt, Box<Denial>> {
    let outline = match endpoint {
        Endpoint::Embeddings => embeddings::outline(&body)?,
        Endpoint::Chat | Endpoint::Models | Endpoint::Mint | Endpoint::Usage => {
            chat::outline(&body)?
        }
    };
    let private: Vec<_> =
        outline.members.iter().filter(|member| member.role == Role::Private).copied().collect();
    let mut prompt = Prompt::new(body, outline);
    for member in &private {
        prompt.edits().drop_member(member);
    }
    Ok(prompt)
}

/// An outline's beginning.
fn empty_outline() -> Outline {
    Outline { members: Vec::with_capacity(8), texts: Vec::with_capacity(8), ..Outline::default() }
}
