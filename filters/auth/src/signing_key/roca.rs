//! The mark of ROCA, CVE-2017-15361.
//!
//! A library in smart cards made primes of the form `k * M + (65537^a mod M)`, M being the product of
//! the first primes. So a modulus of its making is a power of 65537 modulo each of them, which a sound
//! modulus is by a chance of about 2^-28 only. The test is the one of M. Nemec, M. Sys, P. Svenda,
//! D. Klinec and V. Matyas, "The Return of Coppersmith's Attack: Practical Factorization of Widely Used
//! RSA Moduli", ACM CCS 2017, section 3.4.

/// The odd primes that M has for keys of all sizes.
const PRIMES: [u32; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
    101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

/// Whether a modulus, big-endian, bears the mark.
pub(super) fn is_fingerprint(modulus: &[u8]) -> bool {
    PRIMES.iter().all(|prime| is_power_of_65537(remainder(modulus, *prime), *prime))
}

fn remainder(modulus: &[u8], prime: u32) -> u32 {
    modulus.iter().fold(0, |rest, byte| (rest * 256 + u32::from(*byte)) % prime)
}

fn is_power_of_65537(rest: u32, prime: u32) -> bool {
    let generator = 65_537 % prime;
    let mut power = 1;
    for _ in 1..prime {
        if power == rest {
            return true;
        }
        power = power * generator % prime;
    }
    false
}
