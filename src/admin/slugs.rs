//! Slugs: who has one, and new ones.

use super::ids;
use super::refusal::Refusal;
use super::words::{ADJECTIVES, NOUNS};
use crate::directory::{Draft, SlugObject};
use crate::snapshot::Snapshot;
use behest_contract::directory::Expect;

/// How many slugs are made up before it is given up.
const TRIES: usize = 50;

/// A slug that nobody has.
pub(super) fn made_up(snapshot: &Snapshot) -> Result<String, Refusal> {
    for _ in 0..TRIES {
        let slug = random()?;
        if !is_taken(snapshot, &slug) {
            return Ok(slug);
        }
    }
    Err(Refusal::conflict("No slug that was made up is free; choose one."))
}

/// Such as `amber-fox-042`.
fn random() -> Result<String, Refusal> {
    let [a, b, c, d] = ids::random()?;
    let word = |words: &[&'static str], at: u8| {
        words.get(usize::from(at) % words.len().max(1)).copied().unwrap_or("plain")
    };
    let number = u16::from_be_bytes([c, d]) % 1000;
    Ok(format!("{}-{}-{number:03}", word(&ADJECTIVES, a), word(&NOUNS, b)))
}

fn is_taken(snapshot: &Snapshot, slug: &str) -> bool {
    let mut declared = snapshot.config.tenants.iter().flat_map(|tenant| &tenant.projects);
    let mut made = snapshot.objects.projects.iter();
    declared.any(|project| project.slug.as_deref() == Some(slug))
        || made.any(|project| project.settings.slug.as_deref() == Some(slug))
}

/// Takes a project from one slug to another, or refuses when somebody else has it. Two nodes that give
/// one slug at the same time meet in its record.
pub(super) fn moved(
    mut draft: Draft,
    snapshot: &Snapshot,
    project: &str,
    from: Option<&str>,
    to: Option<&str>,
) -> Result<Draft, Refusal> {
    if from == to {
        return Ok(draft);
    }
    if let Some(slug) = to {
        if is_taken(snapshot, slug) {
            return Err(Refusal::conflict(format!("Another project has the slug {slug:?}.")));
        }
        let record = SlugObject { slug: slug.to_owned(), project: project.to_owned() };
        draft = draft.put(&record, Expect::Absent);
    }
    if let Some(slug) = from {
        draft = draft.delete::<SlugObject>(slug, Expect::Anything);
    }
    Ok(draft)
}

#[cfg(test)]
mod tests {
    use super::random;
    use crate::admin::words::{ADJECTIVES, NOUNS};
    use std::collections::HashSet;

    #[test]
    fn made_up_slugs_are_two_words_and_a_number() {
        for _ in 0..100 {
            let slug = random().unwrap();
            let parts: Vec<&str> = slug.split('-').collect();
            assert!(
                matches!(parts.as_slice(), [a, n, digits] if ADJECTIVES.contains(a)
                && NOUNS.contains(n) && digits.len() == 3 && digits.parse::<u16>().is_ok()),
                "{slug}"
            );
        }
    }

    #[test]
    fn the_words_are_plain_and_differ() {
        let words: Vec<&str> = ADJECTIVES.into_iter().chain(NOUNS).collect();
        let different: HashSet<&str> = words.iter().copied().collect();
        assert_eq!(different.len(), words.len());
        for word in words {
            assert!((3..=8).contains(&word.len()), "{word}");
            assert!(word.bytes().all(|byte| byte.is_ascii_lowercase()), "{word}");
        }
    }
}
