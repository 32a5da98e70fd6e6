//! Whole numbers as text.

/// The decimal digits of a whole number, made without an allocation.
#[derive(Debug, Clone, Copy)]
pub struct Digits {
    text: [u8; 20],
    start: usize,
}

impl Digits {
    /// The digits of `number`.
    pub fn of(mut number: u64) -> Self {
        let mut digits = Self { text: [b'0'; 20], start: 20 };
        for place in digits.text.iter_mut().rev() {
            *place = b'0' + (number % 10) as u8;
            number /= 10;
            digits.start -= 1;
            if number == 0 {
                break;
            }
        }
        digits
    }

    /// The digits, at least one.
    pub fn as_bytes(&self) -> &[u8] {
        self.text.get(self.start..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::Digits;

    #[test]
    fn numbers_are_spelt() {
        for number in [0, 7, 10, 1_048_576, u64::MAX] {
            assert_eq!(Digits::of(number).as_bytes(), number.to_string().as_bytes());
        }
    }
}
