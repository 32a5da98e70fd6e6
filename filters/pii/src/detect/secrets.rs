//! Secrets with a beginning that tells them: a literal, then a run of one class.
//!
//! Beginnings and lengths are those of gitleaks' rules and of the issuers' documentation.

use super::reader::{Reader, is_alnum};
use super::tail::{Class, Tail};
use crate::entity::Entity::{self, *};
use aho_corasick::packed::{self, Searcher};
use std::collections::HashMap;
use std::sync::LazyLock;

/// How a secret goes on after its literal.
#[derive(Clone, Copy)]
pub(crate) enum Body {
    /// Exactly so many of a class.
    Exactly(usize, Class),
    /// At least so many of a class, and all that follow.
    AtLeast(usize, Class),
    /// Exactly so many, a dot or underscore, exactly so many.
    Pair(usize, u8, usize, Class),
    /// Twenty letters and digits, `OpenAI` in base64, and twenty more.
    OpenAi,
    /// Two parts of base64url, a dot between them, and what follows.
    Jwt,
    /// The rest of a private key's first line, and everything to its last.
    Pem,
    /// A blank, then a token.
    Bearer,
}

/// One kind's beginning.
pub(crate) struct Secret {
    pub(crate) literal: &'static str,
    pub(crate) entity: Entity,
    body: Body,
    /// Whether the literal is only a label and stays.
    label: bool,
}

const fn secret(literal: &'static str, entity: Entity, body: Body) -> Secret {
    Secret { literal, entity, body, label: false }
}

const fn labelled(literal: &'static str, entity: Entity, body: Body) -> Secret {
    Secret { literal, entity, body, label: true }
}

use Body::{AtLeast, Bearer, Exactly, Jwt, OpenAi, Pair, Pem};
use Class::{Alnum, Base64, Dotted, Hex, Word};

