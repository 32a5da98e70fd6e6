//! Asking a project's own guardrail about what would be sent.

use super::content_blocked;
use super::teller::Teller;
use crate::config::{HookConfig, Mode};
use crate::events::{HookRequest, HookVerdict};
use behest_contract::denial::{Denial, Kind, Verdict};
use behest_contract::filter::Step;
use behest_contract::prompt::Prompt;
use std::time::Duration;

/// Asks; the request waits for the answer where that can refuse it.
pub(super) fn ask<'a>(mode: Mode, config: HookConfig, teller: Teller, prompt: &Prompt) -> Step<'a> {
    let fail_open = config.fail_open;
    let texts: Vec<String> = prompt.texts().map(|(.., now)| now.into_owned()).collect();
    let bytes = texts.iter().map(String::len).sum();
    let request = HookRequest {
        config,
        project_id: teller.project.clone(),
        request_id: teller.request.clone(),
        texts,
    };
    let asked = teller.ports.hook.as_ref().map(|hook| hook.ask(request));
    let heard = {
        let teller = teller.clone();
        async move {
            let answer = match asked {
                Some(asked) => asked.await.ok(),
                None => None,
            };
            weigh(&teller, mode, fail_open, answer)
        }
    };
    if mode == Mode::Enforce {
        return Step::Wait(Box::pin(heard));
    }
    // What is said is only told, so that it may come when it comes.
    let errand = Box::pin(async move { drop(heard.await) });
    if teller.ports.errands.send(errand, bytes).is_err() {
        let _ = weigh(&teller, mode, fail_open, None);
    }
    Step::go()
}

/// What becomes of a request for what its guardrail says, if it says something.
fn weigh(teller: &Teller, mode: Mode, fail_open: bool, answer: Option<HookVerdict>) -> Verdict {
    let enforced = mode == Mode::Enforce;
    match answer {
        Some(HookVerdict::Allow) => Ok(()),
        Some(HookVerdict::Block) => {
            teller.of_prompt("hook", mode, enforced);
            if enforced { Err(content_blocked()) } else { Ok(()) }
        }
        None => {
            let refused = enforced && !fail_open;
            teller.of_prompt("hook_silent", mode, refused);
            if refused { Err(unchecked()) } else { Ok(()) }
        }
    }
}

/// The guardrail has said nothing.
fn unchecked() -> Box<Denial> {
    let message = "The request could not be checked by this project's guardrail.";
    let denial = Denial::new(Kind::Unavailable, message).note("pii: the hook is silent");
    Box::new(denial.retry_after(Duration::from_secs(1)))
}
