//! How much is found, and how much of what is found is right.

use crate::corpus::{Purpose, corpus, is_secret};
use behest_pii::{Action, Context, Detector, Mode, PiiConfig};
use std::collections::BTreeMap;

#[derive(Default, Clone, Copy)]
struct Score {
    right: u32,
    wrong: u32,
    missed: u32,
}

impl Score {
    fn precision(self) -> f64 {
        f64::from(self.right) / f64::from((self.right + self.wrong).max(1))
    }
    fn recall(self) -> f64 {
        f64::from(self.right) / f64::from((self.right + self.missed).max(1))
    }
    fn f1(self) -> f64 {
        2.0 * self.precision() * self.recall() / (self.precision() + self.recall())
    }
}

fn measure(detector: &Detector, seed: u64) {
    let (mut plain, mut disguised, mut secrets) =
        (Score::default(), Score::default(), Score::default());
    let (mut dirty, mut negatives, mut dirty_clean) = (0, 0, 0);
    let mut faults: BTreeMap<String, u32> = BTreeMap::new();
    for message in corpus(seed, 6000) {
        let found = detector.find(&message.text, Context::default());
        match message.purpose {
            Purpose::Negative => {
                negatives += 1;
                dirty += u32::from(!found.is_empty());
                if let Some(one) = found.first() {
                    *faults
                        .entry(format!("negative as {}", detector.name(one.entity)))
                        .or_default() += 1;
                }
                continue;
            }
            Purpose::Clean => {
                dirty_clean += u32::from(!found.is_empty());
                continue;
            }
            Purpose::Value | Purpose::Disguised => {}
        }
        let score = if message.purpose == Purpose::Value { &mut plain } else { &mut disguised };
        for (entity, start, end) in &message.labels {
            let hit = found.iter().any(|one| {
                detector.name(one.entity) == *entity
                    && one.start <= *start
                    && one.end >= *end
                    && one.end <= end + 1
            });
            let others = found.len() as u32 - u32::from(hit);
            for score in
                [Some(&mut *score), is_secret(entity).then_some(&mut secrets)].into_iter().flatten()
            {
                score.right += u32::from(hit);
                score.missed += u32::from(!hit);
                score.wrong += others;
            }
            if !hit || others > 0 {
                let told: Vec<_> = found.iter().map(|one| detector.name(one.entity)).collect();
                let mut kinds = format!("{entity} as {told:?}");
                if std::env::var_os("SHOW").is_some() {
                    kinds = format!("{kinds}: {}", &message.text);
                }
                *faults.entry(kinds).or_default() += 1;
            }
        }
    }
    let mut worst: Vec<_> = faults.into_iter().collect();
    worst.sort_by_key(|(_, count)| u32::MAX - count);
    println!(
        "seed {seed}: P {:.4} R {:.4} F1 {:.4}; disguised R {:.4} P {:.4}; secrets R {:.4} P {:.4}; dirty {dirty}/{negatives}, clean {dirty_clean}",
        plain.precision(),
        plain.recall(),
        plain.f1(),
        disguised.recall(),
        disguised.precision(),
        secrets.recall(),
        secrets.precision()
    );
    for (fault, count) in worst.iter().take(25) {
        println!("  {count} {fault}");
    }
    assert!(plain.f1() >= 0.975 && plain.precision() >= 0.985, "seed {seed}");
    assert!(disguised.recall() >= 0.95, "seed {seed}");
    assert!(secrets.recall() >= 0.95 && secrets.precision() >= 0.99, "seed {seed}");
    assert!(f64::from(dirty) <= 0.01 * f64::from(negatives) && dirty_clean == 0, "seed {seed}");
}

#[test]
fn the_targets_are_met_on_three_seeds() {
    let config = PiiConfig {
        mode: Mode::Enforce,
        default_action: Some(Action::Mask),
        ..PiiConfig::default()
    };
    let detector = Detector::new(&config).unwrap();
    for seed in [1, 7919, 104_729] {
        measure(&detector, seed);
    }
}