#[rustfmt::skip]
pub(crate) const SECRETS: &[Secret] = &[
    secret("AKIA", AWS_ACCESS_KEY, Exactly(16, Alnum)),
    secret("ASIA", AWS_ACCESS_KEY, Exactly(16, Alnum)),
    secret("ABIA", AWS_ACCESS_KEY, Exactly(16, Alnum)),
    secret("ACCA", AWS_ACCESS_KEY, Exactly(16, Alnum)),
    secret("ABSK", AWS_BEDROCK_KEY, AtLeast(100, Base64)),
    secret("ghp_", GITHUB_TOKEN, AtLeast(36, Alnum)),
    secret("gho_", GITHUB_TOKEN, AtLeast(36, Alnum)),
    secret("ghs_", GITHUB_TOKEN, AtLeast(36, Alnum)),
    secret("ghu_", GITHUB_TOKEN, AtLeast(36, Alnum)),
    secret("ghr_", GITHUB_TOKEN, AtLeast(36, Alnum)),
    secret("github_pat_", GITHUB_TOKEN, AtLeast(60, Word)),
    secret("glpat-", GITLAB_TOKEN, AtLeast(20, Dotted)),
    secret("gldt-", GITLAB_TOKEN, AtLeast(20, Dotted)),
    secret("glrt-", GITLAB_TOKEN, AtLeast(20, Dotted)),
    secret("glptt-", GITLAB_TOKEN, AtLeast(20, Dotted)),
    secret("glcbt-", GITLAB_TOKEN, AtLeast(20, Dotted)),
    secret("glsoat-", GITLAB_TOKEN, AtLeast(20, Dotted)),
    secret("glft-", GITLAB_TOKEN, AtLeast(20, Dotted)),
    secret("glimt-", GITLAB_TOKEN, AtLeast(20, Dotted)),
    secret("gloas-", GITLAB_TOKEN, AtLeast(20, Dotted)),
    secret("glagent-", GITLAB_TOKEN, AtLeast(20, Dotted)),
    secret("xoxb-", SLACK_TOKEN, AtLeast(20, Word)),
    secret("xoxp-", SLACK_TOKEN, AtLeast(20, Word)),
    secret("xoxa-", SLACK_TOKEN, AtLeast(20, Word)),
    secret("xoxs-", SLACK_TOKEN, AtLeast(20, Word)),
    secret("xoxc-", SLACK_TOKEN, AtLeast(20, Word)),
    secret("xoxd-", SLACK_TOKEN, AtLeast(20, Word)),
    secret("xoxe-", SLACK_TOKEN, AtLeast(20, Word)),
    secret("xoxe.", SLACK_TOKEN, AtLeast(20, Dotted)),
    secret("xapp-", SLACK_TOKEN, AtLeast(20, Word)),
    secret("hooks.slack.com/services/", SLACK_WEBHOOK, AtLeast(40, Base64)),
    secret("sk_live_", STRIPE_KEY, AtLeast(16, Alnum)),
    secret("sk_test_", STRIPE_KEY, AtLeast(16, Alnum)),
    secret("rk_live_", STRIPE_KEY, AtLeast(16, Alnum)),
    secret("rk_test_", STRIPE_KEY, AtLeast(16, Alnum)),
    secret("whsec_", STRIPE_KEY, AtLeast(24, Base64)),
    secret("sk-proj-", OPENAI_API_KEY, AtLeast(40, Word)),
    secret("sk-svcacct-", OPENAI_API_KEY, AtLeast(40, Word)),
    secret("sk-admin-", OPENAI_API_KEY, AtLeast(40, Word)),
    secret("sk-None-", OPENAI_API_KEY, AtLeast(40, Word)),
    secret("sk-", OPENAI_API_KEY, OpenAi),
    secret("sk-ant-", ANTHROPIC_API_KEY, AtLeast(60, Word)),
    secret("AIza", GOOGLE_API_KEY, Exactly(35, Word)),
    secret("GOCSPX-", GOOGLE_OAUTH_TOKEN, AtLeast(24, Word)),
    secret("ya29.", GOOGLE_OAUTH_TOKEN, AtLeast(20, Dotted)),
    labelled("AccountKey=", AZURE_STORAGE_KEY, AtLeast(80, Base64)),
    labelled("SharedAccessKey=", AZURE_STORAGE_KEY, AtLeast(40, Base64)),
    secret("npm_", NPM_TOKEN, Exactly(36, Alnum)),
    secret("pypi-AgEIcHlwaS5vcmc", PYPI_TOKEN, AtLeast(50, Word)),
    secret("dckr_pat_", DOCKERHUB_PAT, AtLeast(27, Word)),
    secret("dckr_oat_", DOCKERHUB_PAT, AtLeast(27, Word)),
    secret("SG.", SENDGRID_API_KEY, Pair(22, b'.', 43, Word)),
    secret("hf_", HUGGINGFACE_TOKEN, Exactly(34, Alnum)),
    secret("key-", MAILGUN_KEY, Exactly(32, Hex)),
    secret("shpat_", SHOPIFY_TOKEN, Exactly(32, Hex)),
    secret("shpca_", SHOPIFY_TOKEN, Exactly(32, Hex)),
    secret("shppa_", SHOPIFY_TOKEN, Exactly(32, Hex)),
    secret("shpss_", SHOPIFY_TOKEN, Exactly(32, Hex)),
    secret("sq0atp-", SQUARE_TOKEN, AtLeast(22, Word)),
    secret("sq0csp-", SQUARE_TOKEN, AtLeast(40, Word)),
    secret("EAAA", SQUARE_TOKEN, AtLeast(56, Word)),
    secret("dop_v1_", DIGITALOCEAN_TOKEN, Exactly(64, Hex)),
    secret("doo_v1_", DIGITALOCEAN_TOKEN, Exactly(64, Hex)),
    secret("dor_v1_", DIGITALOCEAN_TOKEN, Exactly(64, Hex)),
    secret("dapi", DATABRICKS_TOKEN, AtLeast(32, Hex)),
    secret("hvs.", VAULT_TOKEN, AtLeast(24, Word)),
    secret("hvb.", VAULT_TOKEN, AtLeast(24, Word)),
    secret("glsa_", GRAFANA_TOKEN, Pair(32, b'_', 8, Alnum)),
    secret("glc_", GRAFANA_TOKEN, AtLeast(32, Base64)),
    secret("eyJrIjoi", GRAFANA_TOKEN, AtLeast(60, Base64)),
    secret("NRAK-", NEWRELIC_KEY, AtLeast(19, Alnum)),
    secret("NRII-", NEWRELIC_KEY, AtLeast(19, Word)),
    secret("NRJS-", NEWRELIC_KEY, AtLeast(19, Alnum)),
    secret("lin_api_", LINEAR_API_KEY, AtLeast(32, Alnum)),
    secret("ntn_", NOTION_TOKEN, AtLeast(32, Alnum)),
    secret("secret_", NOTION_TOKEN, Exactly(43, Alnum)),
    secret("PMAK-", POSTMAN_API_KEY, AtLeast(40, Word)),
    secret("figd_", FIGMA_TOKEN, AtLeast(32, Word)),
    secret("sbp_", SUPABASE_TOKEN, Exactly(40, Hex)),
    secret("gsk_", GROQ_API_KEY, AtLeast(40, Alnum)),
    secret("r8_", REPLICATE_TOKEN, AtLeast(37, Alnum)),
    secret("pplx-", PERPLEXITY_API_KEY, AtLeast(40, Alnum)),
    secret("xai-", XAI_API_KEY, AtLeast(60, Alnum)),
    secret("AGE-SECRET-KEY-1", AGE_SECRET_KEY, AtLeast(58, Alnum)),
    secret("ops_eyJ", ONEPASSWORD_TOKEN, AtLeast(200, Base64)),
    secret("eyJh", JWT, Jwt),
    secret("eyJ0", JWT, Jwt),
    secret("eyJr", JWT, Jwt),
    secret("eyJ4", JWT, Jwt),
    secret("eyJj", JWT, Jwt),
    secret("eyJi", JWT, Jwt),
    secret("eyJl", JWT, Jwt),
    secret("-----BEGIN ", PRIVATE_KEY, Pem),
    labelled("Bearer", BEARER_TOKEN, Bearer),
    labelled("bearer", BEARER_TOKEN, Bearer),
];

