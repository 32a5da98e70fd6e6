//! The end of a secret that is certain already: however long it is, it is eaten as it comes.

/// What a secret may go on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    Hex,
    /// Letters and digits.
    Alnum,
    /// Also `_` and `-`.
    Word,
    /// Also `.`.
    Dotted,
    /// Letters, digits, `+`, `/` and `=`.
    Base64,
    /// What a bearer's token may hold (RFC 6750, 2.1).
    Bearer,
    /// Anything that neither ends a word nor a quotation.
    Visible,
}

impl Class {
    #[inline]
    pub(crate) fn has(self, byte: u8) -> bool {
        let extra: &[u8] = match self {
            Self::Hex => return byte.is_ascii_hexdigit(),
            Self::Visible => {
                return byte > b' ' && byte < 0x7f && !b"\"'`,;<>()[]{}\\".contains(&byte);
            }
            Self::Alnum => b"",
            Self::Word => b"_-",
            Self::Dotted => b"_-.",
            Self::Base64 => b"+/=",
            Self::Bearer => b"-._~+/=",
        };
        byte.is_ascii_alphanumeric() || extra.contains(&byte)
    }
}

/// The most that is eaten of a private key.
const PEM_MAX: usize = 64 * 1024;
const PEM_END: &[u8] = b"-----END";

/// How far a secret has been eaten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tail {
    /// A run of one class.
    Run(Class),
    /// The inside of a private key: `matched` bytes of its last line's beginning have come.
    Pem { matched: usize, eaten: usize },
    /// Its last line, up to five dashes.
    PemEnd { dashes: usize, eaten: usize },
}

impl Tail {
    pub(crate) const PEM: Self = Self::Pem { matched: 0, eaten: 0 };

    /// Eats the front of `text`: how much of it, and whether that was the end.
    pub(crate) fn eat(&mut self, text: &[u8]) -> (usize, bool) {
        if let Self::Run(class) = self {
            let end = text.iter().position(|byte| !class.has(*byte));
            return (end.unwrap_or(text.len()), end.is_some());
        }
        for (at, byte) in text.iter().enumerate() {
            match self.step(*byte) {
                Eaten::More => {}
                Eaten::Last => return (at + 1, true),
                Eaten::Before => return (at, true),
            }
        }
        (text.len(), false)
    }

    fn step(&mut self, byte: u8) -> Eaten {
        match *self {
            Self::Pem { matched, eaten } => {
                let inside = byte.is_ascii_alphanumeric()
                    || byte.is_ascii_whitespace()
                    || b"+/=\\:,-".contains(&byte);
                if !inside || eaten >= PEM_MAX {
                    return Eaten::Before;
                }
                let matched = match PEM_END.get(matched) {
                    Some(wanted) if *wanted == byte => matched + 1,
                    // A sixth dash: still five before whatever comes.
                    _ if byte == b'-' => matched.clamp(1, 5),
                    _ => 0,
                };
                *self = if matched == PEM_END.len() {
                    Self::PemEnd { dashes: 0, eaten: 0 }
                } else {
                    Self::Pem { matched, eaten: eaten + 1 }
                };
                Eaten::More
            }
            Self::PemEnd { dashes, eaten } => {
                let inside =
                    byte.is_ascii_uppercase() || byte.is_ascii_digit() || b" -".contains(&byte);
                if eaten >= 48 || !inside {
                    return Eaten::Before;
                }
                let dashes = if byte == b'-' { dashes + 1 } else { 0 };
                *self = Self::PemEnd { dashes, eaten: eaten + 1 };
                if dashes == 5 { Eaten::Last } else { Eaten::More }
            }
            Self::Run(class) if class.has(byte) => Eaten::More,
            Self::Run(_) => Eaten::Before,
        }
    }
}

enum Eaten {
    More,
    /// This byte was the last one.
    Last,
    /// The byte before this one was.
    Before,
}

#[cfg(test)]
mod tests {
    use super::{Class, Tail};

    #[test]
    fn a_private_key_is_eaten_to_the_end_of_its_last_line() {
        let body = b"\nMIIE+/=\n-----END RSA PRIVATE KEY----- and more";
        for cut in 0..body.len() {
            let (left, right) = body.split_at(cut);
            let mut tail = Tail::PEM;
            let (first, over) = tail.eat(left);
            let eaten = if over { first } else { first + tail.eat(right).0 };
            assert_eq!(eaten, body.len() - 9, "{cut}");
        }
        let mut tail = Tail::PEM;
        assert_eq!(tail.eat(b"\nMII; then"), (4, true));
        tail = Tail::PEM;
        assert_eq!(tail.eat(&[b'A'; 70_000]), (65_536, true));
        assert_eq!(Tail::Run(Class::Hex).eat(b"0aFg"), (3, true));
    }
}
