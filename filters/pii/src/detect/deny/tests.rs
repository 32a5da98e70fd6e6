use super::super::scan::{Scan, Wanted};
use super::DenyIndex;
use crate::config::{Action, DenyListConfig};
use crate::entity::{EntityId, EntitySet};

/// Where terms are proposed, and from where on nothing is decided.
fn found(index: &DenyIndex, text: &[u8], from: usize) -> (Vec<(usize, usize, EntityId)>, usize) {
    let wanted =
        Wanted { entities: EntitySet::default(), threshold: 1, named: EntitySet::default() };
    let mut candidates = Vec::new();
    let mut scan = Scan::new(text, from, wanted, &mut candidates);
    index.find(&mut scan, from);
    let pending = scan.pending;
    let mut places: Vec<_> =
        candidates.iter().map(|one| (one.start, one.end, one.entity)).collect();
    places.sort_unstable();
    places.dedup();
    (places, pending)
}

#[test]
fn a_few_terms_are_found_where_a_look_at_each_word_finds_them() {
    let terms =
        ["project zephyr", "Projector", "zeph", "Quarz-Uhr", "prüfung", "over 9000", "kodak é"];
    let lists = terms.iter().zip(1..).map(|(term, n)| {
        let terms = vec![(*term).to_owned()];
        (DenyListConfig { name: "LIST".to_owned(), terms, action: Action::Mask }, EntityId(n))
    });
    let lists: Vec<_> = lists.collect();
    let few = DenyIndex::new(&lists, "").unwrap().unwrap();
    assert!(few.few.is_some());
    let mut each = DenyIndex::new(&lists, "").unwrap().unwrap();
    each.few = None;
    let pieces = [
        "project",
        "PROJECTOR",
        "Projec",
        "zephyr",
        "zeph",
        " ",
        "  ",
        "-",
        "x",
        "quarz",
        "uhr",
        "over",
        "9000",
        "é",
        "kodak",
        "Prüfung",
        "\n",
        "a quiet river runs past the old mill and on to the sea ",
    ];
    let mut seed = 3u32;
    let mut some = 0;
    for len in (0..400).map(|n| n % 40) {
        let text: String = (0..len)
            .map(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                pieces[(seed >> 16) as usize % pieces.len()]
            })
            .collect();
        let (whole, _) = found(&few, text.as_bytes(), 0);
        for cut in (0..=text.len()).rev().take(90) {
            let part = &text.as_bytes()[..cut];
            for from in [0, cut / 2] {
                let (places, pending) = found(&few, part, from);
                let (wanted, longest) = found(&each, part, from);
                assert_eq!(places, wanted, "{text} {cut}");
                assert!(pending >= longest, "{text} {cut}");
                let late = whole.iter().filter(|one| one.0 >= from && !places.contains(one));
                // What is not there yet lies where nothing is decided.
                assert!(late.into_iter().all(|one| one.0 >= pending.min(cut)), "{text} {cut}");
            }
        }
        some += whole.len();
    }
    assert!(some > 100, "{some}");
}

#[test]
fn many_terms_and_short_ones_are_looked_up_word_by_word() {
    let index = |terms: Vec<String>| {
        let list = DenyListConfig { name: "LIST".to_owned(), terms, action: Action::Mask };
        DenyIndex::new(&[(list, EntityId(1))], "").unwrap().unwrap()
    };
    let many = index((0..100).map(|n| format!("term{n}")).collect());
    let short = index(vec!["ai act".to_owned(), "zephyr".to_owned()]);
    assert!(many.few.is_none() && short.few.is_none());
    assert_eq!(found(&many, b"the Term77 and", 0).0, [(4, 10, EntityId(1))]);
    assert_eq!(found(&short, b"the AI act", 0).0, [(4, 10, EntityId(1))]);
}