/// A secret found: where it starts and ends, and what may follow if it goes on past the end.
pub(crate) struct Hit {
    pub(crate) entity: Entity,
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Up to where it was certain.
    pub(crate) certain: usize,
    pub(crate) open: Option<Tail>,
}

/// How long the header of a JWT may be.
const JWT_HEADER_MAX: usize = 256;

impl Secret {
    /// The secret whose literal stands at `at`, if it is one.
    pub(crate) fn read(&self, text: &Reader<'_>, at: usize) -> Option<Hit> {
        if is_alnum(text.before(at)) || !text.says(at, self.literal.as_bytes()) {
            return None;
        }
        let body = at + self.literal.len();
        let (value, end, tail) = self.body.read(text, body)?;
        let start = if self.label { value } else { at };
        Some(match tail {
            Some(tail) => Hit::eaten(text, self.entity, start, end, tail),
            None => Hit { entity: self.entity, start, end, certain: end, open: None },
        })
    }
}

impl Hit {
    /// A secret that is certain up to `certain`, and goes on as `tail` allows.
    pub(crate) fn eaten(
        text: &Reader<'_>,
        entity: Entity,
        start: usize,
        certain: usize,
        mut tail: Tail,
    ) -> Self {
        let rest = text.text().get(certain..).unwrap_or_default();
        let (len, over) = tail.eat(rest);
        Self { entity, start, end: certain + len, certain, open: (!over).then_some(tail) }
    }
}

