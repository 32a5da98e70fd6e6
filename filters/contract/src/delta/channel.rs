//! The places of an answer that hold text.

/// Which text of an answer a piece belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Channel {
    /// The index of the choice.
    pub choice: u32,
    /// What of it.
    pub kind: ChannelKind,
}

impl Channel {
    /// What a reader takes for one text: pieces of one line are read one behind the other, whichever
    /// way each is spelt. What is held back of a line leaves before anything that follows in it.
    #[must_use]
    pub fn line(self) -> Self {
        match self.kind {
            ChannelKind::ContentText(0) => Self { kind: ChannelKind::Content, ..self },
            _ => self,
        }
    }
}

/// The texts that one choice can have.
///
/// Parts of a content are numbered in a whole answer, from 1 on, and each comes whole. In a stream,
/// whose events hold the next pieces of one text, all have the number 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChannelKind {
    /// What the model says.
    Content,
    /// The same, in the part with this number of a content that is a list.
    ContentText(u32),
    /// What it says it thought, in such a part.
    Thinking(u32),
    /// What it says it thought, under either of the two names in use.
    Reasoning(ReasoningName),
    /// The text of the reasoning detail with this index.
    ReasoningText(u32),
    /// The summary of the reasoning detail with this index.
    ReasoningSummary(u32),
    /// Why it will not.
    Refusal,
    /// The arguments of the tool call with this index: JSON within the string.
    ToolArguments(u32),
    /// What the tool call with this index gives to a tool that takes free text.
    ToolInput(u32),
    /// The arguments of the one call of a function, as it was before there were tools: JSON too.
    FunctionArguments,
    /// What its voice says.
    Transcript,
    /// A string of an annotation, with its number within the frame. It comes whole.
    Citation(u32),
}

impl ChannelKind {
    /// Whether its text is JSON, whose escapes are resolved once more.
    pub fn is_json(self) -> bool {
        matches!(self, Self::ToolArguments(_) | Self::FunctionArguments)
    }

    /// Whether it is the model's answer proper, which is JSON where the client asks for that.
    pub fn is_content(self) -> bool {
        matches!(self, Self::Content | Self::ContentText(_))
    }

    /// Whether a piece is all of its text and goes on in no other, so that nothing of it may be held
    /// back.
    pub fn comes_whole(self) -> bool {
        matches!(self, Self::Citation(_) | Self::ContentText(1..) | Self::Thinking(1..))
    }
}

/// The two spellings of the reasoning member; both are in use and both must survive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReasoningName {
    /// `reasoning_content`
    Content,
    /// `reasoning`
    Plain,
}
