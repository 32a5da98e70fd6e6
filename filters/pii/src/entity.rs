//! The names of what is found.

use std::fmt;
use std::sync::LazyLock;

macro_rules! entities {
    ($($name:ident),* $(,)?) => {
        /// A kind of personal data or of secret, named as Presidio names it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        #[expect(non_camel_case_types, missing_docs, reason = "the names are those of the configuration")]
        #[rustfmt::skip]
        pub enum Entity { $($name),* }

        impl Entity {
            /// All kinds, in the order in which ties are decided.
            #[rustfmt::skip]
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The name in configurations, placeholders and metrics.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),* }
            }
        }
    };
}

entities! {
    // Everywhere
    CREDIT_CARD, IBAN_CODE, SWIFT_BIC, EMAIL_ADDRESS, PHONE_NUMBER, IP_ADDRESS, MAC_ADDRESS, CRYPTO,
    DATE_OF_BIRTH, IMEI, VIN, URL_CREDENTIALS,
    // United States, Canada, Mexico
    US_SSN, US_ITIN, US_EIN, US_PASSPORT, US_DRIVER_LICENSE, US_BANK_NUMBER, ABA_ROUTING_NUMBER,
    US_NPI, US_MBI, MEDICAL_LICENSE, CA_SIN, MX_CURP,
    // United Kingdom, Ireland
    UK_NHS, UK_NINO, UK_DRIVING_LICENCE, UK_PASSPORT, UK_POSTCODE, IE_PPSN,
    // European Union and neighbours
    DE_TAX_ID, DE_SOCIAL_SECURITY, DE_ID_CARD, DE_PASSPORT, DE_VAT_ID, EU_VAT, DE_HEALTH_INSURANCE,
    FR_NIR, FR_SIRET, ES_NIF, ES_NIE, IT_FISCAL_CODE, IT_VAT_CODE, PL_NIP, PT_NIF, NL_BSN, BE_NRN,
    AT_SVNR, CH_AHV, PL_PESEL, SE_PERSONNUMMER, FI_PERSONAL_IDENTITY_CODE, DK_CPR, NO_FNR,
    CZ_RODNE_CISLO, RO_CNP, TR_NATIONAL_ID, GR_AMKA, HU_TAJ, BG_EGN, HR_OIB, SI_EMSO,
    SK_RODNE_CISLO, LT_ASMENS_KODAS, LV_PERSONAS_KODS, EE_ISIKUKOOD, LU_NIN,
    // Asia, Pacific, Latin America, Africa, Middle East
    IN_AADHAAR, IN_PAN, IN_GSTIN, IN_VOTER, IN_PASSPORT, AU_TFN, AU_ACN, AU_MEDICARE, AU_ABN, NZ_IRD,
    SG_NRIC_FIN, JP_MY_NUMBER, KR_RRN, KR_BRN, CN_RESIDENT_ID, TH_TNIN, TW_ID, HK_ID, MY_NRIC,
    ID_NIK, PH_TIN, BR_CPF, BR_CNPJ, AR_CUIT, CL_RUT, ZA_ID_NUMBER, IL_ID, AE_EMIRATES_ID, NG_NIN,
    EG_NATIONAL_ID, SA_NATIONAL_ID,
    // Secrets
    AWS_ACCESS_KEY, AWS_SECRET_KEY, AWS_BEDROCK_KEY, GITHUB_TOKEN, GITLAB_TOKEN, SLACK_TOKEN,
    SLACK_WEBHOOK, STRIPE_KEY, OPENAI_API_KEY, ANTHROPIC_API_KEY, GOOGLE_API_KEY,
    GOOGLE_OAUTH_TOKEN, AZURE_AD_SECRET, AZURE_STORAGE_KEY, HUGGINGFACE_TOKEN, NPM_TOKEN,
    PYPI_TOKEN, DOCKERHUB_PAT, SENDGRID_API_KEY, TWILIO_KEY, MAILGUN_KEY, MAILCHIMP_KEY,
    SHOPIFY_TOKEN, SQUARE_TOKEN, DIGITALOCEAN_TOKEN, DATABRICKS_TOKEN, VAULT_TOKEN,
    TERRAFORM_TOKEN, GRAFANA_TOKEN, NEWRELIC_KEY, LINEAR_API_KEY, NOTION_TOKEN, POSTMAN_API_KEY,
    FIGMA_TOKEN, TELEGRAM_BOT_TOKEN, DISCORD_BOT_TOKEN, SUPABASE_TOKEN, GROQ_API_KEY,
    REPLICATE_TOKEN, PERPLEXITY_API_KEY, XAI_API_KEY, AGE_SECRET_KEY, ONEPASSWORD_TOKEN, JWT,
    PRIVATE_KEY, BEARER_TOKEN, GENERIC_SECRET,
}

