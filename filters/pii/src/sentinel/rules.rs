//! The rules against prompt injection, with their scores.
//!
//! Each describes one move of known attacks (OWASP LLM01, the families in garak's and Rebuff's corpora).
//! A text counts as an attack when its moves add up: one strong move, or two weak ones.

use crate::detect::fold::{Folded, is_disguised};
use aho_corasick::AhoCorasick;
use regex::bytes::{Regex, RegexBuilder};
use std::sync::LazyLock;

struct Rule {
    name: &'static str,
    score: u32,
    /// One of these stands in every text that the pattern matches.
    words: &'static [&'static str],
    pattern: &'static str,
}

#[rustfmt::skip]
const TABLE: &[Rule] = &[
    Rule { name: "override", score: 80, words: &["ignore", "disregard", "forget", "override", "bypass"],
        pattern: r"\b(ignore|disregard|forget|override|bypass)\b[^.!?\n]{0,20}\b(previous|prior|above|earlier|preceding|existing|original|your|all|system|initial)\b[^.!?\n]{0,30}\b(instructions?|rules|prompts?|guidelines|directives|programming|commands|context)\b" },
    Rule { name: "override_foreign", score: 80, words: &["ignoriere", "ignora", "ignorez", "oublie", "olvida", "vergiss", "negeer", "ignorar", "esque"],
        pattern: r"\b(ignoriere|ignora|ignorez|oublie|oubliez|olvida|vergiss|negeer|ignorar|esque\S{0,3}a)\b[^.!?\n]{0,40}\b(anweisungen|instrucciones|instructions|istruzioni|instrucoes|instru\S{2,6}es|instructies|regeln|reglas|consignes)\b" },
    Rule { name: "new_instructions", score: 50, words: &["new instructions", "new rules", "updated instructions", "real instructions"],
        pattern: r"\b(your|here are|these are|follow)\b[^.!?\n]{0,20}\b(new|updated|real) (instructions|rules)\b" },
    Rule { name: "persona", score: 50, words: &["you are now", "from now on you", "act as", "pretend to be", "pretend you"],
        pattern: r"\b(you are now|from now on,? you (are|will|must)|act as|pretend (to be|you are|you're))\b[^.!?\n]{0,40}\b(dan|jailbroken|unrestricted|unfiltered|evil|developer mode|no (rules|restrictions|limits|filters)|without (any )?(rules|restrictions|limits|filters|limitations)|not bound)\b" },
    Rule { name: "jailbreak", score: 40, words: &["jailbreak", "developer mode", "do anything now", "dan mode", "god mode"],
        pattern: r"\b(jailbreak (mode|prompt)|jailbroken|developer mode (enabled|on|activated)|do anything now|dan mode|god mode enabled)\b" },
    Rule { name: "leak", score: 60, words: &["prompt", "instructions"],
        pattern: r"\b(reveal|print|show|repeat|output|leak|display|tell me|give me|write out|dump|expose)\b[^.!?\n]{0,30}\b(your|the) (entire |full |exact |whole |hidden |secret |initial |original |complete )*(system ?prompt|system message|initial prompt|hidden prompt|secret instructions|system instructions|initial instructions)\b" },
    Rule { name: "leak_verbatim", score: 30, words: &["verbatim", "word for word", "everything above", "text above"],
        pattern: r"\b(verbatim|word for word|repeat (everything|the text|all) above|everything above this line)\b" },
    Rule { name: "chat_markup", score: 80, words: &["<|im_start|>", "<|system|>", "[inst]", "<<sys>>", "<|endoftext|>", "<|start_header_id|>"],
        pattern: r"<\|im_start\|>|<\|system\|>|\[inst\]|<<sys>>|<\|endoftext\|>|<\|start_header_id\|>" },
    Rule { name: "fake_turn", score: 40, words: &["system:", "### system", "[system]", "### instruction"],
        pattern: r"(^|\n)\s*(#{1,4} ?(system|instruction)s?:?|\[system\]|system:)\s" },
    Rule { name: "no_safety", score: 40, words: &["safety", "content policy", "ethical", "guardrails", "moderation", "filters"],
        pattern: r"\b(disable|turn off|ignore|bypass|without|circumvent|remove)\b[^.!?\n]{0,30}\b(safety (filters?|guidelines|checks)|content (policy|policies|filters?)|ethical (guidelines|constraints)|guardrails|moderation)\b" },
    Rule { name: "exfiltrate", score: 60, words: &["http://", "https://", "curl ", "webhook"],
        pattern: r"\b(send|post|upload|forward|exfiltrate|leak)\b[^.!?\n]{0,40}\b(conversation|chat history|system prompt|api keys?|credentials|secrets|passwords?)\b[^\n]{0,40}\b(to|via) (https?://|a webhook|the following url)" },
    Rule { name: "to_the_model", score: 40, words: &["ai assistant", "language model", "llm", "assistant:"],
        pattern: r"\b(attention|important|note|message)\b[^.!?\n]{0,10}\b(ai assistant|ai agent|language models?|llms?)\b[^\n]{0,40}\b(must|should|do not|ignore|instead)\b" },
    Rule { name: "do_not_tell", score: 40, words: &["do not tell", "don't tell", "without telling", "do not mention", "do not inform"],
        pattern: r"\b(do not|don't|without) (tell|telling|mention|mentioning|inform|informing|alert)\b[^.!?\n]{0,20}\b(the )?(user|human)\b" },
    Rule { name: "unrestricted_answer", score: 40, words: &["no restrictions", "without restrictions", "no limitations", "unfiltered response", "without any restrictions"],
        pattern: r"\b(answer|respond|reply|ai)\b[^.!?\n]{0,40}\b(with no restrictions|without (any )?restrictions|no limitations|unfiltered)\b" },
];

