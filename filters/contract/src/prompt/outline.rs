//! What a front door found in a body.

use crate::json::{Span, Str, Value};

/// What a top-level member is for. A front door knows the names, the rooms know the roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Which model is asked for.
    Model,
    /// The list of messages, or an embedding's input.
    Messages,
    /// Whether the answer is to be streamed.
    Stream,
    /// Options of streaming; whether usage is reported lies in here.
    StreamOptions,
    /// The most tokens that the answer may have.
    OutputCap,
    /// How many answers are asked for.
    Choices,
    /// Tools that the model may call.
    Tools,
    /// What the answer's content is to be written in.
    AnswerFormat,
    /// Whether, and how many, probabilities of tokens are told. They spell the answer a second time.
    Logprobs,
    /// For the gateway, not for the provider: it is dropped on the way up.
    Private,
    /// Anything else.
    Other,
}

/// A top-level member.
#[derive(Debug, Clone, Copy)]
pub struct Member {
    /// What it is for.
    pub role: Role,
    /// From the opening quote of its name to the end of its value.
    pub whole: Span,
    /// Its value.
    pub value: Value,
}

/// One message of the conversation.
#[derive(Debug, Clone, Copy)]
pub struct Message {
    /// The whole object.
    pub span: Span,
    /// Its `role`, if it has one that is a string.
    pub role: Option<Str>,
}

/// Where a text stands, as far as rooms treat it differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextKind {
    /// What somebody says.
    Content,
    /// Arguments of a tool call: JSON within a string.
    ToolArguments,
    /// What a tool answered.
    ToolResult,
    /// Any other string that goes up: descriptions, unknown members, …
    Other,
}

/// A string value that goes up.
#[derive(Debug, Clone, Copy)]
pub struct Text {
    /// Where it stands.
    pub kind: TextKind,
    /// Its characters.
    pub value: Str,
    /// The name of the nearest member that holds it.
    pub name: Str,
    /// The number of the message that it belongs to.
    pub message: Option<u32>,
}

/// Everything that one pass over a body found. Spans are offsets into that body.
#[derive(Debug, Clone, Default)]
pub struct Outline {
    /// The body's object, braces included.
    pub root: Span,
    /// Its members, in order.
    pub members: Vec<Member>,
    /// The list of messages, brackets included.
    pub list: Option<Span>,
    /// The messages in it.
    pub messages: Vec<Message>,
    /// The string values that are no structural words.
    pub texts: Vec<Text>,
    /// What says where an image is, or is the image itself, in a message; these are among the texts.
    pub images: Vec<Str>,
    /// Whether the answer is to be streamed.
    pub streamed: bool,
    /// Whether what the model says is to be JSON.
    pub json_asked: bool,
    /// The value of the option that asks for usage in a stream, where the client wrote one.
    pub usage_option: Option<Value>,
}

impl Outline {
    /// Whether the client itself asked for usage in a stream.
    pub fn usage_asked(&self) -> bool {
        use crate::json::Kind;
        self.usage_option.is_some_and(|option| option.kind == Kind::Bool(true))
    }
}
