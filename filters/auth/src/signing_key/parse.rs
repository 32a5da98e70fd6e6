//! Reading a public key in the forms in which people have it.

use super::{KeyFault, PublicKey, jwk};
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rsa;

/// A key of 4,096 bits takes 800 bytes, and a JWK may bring certificates that are not looked at.
const KEY_BYTES_MAX: usize = 64 << 10;

pub(super) fn public_key(text: &str) -> Result<PublicKey, KeyFault> {
    let text = text.trim();
    if text.len() > KEY_BYTES_MAX {
        return Err(KeyFault::NotAKey);
    }
    if text.starts_with('{') { jwk::public_key(text.as_bytes()) } else { of_pem(text) }
}

fn of_pem(text: &str) -> Result<PublicKey, KeyFault> {
    // Even a damaged one: its owner should learn that it went the wrong way.
    if text.contains("PRIVATE KEY") {
        return Err(KeyFault::PrivateKey);
    }
    let found = pem::parse_many(text).map_err(|_| KeyFault::NotAKey)?;
    let key = match found.as_slice() {
        [] => return Err(KeyFault::NotAKey),
        [key] => key,
        _ => return Err(KeyFault::Several),
    };
    match key.tag() {
        "PUBLIC KEY" => of_der(key.contents(), Form::Spki),
        "RSA PUBLIC KEY" => of_der(key.contents(), Form::Pkcs1),
        "EC PUBLIC KEY" => Err(KeyFault::NotRsa),
        _ => Err(KeyFault::NotAKey),
    }
}

#[derive(PartialEq)]
enum Form {
    Spki,
    Pkcs1,
}

/// The library takes either form, and in an SPKI the identifier of RSASSA-PSS too. What it writes must
/// be what it read: then it is plain RSA, in the form that the label says, and strict DER.
fn of_der(der: &[u8], form: Form) -> Result<PublicKey, KeyFault> {
    let public = rsa::PublicKey::from_der(der).map_err(|_| KeyFault::Malformed)?;
    let written = match form {
        Form::Pkcs1 => public.as_ref().to_vec(),
        Form::Spki => {
            let spki: PublicKeyX509Der<'_> = public.as_der().map_err(|_| KeyFault::Malformed)?;
            spki.as_ref().to_vec()
        }
    };
    if written != der {
        return Err(KeyFault::Malformed);
    }
    let (modulus, exponent) = (public.modulus(), public.exponent());
    let modulus = modulus.big_endian_without_leading_zero();
    PublicKey::from_components(modulus, exponent.big_endian_without_leading_zero(), None)
}