/// All rules, compiled.
pub(super) struct Rules {
    words: Option<AhoCorasick>,
    /// Which rule each word belongs to.
    owners: Vec<usize>,
    patterns: Vec<Option<Regex>>,
}

pub(super) static RULES: LazyLock<Rules> = LazyLock::new(Rules::compile);

impl Rules {
    fn compile() -> Self {
        let words = TABLE.iter().flat_map(|rule| rule.words.iter());
        let owners =
            TABLE.iter().enumerate().flat_map(|(n, rule)| rule.words.iter().map(move |_| n));
        let pattern = |rule: &Rule| {
            RegexBuilder::new(rule.pattern).unicode(false).case_insensitive(true).build().ok()
        };
        Self {
            words: AhoCorasick::builder().ascii_case_insensitive(true).build(words).ok(),
            owners: owners.collect(),
            patterns: TABLE.iter().map(pattern).collect(),
        }
    }

    /// The sum of the scores of the rules that hit, and their names. A pattern runs only where one of
    /// its words stands.
    pub(super) fn score(&self, text: &str) -> (u32, Vec<&'static str>) {
        let folded;
        let bytes = if is_disguised(text, false) {
            folded = Folded::new(text, false, 0);
            &folded.text
        } else {
            text.as_bytes()
        };
        let mut asked = 0u64;
        for found in self.words.iter().flat_map(|words| words.find_overlapping_iter(bytes)) {
            asked |= self.owners.get(found.pattern().as_usize()).map_or(0, |rule| 1 << rule);
        }
        let hit = |n: usize| {
            asked >> n & 1 == 1
                && self
                    .patterns
                    .get(n)
                    .is_some_and(|one| one.as_ref().is_some_and(|one| one.is_match(bytes)))
        };
        let hits = TABLE.iter().enumerate().filter(|(n, _)| hit(*n));
        hits.fold((0, Vec::new()), |(sum, mut names), (_, rule)| {
            names.push(rule.name);
            (sum + rule.score, names)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{RULES, TABLE};

    #[test]
    fn every_rule_compiles() {
        assert!(RULES.words.is_some() && TABLE.len() <= 64);
        assert!(RULES.patterns.iter().all(Option::is_some));
    }
}
