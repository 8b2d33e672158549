//! LEB128 variable-length unsigned integers.

/// Appends `value`, seven bits a byte, lowest first.
pub(crate) fn write(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push((value & 0x7F) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// Reads one value off the front; none when the bytes end early or the value does not fit 64 bits.
#[inline]
pub(crate) fn read<'a>(bytes: &mut impl Iterator<Item = &'a u8>) -> Option<u64> {
    let first = u64::from(*bytes.next()?);
    if first < 0x80 {
        return Some(first);
    }
    let mut value = first & 0x7F;
    let mut shift = 7;
    loop {
        let byte = u64::from(*bytes.next()?);
        if shift == 63 && byte > 1 {
            return None;
        }
        value |= (byte & 0x7F) << shift;
        if byte < 0x80 {
            return Some(value);
        }
        shift += 7;
    }
}

#[cfg(test)]
mod tests {
    proptest::proptest! {
        #[test]
        fn a_value_survives_the_round_trip(value: u64) {
            let mut bytes = Vec::new();
            super::write(&mut bytes, value);
            let mut rest = bytes.iter();
            proptest::prop_assert_eq!(super::read(&mut rest), Some(value));
            proptest::prop_assert_eq!(rest.next(), None);
        }
    }

    #[test]
    fn a_value_wider_than_64_bits_is_refused() {
        assert_eq!(super::read(&mut [0xFF; 11].iter()), None);
        assert_eq!(super::read(&mut [0x80].iter()), None);
    }
}
