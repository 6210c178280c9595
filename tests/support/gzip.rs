//! What a client that unpacks answers would choke on.

/// Compresses a text that ends in one byte many times, by hand (RFC 1951 and 1952): its repetitions as such, the rest
/// byte by byte, in the fixed code.
pub fn gzip(text: &[u8]) -> Vec<u8> {
    let (mut packed, mut bits, mut count) = (vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255], 0u32, 0);
    let mut put = |code: u32, length: u32| {
        // Codes begin with their highest bit, and bytes with their lowest.
        for bit in (0..length).rev() {
            bits |= (code >> bit & 1) << count;
            count += 1;
            if count == 8 {
                packed.push(u8::try_from(bits).unwrap());
                (bits, count) = (0, 0);
            }
        }
    };
    // The last block, of the fixed code.
    put(0b110, 3);
    let mut at = 0;
    while at < text.len() {
        let run = at > 0 && text[at..].len() >= 258 && text[at..at + 258].iter().all(|byte| *byte == text[at - 1]);
        if run {
            // 258 bytes, as one byte ago.
            put(0b1100_0101, 8);
            put(0, 5);
        } else {
            assert!(text[at] < 144);
            put(0x30 + u32::from(text[at]), 8);
        }
        at += if run { 258 } else { 1 };
    }
    // The end of the block, and zeros to the end of the byte.
    put(0, 14);
    packed.extend(crc(text).to_le_bytes());
    packed.extend(u32::try_from(text.len()).unwrap().to_le_bytes());
    packed
}

fn crc(text: &[u8]) -> u32 {
    !text.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 * (crc & 1)))
    })
}
