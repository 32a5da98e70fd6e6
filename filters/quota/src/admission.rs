//! One admission of all layers: what is asked, and what to try next when it is too much.
//!
//! First everything is asked for with the bound that costs nothing. Where that does not fit, three
//! things may still help, in this order: an end user's quota is reserved as far as it goes; the prompt
//! is counted; the output shrinks to what is left, where the client has set no cap. Each try asks for
//! all layers at once, and a refused try has taken nothing.

use crate::config::ModelTerms;
use crate::layer::Layer;
use crate::lease::Lease;
use crate::party::Subjects;
use crate::policy::{Rule, Rules};
use crate::prompt_size::{PromptSize, counted_bound};
use crate::refusal::{Full, Refusal};
use crate::standing::{Standing, Standings};
use crate::want::Output;
use behest_contract::book::Row;
use behest_contract::money::MicroUsd;
use behest_contract::purse::{Ask, Demand, Granted, Known, Measure, Refused};
use smallvec::SmallVec;
use std::sync::Arc;

/// The least output worth a request (CONTRACT 7).
const OUTPUT_MIN: u64 = 16;

/// Tries of one admission. Others may take of the same counters in between, and so each may need one.
const TRIES_MAX: u32 = 24;

/// An admission under way.
pub(crate) struct Admission {
    pub(crate) rules: Arc<Rules>,
    /// The rules that apply to this request.
    pub(crate) asked: SmallVec<[Rule; 16]>,
    pub(crate) terms: ModelTerms,
    pub(crate) size: PromptSize,
    pub(crate) subjects: Subjects,
    pub(crate) sketch: Arc<Row>,
    pub(crate) known: Arc<Known>,
    pub(crate) amounts: Amounts,
    tries: u32,
}

/// How much is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Amounts {
    /// At most so many tokens are read.
    prompt: u64,
    counting: Counting,
    /// Tokens that each choice may have.
    output: u64,
    choices: u64,
    /// The client's own cap, which nobody lowers.
    is_fixed: bool,
    /// Tokens that a choice must have at least.
    output_min: u64,
    /// What is reserved of each layer at most, by its place among those asked.
    ceilings: SmallVec<[(usize, u64); 2]>,
}

/// What a request comes to in layers that count tokens, and in those that count money.
struct Needs {
    tokens: u64,
    micro_usd: u64,
}

/// Whether the prompt's tokens were counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Counting {
    NotYet,
    Impossible,
    Done(u64),
}

/// What is to be done after a refused try.
pub(crate) enum Next {
    /// Another, for less.
    Ask,
    /// The prompt is to be counted, then another.
    Count,
    /// Nothing: this is the answer.
    Refuse(Refusal),
}

impl Admission {
    pub(crate) fn new(
        rules: &Arc<Rules>,
        asked: SmallVec<[Rule; 16]>,
        terms: ModelTerms,
        size: PromptSize,
        amounts: Amounts,
        (subjects, sketch): (Subjects, Row),
    ) -> Self {
        Self {
            rules: rules.clone(),
            asked,
            terms,
            size,
            subjects,
            sketch: Arc::new(sketch),
            known: Arc::new(Known::priced(terms.price)),
            amounts,
            tries: 0,
        }
    }

    /// The question to the purse.
    pub(crate) fn ask(&self) -> Ask {
        let needs = self.needs();
        let demand = |(at, rule): (usize, &Rule)| Demand {
            subject: rule.layer.scope().subject(),
            measure: rule.layer.measure(),
            window: rule.window,
            limit: rule.limit,
            amount: self.amount(at, rule.layer, &needs),
        };
        Ask {
            id: self.sketch.id.clone(),
            tenant: self.sketch.tenant.clone(),
            subjects: self.subjects.clone(),
            demands: self.asked.iter().enumerate().map(demand).collect(),
            sketch: self.sketch.clone(),
            known: self.known.clone(),
        }
    }

    /// What the request comes to now.
    fn needs(&self) -> Needs {
        let need = |layer| self.need(layer, self.amounts.prompt, self.amounts.output);
        Needs { tokens: need(Layer::ProjectTokensDay), micro_usd: need(Layer::ProjectUsdDay) }
    }

    /// What is reserved of a layer now.
    fn amount(&self, at: usize, layer: Layer, needs: &Needs) -> u64 {
        let all = match layer.measure() {
            Measure::Requests | Measure::InFlight => 1,
            Measure::Tokens => needs.tokens,
            Measure::MicroUsd => needs.micro_usd,
        };
        let ceiling = self.amounts.ceilings.iter().find(|(place, _)| *place == at);
        ceiling.map_or(all, |(_, most)| all.min(*most))
    }

    /// What so many tokens of prompt, and so many of each choice, come to in a layer.
    fn need(&self, layer: Layer, prompt: u64, output: u64) -> u64 {
        let written = output.saturating_mul(self.amounts.choices);
        match layer.measure() {
            Measure::Requests | Measure::InFlight => 1,
            Measure::Tokens => prompt.saturating_add(written),
            Measure::MicroUsd => {
                self.terms.price.map_or(u64::MAX, |price| price.most(prompt, written).micros())
            }
        }
    }

