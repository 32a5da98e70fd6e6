//! Letters of other scripts that look like Latin ones: `fоrbidden` with a Cyrillic `о` reads as the word.

/// A text with such letters as the Latin ones that they look like; `None` if it has none. Only texts that are
/// not all ASCII are worth asking about.
pub(super) fn latin(text: &str) -> Option<String> {
    // The first bytes of Greek and Cyrillic; none stands within a character.
    let may_be_worn =
        |block: &[u8]| block.iter().fold(false, |found, byte| found | matches!(byte, 0xcd..=0xd4));
    if !text.as_bytes().chunks(64).any(may_be_worn) {
        return None;
    }
    let read: String = text.chars().map(letter).collect();
    (read != text).then_some(read)
}

/// The letter that one looks like, as a small one; itself for most. Both cases of a Cyrillic letter are read as
/// one, so that a term of that script whose letters were changed for Latin ones is found in either.
fn letter(character: char) -> char {
    match character {
        'А' | 'а' | 'Α' | 'α' | 'Ӑ' | 'ӑ' => 'a',
        'В' | 'в' | 'Ь' | 'ь' | 'Β' | 'β' => 'b',
        'С' | 'с' | 'Ϲ' | 'ϲ' => 'c',
        'Ԁ' | 'ԁ' => 'd',
        'Е' | 'е' | 'Ε' | 'ε' | 'Є' | 'є' => 'e',
        'Ԍ' | 'ԍ' => 'g',
        'Н' | 'н' | 'Һ' | 'һ' | 'Η' => 'h',
        'І' | 'і' | 'Ι' | 'ι' => 'i',
        'Ј' | 'ј' | 'ϳ' | 'Ϳ' => 'j',
        'К' | 'к' | 'Κ' | 'κ' | 'Қ' | 'қ' => 'k',
        'Ӏ' | 'ӏ' => 'l',
        'М' | 'м' | 'Μ' => 'm',
        'Ν' | 'η' | 'П' | 'п' => 'n',
        'О' | 'о' | 'Ο' | 'ο' | 'σ' => 'o',
        'Р' | 'р' | 'Ρ' | 'ρ' => 'p',
        'Ԛ' | 'ԛ' => 'q',
        'Г' | 'г' => 'r',
        'Ѕ' | 'ѕ' => 's',
        'Т' | 'т' | 'Τ' | 'τ' => 't',
        'υ' | 'μ' | 'Ц' | 'ц' => 'u',
        'Ѵ' | 'ѵ' | 'ν' => 'v',
        'Ԝ' | 'ԝ' | 'ω' | 'Ш' | 'ш' => 'w',
        'Х' | 'х' | 'Χ' | 'χ' | 'Ҳ' | 'ҳ' => 'x',
        'У' | 'у' | 'Ү' | 'ү' | 'Υ' | 'γ' => 'y',
        'Ζ' | 'ζ' => 'z',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::latin;

    #[test]
    fn letters_of_other_scripts_are_read_as_what_they_look_like() {
        assert_eq!(latin("fоrbіdԁеn frυit").as_deref(), Some("forbidden fruit"));
        assert_eq!(latin("FОRВIDDΕΝ").as_deref(), Some("FoRbIDDen"));
        assert_eq!(latin("中文 о").as_deref(), Some("中文 o"));
        let far = format!("{}о", "é".repeat(100));
        assert_eq!(latin(&far), Some(format!("{}o", "é".repeat(100))));
    }

    #[test]
    fn what_has_none_is_not_copied() {
        for text in ["", "plain", "Grüße, 中文 😀", "яд", "λ", "\u{301}"] {
            assert_eq!(latin(text), None, "{text}");
        }
    }
}
