//! A prompt: the client's own bytes, an [`Outline`] of what lies where, and the [`Edits`] so far.
//!
//! A front door outlines the body in one pass. Filters ask the outline by role (which member is the
//! model, which strings are texts) and record edits; nobody rebuilds the JSON. At the end a dialect
//! adds its own edits and [`Prompt::splice`] joins everything into a [`Wire`].
//!
//! ```
//! use behest_contract::json::{Kind, Span, Value};
//! use behest_contract::prompt::{Edits, Member, Outline, Prompt, Role};
//! use bytes::Bytes;
//!
//! // What a front door would find in this body.
//! let body = Bytes::from_static(br#"{"model":"a","n":1}"#);
//! let number = |start, end| Value { span: Span::new(start, end), kind: Kind::Number };
//! let outline = Outline {
//!     root: Span::new(0, 19),
//!     members: vec![
//!         Member { role: Role::Model, whole: Span::new(1, 12), value: number(9, 12) },
//!         Member { role: Role::Other, whole: Span::new(13, 18), value: number(17, 18) },
//!     ],
//!     ..Outline::default()
//! };
//! let prompt = Prompt::new(body, outline);
//! let mut edits = Edits::default();
//! edits.replace(Span::new(9, 12), Bytes::from_static(br#""b""#));
//! edits.append(Bytes::from_static(br#""stream":true"#));
//! assert_eq!(prompt.splice(&edits).to_vec(), br#"{"model":"b","n":1,"stream":true}"#);
//! ```

mod edits;
mod outline;
mod wire;

pub use edits::Edits;
pub use outline::{Member, Message, Outline, Role, Text, TextKind};
pub use wire::Wire;

use crate::json;
use bytes::Bytes;
use std::borrow::Cow;

/// Messages that a filter lays into a prompt, with the texts that later filters may still edit.
#[derive(Debug, Clone, Default)]
pub struct Fragment {
    /// Message objects as JSON, separated by commas.
    pub json: Bytes,
    /// The string values in it, as spans into `json`.
    pub texts: Vec<Text>,
}

/// Names one text of a prompt; see [`Prompt::texts`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextAt {
    /// 0 is the client's body; from 1 on, the inserted fragments in the order of their insertion.
    source: usize,
    index: usize,
}

#[derive(Debug)]
struct Insertion {
    before: usize,
    fragment: Fragment,
    edits: Edits,
}

/// A request on its way in. It has no `Debug` that shows text.
pub struct Prompt {
    body: Bytes,
    outline: Outline,
    edits: Edits,
    inserted: Vec<Insertion>,
    output_cap: Option<u64>,
}

impl Prompt {
    /// A prompt as a front door read it, without edits.
    pub fn new(body: Bytes, outline: Outline) -> Self {
        Self { body, outline, edits: Edits::default(), inserted: Vec::new(), output_cap: None }
    }

    /// The bytes that the client sent.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// What lies where in [`Self::body`].
    pub fn outline(&self) -> &Outline {
        &self.outline
    }

    /// The first top-level member with a role.
    pub fn member(&self, role: Role) -> Option<&Member> {
        self.outline.members.iter().find(|member| member.role == role)
    }

    /// The model that the client asked for; `None` when it left the choice to the project.
    pub fn model(&self) -> Option<Cow<'_, str>> {
        let asked = self.member(Role::Model)?.value.string()?.decode(&self.body);
        (!asked.is_empty() && asked != "default").then_some(asked)
    }

    /// Every text that goes up and is no structural word, edits included, in the order of the body
    /// with the inserted messages last.
    pub fn texts(&self) -> impl Iterator<Item = (TextAt, &Text, Cow<'_, str>)> {
        let own = (0, self.body.as_ref(), &self.outline.texts, &self.edits);
        let inserted = self.inserted.iter().enumerate().map(|(at, insertion)| {
            (at + 1, insertion.fragment.json.as_ref(), &insertion.fragment.texts, &insertion.edits)
        });
        std::iter::once(own).chain(inserted).flat_map(|(source, bytes, texts, edits)| {
            texts.iter().enumerate().map(move |(index, text)| {
                let now = match edits.at(text.value.quoted()) {
                    Some(edited) => Cow::Owned(json::decode_quoted(edited)),
                    None => text.value.decode(bytes),
                };
                (TextAt { source, index }, text, now)
            })
        })
    }

    /// Replaces one text.
    pub fn replace_text(&mut self, at: TextAt, with: &str) {
        let (texts, edits) = match at.source.checked_sub(1) {
            None => (&self.outline.texts, &mut self.edits),
            Some(n) => match self.inserted.get_mut(n) {
                Some(insertion) => (&insertion.fragment.texts, &mut insertion.edits),
                None => return,
            },
        };
        if let Some(text) = texts.get(at.index) {
            edits.replace(text.value.quoted(), json::quote(with).into());
        }
    }

    /// Lays messages before the client's message number `before`, or after its last one.
    pub fn insert_messages(&mut self, before: usize, fragment: Fragment) {
        self.inserted.push(Insertion { before, fragment, edits: Edits::default() });
    }

    /// Has the provider told that each answer may have so many tokens at most. It is for a prompt
    /// whose client has set no cap; dialects spell it.
    pub fn cap_output(&mut self, tokens: u64) {
        self.output_cap = Some(tokens);
    }

    /// The most tokens that each answer may have, where the gateway sets that.
    pub fn output_cap(&self) -> Option<u64> {
        self.output_cap
    }

    /// A length in bytes that the body does not exceed as it goes up, but for what a dialect adds. What
    /// edits leave out is not taken off, so that asking costs next to nothing.
    pub fn len_max(&self) -> usize {
        let inserted = self.inserted.iter().map(|insertion| {
            // A comma goes with it.
            insertion.fragment.json.len() + insertion.edits.added() + 1
        });
        inserted.fold(self.body.len() + self.edits.added(), usize::saturating_add)
    }

    /// The edits to the client's own bytes, to record more.
    pub fn edits(&mut self) -> &mut Edits {
        &mut self.edits
    }

    /// The body as it goes up: the client's bytes, the filters' edits and a dialect's own on top.
    pub fn splice(&self, on_top: &Edits) -> Wire {
        let mut cuts = edits::Cuts::new(&self.outline, &self.edits, on_top);
        for insertion in &self.inserted {
            let json = edits::splice_plain(&insertion.fragment.json, &insertion.edits);
            cuts.insert_messages(&self.outline, insertion.before, json);
        }
        cuts.join(&self.body)
    }
}

#[cfg(test)]
mod tests;
