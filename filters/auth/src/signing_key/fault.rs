//! Why a key is not registered, in words for whoever sent it.

use std::fmt;

/// What is wrong with a key, or with its name. It never holds any of the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyFault {
    /// Neither PEM nor a JWK.
    NotAKey,
    /// A private key: it must never leave its owner.
    PrivateKey,
    /// A key of another kind than RSA.
    NotRsa,
    /// More than one key.
    Several,
    /// It says that it is an RSA public key, and is none.
    Malformed,
    /// The modulus has this many bits.
    Size(usize),
    /// The public exponent is not 65537.
    Exponent,
    /// The modulus is even.
    EvenModulus,
    /// The modulus bears the mark of a generator whose keys can be factored.
    Roca,
    /// The JWK's `use` is not for signatures.
    Use,
    /// The JWK's `key_ops` have no `verify`.
    Operations,
    /// The JWK's `alg` is not RS256.
    Algorithm,
    /// The name is no key name.
    Kid,
    /// The name is kept for the gateway's own keys.
    ReservedKid,
}

impl fmt::Display for KeyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self {
            Self::NotAKey => "The key is neither a public key in PEM nor a JWK object.",
            Self::PrivateKey => {
                "This is a private key. Keep it, register its public half, and replace the pair if \
                 this connection was not private."
            }
            Self::NotRsa => "The key is not an RSA key.",
            Self::Several => "There is more than one key.",
            Self::Malformed => "The key is not a well-formed RSA public key.",
            Self::Size(bits) => {
                return write!(f, "The key has {bits} bits; 2048 to 4096 are allowed.");
            }
            Self::Exponent => "The key's public exponent is not 65537.",
            Self::EvenModulus => "The key's modulus is even.",
            Self::Roca => "The key was made by a faulty generator (ROCA, CVE-2017-15361).",
            Self::Use => "The key's \"use\" is not \"sig\".",
            Self::Operations => "The key's \"key_ops\" have no \"verify\".",
            Self::Algorithm => "The key's \"alg\" is not \"RS256\".",
            Self::Kid => {
                "A key's id has 1 to 64 characters out of A-Z, a-z, 0-9, `.`, `_` and `-`."
            }
            Self::ReservedKid => "Ids that begin with `own_` are the gateway's own.",
        };
        f.write_str(words)
    }
}

impl std::error::Error for KeyFault {}
