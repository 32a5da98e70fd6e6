//! The shapes of numbers, and what they can be.
//!
//! A shape is written as runs: `3-2-4` is three digits, a dash, two, a dash, four; `a2+6+a1` is two
//! letters, six digits and a letter without anything between them. `~` is a blank or a dash, `,` a
//! comma with a blank, `)` a closing parenthesis with or without one.

use super::dates::{birth_date, named_date};
use super::phones::{nanp, nanp_prefixed};
use crate::checks::americas::{
    ar_cuit, br_cnpj, br_cpf, ca_sin, cl_rut, dea, us_ein, us_itin, us_mbi, us_npi, us_ssn,
};
use crate::checks::asia::{
    ae_emirates_id, au_abn, au_acn, au_medicare, au_tfn, cn_resident_id, eg_national_id, hk_id,
    id_nik, il_id, in_aadhaar, in_pan, jp_my_number, kr_brn, kr_rrn, my_nric, nz_ird,
    sa_national_id, sg_nric, th_tnin, tw_id, za_id,
};
use crate::checks::banking::{aba_routing, card, imei, swift_bic, vague_card};
use crate::checks::europe::{
    at_svnr, baltic, be_nrn, bg_egn, ch_ahv, cz_rodne_cislo, de_health_insurance,
    de_social_security, de_tax_id, de_vat, dk_cpr, es_nie, es_nif, fi_code, fr_nir, fr_siret,
    gr_amka, hr_oib, hu_taj, ie_ppsn, it_vat, lu_nin, lv_kods, nl_bsn, no_fnr, pl_nip, pl_pesel,
    pt_nif, ro_cnp, se_personnummer, si_emso, tr_id, uk_nhs, uk_nino, uk_postcode,
};
use crate::checks::{number, verhoeff};
use crate::entity::Entity::{self, *};

/// What a value of some shapes can be.
pub(crate) struct Row {
    pub(crate) entity: Entity,
    /// Shapes, separated by `|`.
    pub(crate) shapes: &'static str,
    pub(crate) check: fn(&[u8]) -> bool,
    /// Confidence without any word that speaks for it; 0 for none.
    pub(crate) bare: u8,
    /// Confidence with one.
    pub(crate) told: u8,
}

const fn row(
    entity: Entity,
    shapes: &'static str,
    check: fn(&[u8]) -> bool,
    bare: u8,
    told: u8,
) -> Row {
    Row { entity, shapes, check, bare, told }
}

fn anything(_: &[u8]) -> bool {
    true
}

fn nhs_and_no_phone(text: &[u8]) -> bool {
    uk_nhs(text) && !nanp(text)
}

fn not_nought(text: &[u8]) -> bool {
    text.iter().any(|byte| (b'1'..=b'9').contains(byte))
}

fn eu_vat(text: &[u8]) -> bool {
    const MEMBERS: &[u8] = b"ATBEBGCYCZDKEEELESFIFRHRHUIEITLTLULVMTNLPLPTROSESISKXI";
    text.get(..2)
        .is_some_and(|code| MEMBERS.as_chunks::<2>().0.iter().any(|known| known.as_slice() == code))
}

