//! The gateway's own keys: the pair, where it is in its life, and how it is stored.

use crate::error::Error;
use crate::random;
use crate::signing_key::{OWN_KID_PREFIX, PublicKey, is_kid};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::RsaKeyPair;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use behest_contract::secret::Secret;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Where a key is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyState {
    /// Published, so that whoever caches the key set knows it before it signs.
    Next,
    /// Signs.
    Active,
    /// Signs no more; what it has signed is still good.
    Passive,
    /// Is refused.
    Revoked,
}

impl KeyState {
    /// The state that a word names.
    pub fn parse(word: &str) -> Option<Self> {
        let states = [Self::Next, Self::Active, Self::Passive, Self::Revoked];
        states.into_iter().find(|state| state.word() == word)
    }

    /// The state's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Active => "active",
            Self::Passive => "passive",
            Self::Revoked => "revoked",
        }
    }
}

/// All of an own key but the key. Times are since the Unix epoch, and stored in whole seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyLife {
    /// The key's name.
    pub kid: Arc<str>,
    /// Where it is in its life.
    pub state: KeyState,
    /// When it was made, and with that published.
    #[serde(with = "seconds")]
    pub created_at: Duration,
    /// When it began to sign.
    #[serde(with = "seconds::optional", default, skip_serializing_if = "Option::is_none")]
    pub activated_at: Option<Duration>,
    /// When it ceased to sign.
    #[serde(with = "seconds::optional", default, skip_serializing_if = "Option::is_none")]
    pub retired_at: Option<Duration>,
}

/// An own key as it is stored. The private half is a text of its own, for the host to seal.
#[derive(Clone, Serialize, Deserialize)]
pub struct StoredOwnKey {
    /// What may be read.
    #[serde(flatten)]
    pub life: KeyLife,
    /// The pair, PKCS#8 in base64; or what the host has made of that.
    pub private: String,
}

impl fmt::Debug for StoredOwnKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredOwnKey").field("life", &self.life).finish_non_exhaustive()
    }
}

/// An own key, parsed. Cloning it is cheap.
#[derive(Clone)]
pub struct OwnKey {
    life: KeyLife,
    private: Secret,
    pair: Arc<RsaKeyPair>,
    public: PublicKey,
}

impl OwnKey {
    /// Makes an RSA-2048 pair under a new name. Takes 100 ms and more.
    pub fn generate(state: KeyState, now: Duration) -> Result<Self, Error> {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| Error::NoKeyPair)?;
        let der: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| Error::NoKeyPair)?;
        let private = Secret::new(STANDARD.encode(der.as_ref()));
        let signs = state == KeyState::Active;
        let life = KeyLife {
            kid: random::named(OWN_KID_PREFIX)?.into(),
            state,
            created_at: now,
            activated_at: signs.then_some(now),
            retired_at: None,
        };
        let public = PublicKey::of(&pair).map_err(|_| Error::NoKeyPair)?;
        Ok(Self { life, private, pair: Arc::new(pair), public })
    }

    /// A key from what was stored of it, the private half opened.
    pub fn restore(life: KeyLife, private: &Secret) -> Result<Self, Error> {
        let unfit = || Error::UnfitOwnKey(life.kid.clone());
        let der = STANDARD.decode(private.expose()).map_err(|_| unfit())?;
        let pair = RsaKeyPair::from_pkcs8(&der).map_err(|_| unfit())?;
        let public = PublicKey::of(&pair).map_err(|_| unfit())?;
        if !life.kid.starts_with(OWN_KID_PREFIX) || !is_kid(&life.kid) {
            return Err(unfit());
        }
        Ok(Self { life, private: private.clone(), pair: Arc::new(pair), public })
    }

    /// All of it but the key.
    pub fn life(&self) -> &KeyLife {
        &self.life
    }

    /// The same pair, elsewhere in its life.
    #[must_use]
    pub fn with_life(&self, life: KeyLife) -> Self {
        Self { life, ..self.clone() }
    }

    /// The pair, PKCS#8 in base64, for the host to seal.
    pub fn private_half(&self) -> &Secret {
        &self.private
    }

    /// What is stored of it. The private half is still open: seal it.
    pub fn stored(&self) -> StoredOwnKey {
        StoredOwnKey { life: self.life.clone(), private: self.private.expose().to_owned() }
    }

    pub(crate) fn pair(&self) -> &Arc<RsaKeyPair> {
        &self.pair
    }

    pub(crate) fn public(&self) -> &PublicKey {
        &self.public
    }
}

impl fmt::Debug for OwnKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnKey").field("life", &self.life).finish_non_exhaustive()
    }
}

/// Durations since the epoch as whole seconds.
mod seconds {
    use serde::{Deserialize, Deserializer, Serializer};
    use std::time::Duration;

    pub(super) fn serialize<S: Serializer>(at: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(at.as_secs())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_secs)
    }

    pub(super) mod optional {
        use serde::{Deserialize, Deserializer, Serialize, Serializer};
        use std::time::Duration;

        pub(crate) fn serialize<S: Serializer>(
            at: &Option<Duration>,
            to: S,
        ) -> Result<S::Ok, S::Error> {
            at.map(|at| at.as_secs()).serialize(to)
        }

        pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
            from: D,
        ) -> Result<Option<Duration>, D::Error> {
            Ok(Option::<u64>::deserialize(from)?.map(Duration::from_secs))
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
