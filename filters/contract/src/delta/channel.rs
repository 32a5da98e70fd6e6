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
/// Where a number only tells the texts of a whole answer apart, it is 0 in a stream: there each event
/// holds the next piece of the one text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChannelKind {
    /// What the model says.
    Content,
    /// The same, in a part of a content that is a list; the number tells parts apart.
    ContentText(u32),
    /// What it says it thought, in such a part; the number tells parts apart.
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
    /// A string of an annotation, with its number within the frame. It comes whole and goes on in no
    /// other frame, so that nothing of it may be held back.
    Citation(u32),
}

impl ChannelKind {
    /// Whether its text is JSON, whose escapes are resolved once more.
    pub fn is_json(self) -> bool {
        matches!(self, Self::ToolArguments(_) | Self::FunctionArguments)
    }

    /// Whether a piece is all of its text.
    pub fn comes_whole(self) -> bool {
        matches!(self, Self::Citation(_))
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