/// Confidences are those of the project's table of entities; where it names two shapes, so do rows.
#[rustfmt::skip]
pub(crate) const ROWS: &[Row] = &[
    row(CREDIT_CARD, "13|14|15|16|17|18|19|4~4~4~4|4~6~5|4~6~4|4~4~4~4~3|4.4.4.4", card, 80, 100),
    row(CREDIT_CARD, "12|13|14|15|16|17|18|19|4~4~4~4", vague_card, 0, 85),
    row(IMEI, "15|2~6~6~1", imei, 0, 90),
    row(PHONE_NUMBER, "3-3-4|3.3.4|3 3 4|3 3-4", nanp, 75, 85),
    row(PHONE_NUMBER, "1-3-3-4|1.3.3.4|1 3 3 4|1 3 3-4|1-3 3-4", nanp_prefixed, 75, 85),
    row(PHONE_NUMBER, "10", nanp, 0, 75),
    row(DATE_OF_BIRTH, "4-2-2|4/2/2|4.2.2|2-2-4|2/2/4|2.2.4|1-1-4|1/1/4|1.1.4|1-2-4|1/2/4|1.2.4|2-1-4|2/1/4|2.1.4|2/2/2|2.2.2|2-2-2", birth_date, 0, 85),
    row(DATE_OF_BIRTH, "1 a3 4|1 a4 4|1 a5 4|1 a6 4|1 a7 4|1 a8 4|1 a9 4|2 a3 4|2 a4 4|2 a5 4|2 a6 4|2 a7 4|2 a8 4|2 a9 4", named_date, 0, 85),
    row(DATE_OF_BIRTH, "a3 1,4|a4 1,4|a5 1,4|a6 1,4|a7 1,4|a8 1,4|a9 1,4|a3 2,4|a4 2,4|a5 2,4|a6 2,4|a7 2,4|a8 2,4|a9 2,4", named_date, 0, 85),
    row(DATE_OF_BIRTH, "a3 1 4|a4 1 4|a5 1 4|a6 1 4|a7 1 4|a8 1 4|a9 1 4|a3 2 4|a4 2 4|a5 2 4|a6 2 4|a7 2 4|a8 2 4|a9 2 4", named_date, 0, 85),

    row(US_SSN, "3-2-4", us_ssn, 85, 95),
    row(US_SSN, "9|3 2 4|3.2.4", us_ssn, 0, 90),
    row(US_ITIN, "3-2-4", us_itin, 85, 95),
    row(US_ITIN, "9|3 2 4", us_itin, 0, 85),
    row(US_EIN, "2-7", us_ein, 0, 85),
    row(US_PASSPORT, "9|a1+8", not_nought, 0, 70),
    row(US_DRIVER_LICENSE, "7|8|9|a1+7|a1+8|a1+12|a1+13|a1+14|a2+6|a2+7|a1+3-3-2-3-1|a1+3-4-4-4|2-3-3|3-3-3", not_nought, 0, 70),
    row(US_BANK_NUMBER, "8|9|10|11|12|13|14|15|16|17", not_nought, 0, 60),
    row(ABA_ROUTING_NUMBER, "9|4-4-1", aba_routing, 0, 90),
    row(US_NPI, "10", us_npi, 0, 95),
    row(US_MBI, "1+a2+1-a2+1-a2+2|1+a2+1-a1+2-a2+2|1+a1+2-a2+1-a2+2|1+a1+2-a1+2-a2+2", us_mbi, 90, 95),
    row(MEDICAL_LICENSE, "a2+7", dea, 75, 90),
    row(CA_SIN, "3~3~3", ca_sin, 60, 90),
    row(CA_SIN, "9", ca_sin, 0, 90),

    row(UK_NHS, "3~3~4", nhs_and_no_phone, 85, 95),
    row(UK_NHS, "10|3~3~4", uk_nhs, 0, 95),
    row(UK_NINO, "a2+6+a1|a2 2 2 2 a1|a2-2-2-2-a1|a2 6 a1|a2+2 2 2 a1", uk_nino, 90, 95),
    row(UK_PASSPORT, "9|a2+7", not_nought, 0, 75),
    row(UK_POSTCODE, "a1+1 1+a2|a1+2 1+a2|a2+1 1+a2|a2+2 1+a2|a1+1+a1 1+a2|a2+1+a1 1+a2|a1+2+a2|a1+3+a2|a2+2+a2|a2+3+a2|a1+1+a1+1+a2|a2+1+a1+1+a2", uk_postcode, 0, 80),
    row(IE_PPSN, "7+a1|7+a2", ie_ppsn, 80, 90),
    row(IE_PPSN, "7 a1|7 a2", ie_ppsn, 0, 90),

    row(DE_TAX_ID, "2~3~3~3", de_tax_id, 80, 90),
    row(DE_TAX_ID, "11", de_tax_id, 80, 85),
    row(DE_SOCIAL_SECURITY, "8+a1+3|2 6 a1 3|2~6~a1~3", de_social_security, 95, 98),
    row(DE_VAT_ID, "a2+9|a2 9|a2 3 3 3|a2+3 3 3|a2-9|a2+3.3.3", |text| text.starts_with(b"DE") && de_vat(text), 95, 98),
    row(DE_VAT_ID, "a2+9|a2 9", |text| text.starts_with(b"DE") && not_nought(text), 0, 70),
    row(EU_VAT, "a2+7|a2+8|a2+9|a2+10|a2+11|a2+12|a3+8|a2+8+a1|a2+9+a1+2|a2+7+a1|a2 10|a2 11|a2+1+a1+7|a2+a1+7+a1", eu_vat, 0, 80),
    row(DE_HEALTH_INSURANCE, "a1+9", de_health_insurance, 80, 90),
    row(FR_NIR, "15|1 2 2 2 3 3 2|13 2|1-2-2-2-3-3-2|1.2.2.2.3.3.2|1 2 2 1+a1 3 3 2|6+a1+8", fr_nir, 95, 100),
    row(FR_SIRET, "3 3 3 5", fr_siret, 85, 95),
    row(FR_SIRET, "14|9 5", fr_siret, 85, 95),
    row(ES_NIF, "8+a1|8-a1|8 a1|2.3.3-a1", es_nif, 80, 90),
    row(ES_NIE, "a1+7+a1|a1-7-a1", es_nie, 95, 98),
    row(IT_VAT_CODE, "11", it_vat, 0, 85),
    row(IT_VAT_CODE, "a2+11", |text| text.starts_with(b"IT") && it_vat(text.get(2..).unwrap_or_default()), 85, 95),
    row(PL_NIP, "10|3-3-2-2|3-2-2-3|3 3 2 2", pl_nip, 0, 90),
    row(PT_NIF, "9|3 3 3", pt_nif, 0, 85),
    row(NL_BSN, "9|3 3 3|4.2.3|4 2 3", nl_bsn, 0, 90),
    row(BE_NRN, "2.2.2-3.2", be_nrn, 95, 98),
    row(BE_NRN, "11|2 2 2 3 2|6 3 2|6-3-2", be_nrn, 70, 95),
    row(AT_SVNR, "4 6|4-6", at_svnr, 80, 90),
    row(AT_SVNR, "10", at_svnr, 0, 90),
    row(CH_AHV, "3.4.4.2|13|3 4 4 2", ch_ahv, 90, 100),
    row(PL_PESEL, "11", pl_pesel, 75, 95),
    row(SE_PERSONNUMMER, "6-4|8-4", se_personnummer, 85, 95),
    row(SE_PERSONNUMMER, "10|12", se_personnummer, 0, 90),
    row(FI_PERSONAL_IDENTITY_CODE, "6-3+a1|6-4|6+a1+4|6+a1+3+a1", fi_code, 95, 98),
    row(DK_CPR, "6-4|10|6 4", dk_cpr, 0, 80),
    row(NO_FNR, "11|6 5", no_fnr, 85, 95),
    row(CZ_RODNE_CISLO, "6/4", cz_rodne_cislo, 85, 95),
    row(CZ_RODNE_CISLO, "10", cz_rodne_cislo, 0, 85),
    row(SK_RODNE_CISLO, "6/4|10", cz_rodne_cislo, 0, 90),
    row(RO_CNP, "13", ro_cnp, 80, 90),
    row(TR_NATIONAL_ID, "11", tr_id, 75, 95),
    row(GR_AMKA, "11", gr_amka, 0, 85),
    row(HU_TAJ, "9|3 3 3|3-3-3", hu_taj, 0, 85),
    row(BG_EGN, "10", bg_egn, 0, 85),
    row(HR_OIB, "11", hr_oib, 0, 85),
    row(SI_EMSO, "13", si_emso, 80, 90),
    row(LT_ASMENS_KODAS, "11", baltic, 0, 85),
    row(EE_ISIKUKOOD, "11", baltic, 0, 85),
    row(LV_PERSONAS_KODS, "6-5|11", lv_kods, 0, 85),
    row(LU_NIN, "13", lu_nin, 0, 85),

    row(IN_AADHAAR, "4 4 4|4-4-4", in_aadhaar, 70, 95),
    row(IN_AADHAAR, "12", in_aadhaar, 0, 95),
    row(IN_PAN, "a5+4+a1", in_pan, 85, 95),
    row(IN_VOTER, "a3+7", not_nought, 0, 75),
    row(IN_PASSPORT, "a1+7|a1+2 5|a1-7", not_nought, 0, 75),
    row(AU_TFN, "3 3 3|9|3-3-3|8", au_tfn, 0, 92),
    row(AU_ACN, "3 3 3|9|3-3-3", au_acn, 0, 90),
    row(AU_MEDICARE, "4 5 1|10|4-5-1", au_medicare, 0, 95),
    row(AU_ABN, "2 3 3 3", au_abn, 85, 95),
    row(AU_ABN, "11|2-3-3-3", au_abn, 0, 95),
    row(NZ_IRD, "8|9|2-3-3|3-3-3|2 3 3|3 3 3", nz_ird, 0, 90),
    row(SG_NRIC_FIN, "a1+7+a1", sg_nric, 95, 98),
    row(JP_MY_NUMBER, "12|4 4 4|4-4-4", jp_my_number, 0, 95),
    row(KR_RRN, "6-7", kr_rrn, 90, 95),
    row(KR_RRN, "13", kr_rrn, 0, 85),
    row(KR_BRN, "3-2-5", kr_brn, 80, 90),
    row(KR_BRN, "10", kr_brn, 0, 85),
    row(CN_RESIDENT_ID, "18|17+a1|6 8 4|6 8 3+a1|6-8-4", cn_resident_id, 95, 98),
    row(TH_TNIN, "1-4-5-2-1|1 4 5 2 1", th_tnin, 85, 95),
    row(TH_TNIN, "13", th_tnin, 0, 90),
    row(TW_ID, "a1+9", tw_id, 0, 85),
    row(HK_ID, "a1+7|a2+7|a1+6+a1|a2+6+a1|a1+6)1|a2+6)1", hk_id, 0, 85),
    row(MY_NRIC, "6-2-4", my_nric, 80, 90),
    row(MY_NRIC, "12", my_nric, 0, 80),
    row(ID_NIK, "16", id_nik, 0, 85),
    row(PH_TIN, "3-3-3|3-3-3-3|3-3-3-5|9|12", not_nought, 0, 80),
    row(BR_CPF, "3.3.3-2", br_cpf, 90, 100),
    row(BR_CPF, "11|9-2", br_cpf, 85, 100),
    row(BR_CNPJ, "2.3.3/4-2", br_cnpj, 95, 100),
    row(BR_CNPJ, "14", br_cnpj, 85, 100),
    row(AR_CUIT, "2-8-1|11", ar_cuit, 85, 95),
    row(CL_RUT, "2.3.3-1|1.3.3-1|2.3.3-a1|1.3.3-a1", cl_rut, 90, 95),
    row(CL_RUT, "8-1|8-a1|7-1|7-a1", cl_rut, 85, 95),
    row(ZA_ID_NUMBER, "13|6 4 3|6 4 2 1", za_id, 85, 95),
    row(IL_ID, "9|8-1", il_id, 0, 90),
    row(AE_EMIRATES_ID, "3-4-7-1|15|3 4 7 1", ae_emirates_id, 100, 100),
    row(NG_NIN, "11", |text| verhoeff(text) && number(text, 0, 11) != 0, 0, 85),
    row(EG_NATIONAL_ID, "14", eg_national_id, 0, 85),
    row(SA_NATIONAL_ID, "10", sa_national_id, 0, 85),
    row(US_NPI, "4-3-3", us_npi, 0, 90),
    row(SWIFT_BIC, "a6+2|a6+2+a3|a6+1+a1|a6+1+a1+a3|a6+a1+1|a6+1+a4|a6+2+3|a6+5|a8+3", swift_bic, 0, 80),
    row(US_BANK_NUMBER, "4-8|3-6-3", anything, 0, 60),
];
