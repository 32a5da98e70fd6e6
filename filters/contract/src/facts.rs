//! What rooms tell one another.
//!
//! A fact is a small owned value of a type of its own, stated once and read by whoever declares that
//! it does. The chain proves at start that each is stated before it is read.

use smallvec::SmallVec;
use std::any::{Any, TypeId};
use std::fmt;

/// A type that rooms may tell one another about.
pub trait Fact: Any + Send + Sync {
    /// The fact's name in the error about a wrong order.
    const NAME: &'static str;
}

/// Names a kind of fact.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct FactKey {
    id: TypeId,
    name: &'static str,
}

impl FactKey {
    /// The key of `F`.
    pub fn of<F: Fact>() -> Self {
        Self { id: TypeId::of::<F>(), name: F::NAME }
    }

    /// The fact's name.
    pub fn name(&self) -> &'static str {
        self.name
    }
}

impl fmt::Debug for FactKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// The facts of one request.
#[derive(Default)]
pub struct Facts {
    stated: SmallVec<[(TypeId, Box<dyn Any + Send + Sync>); 8]>,
}

impl Facts {
    /// States a fact. The first statement stands: a second one is a bug of its author, told in debug
    /// builds and ignored otherwise.
    pub fn state<F: Fact>(&mut self, fact: F) {
        let twice = self.read::<F>().is_some();
        debug_assert!(!twice, "fact {} is stated twice", F::NAME);
        if !twice {
            self.stated.push((TypeId::of::<F>(), Box::new(fact)));
        }
    }

    /// Reads a fact.
    pub fn read<F: Fact>(&self) -> Option<&F> {
        let wanted = TypeId::of::<F>();
        let (_, fact) = self.stated.iter().find(|(id, _)| *id == wanted)?;
        fact.downcast_ref()
    }
}

/// The gateway's own id of a request; a client's id is only logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(pub std::sync::Arc<str>);

impl Fact for RequestId {
    const NAME: &'static str = "RequestId";
}

/// Which API is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// `POST /v1/chat/completions`
    Chat,
    /// `POST /v1/embeddings`
    Embeddings,
    /// `GET /v1/models` and `/v1/models/{id}`
    Models,
    /// `POST /v1/auth/mint`
    Mint,
    /// `GET /v1/usage` and `GET /v1/billing/usage`
    Usage,
}

impl Endpoint {
    /// A word for metrics and logs.
    pub fn label(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Embeddings => "embeddings",
            Self::Models => "models",
            Self::Mint => "mint",
            Self::Usage => "usage",
        }
    }
}

/// The credentials that an API takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepts {
    /// An end user's token, or an API key.
    TokenOrKey,
    /// An API key.
    Key,
}

impl Endpoint {
    /// The credentials that it takes. Without a wildcard: whoever adds an endpoint decides here.
    pub fn accepts(self) -> Accepts {
        match self {
            Self::Chat | Self::Embeddings | Self::Models | Self::Usage => Accepts::TokenOrKey,
            Self::Mint => Accepts::Key,
        }
    }
}

impl Fact for Endpoint {
    const NAME: &'static str = "Endpoint";
}

/// Where the request came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub std::net::IpAddr);

impl Fact for ClientAddress {
    const NAME: &'static str = "ClientAddress";
}

/// The project that the host name says, if it says one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostProject(pub Option<std::sync::Arc<str>>);

impl Fact for HostProject {
    const NAME: &'static str = "HostProject";
}

/// Who a request acts as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The tenant's id.
    pub tenant: std::sync::Arc<str>,
    /// The project's id, unique over all tenants.
    pub project: std::sync::Arc<str>,
    /// The API key's public id, or the `kid` of the key that signed the token; never a key itself.
    pub key: std::sync::Arc<str>,
    /// The end user, where one is named.
    pub user: Option<Box<str>>,
    /// The name of the end user's tier, where the token or the project gives one.
    pub tier: Option<std::sync::Arc<str>>,
    /// The session that the token names.
    pub session: Option<Box<str>>,
}

impl Fact for Principal {
    const NAME: &'static str = "Principal";
}

/// The model that is to serve a prompt. The host states it when it has chosen, before the prompt is
/// led through the rooms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelChoice(
    /// The model's name in this gateway.
    pub std::sync::Arc<str>,
);

impl Fact for ModelChoice {
    const NAME: &'static str = "ModelChoice";
}