impl Body {
    /// Where the value begins, up to where it is certain, and what more belongs to it.
    fn read(self, text: &Reader<'_>, at: usize) -> Option<(usize, usize, Option<Tail>)> {
        match self {
            Exactly(len, class) => {
                let end = text.run(at, len, |byte| class.has(byte));
                let over = end - at == len && !is_alnum(text.at(end));
                (over && is_random(text.slice(at, end))).then_some((at, end, None))
            }
            AtLeast(len, class) => {
                let end = text.run(at, len, |byte| class.has(byte));
                let tail = Some(Tail::Run(class));
                (end - at == len && is_random(text.slice(at, end))).then_some((at, end, tail))
            }
            Pair(first, sign, second, class) => {
                let middle = text.run(at, first, |byte| class.has(byte));
                if middle - at < first || text.at(middle) != sign {
                    return None;
                }
                let end = text.run(middle + 1, second, |byte| class.has(byte));
                (end - middle - 1 == second).then_some((at, end, Some(Tail::Run(class))))
            }
            Jwt => {
                let dot = text.run(at, JWT_HEADER_MAX, |byte| Word.has(byte));
                let second = text.run(dot + 1, 4, |byte| Word.has(byte));
                let certain = dot - at >= 8 && text.at(dot) == b'.' && second - dot == 5;
                certain.then_some((at, second, Some(Tail::Run(Dotted))))
            }
            OpenAi => {
                const SIGN: &[u8] = b"T3BlbkFJ";
                let sign = text.run(at, 20, is_alnum);
                if sign - at < 20 || !text.says(sign, SIGN) {
                    return None;
                }
                let end = text.run(sign + SIGN.len(), 20, is_alnum);
                let whole = end - sign == SIGN.len() + 20;
                whole.then_some((at, end, Some(Tail::Run(Alnum))))
            }
            Pem => pem(text, at),
            Bearer => bearer(text, at),
        }
    }
}

fn pem(text: &Reader<'_>, at: usize) -> Option<(usize, usize, Option<Tail>)> {
    let line =
        text.run(at, 48, |byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b' ');
    let kind = text.slice(at, line);
    let private = kind.windows(11).any(|part| part == b"PRIVATE KEY");
    (private && text.says(line, b"-----")).then_some((at, line + 5, Some(Tail::PEM)))
}

fn bearer(text: &Reader<'_>, at: usize) -> Option<(usize, usize, Option<Tail>)> {
    const LEAST: usize = 20;
    if text.at(at) != b' ' {
        return None;
    }
    let value = at + 1;
    let end = text.run(value, LEAST, |byte| Class::Bearer.has(byte));
    let body = text.slice(value, end);
    let mixed = body.iter().any(u8::is_ascii_digit) && body.iter().any(u8::is_ascii_alphabetic);
    (end - value == LEAST && mixed && !is_known(body) && is_random(body)).then_some((
        value,
        end,
        Some(Tail::Run(Class::Bearer)),
    ))
}

/// The word before the first `_` or `-` of a literal, with that sign; literals that have one are found
/// by it.
fn joint(literal: &str) -> Option<&[u8]> {
    let at = literal.bytes().position(|byte| byte == b'_' || byte == b'-')?;
    literal.as_bytes().get(..=at).filter(|word| word.len() <= JOINT_MAX)
}

/// Letters before a sign, and the sign.
pub(crate) const JOINT_MAX: usize = 8;

fn number(word: &[u8]) -> u64 {
    word.iter().fold(0, |packed, byte| packed << 8 | u64::from(*byte))
}

