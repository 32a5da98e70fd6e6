//! A price as bytes: which of its parts there are, and those.

use super::wire::{Reading, Writing};
use behest_contract::money::MicroUsd;
use behest_contract::price::{Price, Rates};

const HAS_CACHED: u8 = 1;
const HAS_REASONING: u8 = 1 << 1;
const HAS_ABOVE: u8 = 1 << 2;

/// Writes a price.
pub(super) fn put(out: &mut Vec<u8>, price: &Price) {
    put_rates(out, &price.rates, if price.above.is_some() { HAS_ABOVE } else { 0 });
    if let Some((tokens, rates)) = &price.above {
        out.put_number(*tokens);
        put_rates(out, rates, 0);
    }
}

fn put_rates(out: &mut Vec<u8>, rates: &Rates, more: u8) {
    let Rates { input, output, cached_input, reasoning } = rates;
    let has = |there: &Option<MicroUsd>, bit| if there.is_some() { bit } else { 0 };
    out.push(more | has(cached_input, HAS_CACHED) | has(reasoning, HAS_REASONING));
    for amount in [Some(input), Some(output), cached_input.as_ref(), reasoning.as_ref()] {
        amount.into_iter().for_each(|amount| out.put_number(amount.micros()));
    }
}

/// Reads a price.
pub(super) fn read(from: &mut Reading<'_>) -> Option<Price> {
    let (rates, has) = read_rates(from)?;
    let mut above = None;
    if has & HAS_ABOVE != 0 {
        above = Some((from.number()?, read_rates(from)?.0));
    }
    Some(Price { rates, above })
}

fn read_rates(from: &mut Reading<'_>) -> Option<(Rates, u8)> {
    let has = from.byte()?;
    let amount = |from: &mut Reading<'_>| from.number().map(MicroUsd::new);
    let amount_if = |from: &mut Reading<'_>, bit| {
        if has & bit == 0 { Some(None) } else { amount(from).map(Some) }
    };
    let rates = Rates {
        input: amount(from)?,
        output: amount(from)?,
        cached_input: amount_if(from, HAS_CACHED)?,
        reasoning: amount_if(from, HAS_REASONING)?,
    };
    Some((rates, has))
}