    /// What to do now that this try was refused.
    pub(crate) fn refused(&mut self, refused: Refused) -> Next {
        let (at, used, now) = match refused {
            Refused::Full { demand, used, at } => (demand, used, at),
            Refused::Unavailable(why) => return Next::Refuse(Refusal::Unavailable(why)),
        };
        let Some(rule @ Rule { layer, limit, .. }) = self.asked.get(at).copied() else {
            return Next::Refuse(Refusal::Unavailable("the purse names no demand".into()));
        };
        self.tries += 1;
        let left = limit.saturating_sub(used);
        let amounts = &self.amounts;
        let least_output =
            if amounts.is_fixed { amounts.output } else { amounts.output_min.min(amounts.output) };
        let wanted = self.need(layer, amounts.prompt, least_output);
        let is_reserved = matches!(layer.measure(), Measure::Tokens | Measure::MicroUsd);
        if is_reserved && self.tries < TRIES_MAX {
            let could_count =
                amounts.counting == Counting::NotYet && self.need(layer, 0, least_output) <= left;
            let fits = wanted <= left && !amounts.is_fixed;
            if fits && !layer.is_hard() {
                self.amounts.set_ceiling(at, left);
                return Next::Ask;
            }
            if could_count {
                return Next::Count;
            }
            if fits && self.shrink(layer, left) {
                return Next::Ask;
            }
        }
        let standing = Standing::new(rule, used, now);
        Next::Refuse(Refusal::Full(Full { standing, wanted, tier: self.rules.tier.clone() }))
    }

    /// Lowers the output to what is left of a layer. `false` if that is no less than before.
    fn shrink(&mut self, layer: Layer, left: u64) -> bool {
        let prompt = self.amounts.prompt;
        let written = match self.terms.price.filter(|_| layer.measure() == Measure::MicroUsd) {
            Some(price) => price.output_for(MicroUsd::new(left), prompt),
            None => left.saturating_sub(prompt),
        };
        let amounts = &mut self.amounts;
        let output = written.checked_div(amounts.choices).unwrap_or(0).max(amounts.output_min);
        let is_less = output < amounts.output;
        amounts.output = output.min(amounts.output);
        is_less
    }

    /// The prompt was counted, or cannot be.
    pub(crate) fn counted(&mut self, tokens: Option<u64>) {
        match tokens {
            None => self.amounts.counting = Counting::Impossible,
            Some(tokens) => {
                let bound = self.amounts.prompt;
                self.amounts.counting = Counting::Done(tokens);
                self.amounts.prompt = counted_bound(tokens, self.terms.vocabulary, bound);
            }
        }
    }

    /// The purse has given everything.
    pub(crate) fn granted(&self, granted: &Granted) -> Lease {
        let mut standings = Standings::default();
        for (rule, used) in self.asked.iter().zip(&granted.used) {
            standings.note_used(*rule, *used, granted.at);
        }
        let needs = self.needs();
        let is_hard = self.asked.iter().any(|rule| rule.layer.is_hard());
        let Amounts { output, is_fixed, counting, .. } = self.amounts;
        let prompt_estimate = match counting {
            Counting::Done(tokens) => tokens,
            _ => self.size.estimate(self.terms.image_tokens).min(self.amounts.prompt),
        };
        Lease {
            sketch: self.sketch.clone(),
            standings,
            output_cap: (is_hard && !is_fixed).then_some(output),
            known: self.known.clone(),
            prompt_estimate,
            reserved_tokens: self.reserved(Measure::Tokens, &needs).unwrap_or(needs.tokens),
            reserved_micro_usd: self.reserved(Measure::MicroUsd, &needs),
        }
    }

    /// The least that was reserved of any layer that counts this: more than that is more than reserved.
    fn reserved(&self, measure: Measure, needs: &Needs) -> Option<u64> {
        let counting = self.asked.iter().enumerate();
        let counting = counting.filter(|(_, rule)| rule.layer.measure() == measure);
        counting.map(|(at, rule)| self.amount(at, rule.layer, needs)).min()
    }
}

impl Amounts {
    /// What to ask for first.
    pub(crate) fn new(
        prompt: u64,
        output: Output,
        terms: &ModelTerms,
        default_output: u64,
    ) -> Self {
        let natural = terms.max_output_tokens.unwrap_or(default_output).min(default_output);
        let (output, choices, is_fixed) = match output {
            Output::Nothing => (0, 0, true),
            Output::Capped { tokens, choices } => (tokens, choices, true),
            Output::Open { choices } => (natural, choices, false),
        };
        Self {
            prompt,
            counting: Counting::NotYet,
            output,
            choices,
            is_fixed,
            output_min: OUTPUT_MIN.min(natural),
            ceilings: SmallVec::new(),
        }
    }

    fn set_ceiling(&mut self, at: usize, most: u64) {
        match self.ceilings.iter_mut().find(|(place, _)| *place == at) {
            Some((_, ceiling)) => *ceiling = most,
            None => self.ceilings.push((at, most)),
        }
    }
}
