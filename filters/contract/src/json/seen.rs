//! Which member names an object has had.

use super::Str;
use smallvec::SmallVec;
use std::borrow::Cow;
use std::collections::HashSet;

/// Beyond this many names a hash set takes over, so that a hostile object costs no square.
const LINEAR_MAX: usize = 16;

/// The names of one object so far, compared as they read: `"a"` and `"\u0061"` are one name.
#[derive(Debug, Default)]
pub struct Seen<'t> {
    few: SmallVec<[Cow<'t, [u8]>; LINEAR_MAX]>,
    many: Option<HashSet<Cow<'t, [u8]>>>,
}

impl<'t> Seen<'t> {
    /// Notes a name; `false` if the object has had it before.
    pub fn is_new(&mut self, text: &'t [u8], name: Str) -> bool {
        let name = name.name(text);
        if let Some(many) = &mut self.many {
            return many.insert(name);
        }
        if self.few.contains(&name) {
            return false;
        }
        self.few.push(name);
        if self.few.len() == LINEAR_MAX {
            self.many = Some(self.few.drain(..).collect());
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Malformed, Scanner};
    use super::Seen;

    fn repeats(text: &[u8]) -> usize {
        let mut seen = Seen::default();
        let mut repeats = 0;
        Scanner::new(text)
            .object(|scanner, key| {
                repeats += usize::from(!seen.is_new(scanner.text(), key));
                scanner.value().map(drop)
            })
            .map_err(|bad: Malformed| bad)
            .unwrap();
        repeats
    }

    #[test]
    fn names_are_compared_as_they_read() {
        assert_eq!(repeats(br#"{"a":1,"b":2,"\u0061":3}"#), 1);
        let many: String = (0..500).map(|n| format!("\"k{n}\":{n},")).collect();
        assert_eq!(repeats(format!("{{{many}\"k3\":0,\"k499\":0}}").as_bytes()), 2);
        assert_eq!(repeats(format!("{{{many}\"z\":0}}").as_bytes()), 0);
    }
}
