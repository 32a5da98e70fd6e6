//! Telephone numbers.

use super::reader::{Reader, is_alnum};
use crate::checks::{digit, number, uniform};

/// North America's plan: area and exchange begin with 2 to 9, and neither is a service's (N11).
pub(crate) fn nanp(text: &[u8]) -> bool {
    let service = |at| digit(text, at) == 1 && digit(text, at + 1) == 1;
    text.len() == 10
        && matches!(text.first(), Some(b'2'..=b'9'))
        && matches!(text.get(3), Some(b'2'..=b'9'))
        && !service(1)
        && !service(4)
        && digit(text, 1) != 9
        && !text.get(3..).is_some_and(uniform)
}

/// The same with the country's 1 before it.
pub(crate) fn nanp_prefixed(text: &[u8]) -> bool {
    text.first() == Some(&b'1') && text.get(1..).is_some_and(nanp)
}

/// Country codes with the shortest and longest national number, from ITU-T E.164's annex and the
/// national plans; codes that are not listed are not assigned.
#[rustfmt::skip]
const PLANS: &[(u16, u8, u8)] = &[
    (1, 10, 10), (7, 10, 10), (20, 8, 10), (27, 9, 9), (30, 10, 10), (31, 9, 11), (32, 8, 9), (33, 9, 9),
    (34, 9, 9), (36, 8, 9), (39, 6, 11), (40, 9, 9), (41, 9, 9), (43, 4, 13), (44, 9, 10), (45, 8, 8),
    (46, 7, 10), (47, 8, 8), (48, 9, 9), (49, 6, 13), (51, 8, 9), (52, 10, 11), (53, 6, 8), (54, 10, 11),
    (55, 10, 11), (56, 9, 9), (57, 8, 10), (58, 10, 10), (60, 8, 10), (61, 9, 9), (62, 8, 12), (63, 8, 10),
    (64, 8, 10), (65, 8, 8), (66, 8, 9), (81, 9, 10), (82, 8, 10), (84, 9, 10), (86, 10, 11), (90, 10, 10),
    (91, 10, 10), (92, 9, 10), (93, 9, 9), (94, 9, 9), (95, 7, 10), (98, 10, 10), (212, 9, 9), (213, 8, 9),
    (216, 8, 8), (218, 8, 9), (220, 7, 7), (221, 9, 9), (225, 10, 10), (226, 8, 8), (227, 8, 8),
    (228, 8, 8), (229, 8, 10), (230, 7, 8), (231, 7, 9), (233, 9, 9), (234, 8, 10), (237, 9, 9),
    (243, 9, 9), (244, 9, 9), (249, 9, 9), (250, 9, 9), (251, 9, 9), (252, 7, 9), (254, 9, 10), (255, 9, 9),
    (256, 9, 9), (258, 9, 9), (260, 9, 9), (261, 9, 9), (262, 9, 9), (263, 9, 9), (264, 8, 9), (265, 7, 9),
    (267, 7, 8), (350, 8, 8), (351, 9, 9), (352, 4, 11), (353, 7, 9), (354, 7, 9), (355, 8, 9), (356, 8, 8),
    (357, 8, 8), (358, 5, 12), (359, 8, 9), (370, 8, 8), (371, 8, 8), (372, 7, 8), (373, 8, 8),
    (374, 8, 8), (375, 9, 9), (376, 6, 9), (377, 8, 9), (378, 6, 10), (380, 9, 9), (381, 8, 9), (382, 8, 8),
    (383, 8, 8), (385, 8, 9), (386, 8, 8), (387, 8, 8), (389, 8, 8), (420, 9, 9), (421, 9, 9), (423, 7, 9),
    (501, 7, 7), (502, 8, 8), (503, 8, 8), (504, 8, 8), (505, 8, 8), (506, 8, 8), (507, 7, 8), (509, 8, 8),
    (590, 9, 9), (591, 8, 8), (592, 7, 7), (593, 8, 9), (594, 9, 9), (595, 9, 9), (596, 9, 9), (597, 6, 7),
    (598, 8, 8), (599, 7, 8), (673, 7, 7), (675, 7, 8), (677, 5, 7), (679, 7, 7), (852, 8, 8), (853, 8, 8),
    (855, 8, 9), (856, 8, 10), (880, 8, 10), (886, 8, 9), (960, 7, 7), (961, 7, 8), (962, 8, 9), (963, 9, 9),
    (964, 8, 10), (965, 8, 8), (966, 9, 9), (967, 7, 9), (968, 8, 8), (970, 8, 9), (971, 8, 9), (972, 8, 9),
    (973, 8, 8), (974, 8, 8), (975, 8, 8), (976, 8, 8), (977, 8, 10), (992, 9, 9), (993, 8, 8), (994, 9, 9),
    (995, 9, 9), (996, 9, 9), (998, 9, 9),
];