/// All kinds by name.
static SORTED: LazyLock<Vec<Entity>> = LazyLock::new(|| {
    let mut all = Entity::ALL.to_vec();
    all.sort_unstable_by_key(|entity| entity.name());
    all
});

impl Entity {
    /// The kind of this name.
    pub fn named(name: &str) -> Option<Self> {
        let at = SORTED.binary_search_by_key(&name, |entity| entity.name()).ok()?;
        SORTED.get(at).copied()
    }

    /// Whether a project's `default_action` reaches it. What is not must be listed: kinds that are
    /// guesses (a password beside its word), or that few projects meet and others' numbers look like.
    pub fn by_default(self) -> bool {
        !(self == Self::GENERIC_SECRET || self >= Self::GR_AMKA && self <= Self::LU_NIN)
    }

    /// Whether it is a secret rather than personal data.
    pub fn is_secret(self) -> bool {
        self >= Self::AWS_ACCESS_KEY || self == Self::URL_CREDENTIALS
    }
}

/// Names what a [`Detector`](crate::Detector) finds: a built-in [`Entity`], or one of its own patterns
/// and lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntityId(pub(crate) u16);

impl EntityId {
    /// Text that already reads like a placeholder.
    pub(crate) const LOOKALIKE: Self = Self(u16::MAX);
    /// Where a detector's own kinds begin.
    pub(crate) const OWN: u16 = 512;

    /// The built-in kind, if it is one.
    pub fn builtin(self) -> Option<Entity> {
        Entity::ALL.get(usize::from(self.0)).copied()
    }
}

impl From<Entity> for EntityId {
    fn from(entity: Entity) -> Self {
        Self(entity as u16)
    }
}

/// A set of built-in kinds.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct EntitySet([u64; 3]);

impl EntitySet {
    /// Every built-in kind.
    pub fn all() -> Self {
        Entity::ALL.iter().copied().collect()
    }

    #[inline]
    fn place(entity: Entity) -> (usize, u64) {
        let n = entity as usize;
        (n / 64, 1 << (n % 64))
    }

    /// Adds one.
    pub fn insert(&mut self, entity: Entity) {
        let (word, bit) = Self::place(entity);
        if let Some(word) = self.0.get_mut(word) {
            *word |= bit;
        }
    }

    /// Whether it is in.
    #[inline]
    pub fn contains(&self, entity: Entity) -> bool {
        let (word, bit) = Self::place(entity);
        self.0.get(word).is_some_and(|word| word & bit != 0)
    }

    /// Whether nothing is in.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether anything is in both.
    #[inline]
    pub(crate) fn meets(&self, other: &Self) -> bool {
        self.0.iter().zip(other.0).any(|(own, others)| own & others != 0)
    }

    /// What is in both.
    #[inline]
    pub(crate) fn common(&self, other: &Self) -> Self {
        let mut set = *self;
        for (own, others) in set.0.iter_mut().zip(other.0) {
            *own &= others;
        }
        set
    }

    #[inline]
    pub(crate) fn join(&mut self, other: &Self) {
        for (own, others) in self.0.iter_mut().zip(other.0) {
            *own |= others;
        }
    }
}

impl FromIterator<Entity> for EntitySet {
    fn from_iter<I: IntoIterator<Item = Entity>>(entities: I) -> Self {
        let mut set = Self::default();
        entities.into_iter().for_each(|entity| set.insert(entity));
        set
    }
}

impl fmt::Debug for EntitySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(Entity::ALL.iter().filter(|entity| self.contains(**entity))).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::{Entity, EntitySet};

    #[test]
    fn names_lead_back_to_their_kinds() {
        for entity in Entity::ALL {
            assert_eq!(Entity::named(entity.name()), Some(*entity));
            assert!(EntitySet::all().contains(*entity));
        }
        assert!(Entity::ALL.len() <= 192);
        assert!(Entity::named("EMAIL").is_none());
    }
}
