use super::americas::*;
use super::asia::*;
use super::banking::*;
use super::europe::*;
use super::{luhn, mod_11_10, verhoeff};

/// Values that offices or reference implementations (python-stdnum, Presidio) publish as samples.
type Rows = &'static [(&'static str, fn(&[u8]) -> bool)];
const RIGHT: Rows = &[
    ("4111111111111111", card),
    ("5555555555554444", card),
    ("2223003122003222", card),
    ("378282246310005", card),
    ("3530111333300000", card),
    ("6759649826438453", card),
    ("GB29NWBK60161331926819", iban),
    ("DE89370400440532013000", iban),
    ("DEUTDEFF500", swift_bic),
    ("111000025", aba_routing),
    ("1M8GDM9AXKP042788", vin),
    ("1EG4TE5MK73", us_mbi),
    ("1234567893", us_npi),
    ("AB1234563", dea),
    ("130692544", ca_sin),
    ("BOXW310820HNERXN09", mx_curp),
    ("11144477735", br_cpf),
    ("11222333000181", br_cnpj),
    ("12ABC34501DE35", br_cnpj),
    ("20267565393", ar_cuit),
    ("125319092", cl_rut),
    ("9434765919", uk_nhs),
    ("AA123456A", uk_nino),
    ("MORGA657054SM9IJ", uk_driving_licence),
    ("SW1A1AA", uk_postcode),
    ("1234567FA", ie_ppsn),
    ("6433435F", ie_ppsn),
    ("36574261809", de_tax_id),
    ("15070649C103", de_social_security),
    ("T220001293", icao),
    ("A123456780", de_health_insurance),
    ("DE136695976", de_vat),
    ("295109912611193", fr_nir),
    ("73282932000074", fr_siret),
    ("54362315K", es_nif),
    ("X2482300W", es_nie),
    ("RCCMNL83S18D969H", it_fiscal_code),
    ("00743110157", it_vat),
    ("8567346215", pl_nip),
    ("501964843", pt_nif),
    ("111222333", nl_bsn),
    ("85073003328", be_nrn),
    ("1237010180", at_svnr),
    ("7569217076985", ch_ahv),
    ("44051401359", pl_pesel),
    ("8803200016", se_personnummer),
    ("131052-308T", |text| fi_code(&[&text[..6], &text[7..]].concat())),
    ("15108695088", no_fnr),
    ("7103192745", cz_rodne_cislo),
    ("1630615123457", ro_cnp),
    ("17291716060", tr_id),
    ("01013099997", gr_amka),
    ("7523169263", bg_egn),
    ("33392005961", hr_oib),
    ("0101006500006", si_emso),
    ("37605030299", baltic),
    ("234123412346", in_aadhaar),
    ("ABCPE1234F", in_pan),
    ("27AAPFU0939F1ZV", in_gstin),
    ("123456782", au_tfn),
    ("004085616", au_acn),
    ("2428778132", au_medicare),
    ("51824753556", au_abn),
    ("49091850", nz_ird),
    ("S1234567D", sg_nric),
    ("123456789018", jp_my_number),
    ("1168200276", kr_brn),
    ("11010519491231002X", cn_resident_id),
    ("3100600445635", th_tnin),
    ("A123456789", tw_id),
    ("A1234563", hk_id),
    ("8001015009087", za_id),
    ("039337423", il_id),
    ("490154203237518", imei),
];

#[test]
fn published_samples_are_right() {
    let wrong = RIGHT.iter().filter(|(value, check)| !check(value.as_bytes()));
    assert_eq!(wrong.map(|(value, _)| *value).collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn a_changed_digit_is_wrong() {
    type Check = fn(&[u8]) -> bool;
    let checked: &[(&str, Check)] = &[
        ("4111111111111111", card),
        ("DE89370400440532013000", iban),
        ("111000025", aba_routing),
        ("9434765919", uk_nhs),
        ("36574261809", de_tax_id),
        ("295109912611193", fr_nir),
        ("44051401359", pl_pesel),
        ("234123412346", in_aadhaar),
        ("11010519491231002X", cn_resident_id),
    ];
    for (value, check) in checked {
        for at in 4..value.len() {
            let mut changed = value.as_bytes().to_vec();
            changed[at] = if changed[at] == b'7' { b'5' } else { b'7' };
            if changed != value.as_bytes() {
                assert!(!check(&changed), "{value} at {at}");
            }
        }
    }
}

#[test]
fn sums_are_those_of_their_standards() {
    assert!(luhn(b"79927398713") && !luhn(b"79927398710"));
    assert!(verhoeff(b"2363") && !verhoeff(b"2364"));
    assert!(mod_11_10(b"07945"));
}