/// Secrets by the word before their first sign, sorted.
struct Joints {
    /// Bits of the words' last two letters: nearly all words of a text are told by it that they are none.
    ends: [u64; 16],
    /// Bits of the words themselves.
    filter: [u64; 64],
    list: Vec<(u64, &'static Secret)>,
}

fn filter_bit(word: u64) -> (usize, u64) {
    let hash = word.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 52;
    ((hash / 64) as usize, 1 << (hash % 64))
}

/// The place of two letters in a set of pairs; pairs may share one.
#[inline]
fn pair_bit(first: u8, second: u8) -> (usize, u64) {
    let pair = usize::from(first & 31) << 5 | usize::from(second & 31);
    (pair / 64, 1 << (pair % 64))
}

static JOINTS: LazyLock<Joints> = LazyLock::new(|| {
    let joints = SECRETS.iter().filter_map(|one| Some((number(joint(one.literal)?), one)));
    let mut joints: Vec<_> = joints.collect();
    joints.sort_by_key(|(word, _)| *word);
    let (mut ends, mut filter) = ([0; 16], [0; 64]);
    for (word, secret) in &joints {
        let (at, bit) = filter_bit(*word);
        if let Some(place) = filter.get_mut(at) {
            *place |= bit;
        }
        let (at, bit) = match joint(secret.literal) {
            Some([.., first, second, _]) => pair_bit(*first, *second),
            _ => continue,
        };
        if let Some(place) = ends.get_mut(at) {
            *place |= bit;
        }
    }
    Joints { ends, filter, list: joints }
});

/// Whether the word that stands before a sign may be one of a secret's; words of one character may all.
#[inline]
pub(crate) fn may_be_joint(text: &Reader<'_>, sign: usize) -> bool {
    let (first, second) = (text.before(sign.saturating_sub(1)), text.before(sign));
    let (at, bit) = pair_bit(first, second);
    !(is_alnum(first) && is_alnum(second))
        || JOINTS.ends.get(at).is_some_and(|place| place & bit != 0)
}

/// Secrets that begin with this word and sign.
pub(crate) fn with_joint(word: &[u8]) -> impl Iterator<Item = &'static Secret> {
    let word = number(word);
    let (at, bit) = filter_bit(word);
    let known = JOINTS.filter.get(at).is_some_and(|place| place & bit != 0);
    let list = if known { JOINTS.list.as_slice() } else { &[] };
    let from = list.partition_point(|(known, _)| *known < word);
    let rest = list.get(from..).unwrap_or_default();
    rest.iter().take_while(move |(known, _)| *known == word).map(|(_, secret)| *secret)
}

/// Secrets by the first byte of their literal.
static BY_FIRST: LazyLock<HashMap<u8, Vec<&'static Secret>>> = LazyLock::new(|| {
    let mut by_first: HashMap<u8, Vec<&'static Secret>> = HashMap::new();
    for secret in SECRETS {
        if let Some(first) = secret.literal.bytes().next() {
            by_first.entry(first).or_default().push(secret);
        }
    }
    by_first
});

/// Secrets whose literal begins with a byte.
pub(crate) fn beginning_with(first: u8) -> &'static [&'static Secret] {
    BY_FIRST.get(&first).map(Vec::as_slice).unwrap_or_default()
}

/// Literals that no sign leads to.
pub(crate) fn plain_literals() -> impl Iterator<Item = &'static str> {
    SECRETS.iter().map(|secret| secret.literal).filter(|literal| joint(literal).is_none())
}

/// Whether a secret of a known kind begins here, which is found under its own name.
pub(crate) fn is_known(text: &[u8]) -> bool {
    let first = text.first().copied().unwrap_or(0);
    let all = beginning_with(first).iter();
    all.into_iter().any(|secret| !secret.label && text.starts_with(secret.literal.as_bytes()))
}

/// What documented samples hold.
static SAMPLES: LazyLock<Option<Searcher>> = LazyLock::new(|| {
    let samples = ["EXAMPLE", "example", "xxxx", "XXXX", "your", "YOUR", "0123456789abcdef"];
    packed::Config::new().builder().extend(samples).build()
});

/// Whether it may have been drawn by lot: documented samples and rows of one letter were not.
pub(crate) fn is_random(text: &[u8]) -> bool {
    let mut seen = [0u64; 4];
    for byte in text {
        if let Some(word) = seen.get_mut(usize::from(byte >> 6)) {
            *word |= 1 << (byte & 63);
        }
    }
    let distinct: u32 = seen.iter().map(|word| word.count_ones()).sum();
    distinct >= 6.min(text.len() as u32)
        && SAMPLES.as_ref().is_none_or(|samples| samples.find(text).is_none())
}