/// The country code at the front of a number's digits, and whether the rest has a fitting length.
fn plan(digits: &[u8]) -> bool {
    (1..=3).any(|len| {
        let code = number(digits, 0, len);
        let rest = digits.len().saturating_sub(len);
        PLANS.iter().any(|(known, least, most)| {
            // A trunk 0 in parentheses, `+44 (0)20 …`, makes one digit more.
            let trunk = usize::from(digit(digits, len) == 0);
            u64::from(*known) == code
                && rest >= usize::from(*least)
                && rest <= usize::from(*most) + trunk
        })
    })
}

/// Groups that a number may be written in.
const GROUPS_MAX: usize = 7;

/// The digits of a number from `at` on, with what people write between them.
pub(crate) struct Dialled {
    digits: [u8; 16],
    /// After each group: how many digits there are so far, and where it ends.
    groups: [(usize, usize); GROUPS_MAX],
    count: usize,
}

impl Dialled {
    /// What can be the whole number, the longest first: its digits, their groups, and the end.
    fn readings(&self) -> impl Iterator<Item = (&[u8], usize, usize)> {
        let groups = self.groups.iter().take(self.count).enumerate().rev();
        groups.map(|(n, (len, end))| (self.digits.get(..*len).unwrap_or_default(), n + 1, *end))
    }
}

/// Reads up to fifteen digits in up to seven groups.
fn dialled(text: &Reader<'_>, at: usize) -> Dialled {
    let mut found = Dialled { digits: [0; 16], groups: [(0, 0); GROUPS_MAX], count: 0 };
    let (mut at, mut len) = (at, 0);
    while let Some(group) = found.groups.get_mut(found.count) {
        let start = at;
        while text.at(at).is_ascii_digit() {
            let Some(place) = found.digits.get_mut(len).filter(|_| len < 15) else {
                return found;
            };
            *place = text.at(at);
            len += 1;
            at += 1;
        }
        if at == start || is_alnum(text.at(at)) {
            return found;
        }
        *group = (len, at);
        found.count += 1;
        at = text.run(at, 3, |byte| b" -./()".contains(&byte));
        if text.before(at).is_ascii_digit() {
            return found;
        }
    }
    found
}

/// An international number whose `+` stands at `plus`: where it ends.
pub(crate) fn international(text: &Reader<'_>, plus: usize) -> Option<usize> {
    let first = text.run(plus + 1, 1, |byte| byte == b'(');
    let found = dialled(text, first);
    let fits = |digits: &[u8]| {
        (8..=15).contains(&digits.len()) && digits.first() != Some(&b'0') && plan(digits)
    };
    found.readings().find(|(digits, ..)| fits(digits)).map(|(.., end)| end)
}

/// A North American number whose area code stands in parentheses from `open` on: where it ends.
pub(crate) fn parenthesised(text: &Reader<'_>, open: usize) -> Option<usize> {
    if text.at(open + 4) != b')' {
        return None;
    }
    let found = dialled(text, open + 1);
    found.readings().find(|(digits, groups, _)| *groups == 3 && nanp(digits)).map(|(.., end)| end)
}

/// A national number in whatever plan, which only a word beside it makes one: where it ends.
pub(crate) fn national(text: &Reader<'_>, at: usize) -> Option<usize> {
    let found = dialled(text, at);
    let fits = |digits: &[u8]| (7..=14).contains(&digits.len()) && !uniform(digits);
    found.readings().find(|(digits, ..)| fits(digits)).map(|(.., end)| end)
}
